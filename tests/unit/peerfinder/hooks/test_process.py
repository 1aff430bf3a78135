"""What a hook gets, and how we end when it fails, hangs or misbehaves; seen from outside."""

import os
import signal
import stat
import subprocess
from pathlib import Path
from time import monotonic

import dns.message
import pytest

from peerfinder.core.hook_input import VARIABLE_MAX, HookInput
from tests.dns.knot import Knot, numbered_pods, pods
from tests.dns.liar import Liar, answer, compressed, framed
from tests.support.peerfinder.program import PROGRAM, Ended, begin, end, fqdn, run, wait_until

pytestmark = pytest.mark.knot

LIST = "".join(f"{name}\n" for name in fqdn("mysql-0", "mysql-1", "mysql-2"))


def write_script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_hook_gets_sorted_full_names_one_a_line(galera: Knot) -> None:
    ended = run("-on-start=cat", nameserver=galera.nameserver)

    assert (ended.status, ended.out) == (0, LIST)


def test_quotes_inside_the_flag_are_the_shells_as_old_manifests_have_them(galera: Knot, tmp_path: Path) -> None:
    path = write_script(tmp_path / "on start.sh", "#!/bin/sh\ncat\n")

    assert run(f'-on-start="{path}"', nameserver=galera.nameserver).out == LIST


def test_every_line_is_read_by_a_shell_loop_also_the_last(galera: Knot, tmp_path: Path) -> None:
    path = write_script(tmp_path / "on-start.sh", '#!/bin/sh\nwhile read -r line; do echo "[$line]"; done\n')

    assert run(f"-on-start={path}", nameserver=galera.nameserver).out.split() == [f"[{n}]" for n in LIST.split()]


def test_arguments_redirections_lists_and_variables_are_the_shells(galera: Knot, tmp_path: Path) -> None:
    text = f"tee > {tmp_path}/peers && echo $GREETING a b | tr a-z A-Z; exit 0"

    ended = run("-on-start", text, nameserver=galera.nameserver, GREETING="hello")

    assert (ended.status, ended.out) == (0, "HELLO A B\n")
    assert (tmp_path / "peers").read_text() == LIST


def test_no_bash_is_needed(galera: Knot, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cat").symlink_to("/bin/cat")

    assert run("-on-start=cat", nameserver=galera.nameserver, PATH=str(tmp_path / "bin")).out == LIST


def test_output_goes_to_the_stream_it_was_written_to(galera: Knot) -> None:
    ended = run("-on-start=echo out; echo err >&2", nameserver=galera.nameserver)

    assert ended.out == "out\n"
    assert "err\n" in ended.err.splitlines(keepends=True)


def test_output_is_seen_while_the_hook_runs(galera: Knot) -> None:
    process = begin("-on-start=echo first; exec sleep 60", nameserver=galera.nameserver)
    assert process.stdout is not None

    assert process.stdout.readline() == "first\n"
    process.terminate()
    assert end(process).status == 143


def test_a_hook_knows_the_event_and_its_own_name(galera: Knot) -> None:
    ended = run("-on-start=echo $PEERFINDER_EVENT $PEERFINDER_SELF [$HOST_ADDRESS]", nameserver=galera.nameserver)

    assert ended.out.split() == ["on-start", *fqdn("mysql-0"), "[]"]


def test_a_hook_gets_the_peers_that_came_and_went(galera: Knot, tmp_path: Path) -> None:
    text = f'echo "$PEERFINDER_EVENT $PEERFINDER_COUNT +$PEERFINDER_ADDED -$PEERFINDER_REMOVED" >> {tmp_path}/calls'
    begin(f"-on-start={text}", f"-on-change={text}", "-remove-after=0", nameserver=galera.nameserver)
    wait_until(lambda: (tmp_path / "calls").exists() and (tmp_path / "calls").read_text().count("\n") == 1)
    galera.publish(pods("galera", {"mysql-0": "127.0.0.1", "mysql-5": "127.0.0.2"}))
    wait_until(lambda: (tmp_path / "calls").read_text().count("\n") == 2)

    names = {number: fqdn(f"mysql-{number}")[0] for number in (0, 1, 2, 5)}
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"on-start 3 +{names[0]} {names[1]} {names[2]} -",
        f"on-change 2 +{names[5]} -{names[1]} {names[2]}",
    ]


def test_a_list_too_long_for_a_variable_is_left_out_and_the_hook_runs() -> None:
    before = {name: name for name in fqdn(*(f"mysql-{number}" for number in range(3000)))}
    hook_input = HookInput("on-change", "mysql-0", before, {"a": "a"})

    environment = hook_input.build_environment({"PEERFINDER_REMOVED": "of an outer hook", "PATH": os.environ["PATH"]})

    assert (environment["PEERFINDER_ADDED"], environment["PEERFINDER_COUNT"]) == ("a", "1")
    assert "PEERFINDER_REMOVED" not in environment


def test_the_longest_variable_starts_a_program() -> None:
    hook_input = HookInput("on-start", "mysql-0", {}, {"x" * VARIABLE_MAX: ""})
    argv, environment = ["sh", "-c", 'echo "${#PEERFINDER_ADDED}"'], hook_input.build_environment({})

    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == f"{VARIABLE_MAX}\n"


def test_a_hook_that_failed_is_run_again_with_the_newest_peers(galera: Knot, tmp_path: Path) -> None:
    text = f"cat > {tmp_path}/peers; echo x >> {tmp_path}/runs; [ -e {tmp_path}/well ]"
    process = begin(f"-on-start={text}", "-hook-retries=9", nameserver=galera.nameserver)
    wait_until((tmp_path / "runs").exists)
    galera.publish(pods("galera", numbered_pods(4)))
    wait_until(lambda: len((tmp_path / "runs").read_text().split()) > 1)
    (tmp_path / "well").touch()
    ended = end(process)

    assert ended.status == 0
    assert (tmp_path / "peers").read_text().split() == fqdn("mysql-0", "mysql-1", "mysql-2", "mysql-3")
    assert "run again, 1 of 9 times" in ended.err


def test_a_hook_that_fails_too_often_ends_us(galera: Knot, tmp_path: Path) -> None:
    began = monotonic()
    words = [f"-on-change=echo x >> {tmp_path}/runs; exit 3", "-hook-retries=2"]
    ended = run(*words, nameserver=galera.nameserver)

    assert ended.status == 1
    assert len((tmp_path / "runs").read_text().split()) == 3
    assert monotonic() - began > 3  # 1 s and 2 s


def test_with_pod_ip_a_hook_gets_the_four_names_of_the_later_go_program(galera: Knot) -> None:
    text = "-on-start=echo $HOST_ADDRESS $HOST_ADDRESS_TYPE $POD_IP $POD_IP_TYPE"

    named = run(text, nameserver=galera.nameserver, POD_IP="127.1.0.1")
    addressed = run(text, "-address-type=IP", nameserver=galera.nameserver, POD_IP="127.1.0.1")

    assert named.out.split() == [*fqdn("mysql-0"), "DNS", "127.1.0.1", "IPv4"]
    assert addressed.out.split() == ["127.1.0.1", "IPv4", "127.1.0.1", "IPv4"]


def test_hooks_get_addresses_on_request(galera: Knot) -> None:
    ended = run("-on-start=cat", "-address-type=IPv4", nameserver=galera.nameserver)

    assert ended.out.split() == sorted(numbered_pods(3).values())


def test_no_hook_gets_a_list_with_an_address_missing(galera: Knot) -> None:
    ended = run("-on-start=cat", "-address-type=IPv6", "-timeout=1", nameserver=galera.nameserver)

    assert (ended.status, ended.out) == (6, "")
    assert "no IPv6 address" in ended.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("exit 3", "with status 3", id="a status"),
        pytest.param("kill -9 $$", "by signal 9", id="SIGKILL"),
        pytest.param("kill -SEGV $$", "by signal 11", id="SIGSEGV"),
        pytest.param("/missing/on-start.sh", "with status 127 (not found)", id="a missing file"),
        pytest.param("/etc/passwd", "with status 126 (not executable)", id="a file that is not executable"),
        pytest.param("/tmp", "with status 126 (not executable)", id="a folder"),
        pytest.param("'unbalanced", "with status 2", id="a quote that is not closed"),
    ],
)
def test_a_hook_that_fails_ends_us_with_1_and_says_why(galera: Knot, text: str, why: str) -> None:
    ended = run(f"-on-start={text}", "-on-change=true", nameserver=galera.nameserver)

    assert ended.status == 1
    assert f"the on-start hook ended {why}" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("text", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("/missing", 127), ("exec /missing", 127)],
    ids=["well", "a status", "a signal", "a missing file", "an exec of one"],
)
def test_the_hooks_own_status_is_ours_on_request(galera: Knot, text: str, status: int) -> None:
    ended = run(f"-on-start={text}", "-exit-status=hook", nameserver=galera.nameserver)

    assert ended.status == status


@pytest.mark.parametrize(
    ("text", "whose", "status"),
    [
        ("trap 'exit 0' TERM", "hook", 0),
        ("trap 'exit 5' TERM", "hook", 5),
        (":", "hook", 143),
        ("trap 'exit 0' TERM", "ours", 143),
    ],
    ids=["ends in peace", "has a status", "dies of it", "ends in peace, and is not asked"],
)
def test_after_a_stop_signal_too_when_the_hook(
    galera: Knot, tmp_path: Path, text: str, whose: str, status: int
) -> None:
    hook = f"{text}; touch {tmp_path}/runs; while :; do sleep 0.05; done"
    process = begin(f"-on-start={hook}", f"-exit-status={whose}", nameserver=galera.nameserver)
    wait_until((tmp_path / "runs").exists)
    process.terminate()

    assert end(process).status == status


def test_what_is_no_end_of_a_hook_has_a_status_of_ours_in_any_case(galera: Knot) -> None:
    words = ["-on-start=sleep 60", "-exit-status=hook"]

    assert run(*words, "-hook-timeout=200ms", nameserver=galera.nameserver).status == 7
    assert run(*words, "-timeout=300ms", nameserver=galera.nameserver, pod="mysql-9").status == 6
    assert run(*words, "-service=a b").status == 2


def test_a_file_without_a_shebang_is_a_shell_script(galera: Knot, tmp_path: Path) -> None:
    assert run(f"-on-start={write_script(tmp_path / 'hook', 'cat')}", nameserver=galera.nameserver).out == LIST


def run_limited(limits: str, *words: str, nameserver: str) -> Ended:
    """Run with limits of a process, as a shell sets them."""
    named = ["-service=galera", "-ns=default", "-domain=cluster.local", f"-nameserver={nameserver}"]
    done = subprocess.run(
        ["sh", "-c", f'{limits} && exec "$0" "$@"', PROGRAM, *named, "-on-start=echo hook", *words],
        env={"PATH": os.environ["PATH"], "POD_NAME": "mysql-0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("descriptors", [*range(7, 13), 16])
def test_with_so_few_descriptors_a_hook_runs_or_we_say_why_not(galera: Knot, descriptors: int) -> None:
    """Passing lines on takes more of them than there are here, one after the other."""
    ended = run_limited(f"ulimit -n {descriptors}", "-hook-output=lines", nameserver=galera.nameserver)

    if descriptors == 16 or ended.status == 0:
        assert (ended.status, ended.out) == (0, "on-start: hook\n")
    else:
        assert ended.status == 1
        assert ended.err.endswith("error: the on-start hook cannot be started: Too many open files\n")


@pytest.mark.parametrize(
    ("word", "status", "says"),
    [
        ("-hook-output=lines", 1, "the on-start hook cannot be started: can't start new thread\n"),
        ("-health=./socket", 9, "probes cannot be answered at ./socket: can't start new thread; "),
        ("-hook-output=plain", 0, ""),
    ],
    ids=["lines", "health", "neither needs one"],
)
def test_without_a_thread_the_message_names_what_cannot_be_done(
    galera: Knot, tmp_path: Path, word: str, status: int, says: str
) -> None:
    """A thread's stack is to be larger here than all memory that a process may have."""
    ended = run_limited(f"cd {tmp_path} && ulimit -s 3000000 && ulimit -v 2000000", word, nameserver=galera.nameserver)

    assert ended.status == status
    assert says in ended.err


def test_a_hook_that_is_being_written_is_an_error(galera: Knot, tmp_path: Path) -> None:
    hook = write_script(tmp_path / "hook", "true")
    with hook.open("a"):
        ended = run(f"-on-start={hook}", nameserver=galera.nameserver)

    assert ended.status == 1
    assert "Text file busy" in ended.err


def test_a_hook_that_was_replaced_while_it_ran_is_the_new_one_the_next_time(galera: Knot, tmp_path: Path) -> None:
    hook, new = tmp_path / "hook", write_script(tmp_path / "new", "echo new")
    write_script(hook, f"mv {new} {hook}; exit 1")

    assert run(f"-on-start={hook}", "-hook-retries=1", nameserver=galera.nameserver).out == "new\n"


@pytest.mark.parametrize("text", ["true", "exec 0<&-; exec sleep 0.2", "head -c 1"], ids=["not", "closed", "a little"])
def test_a_hook_need_not_read_the_list(knot: Knot, text: str) -> None:
    knot.publish(pods("galera", numbered_pods(1000)))

    ended = run(f"-on-start={text}", nameserver=knot.nameserver)

    assert ended.status == 0
    assert "Traceback" not in ended.err


def test_a_list_longer_than_a_pipe_arrives_whole_at_a_slow_reader(tmp_path: Path) -> None:
    # A pipe holds 64 KiB. An answer holds so many names only when its targets are compressed, as old kube-dns does it.
    names = [f"mysql-{n}" for n in range(1600)]

    def lie(query: dns.message.Message, over_tcp: bool) -> list[bytes]:
        return [framed(compressed(query, names)) if over_tcp else answer(query, [], truncated=True)]

    with Liar(lie) as liar:
        ended = run(f"-on-start=sleep 0.5; cat > {tmp_path}/peers", nameserver=liar.nameserver)

    assert ended.status == 0
    assert (tmp_path / "peers").stat().st_size > 65536
    assert (tmp_path / "peers").read_text().split() == sorted(fqdn(*names))


def test_a_hook_may_print_a_hundred_megabytes(galera: Knot, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        process = begin(
            f"-on-start=head -c 100000000 /dev/zero > /proc/self/fd/1; echo $PPID > {tmp_path}/pid",
            nameserver=galera.nameserver,
            prefix=("sh", "-c", f'exec "$@" > {out.name}', "sh"),
        )
        ended = end(process)

    assert ended.status == 0
    assert (tmp_path / "out").stat().st_size == 100_000_000


def test_a_daemon_that_keeps_our_output_open_does_not_hold_us(galera: Knot, tmp_path: Path) -> None:
    began = monotonic()
    process = begin(f"-on-start=(sleep 60 & echo $! > {tmp_path}/pid)", nameserver=galera.nameserver)
    status = process.wait(40)

    assert status == 0
    assert monotonic() - began < 40
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    end(process)


def test_a_hook_that_ends_well_keeps_its_daemon(galera: Knot, tmp_path: Path) -> None:
    process = begin(f"-on-start=sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/pid", nameserver=galera.nameserver)
    end(process)
    pid = int((tmp_path / "pid").read_text())

    os.kill(pid, 0)
    os.kill(pid, signal.SIGKILL)


def test_a_hook_that_hangs_is_killed_with_its_group_at_its_limit(galera: Knot, tmp_path: Path) -> None:
    text = f"sleep 60 & echo $! > {tmp_path}/pid; wait"

    ended = run(f"-on-start={text}", "-hook-timeout=500ms", nameserver=galera.nameserver)

    assert ended.status == 7
    assert "-hook-timeout" in ended.err
    wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())))


def test_a_hook_that_ignores_term_is_killed_at_its_limit(galera: Knot) -> None:
    text = "trap '' TERM; while :; do sleep 1; done"

    ended = run(f"-on-start={text}", "-hook-timeout=300ms", "-stop-grace=500ms", nameserver=galera.nameserver)

    assert ended.status == 7


def test_a_hook_without_a_limit_may_run_long_because_it_may_be_the_database(galera: Knot) -> None:
    assert run("-on-start=sleep 2", nameserver=galera.nameserver).status == 0


def test_a_limit_may_be_longer_than_the_kernel_waits_at_once(galera: Knot) -> None:
    ended = run("-on-start=sleep 0.2", "-hook-timeout=720h", nameserver=galera.nameserver)

    assert (ended.status, "Traceback" in ended.err) == (0, False)


def test_a_hook_starts_with_default_signal_actions(galera: Knot) -> None:
    ended = run("-on-start=grep -E 'Sig(Ign|Blk)' /proc/self/status", nameserver=galera.nameserver)

    blocked, ignored = (int(mask, 16) for mask in ended.out.split()[1::2])
    # Signals 32 and 33 belong to the C library, whose posix_spawn ignores them.
    assert (blocked, ignored & 0x7FFFFFFF) == (0, 0)


def test_a_hook_inherits_only_the_three_standard_streams(galera: Knot) -> None:
    # The fourth is the folder that ls itself reads.
    assert run("-on-start=exec ls /proc/self/fd", nameserver=galera.nameserver).out.split() == ["0", "1", "2", "3"]


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
