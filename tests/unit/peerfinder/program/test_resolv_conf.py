"""The real program in pods of every kind: what resolv.conf, the host name and the Service's name may look like."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.dns.knot import Knot, numbered_pods, pods
from tests.support.peerfinder.pod import KUBELET, Pod, needs_root
from tests.support.peerfinder.program import end, fqdn, wait_until

pytestmark = [pytest.mark.knot, needs_root]

NORMAL = KUBELET.format(ns="default", zone="cluster.local")

NODE = "search example.com\nnameserver 127.0.0.1\n"
"""What a node has, and so a pod with hostNetwork."""


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        pytest.param(
            KUBELET.format(ns="default", zone="iron-cluster"), "iron-cluster", id="a hyphen in the last label"
        ),
        pytest.param(KUBELET.format(ns="default", zone="k8s.x"), "k8s.x", id="a last label of one letter"),
        pytest.param(KUBELET.format(ns="default", zone="k"), "k", id="a domain of one letter"),
        pytest.param(
            NORMAL.replace("\nn", " svc-prod.example.com svc.example.com\nn", 1), "cluster.local", id="svc-like"
        ),
        pytest.param(f"search a.svc.old.zone svc.old.zone\n{NORMAL}", "cluster.local", id="several search lines"),
        pytest.param(NORMAL.replace("svc.cluster.local", "SVC.Cluster.LOCAL"), "cluster.local", id="upper case"),
        pytest.param(f"# search x.svc.x.y\n{NORMAL}; search default.svc.x.z\n", "cluster.local", id="comments"),
        pytest.param(NORMAL.replace("\n", "\r\n"), "cluster.local", id="CRLF"),
        pytest.param(
            NORMAL.replace("default.svc", "default.svc.", 1)[:-1],
            "cluster.local",
            id="a bad entry, no newline at the end",
        ),
    ],
)
def test_the_cluster_domain_is_found_in(tmp_path: Path, text: str, zone: str) -> None:
    with Knot(tmp_path / "knot", domain=zone) as knot:
        knot.publish(pods("galera", numbered_pods(2)))
        ended = Pod(tmp_path, knot.nameserver, resolv_conf=text).run(["-service=galera", "-on-start=cat"])

    assert ended.out.split() == [f"mysql-{n}.galera.default.svc.{zone}" for n in range(2)], ended.err
    assert ended.status == 0


@pytest.mark.parametrize("text", [NODE, "", "search cluster.local\n"], ids=["a node's", "empty", "without svc"])
def test_without_a_cluster_domain_it_ends_at_once_and_names_the_flag_and_the_dns_policy(
    galera: Knot, tmp_path: Path, text: str
) -> None:
    began = monotonic()
    ended = Pod(tmp_path, galera.nameserver, resolv_conf=text).run(["-service=galera", "-on-start=cat"])

    assert (ended.status, ended.out) == (3, "")
    assert "set -domain" in ended.err
    assert "ClusterFirstWithHostNet" in ended.err
    assert monotonic() - began < 10, "and not after a time limit"


HOST_NETWORK = {"POD_NAMESPACE": "default", "POD_NAME": "mysql-1"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(NORMAL, [], id="ClusterFirstWithHostNet"),
        pytest.param(NODE, ["-domain=cluster.local"], id="the node's resolv.conf"),
        pytest.param(NODE, ["-service=galera.default.svc.cluster.local"], id="a full name"),
    ],
)
def test_a_pod_on_its_nodes_network_is_found_by_pod_name(
    galera: Knot, tmp_path: Path, text: str, words: list[str]
) -> None:
    pod = Pod(tmp_path, galera.nameserver, name="node-7.example.com", resolv_conf=text, variables=HOST_NETWORK)

    assert pod.run(["-service=galera", "-on-start=cat", *words]).out.split() == fqdn("mysql-0", "mysql-1", "mysql-2")


def test_a_pod_on_its_nodes_network_without_pod_name_is_asked_to_set_it(galera: Knot, tmp_path: Path) -> None:
    ended = Pod(tmp_path, galera.nameserver, name="node-7").run(["-service=galera", "-on-start=cat", "-timeout=2s"])

    assert (ended.status, ended.out) == (6, "")
    assert "our own name node-7.galera.default" in ended.err
    assert "set POD_NAME" in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    "service", ["galera.db", "galera.db.svc", "galera.db.svc.cluster.local", "Galera.db.SVC.Cluster.local."]
)
def test_a_service_may_be_written_as(knot: Knot, tmp_path: Path, service: str) -> None:
    knot.publish(pods("galera", numbered_pods(2), namespace="db"))
    pod = Pod(
        tmp_path,
        knot.nameserver,
        variables={"POD_NAMESPACE": "db"},
        resolv_conf=KUBELET.format(ns="db", zone="cluster.local"),
    )

    ended = pod.run([f"-service={service}", "-on-start=cat"])

    assert ended.out.split() == [f"mysql-{n}.galera.db.svc.cluster.local" for n in range(2)], ended.err


def test_peers_of_another_namespace_are_asked_for_there(knot: Knot, tmp_path: Path) -> None:
    knot.publish(pods("galera", numbered_pods(2), namespace="db"), pods("galera", numbered_pods(1, "other")))
    words = ["-service=galera", "-ns=db", "-on-start=cat"]
    pod = Pod(tmp_path, knot.nameserver, name="backup-0")

    assert pod.run([*words, "-no-require-self"]).out.split() == [
        f"mysql-{n}.galera.db.svc.cluster.local" for n in range(2)
    ]
    waits = pod.run([*words, "-timeout=1s"])
    assert (waits.status, waits.out) == (6, ""), "a pod of another namespace is no peer, and nothing runs unasked"


@pytest.fixture
def ipv6(tmp_path: Path) -> Iterator[Knot]:
    """A name server on port 53 of ::1, in a network of its own."""
    inside = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    with Knot(tmp_path / "knot", address="::1", port=53, prefix=inside) as server:
        yield server


IPV4 = {"mysql-0": "10.0.0.5", "mysql-1": "10.0.0.6"}
IPV6 = {"mysql-0": "fd00::5", "mysql-1": "fd00::6"}

ONLY_IPV6 = KUBELET.format(ns="default", zone="cluster.local").replace("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("families", "kind", "expected"),
    [
        pytest.param([IPV6], "DNS", fqdn("mysql-0", "mysql-1"), id="only IPv6, names"),
        pytest.param([IPV6], "IP", ["fd00::5", "fd00::6"], id="only IPv6, addresses"),
        pytest.param([IPV6], "IPv6", ["fd00::5", "fd00::6"], id="only IPv6, its addresses"),
        pytest.param([IPV4, IPV6], "IP", ["10.0.0.5", "10.0.0.6"], id="both, addresses"),
        pytest.param([IPV4, IPV6], "IPv6", ["fd00::5", "fd00::6"], id="both, IPv6 addresses"),
        pytest.param([IPV4], "IPv4", ["10.0.0.5", "10.0.0.6"], id="only IPv4, by an IPv6 server"),
    ],
)
def test_by_a_name_server_with_an_ipv6_address_a_hook_gets(
    ipv6: Knot, tmp_path: Path, families: list[dict[str, str]], kind: str, expected: list[str]
) -> None:
    ipv6.publish(*(pods("galera", family) for family in families))
    pod = Pod(tmp_path, "", resolv_conf=ONLY_IPV6, network=f"/proc/{ipv6.pid}/ns/net")

    ended = pod.run(["-service=galera", f"-address-type={kind}", "-on-start=cat"])

    assert (ended.status, ended.out.split()) == (0, expected), ended.err


def test_it_waits_for_an_address_of_the_wanted_family_and_logs_the_cure(ipv6: Knot, tmp_path: Path) -> None:
    ipv6.publish(pods("galera", IPV6))
    pod = Pod(tmp_path, "", resolv_conf=ONLY_IPV6, network=f"/proc/{ipv6.pid}/ns/net")

    ended = pod.run(["-service=galera", "-address-type=IPv4", "-on-start=cat", "-timeout=2s"])

    assert (ended.status, ended.out) == (6, "")
    assert "ipFamilies of the Service" in ended.err


def test_a_missing_service_is_logged_with_its_cure_within_seconds(knot: Knot, tmp_path: Path) -> None:
    process = Pod(tmp_path, knot.nameserver).begin(["-service=galera", "-on-start=cat"])
    assert process.stderr
    first, cure = process.stderr.readline(), process.stderr.readline()
    process.terminate()
    end(process)

    assert "knows no name galera.default" in first
    assert "check -service, -ns and -domain" in cure
    assert "publishNotReadyAddresses: true" in cure


def test_a_resolv_conf_that_is_replaced_names_the_servers_from_then_on(tmp_path: Path) -> None:
    """As on a node, whose file a pod with hostNetwork has; a moment without any server changes nothing."""
    inside = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    with Knot(tmp_path / "first", port=53, prefix=inside) as first:
        there = ("nsenter", f"--net=/proc/{first.pid}/ns/net")
        with Knot(tmp_path / "second", address="127.0.0.2", port=53, prefix=there) as second:
            first.publish(pods("galera", numbered_pods(2)))
            second.publish(pods("galera", numbered_pods(3)))
            pod = Pod(tmp_path, "", resolv_conf=NORMAL, network=f"/proc/{first.pid}/ns/net")
            process = pod.begin(["-service=galera", f"-on-change=cat > {tmp_path}/peers", "-interval=0.2"])
            wait_until(lambda: (tmp_path / "peers").exists() and len((tmp_path / "peers").read_text().split()) == 2)
            (tmp_path / "resolv.conf").write_text("")
            asked = first.questions()
            wait_until(lambda: first.questions() > asked + 3)
            (tmp_path / "resolv.conf").write_text(NORMAL.replace("127.0.0.1", "127.0.0.2"))
            wait_until(lambda: len((tmp_path / "peers").read_text().split()) == 3)
            process.terminate()
            ended = end(process)

    assert ended.status == 143
    assert "warning" not in ended.err


@pytest.mark.parametrize("value", ["127.0.0.53:53", "[::1]", "dns.example", "fe80::1%nowhere", ""])
def test_a_line_that_names_no_server_is_logged_and_the_others_are_asked(tmp_path: Path, value: str) -> None:
    inside = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    with Knot(tmp_path / "knot", port=53, prefix=inside) as knot:
        knot.publish(pods("galera", numbered_pods(1)))
        conf = f"nameserver {value}\n{NORMAL}options use-vc\n"
        pod = Pod(tmp_path, "", resolv_conf=conf, network=f"/proc/{knot.pid}/ns/net")
        ended = pod.run(["-service=galera", "-on-start=cat"])
        questions = knot.questions()

    assert (ended.status, len(ended.out.split())) == (0, 1), ended.err
    assert f"resolv.conf: nameserver '{value}' is not an IP address" in ended.err
    assert questions == 0, "all over TCP"


def test_servers_that_were_given_stay_whatever_resolv_conf_says(galera: Knot, tmp_path: Path) -> None:
    process = Pod(tmp_path, galera.nameserver).begin(["-service=galera", f"-on-change=touch {tmp_path}/ran"])
    wait_until((tmp_path / "ran").exists)
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.99\n")
    asked = galera.questions()
    wait_until(lambda: galera.questions() > asked + 2)
    process.terminate()

    assert "warning" not in end(process).err
