"""The manifests of each generation of the Go program run unchanged: their flags, variables and hooks.

The hooks are small ones of our own in the style of those that were published with the program.
"""

import signal
from pathlib import Path
from time import sleep

import pytest

from tests.dns.knot import Knot, numbered_pods, pods
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


def test_perconas_quiet_period_is_that_of_peer_list_only(galera: Knot, tmp_path: Path) -> None:
    link = tmp_path / "peer-list"
    link.symlink_to(PROGRAM)
    proxy = Pod(tmp_path, galera.nameserver, name="haproxy-0")
    process = proxy.begin([f"-on-change=wc -l >> {tmp_path}/calls", "-service=galera"], str(link))
    wait_until((tmp_path / "calls").exists)
    galera.publish(pods("galera", numbered_pods(4)))
    sleep(4)
    process.terminate()
    end(process)

    assert (tmp_path / "calls").read_text().split() == ["3"], "the first call is exempt, the second waits"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_protocol_names_the_records_of_the_port(galera: Knot, pod: Pod, protocol: str) -> None:
    galera.publish([f"_mysql._udp.galera.default.svc 5 SRV 0 0 3306 {THREE[0]}."], pods("galera", numbered_pods(3)))

    ended = pod.run(["-service=galera", f"-protocol={protocol}", "-on-start=cat"])

    assert ended.out.split() == (THREE if protocol == "tcp" else THREE[:1])
