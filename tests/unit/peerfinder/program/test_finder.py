"""The whole program against a real name server: what it waits for, when it acts, what it logs, how it ends."""

import json
import os
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep

import dns.message
import dns.rdatatype
import pytest

from tests.dns.knot import Knot, numbered_pods, pods
from tests.dns.liar import Liar, answer
from tests.support.peerfinder.program import PATIENCE, PROGRAM, SUFFIX, begin, end, fqdn, run, wait_until

pytestmark = pytest.mark.knot


def read_raw_calls(folder: Path) -> list[list[str]]:
    """Return what each call of the hook RECORD got."""
    path = folder / "calls"
    text = path.read_text() if path.exists() else ""
    return [call.split() for call in text.split("--\n")[:-1]]


def read_calls(folder: Path) -> list[list[str]]:
    """Return the pods of each call of the hook RECORD."""
    return [[name.split(".")[0] for name in call] for call in read_raw_calls(folder)]


def record_calls(folder: Path) -> str:
    return f"cat >> {folder}/calls; echo -- >> {folder}/calls"


def test_without_on_change_it_ends_at_once_after_on_start(galera: Knot) -> None:
    began = monotonic()

    assert run("-on-start=true", nameserver=galera.nameserver).status == 0
    assert monotonic() - began < 20


def test_on_change_stands_in_for_a_missing_on_start_and_stays(galera: Knot, tmp_path: Path) -> None:
    process = begin(f"-on-change={record_calls(tmp_path)}", nameserver=galera.nameserver)
    wait_until(lambda: len(read_calls(tmp_path)) == 1)
    galera.publish(pods("galera", numbered_pods(4)))
    wait_until(lambda: len(read_calls(tmp_path)) == 2)

    process.terminate()
    assert end(process).status == 143
    assert [len(call) for call in read_calls(tmp_path)] == [3, 4]


def test_once_ends_after_the_first_hook_although_there_is_on_change(galera: Knot) -> None:
    assert run("-on-change=cat", "-once", nameserver=galera.nameserver).out.split() == fqdn(
        "mysql-0", "mysql-1", "mysql-2"
    )


def test_on_change_runs_for_peers_that_come_and_go(galera: Knot, tmp_path: Path) -> None:
    words = [f"-on-start=touch {tmp_path}/started", f"-on-change={record_calls(tmp_path)}", "-interval=0.2"]
    process = begin(*words, nameserver=galera.nameserver)
    wait_until((tmp_path / "started").exists)
    for number, count in enumerate([4, 2, 12], 1):
        galera.publish(pods("galera", numbered_pods(count)))
        wait_until(lambda number=number: len(read_calls(tmp_path)) == number)  # type: ignore[misc]

    process.terminate()
    end(process)
    assert [len(call) for call in read_calls(tmp_path)] == [4, 2, 12]
    assert read_calls(tmp_path)[2][:3] == ["mysql-0", "mysql-1", "mysql-10"]


def test_changes_during_a_hook_are_one_call_with_the_newest_peers(galera: Knot, tmp_path: Path) -> None:
    slow = f"{record_calls(tmp_path)}; echo begin >> {tmp_path}/order"
    slow += f"; until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo end >> {tmp_path}/order"
    process = begin(f"-on-change={slow}", "-interval=0.1", nameserver=galera.nameserver)
    wait_until(lambda: len(read_calls(tmp_path)) == 1)
    for count in (4, 5, 6):
        galera.publish(pods("galera", numbered_pods(count)))
        sleep(0.1)
    (tmp_path / "go").touch()
    wait_until(lambda: len(read_calls(tmp_path)) == 2)
    sleep(1.5)

    process.terminate()
    end(process)
    assert [len(call) for call in read_calls(tmp_path)] == [3, 6]
    assert (tmp_path / "order").read_text().split() == ["begin", "end"] * 2, "never two hooks at once"


def test_nothing_runs_before_our_own_name_is_there(galera: Knot, tmp_path: Path) -> None:
    process = begin(f"-on-start={record_calls(tmp_path)}", nameserver=galera.nameserver, pod="mysql-3")
    sleep(1)
    assert read_calls(tmp_path) == []
    galera.publish(pods("galera", numbered_pods(4)))

    assert end(process).status == 0
    assert read_calls(tmp_path) == [["mysql-0", "mysql-1", "mysql-2", "mysql-3"]]


def test_our_own_name_is_found_in_any_case(galera: Knot) -> None:
    assert run("-on-start=true", "-timeout=10", nameserver=galera.nameserver, pod="MySQL-0").status == 0


def test_our_own_name_need_not_be_there_on_request(galera: Knot) -> None:
    ended = run("-on-start=cat", "-no-require-self", nameserver=galera.nameserver, pod="haproxy-0")

    assert ended.out.split() == fqdn("mysql-0", "mysql-1", "mysql-2")


def test_the_first_hook_waits_for_enough_peers(galera: Knot) -> None:
    process = begin("-on-start=wc -l", "-min-peers=5", nameserver=galera.nameserver)
    sleep(0.5)
    galera.publish(pods("galera", numbered_pods(5)))

    assert end(process).out.strip() == "5"


@pytest.mark.parametrize(
    ("words", "pod", "status", "says"),
    [
        pytest.param(["-min-peers=5"], "mysql-0", 6, "3 of at least 5 peers", id="too few peers"),
        pytest.param([], "mysql-9", 6, "our own name mysql-9.galera", id="our own name missing"),
        pytest.param(["-service=other"], "mysql-0", 6, "knows no name other.default", id="no records"),
        pytest.param(["-domain=other.zone"], "mysql-0", 6, "REFUSED", id="DNS failing"),
    ],
)
def test_the_time_limit_ends_it_with_a_status_of_its_own_for(
    galera: Knot, words: list[str], pod: str, status: int, says: str
) -> None:
    ended = run("-on-start=cat", "-timeout=3s", *words, nameserver=galera.nameserver, pod=pod)

    assert (ended.status, ended.out) == (status, "")
    assert says in ended.err.splitlines()[-1]


def test_the_time_limit_holds_for_addresses_that_do_not_come_too() -> None:
    def lie(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        return [answer(query, fqdn("mysql-0"))] if query.question[0].rdtype == dns.rdatatype.SRV else []

    with Liar(lie) as liar:
        began = monotonic()
        ended = run("-on-start=true", "-address-type=IP", "-timeout=1s", nameserver=liar.nameserver)

    assert ended.status == 6
    assert monotonic() - began < 20


def test_the_time_limit_is_over_when_the_first_hook_has_run(galera: Knot, tmp_path: Path) -> None:
    words = [f"-on-start=sleep 1.5; touch {tmp_path}/over", f"-on-change={record_calls(tmp_path)}", "-timeout=1"]
    process = begin(*words, nameserver=galera.nameserver)
    wait_until((tmp_path / "over").exists)
    galera.publish(pods("galera", numbered_pods(4)))
    wait_until(lambda: len(read_calls(tmp_path)) == 1)

    process.terminate()
    assert end(process).status == 143


def test_a_name_server_that_knows_nothing_for_ten_seconds_costs_no_more_than_that(knot: Knot) -> None:
    process = begin("-on-start=date +%s.%N", nameserver=knot.nameserver)
    sleep(10)
    knot.publish(pods("galera", numbered_pods(3)))
    published = monotonic()
    ended = end(process)

    assert ended.status == 0
    assert monotonic() - published < 10
    waiting = [line for line in ended.err.splitlines() if "warning" in line]
    assert len(waiting) == 2, "once when it began, once with the cure"
    assert "publishNotReadyAddresses" in waiting[1]


@pytest.mark.parametrize("fault", ["freeze", "fail", "stop"])
def test_a_broken_name_server_runs_no_hook_and_is_survived(galera: Knot, tmp_path: Path, fault: str) -> None:
    process = begin(f"-on-change={record_calls(tmp_path)}", "-interval=0.2", nameserver=galera.nameserver)
    wait_until(lambda: len(read_calls(tmp_path)) == 1)
    getattr(galera, fault)()
    sleep(3)
    assert len(read_calls(tmp_path)) == 1
    {"freeze": galera.thaw, "fail": lambda: None, "stop": galera.start}[fault]()
    galera.publish(pods("galera", numbered_pods(2)))
    wait_until(lambda: len(read_calls(tmp_path)) == 2)

    process.terminate()
    ended = end(process)
    assert [len(call) for call in read_calls(tmp_path)] == [3, 2]
    assert len(ended.err.splitlines()) < 8


def test_all_records_gone_runs_no_hook(galera: Knot, tmp_path: Path) -> None:
    process = begin(f"-on-change={record_calls(tmp_path)}", "-interval=0.1", nameserver=galera.nameserver)
    wait_until(lambda: len(read_calls(tmp_path)) == 1)
    galera.publish()
    asked = galera.questions()
    wait_until(lambda: galera.questions() > asked + 2)
    galera.publish(pods("galera", numbered_pods(3)))
    sleep(1)

    process.terminate()
    assert "knows no name" in end(process).err
    assert len(read_calls(tmp_path)) == 1


def test_a_forged_name_runs_no_hook_and_is_logged_once(tmp_path: Path) -> None:
    forged = (b"a?pc.ignore_sb=true&pc.weight=7", *SUFFIX.encode().split(b"."))
    truth: list[str] = []

    def lie(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        return [answer(query, truth or [*fqdn("mysql-0"), forged])]

    with Liar(lie) as liar:
        process = begin(f"-on-start={record_calls(tmp_path)}", nameserver=liar.nameserver)
        wait_until(lambda: len(liar.questions) > 4)
        assert read_calls(tmp_path) == []
        truth += fqdn("mysql-0")
        ended = end(process)

    assert read_calls(tmp_path) == [["mysql-0"]]
    assert len([line for line in ended.err.splitlines() if "ignore_sb" in line]) == 1


def test_two_servers_that_disagree_start_no_storm_of_hooks(tmp_path: Path) -> None:
    asked: list[int] = []

    def lie(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        asked.append(query.id)
        return [answer(query, fqdn("mysql-0", "mysql-1", *(["mysql-2"] if len(asked) % 2 else [])))]

    with Liar(lie) as liar:
        process = begin(f"-on-change={record_calls(tmp_path)}", "-interval=0.2", nameserver=liar.nameserver)
        wait_until(lambda: len(asked) > 40)
        process.terminate()
        end(process)

    assert read_calls(tmp_path) == [["mysql-0", "mysql-1", "mysql-2"]]


def test_a_new_address_under_the_same_name_is_a_change_for_hooks_that_get_addresses(
    galera: Knot, tmp_path: Path
) -> None:
    words = ["-address-type=IP", "-remove-after=1s", "-interval=0.2"]
    process = begin(f"-on-change={record_calls(tmp_path)}", *words, nameserver=galera.nameserver)
    wait_until(lambda: len(read_calls(tmp_path)) == 1)
    galera.publish(pods("galera", numbered_pods(3) | {"mysql-1": "127.9.9.9"}))
    wait_until(lambda: len(read_calls(tmp_path)) == 2)
    sleep(1.5)

    process.terminate()
    ended = end(process)
    assert read_raw_calls(tmp_path) == [sorted(numbered_pods(3).values()), ["127.1.0.1", "127.1.0.3", "127.9.9.9"]]
    assert f"{fqdn('mysql-1')[0]}=127.9.9.9" in ended.err


def test_a_name_without_an_address_is_asked_again_with_patience(knot: Knot, tmp_path: Path) -> None:
    records = pods("galera", numbered_pods(3))
    knot.publish([line for line in records if not line.startswith("mysql-2.")])
    process = begin(f"-on-start={record_calls(tmp_path)}", "-address-type=IP", nameserver=knot.nameserver)
    sleep(9)
    asked = knot.questions()
    knot.publish(records)
    ended = end(process)

    assert read_raw_calls(tmp_path) == [sorted(numbered_pods(3).values())]
    assert asked < 60
    assert f"{fqdn('mysql-2')[0]} has no IP address; check -address-type" in ended.err


def test_our_own_record_gone_for_a_while_starts_no_hook_and_delays_changes_only(galera: Knot, tmp_path: Path) -> None:
    words = ["-interval=0.1", "-remove-after=0.3"]
    process = begin(f"-on-change={record_calls(tmp_path)}", *words, nameserver=galera.nameserver)
    wait_until(lambda: len(read_calls(tmp_path)) == 1)
    without = {name: at for name, at in numbered_pods(3).items() if name != "mysql-0"}
    galera.publish(pods("galera", without))
    sleep(2)
    galera.publish(pods("galera", numbered_pods(3)))
    sleep(1)
    assert len(read_calls(tmp_path)) == 1, "gone and back is no change"
    galera.publish(pods("galera", {"mysql-1": "127.1.0.2"}))
    sleep(1)
    assert len(read_calls(tmp_path)) == 1, "without our own record nothing runs"
    galera.publish(pods("galera", numbered_pods(2)))
    wait_until(lambda: len(read_calls(tmp_path)) == 2)

    process.terminate()
    end(process)
    assert read_calls(tmp_path)[1] == ["mysql-0", "mysql-1"]


def test_the_steady_state_logs_nothing_and_asks_once_an_interval(galera: Knot) -> None:
    process = begin("-on-change=true", nameserver=galera.nameserver)
    sleep(6)
    began, before = monotonic(), galera.questions()
    sleep(5)
    asked, seconds = galera.questions() - before, monotonic() - began

    process.terminate()
    ended = end(process)
    assert 2 <= asked <= seconds + 1
    assert ["info: running" in line or "info: ended" in line for line in ended.err.splitlines()] == [True, True]


def test_a_silent_name_server_is_not_pressed() -> None:
    with Liar(lambda *_: []) as silent:
        process = begin("-on-start=true", nameserver=silent.nameserver)
        sleep(5)
        process.terminate()
        end(process)
    assert len(silent.questions) < 8


def test_json_lines_are_json_with_the_same_keys(galera: Knot) -> None:
    ended = run("-on-start=exit 1", "-log-format=json", nameserver=galera.nameserver)
    lines = [json.loads(line) for line in ended.err.splitlines()]

    assert [line["event"] for line in lines] == ["on-start", "HookFailedError"]
    assert {tuple(line) for line in lines} == {("time", "level", "event", "message")}


def test_a_dry_run_prints_what_a_hook_would_get(galera: Knot, tmp_path: Path) -> None:
    ended = run(f"-on-start=touch {tmp_path}/ran", "-dry-run", nameserver=galera.nameserver)

    assert (ended.status, ended.out.split()) == (0, fqdn("mysql-0", "mysql-1", "mysql-2"))
    assert not (tmp_path / "ran").exists()


def test_a_dry_run_that_cannot_print_says_so_in_a_line(galera: Knot) -> None:
    prefix = ("sh", "-c", 'exec "$@" >/dev/full', "sh")
    ended = run("-on-start=true", "-dry-run", nameserver=galera.nameserver, prefix=prefix)

    assert ended.status == 1
    assert "cannot be printed: No space left on device" in ended.err.splitlines()[-1]


def test_flags_may_be_variables(galera: Knot) -> None:
    ended = subprocess.run(
        [PROGRAM],
        env={
            "PATH": os.environ["PATH"],
            "HOSTNAME": "ignored",
            "POD_NAME": "mysql-0",
            "PEERFINDER_SERVICE": "galera",
            "PEERFINDER_NS": "default",
            "PEERFINDER_DOMAIN": "cluster.local",
            "PEERFINDER_NAMESERVER": galera.nameserver,
            "PEERFINDER_ON_START": "cat",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )

    assert ended.stdout.split() == fqdn("mysql-0", "mysql-1", "mysql-2")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        pytest.param(["-h"], 0, "Usage: peer-finder", id="help"),
        pytest.param(["-unknown"], 2, "flag provided but not defined: -unknown", id="an unknown flag"),
        pytest.param(["stray", "-on-start=true"], 1, "Incomplete args", id="a stray word before the hook"),
        pytest.param([], 1, "Incomplete args, require -on-start and/or -on-change", id="no hook"),
        pytest.param(["-on-start=true", "-interval=x"], 2, "PEERFINDER_INTERVAL", id="a bad value"),
        pytest.param(["-on-start=true", "-service=a b"], 2, "not a DNS label", id="a bad service"),
    ],
)
def test_a_start_with(words: list[str], status: int, says: str) -> None:
    ended = run(*words)

    assert (ended.status, ended.out) == (status, "")
    assert says in ended.err


def test_after_five_seconds_the_log_names_the_command_that_finds_the_cause(galera: Knot) -> None:
    ended = run("-on-start=true", "-timeout=8s", nameserver=galera.nameserver, pod="mysql-9")

    cure = [line for line in ended.err.splitlines() if " warning: " in line][1]
    assert cure.endswith(f"; for the cause run: peer-finder doctor {SUFFIX}")


def test_the_error_of_an_unknown_flag_is_also_the_last_line() -> None:
    lines = run("-unknown").err.splitlines()

    assert lines[0] == lines[-1] == "flag provided but not defined: -unknown"


def test_a_flag_like_a_known_one_is_suggested_at_the_very_end() -> None:
    lines = run("-servcie=galera").err.splitlines()

    assert (lines[0], lines[-1]) == (
        "flag provided but not defined: -servcie",
        "flag provided but not defined: -servcie; did you mean -service?",
    )


def test_help_that_is_asked_for_with_two_dashes_can_be_paged() -> None:
    by_go, ours = run("-h"), run("--help")

    assert (ours.status, ours.err) == (0, "")
    assert ours.out == by_go.err
    assert by_go.out == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["docter", "galera"], "did you mean doctor?"),
        (["peer", "galera"], "did you mean peers?"),
        (["galera"], "there is no command 'galera', only peers, doctor, healthz"),
        ([], "--help"),
    ],
)
def test_what_may_have_been_meant(words: list[str], says: str) -> None:
    done = subprocess.run([PROGRAM, *words], env={}, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("word", ["-version", "--version"])
def test_it_says_which_release_it_is(word: str) -> None:
    ended = run(word)

    assert (ended.status, ended.out, ended.err) == (0, f"peer-finder {version('galera-bootstrap')}\n", "")


def test_words_after_the_flags_are_not_read_as_in_go(galera: Knot) -> None:
    ended = run("-on-start=true", "stray", nameserver=galera.nameserver)

    assert ended.status == 0
    assert "'stray' is not a flag" in ended.err


def test_a_closed_stderr_is_no_reason_to_fail(galera: Knot) -> None:
    ended = run("-on-start=cat", nameserver=galera.nameserver, prefix=("sh", "-c", 'exec "$@" 2>&-', "sh"))

    assert (ended.status, len(ended.out.split())) == (0, 3)


def test_without_standard_input_it_works_too(galera: Knot) -> None:
    ended = run("-on-start=cat", nameserver=galera.nameserver, prefix=("sh", "-c", 'exec "$@" <&-', "sh"))

    assert (ended.status, len(ended.out.split())) == (0, 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a /dev of our own needs root for a mount namespace")
def test_without_dev_null_it_works_too(galera: Knot) -> None:
    prefix = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh")
    ended = run("-on-start=cat", nameserver=galera.nameserver, prefix=prefix)

    assert (ended.status, len(ended.out.split())) == (0, 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: a resolv.conf of our own needs root for a mount namespace")
@pytest.mark.parametrize(
    ("search", "status"),
    [
        pytest.param("default.svc.cluster.local svc.cluster.local cluster.local", 0, id="of the kubelet"),
        pytest.param("svc-prod.example.com default.svc.cluster.local", 0, id="with a node's own domain"),
        pytest.param("example.com", 3, id="of a node"),
    ],
)
def test_the_domain_and_the_namespace_come_from_a_resolv_conf(
    galera: Knot, tmp_path: Path, search: str, status: int
) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"search {search}\n")
    mount = f'mount --bind {conf} /etc/resolv.conf && exec "$@"'

    done = subprocess.run(
        [
            *["unshare", "--mount", "sh", "-c", mount, "sh", PROGRAM],
            *["-service=galera", f"-nameserver={galera.nameserver}", "-on-start=cat"],
        ],
        env={"PATH": os.environ["PATH"], "POD_NAME": "mysql-0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == status, done.stderr
    assert status == 0 or "-domain" in done.stderr or "-ns" in done.stderr


def test_the_drop_in_form_does_not_import_what_it_does_not_need(galera: Knot) -> None:
    code = "import sys; from peerfinder.cli import run_drop_in; run_drop_in(); print(*sys.modules)"
    words = ["-service=galera", "-ns=default", "-domain=cluster.local", f"-nameserver={galera.nameserver}"]
    done = subprocess.run(
        [Path(PROGRAM).with_name("python"), "-c", code, *words, "-on-start=true"],
        env={"PATH": os.environ["PATH"], "POD_NAME": "mysql-0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )

    heavy = {
        "click",
        "jinja2",
        "pymysql",
        "tenacity",
        "logging",
        "subprocess",
        "dns.resolver",
        "asyncio",
        "ssl",
        "email",
        "pathlib",
        "json",
        "_hashlib",
    }
    assert not heavy & set(done.stdout.split())
