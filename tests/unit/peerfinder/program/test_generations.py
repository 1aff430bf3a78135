"""The manifests of each generation of the Go program run unchanged: their flags, variables and hooks.

The hooks are small ones of our own in the style of those that were published with the program.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from peerfinder import cli
from tests.dns.knot import Knot, numbered_pods, pods
from tests.paths import ROOT
from tests.support.peerfinder.pod import Pod, needs_root
from tests.support.peerfinder.program import PROGRAM, end, fqdn, wait_until

pytestmark = [pytest.mark.knot, needs_root]

THREE = fqdn("mysql-0", "mysql-1", "mysql-2")

GALERA = """#! /bin/bash
# Own name: the line with the host name in it; the list with our own name in it, by commas.
set -u
HOSTNAME=$(hostname)
CFG=FOLDER/my-galera.cnf
while read -ra LINE; do
    if [[ "${LINE}" == *"${HOSTNAME}"* ]]; then MY_NAME=$LINE; fi
    PEERS=("${PEERS[@]+"${PEERS[@]}"}" "$LINE")
done
LIST=$(IFS=,; echo "${PEERS[*]}")
sed -i -e "s|^wsrep_node_address=.*|wsrep_node_address=${MY_NAME}|" \\
    -e "s|^wsrep_cluster_address=.*|wsrep_cluster_address=gcomm://${LIST}|" "$CFG"
"""

MONGODB = """#!/usr/bin/env bash
set -e
my_hostname=$(hostname)
while read -ra line; do
    if [[ "${line}" == *"${my_hostname}"* ]]; then service_name="$line"; continue; fi
    peers=("${peers[@]}" "$line")
done
echo "self=$service_name others=${peers[*]}"
"""

COCKROACH = """#!/bin/bash
# A cluster is there if anybody else is.
if grep -v "$(hostname)\\." > /dev/null; then echo joins > "FOLDER/cluster-exists-marker"; fi
"""

ZOOKEEPER = """#!/bin/bash
i=0
while read -ra PEER; do
    if [[ "$PEER" == *"$(hostname)"* ]]; then MY_ID=$((i+1)); fi
    i=$((i+1)); echo "server.$i=$PEER:2888:3888"
done
echo "myid=$MY_ID"
"""

REDIS = """#!/bin/sh
# The first of the list is the master; sh, not bash.
read -r MASTER
[ "${MASTER%%.*}" = "$(hostname)" ] || echo "slaveof $MASTER 6379"
echo master $MASTER
"""

ETCD = """#!/bin/sh
sep=; cluster=
while read -r peer; do cluster="$cluster$sep${peer%%.*}=http://$peer:2380"; sep=,; done
echo "ETCD_INITIAL_CLUSTER=$cluster"
"""


def write_script(folder: Path, text: str) -> Path:
    path = folder / "on-start.sh"
    path.write_text(text.replace("FOLDER", str(folder)))
    path.chmod(0o755)
    return path


@pytest.fixture
def pod(galera: Knot, tmp_path: Path) -> Pod:
    """The pod mysql-0 of three."""
    return Pod(tmp_path, galera.nameserver)


def test_the_galera_init_container_of_2016(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "my-galera.cnf").write_text("wsrep_node_address=127.0.0.1\nwsrep_cluster_address=gcomm://\n")

    ended = pod.run([f'-on-start="{write_script(tmp_path, GALERA)}"', "-service=galera"])

    assert ended.status == 0, ended.err
    assert (tmp_path / "my-galera.cnf").read_text().splitlines() == [
        f"wsrep_node_address={THREE[0]}",
        f"wsrep_cluster_address=gcomm://{','.join(THREE)}",
    ]


def test_the_chart_of_mongodb(pod: Pod, tmp_path: Path) -> None:
    ended = pod.run([f"-on-start={write_script(tmp_path, MONGODB)}", "-service=galera"])

    assert ended.out.split() == [f"self={THREE[0]}", f"others={THREE[1]}", THREE[2]]


@pytest.mark.parametrize("count", [1, 3])
def test_the_init_container_of_cockroachdb(galera: Knot, pod: Pod, tmp_path: Path, count: int) -> None:
    galera.publish(pods("galera", numbered_pods(count)))

    ended = pod.run(["-on-start", str(write_script(tmp_path, COCKROACH)), "-service", "galera"])

    assert ended.status == 0
    assert (tmp_path / "cluster-exists-marker").exists() == (count > 1)


def test_the_pet_of_zookeeper(pod: Pod, tmp_path: Path) -> None:
    ended = pod.run([f'--on-start="{write_script(tmp_path, ZOOKEEPER)}"', "--service=galera"])

    assert ended.out.split() == [*(f"server.{n}={peer}:2888:3888" for n, peer in enumerate(THREE, 1)), "myid=1"]


def test_the_pet_of_redis(pod: Pod, tmp_path: Path) -> None:
    ended = pod.run(['-on-start="%s"' % write_script(tmp_path, REDIS), "-service=galera"])  # noqa: UP031 - quotes inside

    assert ended.out == f"master {THREE[0]}\n"


def test_a_list_for_etcd(pod: Pod, tmp_path: Path) -> None:
    ended = pod.run([f"-on-start={write_script(tmp_path, ETCD)}", "-service=galera"])

    pairs = ",".join(f"mysql-{n}=http://{peer}:2380" for n, peer in enumerate(THREE))
    assert ended.out == f"ETCD_INITIAL_CLUSTER={pairs}\n"


def test_the_bare_command_of_the_documentation(pod: Pod) -> None:
    assert pod.run(["-on-start", "tee", "-service", "galera", "-ns", "default"]).out.split() == THREE


def test_background_use_with_both_hooks(galera: Knot, pod: Pod, tmp_path: Path) -> None:
    process = pod.begin([f"-on-start=cat > {tmp_path}/start", f"-on-change=cat > {tmp_path}/change", "-service=galera"])
    wait_until((tmp_path / "start").exists)
    galera.publish(pods("galera", numbered_pods(4)))
    wait_until(lambda: (tmp_path / "change").exists() and len((tmp_path / "change").read_text().split()) == 4)

    process.terminate()
    assert end(process).status == 143


def test_the_database_itself_as_hook_with_the_users_arguments(pod: Pod, tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text(f'#!/bin/sh\ntrap "exit 0" TERM\necho "$@" > {tmp_path}/args\nwhile :; do sleep 0.1; done\n')
    path.chmod(0o755)
    process = pod.begin(["-service=galera", f"-on-start={path} --max_connections=200 --character-set-server=utf8mb4"])
    wait_until((tmp_path / "args").exists)
    sleep(0.5)
    assert process.poll() is None, "nothing limits it by default"
    process.send_signal(signal.SIGTERM)

    assert end(process).status == 143
    assert (tmp_path / "args").read_text().split() == ["--max_connections=200", "--character-set-server=utf8mb4"]


def test_klog_and_api_flags_are_accepted_with_one_warning(pod: Pod) -> None:
    words = ["-service=galera", "-on-start=cat", "-v=3", "-logtostderr", "-stderrthreshold", "2", "-hosts-file=/x"]

    ended = pod.run(words)

    assert (ended.status, ended.out.split()) == (0, THREE)
    warnings = [line for line in ended.err.splitlines() if " warning: " in line]
    assert len(warnings) == 1
    assert "without effect here: -hosts-file -logtostderr -stderrthreshold -v" in warnings[0]


def test_a_selector_beside_a_service_is_reported_and_the_service_is_used(pod: Pod) -> None:
    ended = pod.run(["-selector=app=mysql", "-service=galera", "-address-type=IP", "-on-start=cat"])

    assert (ended.status, ended.out.split()) == (0, list(numbered_pods(3).values()))
    assert "-selector needs the Kubernetes API" in ended.err


def test_a_selector_alone_says_what_it_needs(pod: Pod) -> None:
    ended = pod.run(["-selector=app=mysql", "-address-type=IP", "-on-start=cat"])

    assert ended.status == 1
    assert "require -service; -selector needs the Kubernetes API" in ended.err


def test_the_addresses_of_the_pod_in_the_environment_of_a_hook(galera: Knot, tmp_path: Path) -> None:
    pod = Pod(tmp_path, galera.nameserver, variables={"POD_NAMESPACE": "default", "POD_IP": "127.1.0.1"})
    hook = "echo $HOST_ADDRESS $HOST_ADDRESS_TYPE $POD_IP $POD_IP_TYPE"

    by_name = pod.run(["-service=galera", f"-on-start={hook}"])
    by_address = pod.run(["-service=galera", "-address-type=IPv4", f"-on-start={hook}"])

    assert by_name.out.split() == [THREE[0], "DNS", "127.1.0.1", "IPv4"]
    assert by_address.out.split() == ["127.1.0.1", "IPv4", "127.1.0.1", "IPv4"]


def test_perconas_peer_list_runs_in_a_pod_that_is_no_peer(galera: Knot, tmp_path: Path) -> None:
    link = tmp_path / "peer-list"
    link.symlink_to(PROGRAM)
    proxy = Pod(tmp_path, galera.nameserver, name="haproxy-0")

    ended = proxy.run(["-on-start=grep -c mysql", "-service=galera", "-protocol=tcp"], str(link))

    assert (ended.status, ended.out) == (0, "3\n")


def begin_peer_list(knot: Knot, folder: Path, **variables: str) -> subprocess.Popen[str]:
    """Run `peer-list` in a proxy's pod; its hook appends the time and the peers to the file `calls`."""
    link = folder / "peer-list"
    link.symlink_to(PROGRAM)
    proxy = Pod(folder, knot.nameserver, name="haproxy-0", variables={"POD_NAMESPACE": "default", **variables})
    hook = f'echo "$(cut -d" " -f1 /proc/uptime) $(cut -d. -f1 | tr "\\n" ",")" >> {folder}/calls'
    words = [f"-on-change={hook}", "-service=galera", "-protocol=$(PEER_LIST_SRV_PROTOCOL)"]
    return proxy.begin(words, str(link))


def read_calls(folder: Path) -> list[tuple[float, str]]:
    """Return when the hook ran, by the machine's uptime, and what it got."""
    lines = (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []
    return [(float(line.split()[0]), line.split()[1].replace("mysql-", "").replace(",", "")) for line in lines]


def wait_for_calls(folder: Path, count: int) -> list[tuple[float, str]]:
    wait_until(lambda: len(read_calls(folder)) >= count)
    return read_calls(folder)


def test_percona_leaves_30_s_between_two_calls_and_a_lone_change_waits_for_nothing(knot: Knot, tmp_path: Path) -> None:
    knot.publish(pods("galera", numbered_pods(3)))
    begin_peer_list(knot, tmp_path)
    wait_for_calls(tmp_path, 1)
    knot.publish(pods("galera", numbered_pods(4)))
    wait_for_calls(tmp_path, 2)
    sleep(31)
    changed = monotonic()
    knot.publish(pods("galera", {"mysql-0": "127.0.1.0", "mysql-2": "127.0.1.2"}))
    calls = wait_for_calls(tmp_path, 3)

    assert monotonic() - changed < 10, "the last call is more than 30 s ago"
    assert [peers for _, peers in calls] == ["012", "0123", "02"], "a removal has no patience either"
    assert 29.9 <= calls[1][0] - calls[0][0] < 45


def test_all_changes_within_the_gap_are_one_call_with_the_newest_peers(knot: Knot, tmp_path: Path) -> None:
    knot.publish(pods("galera", numbered_pods(1)))
    begin_peer_list(knot, tmp_path, PEERFINDER_MIN_GAP="8s")
    wait_for_calls(tmp_path, 1)
    for count in (2, 3, 4, 3):
        knot.publish(pods("galera", numbered_pods(count)))
        sleep(1.2)
    calls = wait_for_calls(tmp_path, 2)
    sleep(2)

    assert [peers for _, peers in read_calls(tmp_path)] == ["0", "012"]
    assert calls[1][0] - calls[0][0] >= 7.9


def test_percona_calls_again_when_the_records_were_gone_and_are_back(knot: Knot, tmp_path: Path) -> None:
    """After a restart of the whole cluster the names are the same, and the addresses of all are others."""
    knot.publish(pods("galera", numbered_pods(2)))
    process = begin_peer_list(knot, tmp_path, PEERFINDER_MIN_GAP="1s")
    wait_for_calls(tmp_path, 1)
    knot.publish()
    asked = knot.questions()
    wait_until(lambda: knot.questions() > asked + 2)
    assert len(read_calls(tmp_path)) == 1, "no call with an empty list"
    knot.publish(pods("galera", {"mysql-0": "127.0.9.1", "mysql-1": "127.0.9.2"}))
    calls = wait_for_calls(tmp_path, 2)
    knot.fail()
    asked = knot.questions()
    wait_until(lambda: knot.questions() > asked + 2)
    knot.publish(pods("galera", numbered_pods(2)))
    sleep(3)
    process.send_signal(signal.SIGUSR1)
    ended = end(process)

    assert [peers for _, peers in calls] == ["01", "01"]
    assert len(read_calls(tmp_path)) == 2, "SERVFAIL does not mean that they are gone"
    assert "running on-change with 2 peers: the same as before the time without records" in ended.err


@pytest.mark.parametrize("name", ["peer-list", "peer-finder", "galera-bootstrap"])
def test_the_program_of_the_image_has_each_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(ROOT / "images" / "galera-install" / "entry.py")

    done = subprocess.run([sys.executable, tmp_path / name, "--help"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_under_its_own_name_it_does_none_of_this() -> None:
    assert cli.build_environment("/work-dir/peer-finder") == os.environ
    assert cli.build_environment("peer-list").items() - os.environ.items() == {
        ("PEERFINDER_NO_REQUIRE_SELF", "true"),
        ("PEERFINDER_MIN_GAP", "30s"),
        ("PEERFINDER_REMOVE_AFTER", "0"),
        ("PEERFINDER_REPEAT_AFTER_GONE", "true"),
    }


@pytest.mark.parametrize("when", ["a hook runs", "nothing happens"])
def test_sigusr1_ends_peer_list_with_0_as_the_stop_signal_of_perconas_image(
    galera: Knot, tmp_path: Path, when: str
) -> None:
    link = tmp_path / "peer-list"
    link.symlink_to(PROGRAM)
    hook = f"touch {tmp_path}/ran" + (f"; sleep 60; touch {tmp_path}/after" if when == "a hook runs" else "")
    process = Pod(tmp_path, galera.nameserver).begin([f"-on-change={hook}", "-service=galera"], str(link))
    wait_until((tmp_path / "ran").exists)
    sleep(0.5)
    process.send_signal(signal.SIGUSR1)

    assert end(process).status == 0
    assert not (tmp_path / "after").exists()


@pytest.mark.parametrize("text", ["$(PEER_LIST_SRV_PROTOCOL)", " ", ""])
def test_a_protocol_that_is_not_set_in_perconas_manifest(pod: Pod, text: str) -> None:
    ended = pod.run(["-service=galera", f"-protocol={text}", "-on-start=cat"])

    assert (ended.status, ended.out.split()) == (0, THREE)


@pytest.mark.parametrize("protocol", ["tcp", "udp", "TCP", " udp "])
def test_the_protocol_names_the_records_of_the_port(galera: Knot, pod: Pod, protocol: str) -> None:
    galera.publish([f"_mysql._udp.galera.default.svc 5 SRV 0 0 3306 {THREE[0]}."], pods("galera", numbered_pods(3)))

    ended = pod.run(["-service=galera", f"-protocol={protocol}", "-on-start=cat"])

    assert ended.out.split() == (THREE if protocol.strip().lower() == "tcp" else THREE[:1])
