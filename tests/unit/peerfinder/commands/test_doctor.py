"""`peer-finder doctor SERVICE`: each mistake is made for real at a name server, and recognised."""

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from tests.dns.knot import Knot, free_port, numbered_pods, pods
from tests.dns.liar import Liar, answer, framed, status
from tests.support.peerfinder.pod import KUBELET, Pod, needs_root
from tests.support.peerfinder.program import PROGRAM, SUFFIX, Ended, fqdn

pytestmark = pytest.mark.knot

VERSION = ['dns-version 5 TXT "1.1.0"']
"""What each cluster DNS says of itself."""


def doctor(*words: str, nameserver: str, pod: str = "mysql-0", **variables: str) -> Ended:
    done = subprocess.run(
        [PROGRAM, "doctor", *words, "--nameserver", nameserver],
        env={"PATH": os.environ["PATH"], "POD_NAME": pod, "POD_NAMESPACE": "default"} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def read_codes(ended: Ended) -> set[str]:
    """Return the codes of the findings, hints about this machine's own search list left out."""
    return {line.split()[1].rstrip(":") for line in ended.out.splitlines() if line.startswith(("PROBLEM", "hint"))} - {
        "search-list"
    }


GALERA = ("galera", "--domain=cluster.local")


def test_with_nothing_wrong_it_says_so(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(3)), VERSION)

    ended = doctor(*GALERA, nameserver=knot.nameserver)

    assert (ended.status, read_codes(ended)) == (0, set())
    assert "3 peers" in ended.out


@pytest.mark.parametrize(
    ("records", "pod", "code"),
    [
        pytest.param([], "mysql-0", "no-service", id="no such Service, or nothing ready"),
        pytest.param(pods("galera", numbered_pods(3), ports=[]), "mysql-0", "no-ports", id="no port"),
        pytest.param(
            ["galera.default.svc 5 A 10.96.0.7", f"galera.default.svc 5 SRV 0 100 3306 {SUFFIX}."],
            "mysql-0", "not-headless", id="a cluster IP",
        ),
        pytest.param(
            pods("galera", {"10-244-0-5": "10.244.0.5", "10-244-0-6": "10.244.0.6"}),
            "mysql-0", "no-hostname", id="a wrong serviceName",
        ),
        pytest.param(
            pods("galera", {"fd00--1": "fd00::1", "fd00--2": "fd00::2"}),
            "mysql-0", "no-hostname", id="a wrong serviceName with IPv6",
        ),
        pytest.param(pods("galera", numbered_pods(2)), "mysql-2", "own-missing", id="not ready and not published"),
        pytest.param(pods("galera", numbered_pods(2)), "node-7", "own-missing", id="hostNetwork"),
        pytest.param(
            [*pods("galera", numbered_pods(1)), "galera.default.svc 5 SRV 0 0 1 mysql.example.com."],
            "mysql-0", "foreign-name", id="a foreign record",
        ),
        pytest.param(
            [*pods("galera", numbered_pods(2)), "galera.default.svc 5 A 10.9.9.9"],
            "mysql-0", "addresses-differ", id="an address that no peer has",
        ),
    ],
)  # fmt: skip
def test_it_recognises(knot: Knot, records: Sequence[str], pod: str, code: str) -> None:
    knot.publish(records, VERSION)

    ended = doctor(*GALERA, nameserver=knot.nameserver, pod=pod)

    assert read_codes(ended) == {code}
    assert ended.status == (code != "addresses-differ")
    assert "  cause  " in ended.out
    assert "  cure   " in ended.out


def test_it_recognises_a_port_that_the_service_has_not(galera: Knot) -> None:
    right = doctor(*GALERA, "--port-name=mysql", nameserver=galera.nameserver)
    wrong = doctor(*GALERA, "--port-name=web", nameserver=galera.nameserver)

    assert read_codes(right) == read_codes(doctor(*GALERA, nameserver=galera.nameserver))
    assert read_codes(wrong) == read_codes(right) | {"no-ports"}
    assert "-port-name" in wrong.out


def test_the_cause_of_our_missing_name_depends_on_the_other_peers(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(2)), VERSION)

    assert "publishNotReadyAddresses" in doctor(*GALERA, nameserver=knot.nameserver, pod="mysql-2").out
    assert "serviceName" in doctor(*GALERA, nameserver=knot.nameserver, pod="other-0").out
    assert doctor(*GALERA, "--no-require-self", nameserver=knot.nameserver, pod="proxy").status == 0


def test_it_recognises_a_wrong_domain_at_the_servers_of_that_name(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(3)))

    ended = doctor("galera", "--domain=lab.cluster.local", nameserver=knot.nameserver)

    assert read_codes(ended) == {"domain-wrong", "no-service"}


def test_it_recognises_a_server_of_other_zones(galera: Knot) -> None:
    ended = doctor("galera", "--domain=iron-cluster", nameserver=galera.nameserver)

    assert (ended.status, read_codes(ended)) == (1, {"zone-refused"})


@pytest.mark.parametrize(
    ("fault", "code"), [("freeze", "server-silent"), ("stop", "server-unreachable"), ("fail", "server-fails")]
)
def test_it_recognises_a_server_that(galera: Knot, fault: str, code: str) -> None:
    getattr(galera, fault)()

    ended = doctor(*GALERA, "--timeout=500ms", nameserver=galera.nameserver)
    if fault == "freeze":
        galera.thaw()

    assert (ended.status, read_codes(ended)) == (1, {code})


def test_it_recognises_one_dead_server_among_others(galera: Knot) -> None:
    dead = f"127.0.0.1:{free_port('127.0.0.1')}"

    ended = doctor(*GALERA, nameserver=f"{dead},{galera.nameserver}")

    assert read_codes(ended) == {"server-unreachable"}
    assert f"PROBLEM server-unreachable: {dead} cannot be asked: Connection refused" in ended.out
    assert "kubectl -n kube-system get pods -l k8s-app=kube-dns" in ended.out


def test_it_recognises_two_servers_that_disagree(knot: Knot, tmp_path: Path) -> None:
    knot.publish(pods("galera", numbered_pods(3)), VERSION)
    with Knot(tmp_path / "other") as other:
        other.publish(pods("galera", numbered_pods(2)), VERSION)
        ended = doctor(*GALERA, nameserver=f"{knot.nameserver},{other.nameserver}")

    assert (ended.status, read_codes(ended)) == (0, {"servers-disagree"})
    assert "mysql-2" in ended.out


Answers = Iterable[bytes | float]


def make_liar(srv: Sequence[Sequence[str]], **more: bool) -> Liar:
    """Serve the peers, each time the next of these sets; *more* says what else goes wrong."""
    asked: list[int] = []

    def lie(query: dns.message.Message, over_tcp: bool) -> Answers:
        if query.question[0].rdtype != dns.rdatatype.SRV:
            return [status(query, dns.rcode.NXDOMAIN if more.get("nothing") else dns.rcode.NOERROR)]
        if over_tcp and more.get("no_tcp"):
            return []
        if over_tcp and more.get("cut"):
            return [framed(answer(query, srv[0], truncated=True))]
        asked.append(1)
        wire = answer(query, srv[len(asked) % len(srv)], truncated=not over_tcp and bool(more.get("long")))
        return [*([1.2] if more.get("slow") else []), framed(wire) if over_tcp else wire]

    return Liar(lie)


@pytest.mark.parametrize(
    ("liar", "code", "problem"),
    [
        (make_liar([fqdn("mysql-0", "mysql-1"), fqdn("mysql-0")]), "replicas-disagree", False),
        (make_liar([fqdn("mysql-0")], no_tcp=True), "tcp-blocked", False),
        (make_liar([fqdn("mysql-0")], long=True, no_tcp=True), "tcp-blocked", True),
        (make_liar([fqdn("mysql-0")], long=True, cut=True), "answer-too-long", True),
        (make_liar([fqdn("mysql-0")], slow=True), "slow", False),
    ],
    ids=["replicas that disagree", "TCP blocked", "TCP blocked and needed", "an answer too long", "a slow server"],
)
def test_it_recognises_at_a_lying_server(liar: Liar, code: str, problem: bool) -> None:
    with liar:
        ended = doctor(*GALERA, nameserver=liar.nameserver)

    assert (read_codes(ended), ended.status) == ({code}, problem)


def test_a_hostile_name_reaches_no_terminal() -> None:
    hostile = (b"a\x1b[2J?pc.ignore_sb=true", *SUFFIX.encode().split(b"."))

    with Liar(lambda query, tcp: [(framed if tcp else bytes)(answer(query, [*fqdn("mysql-0"), hostile]))]) as liar:
        ended = doctor(*GALERA, nameserver=liar.nameserver)

    assert "foreign-name" in read_codes(ended)
    assert ended.out.isascii()
    assert "\x1b" not in ended.out


def test_it_recognises_that_a_missing_name_is_remembered_for_long() -> None:
    def lie(query: dns.message.Message, over_tcp: bool) -> Answers:
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.authority.append(dns.rrset.from_text("cluster.local.", 60, "IN", "SOA", "ns. root. 1 7200 1800 86400 30"))
        return [framed(reply.to_wire()) if over_tcp else reply.to_wire()]

    with Liar(lie) as liar:
        ended = doctor(*GALERA, nameserver=liar.nameserver)

    assert read_codes(ended) == {"domain-wrong", "no-service", "negative-cache"}
    assert "30 s" in ended.out


@needs_root
@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        pytest.param(KUBELET.format(ns="default", zone="cluster.local"), {"search-list"}, id="of the kubelet"),
        pytest.param("nameserver 127.0.0.1\nsearch example.com\n", {"domain-unknown"}, id="of a node"),
        pytest.param("", {"domain-unknown"}, id="empty"),
        pytest.param("search default.svc.cluster.local\noptions ndots:x\n", set(), id="with nonsense"),
        pytest.param("nameserver 10.96.0.10:53\nsearch default.svc.cluster.local\n", set(), id="with a port"),
    ],
)
def test_it_reads_a_resolv_conf(knot: Knot, tmp_path: Path, conf: str, expected: set[str]) -> None:
    knot.publish(pods("galera", numbered_pods(3)), VERSION)

    ended = Pod(tmp_path, knot.nameserver, resolv_conf=conf).run(["doctor", "galera", "-o", "json"])

    assert {finding["code"] for finding in json.loads(ended.out)["findings"]} == expected
    assert ended.status == ("domain-unknown" in expected)


def make_pod(folder: Path, knot: Knot | None, conf: str, **variables: str) -> Pod:
    return Pod(folder, knot.nameserver if knot else "", resolv_conf=conf, variables=variables)


IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "POD_NAMESPACE": "default"}


@needs_root
def test_outside_of_a_pod_its_first_line_says_so_and_nothing_else_is_a_problem(tmp_path: Path) -> None:
    laptop = "nameserver 127.0.0.53\nsearch home.example\n"

    ended = make_pod(tmp_path, None, laptop, POD_NAMESPACE="db").run(["doctor", "galera"])
    without = make_pod(tmp_path, None, laptop).run(["doctor", "galera"])

    assert (ended.status, read_codes(ended)) == (1, {"not-a-pod"})
    assert ended.out.startswith("this does not look like a pod")
    assert "kubectl -n db exec POD -- peer-finder doctor galera" in ended.out
    assert without.status == 3
    assert without.err.startswith("peer-finder: this does not look like a pod")


@needs_root
def test_a_pod_with_the_nodes_resolv_conf_is_a_pod(tmp_path: Path) -> None:
    host_network = make_pod(tmp_path, None, "nameserver 127.0.0.1\nsearch example.com\n", **IN_A_POD)

    assert read_codes(host_network.run(["doctor", "galera"])) == {"domain-unknown", "server-unreachable"}


@needs_root
@pytest.mark.parametrize(
    ("value", "codes"),
    [
        ("127.0.0.53:53", {"nameserver-unusable", "server-unreachable"}),
        ("[::1]", {"nameserver-unusable", "server-unreachable"}),
        ("127.0.0.1\nnameserver dns.example", {"nameserver-unusable", "server-unreachable"}),
    ],
)
def test_it_shows_a_name_server_that_is_no_address(tmp_path: Path, value: str, codes: set[str]) -> None:
    conf = f"nameserver {value}\nsearch default.svc.cluster.local svc.cluster.local\n"

    ended = make_pod(tmp_path, None, conf, **IN_A_POD).run(["doctor", "galera"])

    assert read_codes(ended) == codes
    assert f"nameserver '{value.rsplit(maxsplit=1)[-1]}' is not an IP address" in ended.out


@needs_root
def test_an_unusable_line_beside_a_usable_one_is_a_hint(tmp_path: Path) -> None:
    conf = "nameserver 127.0.0.1:53\nnameserver 127.0.0.1\nsearch default.svc.cluster.local\n"

    ended = make_pod(tmp_path, None, conf, **IN_A_POD).run(["doctor", "galera"])

    assert "hint nameserver-unusable" in ended.out
    assert "so 127.0.0.1 is asked" not in ended.out


@needs_root
def test_the_hint_about_the_search_list_comes_alone_or_on_request(knot: Knot, tmp_path: Path) -> None:
    conf = KUBELET.format(ns="default", zone="cluster.local")
    pod = make_pod(tmp_path, knot, conf, **IN_A_POD)
    knot.publish(pods("galera", numbered_pods(2)), VERSION)
    healthy = pod.run(["doctor", "galera"])
    knot.publish(VERSION)

    assert "hint search-list" in healthy.out
    assert "search-list" not in pod.run(["doctor", "galera"]).out
    assert "hint search-list" in pod.run(["doctor", "galera", "--all"]).out


@needs_root
def test_it_names_pod_name_where_neither_that_nor_the_host_name_is_a_peer(galera: Knot, tmp_path: Path) -> None:
    conf = KUBELET.format(ns="default", zone="cluster.local")
    galera.publish(pods("galera", numbered_pods(3)), VERSION)
    words = ["doctor", "galera"]

    other = Pod(tmp_path, galera.nameserver, "web", conf, {**IN_A_POD, "POD_NAME": "web-6d5f7c9b8-x2x4z"}).run(words)
    by_host_name = Pod(tmp_path, galera.nameserver, "mysql-1", conf, {**IN_A_POD, "POD_NAME": "web-6d5"}).run(words)
    by_pod_name = Pod(tmp_path, galera.nameserver, "node-7", conf, {**IN_A_POD, "POD_NAME": "mysql-1"}).run(words)

    assert read_codes(other) == {"own-missing"}
    assert "nor is POD_NAME's web-6d5f7c9b8-x2x4z.galera" in other.out
    for found in (by_host_name, by_pod_name):
        assert (found.status, read_codes(found)) == (0, set()), found.out
        assert f"our name  mysql-1.{SUFFIX}" in found.out


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NXDOMAIN"])
def test_it_recognises_a_wrong_domain_whatever_the_server_says_of_foreign_zones(rcode: str) -> None:
    """Without an upstream, as in a cluster without a way out, CoreDNS answers SERVFAIL."""

    def lie(query: dns.message.Message, over_tcp: bool) -> Answers:
        question = query.question[0]
        reply = dns.message.make_response(query)
        if question.name.to_text() == "dns-version.cluster.local.":
            reply.answer.append(dns.rrset.from_text(question.name, 5, "IN", "TXT", '"1.1.0"'))
        else:
            reply.set_rcode(dns.rcode.from_text(rcode))
        return [framed(reply.to_wire()) if over_tcp else reply.to_wire()]

    with Liar(lie) as liar:
        ended = doctor("galera", "--domain=k8s.lab", nameserver=liar.nameserver)

    assert "domain-wrong" in read_codes(ended)
    assert not read_codes(ended) & {"server-fails", "zone-refused"}
    assert "set -domain=cluster.local" in ended.out


def test_it_recognises_a_server_that_answers_over_tcp_only() -> None:
    with Liar(lambda query, tcp: [framed(answer(query, fqdn("mysql-0")))] if tcp else []) as liar:
        ended = doctor(*GALERA, "--timeout=500ms", nameserver=liar.nameserver)

    assert (ended.status, read_codes(ended)) == (1, {"udp-blocked"})


def test_the_cure_for_a_missing_service_works_when_it_is_pasted(knot: Knot) -> None:
    knot.publish(VERSION)

    out = doctor(*GALERA, nameserver=knot.nameserver).out

    assert "kubectl -n default get service galera;" in out
    assert "kubectl -n default get endpointslices -l kubernetes.io/service-name=galera" in out


@pytest.mark.parametrize(
    "words",
    [
        ("-ns=db", "-domain=cluster.local"),
        ("-ns", "db", "-domain", "cluster.local"),
        ("--ns=db", "--domain=cluster.local"),
    ],
)
@pytest.mark.parametrize("command", ["doctor", "peers"])
def test_options_have_one_dash_or_two(knot: Knot, command: str, words: Sequence[str]) -> None:
    knot.publish(pods("galera", numbered_pods(1), namespace="db"), VERSION)

    done = subprocess.run(
        [PROGRAM, command, "galera", *words, "-nameserver", knot.nameserver, "-o", "json"],
        env={"PATH": os.environ["PATH"], "POD_NAME": "mysql-0"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "mysql-0.galera.db.svc.cluster.local" in done.stdout


def test_one_peer_is_no_peers(knot: Knot) -> None:
    knot.publish(pods("galera", numbered_pods(1)), VERSION)

    assert ": 1 peer in " in doctor(*GALERA, nameserver=knot.nameserver).out


def test_json_says_by_which_schema_it_is_read(knot: Knot) -> None:
    ended = doctor(*GALERA, "-o", "json", nameserver=knot.nameserver)
    printed = json.loads(ended.out)

    assert printed["schema"] == "peerfinder.doctor/v1"
    assert printed["findings"][0].keys() == {"code", "problem", "what", "cause", "cure"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a b", "--domain=x"], "not a DNS label"),
        (["galera", "--domain=x", "--timeout=x"], "a time such as"),
        ([], "Missing argument"),
    ],
    ids=["a bad name", "a bad time", "no service"],
)
def test_usage_errors_are_2(words: list[str], says: str) -> None:
    ended = doctor(*words, nameserver="127.0.0.1:5")

    assert ended.status == 2
    assert says in ended.err
