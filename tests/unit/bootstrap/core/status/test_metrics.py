"""The metrics, read by the parser of Prometheus' own client library."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from bootstrap.core.decision.decisions import Bootstrap, Hold, Join, RoundResult, Stop, Wait
from bootstrap.core.model.action import Action
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Phase, PodState
from bootstrap.core.model.lifecycle import Lifecycle
from bootstrap.core.obstacles.room import Room
from bootstrap.core.status.counters import Counters
from bootstrap.core.status.metrics.families import KINDS, metrics
from bootstrap.core.status.metrics.server_load import Load
from bootstrap.core.status.metrics.text_format import Family, gauge, render, state_set
from bootstrap.core.status.probes import STALE_S, Details, ProbeView, find_readiness
from bootstrap.core.system_tables.rules import Stage
from tests.paths import ROOT
from tests.support.bootstrap.records import A, B, clusters, examples
from tests.unit.bootstrap.core.status.test_probes import OWN, SYNCED, view

PAGE = ROOT / "docs" / "metrics.md"

COUNTERS = Counters(
    kind="wait", rule="all-heard", since=40.0, decisions={("wait", "all-heard"): 2, ("hold", "own-disk"): 1},
    awaited={2: 70.0}, silent={2: 60.0}, asked={1: 9, 2: 9}, failures={2: 5},
)  # fmt: skip

DETAILS = Details(
    set_name="galera",
    version="1.2.3",
    now=100.0,
    counters=COUNTERS,
    term=7,
    is_promised=True,
    bytes_received=4096,
    ended=5,
    failed_starts=3,
    has_journal_error=False,
    tables=Stage.WAITING,
    failed_upgrades=2,
    load=Load(1.5, 3, 0, 7, 9, 40, 2, 100),
    room=Room(100, 8),
    has_dns=True,
    certificate_until=1799568302.0,
)

WAITING = Lifecycle(starter=True, disk=Disk(DataClass.CRASHED, Position(A, 2**60 + 1)))


def samples(of: ProbeView) -> Iterator[tuple[str, dict[str, str], str]]:
    """Name, labels and value, as Prometheus reads them; the value as text, since a large one is no float."""
    text = metrics(of)
    values = [line.rpartition(" ")[2] for line in text.splitlines() if not line.startswith("#")]
    read = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert len(values) == len(read)
    for sample, value in zip(read, values, strict=True):
        assert float(value) == float(sample.value)
        yield sample.name.removeprefix("galera_bootstrap_"), sample.labels, value


def full(**changes: object) -> ProbeView:
    return view(None, lifecycle=WAITING, result=RoundResult(Wait("all-heard", "x")), details=DETAILS, **changes)


def gauges(of: ProbeView) -> dict[str, str]:
    """The gauges as a reader of the text format understands them."""
    lines = [line for line in metrics(of).splitlines() if not line.startswith("#")]
    return dict(line.removeprefix("galera_bootstrap_").rsplit(" ", 1) for line in lines)


def test_the_gauges_of_a_synced_member() -> None:
    found = gauges(view())
    assert found == {
        "live": "1", "ready": "1", "server_answers": "1", "server_primary": "1", "server_synced": "1",
        "cluster_size": "3", **{f'decision{{kind="{kind}"}}': str(int(kind == "none")) for kind in KINDS},
    }  # fmt: skip


@pytest.mark.parametrize("blind", [view(None), view(observed_ago_s=STALE_S + 1), view(lifecycle=Lifecycle(held=False))])
def test_what_is_not_known_has_no_value(blind: ProbeView) -> None:
    found = gauges(blind)
    assert found["server_answers"] == found["ready"] == "0"
    assert not found.keys() & {"server_primary", "server_synced", "cluster_size"}


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (OWN, "none"),
        (RoundResult(Wait("all-heard", "x")), "wait"),
        (RoundResult(Hold("own-disk", "x")), "hold"),
        (RoundResult(Stop("stuck-server", "x")), "stop"),
        (RoundResult(Join("join", "x"), Action.JOIN), "join"),
        (RoundResult(Bootstrap("all-heard", "x"), Action.BOOTSTRAP), "bootstrap"),
    ],
)
def test_exactly_one_kind_of_decision_is_1(verdict: RoundResult, kind: str) -> None:
    found = gauges(view(result=verdict))
    assert {name for name, value in found.items() if name.startswith("decision") and value == "1"} == {
        f'decision{{kind="{kind}"}}'
    }


def test_every_gauge_has_a_help_and_a_type() -> None:
    lines = metrics(view()).splitlines()
    found = {re.split("[{ ]", line)[0] for line in lines if not line.startswith("#")}
    for what in ("HELP", "TYPE"):
        assert {line.split()[2] for line in lines if line.startswith(f"# {what} ")} == found
    assert metrics(view()).endswith("\n")


@given(clusters())
@examples(100)
def test_the_metrics_without_names_have_none(cluster: list[PodState]) -> None:
    own, *others = cluster
    of = view(own.server or SYNCED, *others)
    found = f"{find_readiness(of)} {metrics(of)}"
    for secret in (A, B, "galera-", "run-", "volume-"):
        assert secret not in found
    assert not re.search(r"[0-9a-f]{8}-", found)


# If METRICS is full.


def test_all_metrics_of_a_waiting_pod() -> None:
    found = {(name, *labels.values()): value for name, labels, value in samples(full())}
    states = {
        key: value for key, value in found.items() if key[0] in ("phase", "datadir_class", "decision", "system_tables")
    }
    assert {key[1] for key, value in states.items() if value == "1"} == {"frozen", "CRASHED", "wait", "waiting"}
    assert {key: value for key, value in found.items() if key not in states} == {
        ("live",): "1", ("ready",): "0", ("server_answers",): "0", ("build_info", "1.2.3"): "1",
        ("cluster_info", A): "1", ("position_seqno",): str(2**60 + 1), ("epoch",): "4", ("term",): "7",
        ("promised",): "1", ("journal_usable",): "1", ("decision_info", "wait", "all-heard"): "1",
        ("decision_seconds",): "60", ("decisions_total", "hold", "own-disk"): "1",
        ("decisions_total", "wait", "all-heard"): "2", ("join_written_bytes",): "4096", ("failed_starts",): "3",
        ("server_ends_total",): "5",
        ("failed_upgrades",): "2", ("volume_size_bytes",): "100", ("volume_free_bytes",): "8",
        ("flow_control_paused_seconds_total",): "1.500", ("flow_control_sent_total",): "3", ("receive_queue",): "0",
        ("failed_certifications_total",): "7", ("aborts_total",): "9",
        ("connections",): "40", ("max_connections",): "100", ("connections_refused_total",): "2",
        ("certificate_expiry_timestamp_seconds",): "1799568302", ("dns_answers",): "1",
        ("exchange_up", "galera-1"): "1", ("exchange_up", "galera-2"): "0",
        ("exchange_requests_total", "galera-1"): "9", ("exchange_requests_total", "galera-2"): "9",
        ("exchange_failures_total", "galera-1"): "0", ("exchange_failures_total", "galera-2"): "5",
        ("waiting_seconds", "galera-2"): "30",
    }  # fmt: skip


def test_a_live_servers_position_counts_more_than_what_was_on_the_disk() -> None:
    found = {(name, *labels.values()): value for name, labels, value in samples(view(details=DETAILS))}
    assert found["position_seqno",] == str(SYNCED.last_committed)
    assert ("datadir_class", "CRASHED") not in found


def test_what_is_not_known_of_a_pod_has_no_sample() -> None:
    blank = DETAILS._replace(bytes_received=None, version="", counters=Counters())
    names = {name for name, _, _ in samples(view(None, lifecycle=Lifecycle(), details=blank))}
    assert not names & {
        "build_info", "cluster_info", "position_seqno", "datadir_class", "join_written_bytes", "exchange_up",
        "waiting_seconds", "decisions_total",
    }  # fmt: skip


@pytest.mark.parametrize("enum", [Phase, DataClass, Stage])
def test_every_state_has_a_series(enum: type[Phase | DataClass | Stage]) -> None:
    """So that none ends when the state changes, and `== 1` finds the one that holds."""
    name = {"Phase": "phase", "DataClass": "datadir_class", "Stage": "system_tables"}[enum.__name__]
    found = {label: value for found, labels, value in samples(full()) if found == name for label in labels.values()}
    assert found.keys() == {member.value for member in enum}
    assert sorted(found.values())[-2:] == ["0", "1"]


def listed(text: str) -> set[str]:
    """The names in the page's tables."""
    return set(re.findall(r"^\| `galera_bootstrap_(\w+?)[`{]", text, re.MULTILINE))


def test_the_page_lists_exactly_the_metrics() -> None:
    found = {name for of in (full(), view(details=DETAILS)) for name, _, _ in samples(of)}
    assert listed(PAGE.read_text()) == found


def test_the_page_shows_which_of_them_are_there_by_default() -> None:
    basic = listed(PAGE.read_text().partition("## The rest")[0])
    assert basic == {name for name, _, _ in samples(view())}


# The format.


@given(st.text(), st.text())
@examples(300)
def test_whatever_stands_in_a_label_or_a_help_comes_back(value: str, about: str) -> None:
    text = render("p", [Family("m", about, (({"a": value, "b": ""}, 1.0),))])
    assert len(text.split("\n")) == 4
    if not re.search(r"[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", value + about):  # the parser splits lines there, too
        (family,) = text_string_to_metric_families(text)
        assert family.samples[0].labels == {"a": value, "b": ""}


def test_a_value_keeps_every_digit() -> None:
    assert render("p", [gauge("m", "x", 2**63 - 1)]).splitlines()[-1] == "p_m 9223372036854775807"
    assert render("p", [gauge("m", "x", 0.12345)]).splitlines()[-1] == "p_m 0.123"


def test_without_a_value_there_is_no_family() -> None:
    assert render("p", [gauge("m", "x", None), state_set("s", "x", "s", ["a"], None), Family("f", "x", ())]) == ""
