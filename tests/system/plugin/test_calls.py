"""`kubectl galera` with a real kubectl: it finds the cluster and a pod that answers, and passes everything on."""

import os
import subprocess
from pathlib import Path

import pytest

from bootstrap import __version__
from bootstrap.cli import DECIDE, LOOK
from tests.support.bootstrap.machine import Machine
from tests.support.kubectl.api import Api, Call, Ended
from tests.support.kubectl.objects import RUNNING, container, pod, stateful_set
from tests.support.kubectl.tools import PLUGIN, require_kubectl
from tests.system.plugin.conftest import Galera

TOOL, FINDER = "/work-dir/galera-bootstrap", "/work-dir/peer-finder"

EVIL = ("a b", "$(touch /tmp/owned)", "`id`", "'", '"', "*", "\\n", "two\nlines", "", "|", "-x", "ü", "; exit 3")
"""Words that a shell which reads them once too often would change."""

NO_AGENT = Ended("", "galera-bootstrap: no agent answers", 17)


def typed(api: Api) -> list[Call]:
    """The commands in pods without those that only look which pod answers."""
    return [call for call in api.calls if call.argv != (TOOL, "status", "-o", "json")]


def test_status_of_a_pod_that_answers(api: Api, galera: Galera, shell: str) -> None:
    api.run = lambda call: Ended(f"HEALTHY says {call.pod}\n") if call.pod == "mysql-1" else NO_AGENT
    done = galera("status", shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, "HEALTHY says mysql-1\n", "")
    assert typed(api) == [Call("mysql-1", "agent", (TOOL, "status"))]


def test_every_word_arrives_as_it_was_typed(api: Api, galera: Galera, shell: str) -> None:
    galera("explain", "--", "--all", *EVIL, shell=shell)
    assert typed(api)[0].argv == (TOOL, "explain", "--all", *EVIL)


def test_every_word_of_a_statement_arrives_and_the_password_is_on_no_command_line(
    api: Api, galera: Galera, shell: str
) -> None:
    done = galera("sql", "-e", "SELECT '$HOME', \"`id`\"", stdin="SELECT 1;\n", shell=shell)
    assert done.returncode == 0
    (call,) = typed(api)
    assert (call.pod, call.container, call.stdin) == ("mysql-0", "mysql", b"SELECT 1;\n")
    assert call.argv[:2] == ("sh", "-c")
    assert call.argv[3:] == ("mariadb", "-e", "SELECT '$HOME', \"`id`\"")


def test_each_member_says_whether_it_is_ready(api: Api, galera: Galera, shell: str) -> None:
    words = {"mysql-0": Ended("ready\n"), "mysql-1": Ended("donor\n", "", 1), "mysql-2": NO_AGENT}
    api.run = lambda call: words[call.pod]
    done = galera("healthz", shell=shell)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["mysql-0  ready", "mysql-1  donor", "mysql-2  its agent does not answer"]
    assert done.stderr == "kubectl galera: not complete; see: kubectl galera status\n"
    api.objects["pods"].pop()
    api.run = lambda _: Ended("ready\n")
    fewer = galera("healthz", "-n", "db", shell=shell)
    assert (fewer.returncode, fewer.stdout.splitlines()[2]) == (1, "mysql-2  no such pod")
    assert galera("healthz", "mysql-1", "--live", shell=shell).returncode == 0
    assert typed(api)[-1] == Call("mysql-1", "agent", (TOOL, "healthz", "--live"))


def test_members_that_are_all_ready_are_complete(api: Api, galera: Galera) -> None:
    api.run = lambda _: Ended("ready\n")
    done = galera("healthz")
    assert (done.returncode, done.stderr, done.stdout.count("ready\n")) == (0, "", 3)


def test_sql_gives_the_client_the_password_in_its_environment(api: Api, galera: Galera, tmp_path: Path) -> None:
    """The pod's shell text is run here, with a client that shows its words and its environment."""
    (tmp_path / "root-password").write_text("hush'\"$x hush")
    (tmp_path / "db-root").write_text("another")
    more: dict[str, str] = {}
    client = tmp_path / "mariadb"
    client.write_text('#!/bin/sh\nprintf "%s\\n" "$MYSQL_PWD" "$@"\nps -o args= -p $$\n')
    client.chmod(0o755)

    def run(call: Call) -> Ended:
        settings = {"GALERA_BOOTSTRAP_SECRETS_DIR": str(tmp_path), "GALERA_BOOTSTRAP_RUN_DIR": "/run/x"}
        environment = settings | more | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(call.argv, env=environment, capture_output=True, text=True, check=False)
        return Ended(done.stdout, done.stderr, done.returncode)

    api.run = run
    lines = galera("sql", "mysql-2", "-e", "SELECT 1").stdout.splitlines()
    assert lines[:5] == ["hush'\"$x hush", "--socket=/run/x/mariadbd.sock", "--user=root", "-e", "SELECT 1"]
    assert "hush" not in lines[5]
    more["GALERA_BOOTSTRAP_SECRET_FILES"] = "password=db-user;root-password=db-root;user=x"
    assert galera("sql").stdout.splitlines()[0] == "another"
    more.clear()
    (tmp_path / "root-password").unlink()
    failed = galera("sql")
    assert failed.returncode != 0
    assert "root-password" in failed.stderr


@pytest.mark.parametrize("code", [1, 15, 17, 21])
def test_the_exit_code_of_the_program_is_ours(api: Api, galera: Galera, code: int, shell: str) -> None:
    is_probe = (TOOL, "status", "-o", "json")
    api.run = lambda call: Ended() if call.argv == is_probe else Ended("", "because\n", code)
    done = galera("explain", shell=shell)
    assert done.returncode == code
    assert "because" in done.stderr


def test_a_real_agent_answers_through_it(api: Api, galera: Galera, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", replicas=2)
    try:
        machine.agent()
        api.objects["statefulsets"] = [stateful_set("galera", replicas=2)]
        api.objects["pods"] = [pod("galera-0")]

        def run(call: Call) -> Ended:
            process = machine.begin(*call.argv[1:])
            out, err = process.communicate(timeout=60)
            return Ended(out, err, process.returncode)

        api.run = run
        status = galera("status")
        assert status.returncode == 0
        assert status.stdout.startswith("galera/test  no data  UNCERTAIN for ")
        assert "galera-1               -                    no such pod" in status.stdout
        assert galera("events").stdout.splitlines()[1].startswith("galera-0  ")
        assert galera("events", "--svg", "x.svg").stdout == ""
        assert (tmp_path / "x.svg").read_text().startswith("<svg ")
        refused = galera("force", "galera-0", "--epoch", "3")
        assert refused.returncode == 21
        assert "--epoch and --accept-loss belong together" in refused.stderr
    finally:
        machine.close()


# Where to look.


def test_namespace_context_kubeconfig_and_labels_are_passed_on(api: Api, galera: Galera, tmp_path: Path) -> None:
    config = api.write_config(tmp_path / "my config", context="my context", namespace="elsewhere")
    for kind in ("statefulsets", "pods"):
        for one in api.objects[kind]:
            one["metadata"]["namespace"] = "prod"
            one["metadata"]["labels"] = {"app": "shop"}
    ours = ("--kubeconfig", str(config), "--context=my context", "-n", "prod", "-l", "app=shop")
    for words in ((*ours, "explain", "--all"), ("explain", "--all", *ours), ("explain", *ours, "--all")):
        api.calls.clear()
        done = galera(*words, KUBECONFIG="/nowhere")
        assert (done.returncode, done.stderr) == (0, "")
        assert typed(api) == [Call("mysql-0", "agent", (TOOL, "explain", "--all"))]
    assert galera("explain", "-nprod", "-lapp=shop", *ours[:3]).returncode == 0
    wrong = galera("status", "--context", "other")
    assert wrong.returncode == 1
    assert "other" in wrong.stderr


def test_a_cluster_is_asked_for_where_there_are_several(api: Api, galera: Galera, shell: str) -> None:
    api.objects["statefulsets"] += [stateful_set("shop-mysql", instance="shop")]
    api.objects["pods"] += [pod("shop-mysql-0", instance="shop")]
    done = galera("status", "-n", "db", shell=shell)
    assert done.returncode == 69
    assert done.stderr.splitlines() == [
        "kubectl galera: there are 2 clusters in this namespace: which one?",
        "  kubectl galera -n db --cluster mysql status",
        "  kubectl galera -n db --cluster shop-mysql status",
    ]
    for name in ("shop-mysql", "shop"):
        api.calls.clear()
        assert galera("status", "--cluster", name, shell=shell).returncode == 0
        assert {call.pod for call in api.calls} == {"shop-mysql-0"}
    api.calls.clear()
    assert galera("status", "--cluster=mysql", shell=shell).returncode == 0
    assert {call.pod for call in api.calls} == {"mysql-0"}
    unknown = galera("status", "--cluster", "other", shell=shell)
    assert (unknown.returncode, unknown.stderr.strip()) == (
        69,
        "kubectl galera: no cluster is called other here, only: mysql shop-mysql",
    )


def test_no_cluster_is_said_with_where_to_look(galera: Galera) -> None:
    done = galera("status", "-n", "empty")
    assert done.returncode == 69
    assert "get statefulsets -A -l app.kubernetes.io/part-of=galera" in done.stderr.splitlines()[-1]


def test_an_error_of_kubectl_is_shown_as_it_is(galera: Galera, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text('{"clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:9"}}]}')
    done = galera("status", "--kubeconfig", str(tmp_path / "broken"))
    assert done.returncode == 1
    assert "refused" in done.stderr


# What is typed.


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (("statsu",), "no command 'statsu'; did you mean status?"),
        (("evnets",), "no command 'evnets'; did you mean events?"),
        (("log",), "no command 'log'; did you mean logs?"),
        (("xyz",), "no command 'xyz'"),
        (("stat us",), "no command 'stat us'"),
        (
            ("--watch", "status"),
            "--watch stands before the command: kubectl galera COMMAND [POD] [options]",
        ),
        (("status", "-n"), "-n needs a value"),
        (("status", "mysql-9"), "the cluster mysql has no pod mysql-9; it has mysql-0 mysql-1 mysql-2"),
        (("events", "--svg"), "--svg needs the name of a file; - is standard output"),
        (("restore", "now"), "restore takes no words: it only shows what to do"),
    ],
)
def test_a_mistake_ends_with_what_was_meant(
    api: Api, galera: Galera, words: tuple[str, ...], last: str, shell: str
) -> None:
    done = galera(*words, shell=shell)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"kubectl galera: {last}"
    assert typed(api) == []


def test_the_help_names_every_command(galera: Galera) -> None:
    shown = galera("--help")
    assert shown.returncode == 0
    for name in (*LOOK.keys() - {"inspect", "render"}, *DECIDE, "logs", "sql", "backup", "restore", "doctor"):
        assert f"\n  {name} " in shown.stdout
    parts = [shown.stdout.index(f"\n{title}") for title in ("Look ", "Decide ", "Work with", "Options")]
    assert parts == sorted(parts)
    assert galera("help").stdout == shown.stdout == galera("status", "-h").stdout
    nothing = galera()
    assert (nothing.returncode, nothing.stderr) == (2, shown.stdout)


def test_it_is_a_plugin_of_kubectl_and_has_our_version() -> None:
    kubectl = require_kubectl()
    path = {**os.environ, "PATH": f"{PLUGIN}:{os.environ['PATH']}"}
    done = subprocess.run([kubectl, "galera", "--version"], env=path, capture_output=True, text=True, check=True)
    assert done.stdout == f"kubectl-galera {__version__}\n"


# The commands.


@pytest.mark.parametrize("order", list(DECIDE))
def test_an_override_needs_the_name_of_a_pod(api: Api, galera: Galera, order: str) -> None:
    """Which pod's data stay is what a human decides."""
    done = galera(order, "--epoch", "7")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == [f"  kubectl galera {order} mysql-{ordinal}" for ordinal in range(3)]
    assert api.calls == []
    galera(order, "mysql-2", "--epoch", "7")
    assert api.calls == [Call("mysql-2", "agent", (TOOL, order, "--epoch", "7"))]


def test_events_are_those_of_all_pods_unless_a_pod_or_single_events_are_asked_for(api: Api, galera: Galera) -> None:
    for words in ((), ("--since", "2h"), ("mysql-1",), ("--kind", "join"), ("--lines=3",), ("--all",)):
        galera("events", *words)
    assert [call.argv[2:] for call in typed(api)] == [
        ("--all",), ("--all", "--since", "2h"), (), ("--kind", "join"), ("--lines=3",), ("--all",),
    ]  # fmt: skip
    assert typed(api)[2].pod == "mysql-1"


def test_a_picture_that_fails_leaves_the_old_one(api: Api, galera: Galera, tmp_path: Path) -> None:
    (tmp_path / "a b.svg").write_text("old")
    api.run = lambda call: Ended("<svg half", "gone\n", 17) if "--svg" in call.argv else Ended()
    done = galera("events", "--svg=a b.svg", "--since", "1h")
    assert done.returncode == 17
    assert (tmp_path / "a b.svg").read_text() == "old"
    assert not list(tmp_path.glob("*.part"))
    assert typed(api)[0].argv == (TOOL, "events", "--all", "--svg", "-", "--since", "1h")


def test_doctor_asks_for_the_headless_service_of_this_cluster(api: Api, galera: Galera) -> None:
    api.objects["statefulsets"][0]["spec"]["serviceName"] = "shop-galera"
    api.run = lambda _: Ended("no fault was found\n")
    done = galera("doctor", "--output=json")
    assert api.calls == [Call("mysql-0", "agent", (FINDER, "doctor", "shop-galera", "--output=json"))]
    assert done.stdout.splitlines()[1].split() == ["mysql-0", "Running"]


def test_sql_goes_to_a_member_that_is_ready(api: Api, galera: Galera) -> None:
    api.objects["pods"][0] = pod("mysql-0", ready=False)
    galera("sql")
    assert typed(api)[0].pod == "mysql-1"
    api.objects["pods"] = [pod(f"mysql-{ordinal}", ready=False) for ordinal in range(3)]
    api.calls.clear()
    done = galera("sql")
    assert (done.returncode, api.calls) == (69, [])
    assert "no member of mysql is ready" in done.stderr
    galera("sql", "mysql-1")
    assert api.calls[0].pod == "mysql-1"


def test_logs_are_those_of_every_container_or_of_one(api: Api, galera: Galera) -> None:
    api.logs = {("mysql-0", "agent"): "first\nsecond", ("mysql-1", "mysql"): "third"}
    everything = galera("logs").stdout
    assert "[pod/mysql-0/agent] second\n" in everything
    assert "[pod/mysql-1/mysql] third\n" in everything
    assert galera("logs", "mysql-0", "agent").stdout == "first\nsecond\n"
    assert galera("logs", "mysql-0", "--tail=1").stdout == "[pod/mysql-0/agent] second\n"
    assert galera("logs", "mysql-0", "agent", "--tail=1").stdout == "second\n"


def test_a_server_without_a_sidecar_runs_its_agent_itself(api: Api, galera: Galera) -> None:
    alone = pod("mysql-0", init=(), main=container("mysql", RUNNING, ready=True))
    alone["spec"] = {"containers": [{"name": "mysql"}]}
    api.objects["pods"] = [alone]
    galera("status")
    assert typed(api) == [Call("mysql-0", "mysql", (TOOL, "status"))]


def test_a_pod_of_another_owner_with_the_same_labels_is_none_of_ours(api: Api, galera: Galera) -> None:
    api.objects["pods"] = [pod("other-0"), *api.objects["pods"]]
    api.run = lambda call: NO_AGENT if call.pod != "other-0" else Ended("wrong\n")
    assert galera("status").returncode == 69
    assert {call.pod for call in api.calls} == {"mysql-0", "mysql-1", "mysql-2"}
