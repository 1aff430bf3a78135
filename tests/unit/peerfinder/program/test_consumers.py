"""Hooks and calls in the shapes of programs that use a Go peer-finder, in the shells that their images have.

The scripts are our own. Each uses one thing that published hooks use.
"""

import os
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.dns.knot import Knot, numbered_pods, pods
from tests.support.peerfinder.pod import Pod, needs_root
from tests.support.peerfinder.program import PROGRAM, end, fqdn, wait_until
from tests.support.peerfinder.shells import AS_PID_1, WITH_BASH, WITHOUT_BASH, make_params

pytestmark = [pytest.mark.knot, needs_root]

THREE = fqdn("mysql-0", "mysql-1", "mysql-2")
LIST = ",".join(THREE)

HOSTS = "127.0.0.1 localhost\n127.0.0.1 {own}.galera.default.svc.cluster.local {own}\n"
"""The hosts file that the kubelet writes for a pod of a headless Service."""


class Use(NamedTuple):
    """One use of a hook."""

    script: str
    """A file, or empty: the text of the flag is the hook."""
    text: str
    """The text of -on-start; FOLDER and SCRIPT are replaced."""
    out: str
    """What it prints."""


READ_ARRAY = 'while read -ra LINE; do PEERS+=("${LINE[0]}"); done\n(IFS=,; echo "${PEERS[*]}")\n'

BASH_USES = {
    "read -ra": Use(f"#!/bin/bash\n{READ_ARRAY}", "SCRIPT", LIST),
    "a shebang in the second line": Use(f"\n#! /bin/bash\nfunction list {{\n{READ_ARRAY}}}\nlist\n", "SCRIPT", LIST),
    "no shebang": Use('mapfile -t PEERS\n[[ ${#PEERS[@]} == 3 ]] && echo "${PEERS[-1]}"\n', "SCRIPT", THREE[2]),
    "process substitution": Use(
        "#!/bin/bash\nset -eo pipefail\nexec 1> >(tee -a FOLDER/log)\nsort -r | head -n 1\n",
        "SCRIPT; sleep 0.3",
        THREE[2],
    ),
    "tee to stderr": Use(
        "#!/bin/bash\nhead -n 1 | tee /proc/self/fd/2\n",
        "SCRIPT 2>FOLDER/err; cat FOLDER/err",
        f"{THREE[0]} {THREE[0]}",
    ),
    "text in the dialect of bash": Use(
        "", "read -ra P; [[ $P == mysql-0.* ]] && cat <(echo ${#P[@]} $P)", f"1 {THREE[0]}"
    ),
    "echo -e as bash has it": Use("", r"echo -e 'a\tb'", "a b"),
}

SH_USES = {
    "quoted arguments": Use('#!/bin/sh\nprintf "[%s]" "$@"\n', '"SCRIPT" "a b" \'$c\' d\\ e', "[a b][$c][d e]"),
    "a pipe, and the last line": Use(
        "", "cat | while read -r peer; do last=$peer; echo $last; done | tail -n 1", THREE[2]
    ),
    "hostname -f": Use('#!/bin/sh\ngrep -v "^$(hostname -f)$" | wc -l\n', "SCRIPT", "2"),
    "a redirection": Use("", "tee > FOLDER/peers; wc -l < FOLDER/peers", "3"),
    "a list": Use("#!/bin/sh\ncat\n", "cd FOLDER && SCRIPT | head -n 1 || echo failed", THREE[0]),
    "not read at all": Use("", "echo $((1 + 2))", "3"),
    "an exec": Use("", "exec head -n 1", THREE[0]),
    "a comment": Use("", "echo a # b", "a"),
    "no shebang": Use("head -n 1\n", "SCRIPT", THREE[0]),
    "no shebang, in a list": Use("head -n 1\n", "true && SCRIPT", THREE[0]),
}


def make_pod(knot: Knot, folder: Path, name: str = "mysql-0") -> Pod:
    hosts = folder / "hosts"
    hosts.write_text(HOSTS.format(own=name))
    return Pod(folder, knot.nameserver, name, hosts=str(hosts))


def prepare(use: Use, folder: Path) -> str:
    path = folder / "a hook.sh" if '"SCRIPT"' in use.text else folder / "hook.sh"
    path.write_text(use.script.replace("FOLDER", str(folder)))
    path.chmod(0o755)
    return use.text.replace("FOLDER", str(folder)).replace("SCRIPT", str(path))


@pytest.mark.parametrize("pid_1", [(), AS_PID_1], ids=["a process", "PID 1"])
@pytest.mark.parametrize("shells", make_params(WITH_BASH))
@pytest.mark.parametrize("use", BASH_USES.values(), ids=BASH_USES)
def test_a_hook_for_bash(
    galera: Knot, tmp_path: Path, use: Use, shells: tuple[str, ...], pid_1: tuple[str, ...]
) -> None:
    text = prepare(use, tmp_path)

    ended = make_pod(galera, tmp_path).run(["-service=galera", f"-on-start={text}"], prefix=(*shells, *pid_1))

    assert ended.status == 0, ended.err
    assert ended.out.split() == use.out.split()


@pytest.mark.parametrize("pid_1", [(), AS_PID_1], ids=["a process", "PID 1"])
@pytest.mark.parametrize("shells", make_params({**WITH_BASH, **WITHOUT_BASH}))
@pytest.mark.parametrize("use", SH_USES.values(), ids=SH_USES)
def test_a_hook_for_any_shell(
    galera: Knot, tmp_path: Path, use: Use, shells: tuple[str, ...], pid_1: tuple[str, ...]
) -> None:
    text = prepare(use, tmp_path)

    ended = make_pod(galera, tmp_path).run(["-service=galera", f"-on-start={text}"], prefix=(*shells, *pid_1))

    assert ended.status == 0, ended.err
    assert ended.out.strip() == use.out


@pytest.mark.parametrize("shells", make_params({**WITH_BASH, **WITHOUT_BASH}))
@pytest.mark.parametrize(("words", "status"), [("a=1 b", 3), ("", 3)])
def test_a_hook_that_fails_with_its_arguments(
    galera: Knot, tmp_path: Path, shells: tuple[str, ...], words: str, status: int
) -> None:
    path = tmp_path / "on-start.sh"
    path.write_text(f'#!/bin/sh\necho "$#" > {tmp_path}/count\nexit {status}\n')
    path.chmod(0o755)
    pod = make_pod(galera, tmp_path)

    ours = pod.run(["-service=galera", f"-on-start={path} {words}"], prefix=shells)
    its = pod.run(["-service=galera", f"-on-start={path} {words}", "-exit-status=hook"], prefix=shells)

    assert (ours.status, its.status) == (1, status)
    assert (tmp_path / "count").read_text() == f"{len(words.split())}\n"


@pytest.mark.parametrize("shells", make_params({**WITH_BASH, **WITHOUT_BASH}))
def test_a_daemon_that_a_hook_leaves_holds_nobody(galera: Knot, tmp_path: Path, shells: tuple[str, ...]) -> None:
    """It has our standard output, as in the ZooKeeper image whose hook starts the server."""
    path = tmp_path / "on-start.sh"
    path.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/pid\n")
    path.chmod(0o755)
    process = make_pod(galera, tmp_path).begin(["-service=galera", f"-on-start={path}"], prefix=shells)

    assert process.wait(timeout=60) == 0
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    process.communicate()


def test_the_state_of_each_member_is_counted_in_a_pipeline(galera: Knot, tmp_path: Path) -> None:
    """As an entrypoint and a backup do it: what the hook prints is ours to print, on stdout or stderr."""
    path = tmp_path / "get-state"
    path.write_text('#!/bin/bash\nwhile read -ra H; do echo "node:$H:wsrep_local_state:4"; done >&2\n')
    path.chmod(0o755)
    link = tmp_path / "peer-list"
    link.symlink_to(PROGRAM)
    line = f"{link} -on-start={path} -service=galera 2>&1 | grep -c wsrep_local_state"

    ended = make_pod(galera, tmp_path, "backup-x7k2p").run(["-c", line], "bash")

    assert (ended.status, ended.out) == (0, "3\n"), ended.err


@pytest.mark.parametrize("shells", make_params({**WITH_BASH, **WITHOUT_BASH}))
def test_both_hooks_in_the_background_of_an_entrypoint(galera: Knot, tmp_path: Path, shells: tuple[str, ...]) -> None:
    path = tmp_path / "on-change.sh"
    path.write_text('#!/bin/sh\nwhile read -r line; do echo "server $line"; done\n')
    path.chmod(0o755)
    on_start, on_change = f"tee > {tmp_path}/first", f"{path} > {tmp_path}/conf 2>&1"
    line = (
        f'"$0" -service=$(hostname -f | cut -d. -f2) -domain= "-on-start={on_start}" "-on-change={on_change}" &\n'
        f"wait $!\n"
    )
    process = make_pod(galera, tmp_path).begin(["-c", line, PROGRAM], "sh", prefix=shells)
    wait_until((tmp_path / "first").exists)
    galera.publish(pods("galera", numbered_pods(4)))
    wait_until(lambda: (tmp_path / "conf").exists() and (tmp_path / "conf").read_text().count("server") == 4)
    subprocess.run(["pkill", "-TERM", "-P", str(process.pid)], check=False)
    process.terminate()
    end(process)

    assert (tmp_path / "first").read_text().split() == THREE


@pytest.mark.parametrize("pod_name", ["mysql-0-6d5f7c9b8-x2x4z", "mysql-0", ""])
def test_the_host_name_counts_also_where_pod_name_is_another(galera: Knot, tmp_path: Path, pod_name: str) -> None:
    """A Deployment of one pod with hostname and subdomain, a StatefulSet, and no variable."""
    variables = {"POD_NAMESPACE": "default", "POD_NAME": pod_name}
    pod = Pod(tmp_path, galera.nameserver, "mysql-0", variables=variables)

    assert pod.run(["-service=galera", "-on-start=echo $PEERFINDER_SELF"]).out.split() == THREE[:1]


def test_pod_name_counts_where_the_host_name_is_the_nodes(galera: Knot, tmp_path: Path) -> None:
    variables = {"POD_NAMESPACE": "default", "POD_NAME": "mysql-2"}
    pod = Pod(tmp_path, galera.nameserver, "node-7", variables=variables)

    assert pod.run(["-service=galera", "-on-start=echo $PEERFINDER_SELF"]).out.split() == THREE[2:]


def test_a_host_address_of_the_manifest_reaches_the_hook(galera: Knot, tmp_path: Path) -> None:
    variables = {"POD_NAMESPACE": "default", "POD_IP": "127.1.0.1", "HOST_ADDRESS": "10.0.0.7"}
    pod = Pod(tmp_path, galera.nameserver, variables=variables)

    ended = pod.run(["-service=galera", "-on-start=echo $HOST_ADDRESS [$HOST_ADDRESS_TYPE] $POD_IP $POD_IP_TYPE"])

    assert ended.out.split() == ["10.0.0.7", "[]", "127.1.0.1", "IPv4"]


@pytest.mark.parametrize(
    ("given", "seen"),
    [({}, ""), ({"LC_CTYPE": "C.UTF-8"}, "C.UTF-8"), ({"LANG": "C"}, ""), ({"LC_CTYPE": "C"}, "C")],
    ids=["none", "the same by the user", "LANG", "C"],
)
def test_a_hook_has_the_locale_that_the_container_has(
    galera: Knot, tmp_path: Path, given: dict[str, str], seen: str
) -> None:
    pod = Pod(tmp_path, galera.nameserver, variables={"POD_NAMESPACE": "default", **given})
    text = r'echo "[$LC_CTYPE]"; printf "p\351w\n" | sed "s/^p.w$/OK/"'

    out = pod.run(["-service=galera", f"-on-start={text}"]).out

    assert out.startswith(f"[{seen}]\n")
    assert ("OK" in out) == (seen != "C.UTF-8")
