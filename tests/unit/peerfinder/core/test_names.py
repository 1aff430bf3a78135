"""The names of a Service, and the cluster domain as a pod's resolver would see it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerfinder.core.names import Names, build_names, find_cluster_domain, find_namespace, parse_search_list
from peerfinder.core.peers import is_name
from peerfinder.errors import AnswerInvalidError, DomainUnknownError, PeerFinderError, UsageError

GALERA = Names("galera", "default", "cluster.local")

NORMAL = "nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        pytest.param(NORMAL, "cluster.local", id="what the kubelet writes"),
        pytest.param(NORMAL.replace("\n", "\r\n"), "cluster.local", id="CRLF"),
        pytest.param(NORMAL.replace(" ", "\t"), "cluster.local", id="tabs"),
        pytest.param(NORMAL.removesuffix("options ndots:5\n").rstrip(), "cluster.local", id="no final newline"),
        pytest.param("\ufeffsearch default.svc.k8s.lab", "k8s.lab", id="a byte order mark"),
        pytest.param(
            "search default.svc.iron-cluster svc.iron-cluster", "iron-cluster", id="a hyphen in the last label"
        ),
        pytest.param("search default.svc.k8s.x", "k8s.x", id="a last label of one letter"),
        pytest.param("search default.svc.k", "k", id="a domain of one letter"),
        pytest.param("search default.svc.cluster.local. cluster.local.", "cluster.local", id="final dots"),
        pytest.param("search DEFAULT.SVC.Cluster.Local", "cluster.local", id="upper case"),
        pytest.param("search svc.cluster.local", "cluster.local", id="no entry with a namespace"),
        pytest.param(
            "search default.svc.cluster.local svc-prod.example.com", "cluster.local", id="a node's domain svc-prod"
        ),
        pytest.param(
            "search svc.prod.example.com default.svc.cluster.local",
            "cluster.local",
            id="a node's domain svc.prod first",
        ),
        pytest.param(
            "search other.svc.old.zone default.svc.cluster.local", "cluster.local", id="another namespace's entry first"
        ),
        pytest.param("search other.svc.cluster.local", "cluster.local", id="only another namespace, for -ns"),
        pytest.param(
            "search default.svc.old.zone\nsearch default.svc.cluster.local", "cluster.local", id="two search lines"
        ),
        pytest.param(
            "search default.svc.cluster.local\n# search default.svc.x.y\n;search default.svc.x.z",
            "cluster.local",
            id="commented-out search lines after it",
        ),
        pytest.param("search default.svc.cluster.local # a svc.x.y", "cluster.local", id="a comment on the line"),
        pytest.param(
            "search default.svc.cluster.local\noptions ndots:5 svc.x.y", "cluster.local", id="svc on another line"
        ),
        pytest.param(
            f"search a..b {'l' * 64}.svc.x . _x.svc.y default.svc.cluster.local",
            "cluster.local",
            id="bad entries first",
        ),
        pytest.param("  search default.svc.cluster.local", "cluster.local", id="a leading blank, as Go's resolver"),
        pytest.param(
            f"search {' '.join(f'd{n}.example.com' for n in range(31))} default.svc.cluster.local",
            "cluster.local",
            id="32 entries",
        ),
        pytest.param("search default.svc.xn--bcher-kva.example", "xn--bcher-kva.example", id="an IDN zone"),
        pytest.param("domain default.svc.cluster.local", "cluster.local", id="the domain keyword"),
    ],
)
def test_the_cluster_domain_is_read_from(text: str, domain: str) -> None:
    assert find_cluster_domain(text, "default") == domain


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty file"),
        pytest.param("nameserver 10.0.0.2\nsearch example.com\n", id="a node's search list (hostNetwork)"),
        pytest.param("search", id="an empty search line"),
        pytest.param("search .", id="the root"),
        pytest.param("search default.svc.my_cluster.local", id="an underscore in the domain"),
        pytest.param("search svc-prod.example.com", id="svc as a part of a label"),
        pytest.param("search mysvc.example.com", id="svc as the end of a label"),
        pytest.param("search default.svc", id="nothing after svc"),
        pytest.param("search default.svc.cluster.local\nsearch example.com", id="a later search line without svc"),
        pytest.param("SEARCH default.svc.cluster.local", id="a keyword no resolver knows"),
        pytest.param("searching default.svc.cluster.local", id="a longer keyword"),
    ],
)
def test_the_cluster_domain_is_unknown_from(text: str) -> None:
    with pytest.raises(DomainUnknownError, match="-domain"):
        find_cluster_domain(text, "default")


@given(st.text(alphabet=st.sampled_from("abAB019-._ \t\r\n#;") | st.characters(), max_size=200))
def test_any_resolv_conf_gives_a_domain_or_the_error(text: str) -> None:
    try:
        assert is_name(find_cluster_domain(f"search {text}", "default"))
    except DomainUnknownError as exc:
        message = str(exc)
        assert message.isascii()


@given(st.text(max_size=200), st.integers(0, 5))
def test_other_lines_do_not_change_the_domain(noise: str, position: int) -> None:
    lines = [f"# {line}" for line in noise.split("\n")]
    lines.insert(min(position, len(lines)), "search default.svc.cluster.local")

    assert find_cluster_domain("\n".join(lines), "default") == "cluster.local"


def test_the_namespace_is_found_in_the_search_list() -> None:
    assert find_namespace("search db.svc.cluster.local svc.cluster.local") == "db"


def test_a_search_list_without_namespace_asks_for_the_flag() -> None:
    with pytest.raises(DomainUnknownError, match="-ns"):
        find_namespace("search svc.cluster.local")


def test_the_last_search_line_counts() -> None:
    assert parse_search_list("search a.x b.x\nsearch c.x\n") == ("c.x",)


@pytest.mark.parametrize(
    ("service", "namespace", "domain", "suffix"),
    [
        pytest.param("galera", "", "", "galera.default.svc.cluster.local", id="everything from resolv.conf"),
        pytest.param("galera", "db", "", "galera.db.svc.cluster.local", id="another namespace"),
        pytest.param("galera", "db", "k8s.lab.", "galera.db.svc.k8s.lab", id="flags"),
        pytest.param("galera.db", "", "", "galera.db.svc.cluster.local", id="a service with its namespace"),
        pytest.param("galera.db.svc", "", "", "galera.db.svc.cluster.local", id="a service as far as svc"),
        pytest.param("Galera.DB.svc.k8s.lab.", "", "", "galera.db.svc.k8s.lab", id="a full name"),
        pytest.param("galera.db", "db", "", "galera.db.svc.cluster.local", id="the same namespace twice"),
    ],
)
def test_names_are_completed_from(service: str, namespace: str, domain: str, suffix: str) -> None:
    assert build_names(service, namespace, domain, NORMAL).suffix == suffix


@pytest.mark.parametrize(
    ("service", "namespace", "domain"),
    [
        pytest.param("galera.db", "default", "", id="two namespaces"),
        pytest.param("galera.db.svc.k8s.lab", "", "cluster.local", id="two domains"),
        pytest.param("galera.db.pod.k8s.lab", "", "", id="a long name that is no Service's"),
        pytest.param("gal era", "", "", id="a blank in the service"),
        pytest.param("-galera", "", "", id="a leading hyphen"),
        pytest.param("galera", "de.fault", "", id="a dot in the namespace"),
        pytest.param("galera", "", "cluster..local", id="an empty label in the domain"),
        pytest.param("galera", "", "my_cluster.local", id="an underscore in the domain"),
    ],
)
def test_a_name_is_refused_for(service: str, namespace: str, domain: str) -> None:
    with pytest.raises(UsageError):
        build_names(service, namespace, domain, NORMAL)


def test_the_pods_own_namespace_counts_last_and_contradicts_nothing() -> None:
    assert build_names("galera", "", "", NORMAL, "web").suffix == "galera.web.svc.cluster.local"
    assert build_names("galera", "db", "", NORMAL, "web").suffix == "galera.db.svc.cluster.local"
    assert build_names("galera.db", "", "", NORMAL, "web").suffix == "galera.db.svc.cluster.local"


def test_a_service_whose_name_leaves_no_room_for_a_pod_is_refused() -> None:
    room = 251 - len("galera.default.svc.")
    domain = ".".join(["a"] * 200)[:room]

    assert len(build_names("galera", "default", domain[:-1] + "a", "").suffix) == 251
    with pytest.raises(UsageError, match="too long"):
        build_names("galera", "default", domain[:-1] + "aa", "")


@pytest.mark.parametrize("port", ["_mysql", "a b", "a..b", "x" * 64])
def test_a_port_is_a_label(port: str) -> None:
    with pytest.raises(UsageError, match="port name"):
        GALERA.srv_name(port)


def test_with_service_namespace_and_domain_resolv_conf_is_not_needed() -> None:
    assert build_names("galera", "db", "k8s.lab", "") == Names("galera", "db", "k8s.lab")


def test_a_pod_is_named_by_the_first_label_of_its_host_name_in_any_case() -> None:
    assert GALERA.pod_fqdn("MySQL-0.galera.default.svc.cluster.local") == "mysql-0.galera.default.svc.cluster.local"


def test_the_question_names_a_port_on_request() -> None:
    assert GALERA.srv_name() == "galera.default.svc.cluster.local"
    assert GALERA.srv_name("mysql") == "_mysql._tcp.galera.default.svc.cluster.local"


def test_ports_of_a_pod_collapse_and_case_does_not_count() -> None:
    assert GALERA.validate_targets([f"MySQL-0.{GALERA.suffix}.", f"mysql-0.{GALERA.suffix}."]) == (
        f"mysql-0.{GALERA.suffix}",
    )


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("mysql-0.evil.example.", id="another zone"),
        pytest.param("mysql-0.galera.other.svc.cluster.local.", id="another namespace"),
        pytest.param("galera.default.svc.cluster.local.", id="the Service itself"),
        pytest.param("a.b.galera.default.svc.cluster.local.", id="two labels below the Service"),
        pytest.param("xgalera.default.svc.cluster.local.", id="a suffix that is no whole label"),
        pytest.param("_x.galera.default.svc.cluster.local.", id="an underscore"),
        pytest.param(f"{'a' * 64}.galera.default.svc.cluster.local.", id="a label of 64"),
        pytest.param(".", id="the root: the service is decidedly not there"),
        pytest.param("", id="nothing"),
    ],
)
def test_one_foreign_target_refuses_the_whole_answer(target: str) -> None:
    with pytest.raises(AnswerInvalidError, match="as a whole"):
        GALERA.validate_targets([f"mysql-0.{GALERA.suffix}.", target])


@given(st.lists(st.text(max_size=80) | st.just(f"mysql-0.{GALERA.suffix}.")))
def test_accepted_targets_are_peers_of_the_service(targets: list[str]) -> None:
    try:
        found = GALERA.validate_targets(targets)
    except PeerFinderError as exc:
        message = str(exc)
        assert "\n" not in message
        assert len(message) < 400
    else:
        assert all(is_name(name) and name.endswith(f".{GALERA.suffix}") for name in found)
