"""Poor containers: no /proc, /tmp, home or locale, nothing writable, few processes, little memory.

Needs root, to take these away.
"""

import signal
from pathlib import Path
from time import sleep

import pytest

from tests.dns.knot import Knot, numbered_pods, pods
from tests.lab.processes import freeze
from tests.support.peerfinder.pod import needs_root
from tests.support.peerfinder.program import begin, end, fqdn, run, wait_until

pytestmark = pytest.mark.knot

THREE = fqdn("mysql-0", "mysql-1", "mysql-2")


def nameless_user(uid: int = 54321) -> tuple[str, ...]:
    """Become a user without name and home that may read the program wherever the tests have it."""
    return (
        *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"),
        *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
    )


HIDDEN = "/proc" if Path(__file__).is_relative_to("/tmp") else "/proc /tmp"
"""What is empty; the tests themselves may lie in /tmp, which is then read-only as all else is."""

BARE = f"""
mount --make-rprivate /
for folder in {HIDDEN}; do mount -t tmpfs -o ro none $folder; done
mount -o remount,ro,bind /
exec env -i PATH=/usr/bin:/bin LANG=C POD_NAME=mysql-0 "$@"
"""


@needs_root
@pytest.mark.parametrize(("output", "before"), [("plain", ""), ("lines", "on-start: ")])
def test_it_needs_no_user_no_home_no_proc_and_nothing_to_write_to(galera: Knot, output: str, before: str) -> None:
    words = ["-ns=default", f"-hook-output={output}", f"-on-start=id -u; ls -A {HIDDEN}; touch /tmp/x; cat"]
    ended = run(
        *words, nameserver=galera.nameserver, prefix=("unshare", "--mount", "sh", "-c", BARE, "sh", *nameless_user())
    )

    assert ended.status == 0, ended.err
    listed = [] if HIDDEN == "/proc" else ["/proc:", "", "/tmp:"]
    expected = ["54321", *listed, *THREE]
    assert ended.out.splitlines() == [f"{before}{line}" for line in expected]
    assert "Read-only file system" in ended.err


HIDE = 'for shell in bash sh; do mount --bind /dev/null "$(readlink -f /bin/$shell)"; done; exec "$@"'
NO_SHELL = ("unshare", "--mount", "sh", "-c", HIDE, "sh")


@needs_root
@pytest.mark.parametrize("output", ["plain", "lines"])
def test_in_an_image_without_a_shell_a_program_with_arguments_is_a_hook(
    galera: Knot, tmp_path: Path, output: str
) -> None:
    words = [f"-on-start=tee '{tmp_path}/a list' \"{tmp_path}/b;c\"", f"-hook-output={output}"]
    ended = run(*words, nameserver=galera.nameserver, prefix=NO_SHELL)

    assert ended.status == 0, ended.err
    assert (tmp_path / "a list").read_text().split() == (tmp_path / "b;c").read_text().split() == THREE


@needs_root
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tee > /tmp/x", "is for /bin/sh, which is not here"),
        ("echo $HOME", "is for /bin/sh, which is not here"),
        ("tee 'x", "is for /bin/sh, which is not here"),
        ("'' x", "is for /bin/sh, which is not here"),
        ("/missing x", "cannot be started by /missing: No such file"),
    ],
)
def test_there_a_text_for_a_shell_is_refused(galera: Knot, text: str, says: str) -> None:
    ended = run(f"-on-start={text}", nameserver=galera.nameserver, prefix=NO_SHELL)

    assert (ended.status, ended.out) == (1, "")
    assert says in ended.err


@needs_root
def test_where_no_process_can_be_started_it_says_so_and_may_try_again(galera: Knot) -> None:
    # A user of its own: the limit counts what other tests have left running, too.
    prefix = ("prlimit", "--nproc=1", *nameless_user(54322))
    ended = run("-on-start=true", "-hook-retries=1", nameserver=galera.nameserver, prefix=prefix)

    assert ended.status == 1
    assert "cannot be started by bash: Resource temporarily unavailable; it is run again" in ended.err
    assert "Traceback" not in ended.err


@needs_root
def test_a_hook_that_starts_processes_until_it_cannot_fails_as_any_other(galera: Knot) -> None:
    prefix = ("prlimit", "--nproc=20", *nameless_user(54323))
    ended = run("-on-start=while :; do sleep 5 & done", nameserver=galera.nameserver, prefix=prefix)

    assert ended.status == 1
    assert "the on-start hook ended with status" in ended.err


@pytest.mark.parametrize("count", [3, 1000])
def test_sixty_four_megabytes_of_addresses_are_enough(knot: Knot, count: int) -> None:
    """The kernel kills a process that exceeds its container's memory; the address space is always larger than that."""
    knot.publish(pods("galera", numbered_pods(count)))
    ended = run("-on-start=wc -l", nameserver=knot.nameserver, prefix=("prlimit", f"--as={64 * 2**20}"))

    assert (ended.status, ended.out.strip()) == (0, str(count)), ended.err


def test_a_process_that_stood_still_for_a_while_counts_no_peer_as_gone(galera: Knot, tmp_path: Path) -> None:
    """As under a debugger, or a machine that was suspended: no peer is unseen while no lookup happens."""
    words = [f"-on-change=cat >> {tmp_path}/calls; echo -- >> {tmp_path}/calls", "-interval=0.2", "-remove-after=12s"]
    process = begin(*words, nameserver=galera.nameserver)
    wait_until((tmp_path / "calls").exists)
    galera.publish(pods("galera", numbered_pods(2)))
    asked = galera.questions()
    wait_until(lambda: galera.questions() > asked + 1)
    freeze([process.pid])
    sleep(13.0)
    asked = galera.questions()
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: galera.questions() > asked + 1)
    galera.publish(pods("galera", numbered_pods(3)))
    sleep(5.0)
    process.terminate()

    assert end(process).status == 143
    assert (tmp_path / "calls").read_text() == "".join(f"{name}\n" for name in [*THREE, "--"])
