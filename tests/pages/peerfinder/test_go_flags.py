"""Each flag of each generation of the Go program, in each notation, behaves as docs/peer-finder-go.md says."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from peerfinder import flags
from peerfinder.commands import find
from peerfinder.errors import ArgsIncompleteError, UsageError
from peerfinder.poll import Plan
from tests.paths import ROOT

PAGE = ROOT / "docs" / "peer-finder-go.md"


class Row(NamedTuple):
    """A row of the page's table."""

    name: str
    generations: tuple[str, ...]
    here: str


def read_rows() -> Iterator[Row]:
    table = PAGE.read_text().partition("## Flag by flag")[2].partition("\n## ")[0]
    head, _, *body = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    for flag, *marks, here in body:
        had = tuple(column.strip() for column, mark in zip(head[1:-1], marks, strict=True) if mark.strip() == "●")
        yield Row(flag.strip(" `-"), had, here.strip())


ROWS = tuple(read_rows())

KEPT: dict[str, tuple[str, Callable[[Plan], object], object]] = {
    "service": ("galera", lambda plan: plan.names.service, "galera"),
    "on-start": (
        '"/work-dir/on-start.sh"',
        lambda plan: plan.on_start and plan.on_start.text,
        '"/work-dir/on-start.sh"',
    ),
    "on-change": ("/on-change.sh", lambda plan: plan.on_change and plan.on_change.text, "/on-change.sh"),
    "ns": ("db", lambda plan: plan.srv_name, "galera.db.svc.cluster.local"),
    "domain": ("iron-cluster", lambda plan: plan.own, ("mysql-0.galera.default.svc.iron-cluster",)),
    "address-type": ("IPv4", lambda plan: plan.address_type, "IPv4"),
    "protocol": ("udp", lambda plan: plan.srv_name, "_mysql._udp.galera.default.svc.cluster.local"),
}
"""Flag -> a value, the place where it goes, and the expected value there."""

BASE = ("-service=galera", "-on-start=x", "-domain=cluster.local")

FORMS = (["-{}={}"], ["--{}={}"], ["-{}", "{}"], ["--{}", "{}"])


def write_flag(form: list[str], name: str, value: str) -> list[str]:
    return [form[0].format(name, value), *(part.format(value) for part in form[1:])]


def make_plan(*words: str) -> Plan:
    values, rest = flags.parse([*BASE, *words], {})
    assert rest == []
    find.check_complete(values, rest)
    return find.make_plan(values, {"POD_NAMESPACE": "default"}, "mysql-0")


def test_the_page_has_every_flag_of_the_go_programs_and_no_other() -> None:
    named = [row.name for row in ROWS]

    assert sorted(named) == sorted({*KEPT, *flags.UNUSED})
    assert all(row.generations for row in ROWS)
    assert {row.name for row in ROWS if row.here.startswith("kept")} == set(KEPT)
    assert {row.name for row in ROWS if row.here.startswith("warned")} == set(flags.UNUSED)


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("name", KEPT)
def test_a_flag_that_is_kept_does_what_it_did(name: str, form: list[str]) -> None:
    value, place, expected = KEPT[name]

    assert place(make_plan(*write_flag(form, name, value))) == expected
    assert place(make_plan()) != expected or name == "service", "only the flag has this effect"


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("name", [name for name, has_value in flags.UNUSED.items() if has_value])
def test_a_flag_without_effect_takes_its_value_and_nothing_else(name: str, form: list[str]) -> None:
    assert make_plan(*write_flag(form, name, "-3")) == make_plan()


@pytest.mark.parametrize("form", [["-{}"], ["--{}"], ["-{}=true"], ["-{}=false"]], ids=" ".join)
@pytest.mark.parametrize("name", [name for name, has_value in flags.UNUSED.items() if not has_value])
def test_a_switch_without_effect_takes_no_value(name: str, form: list[str]) -> None:
    assert make_plan(form[0].format(name), "-domain=k8s.lab") == make_plan("-domain=k8s.lab")


VALUES: list[tuple[str, str, str]] = [
    ("domain", "Cluster.Local.", "cluster.local"),
    ("ns", "", "default"),
    ("ns", "Db.", "db"),
    ("service", "GALERA", "galera"),
    *(("address-type", value, value) for value in ("DNS", "IP", "IPv4", "IPv6")),
    ("address-type", "", "DNS"),
    *(
        ("protocol", value, "")
        for value in (" ", "$(PEER_LIST_SRV_PROTOCOL)", " $(PEER_LIST_SRV_PROTOCOL) ", "$(X.y-z)")
    ),
    *(("protocol", value, "tcp") for value in ("tcp", "TCP", "Tcp", " tcp ", "tcp\n")),
    *(("protocol", value, "udp") for value in ("udp", "UDP", "\tudp")),
]
"""Flag, a value that some Go program takes or that a manifest may have, the plain value that means the same."""


@pytest.mark.parametrize(("name", "value", "plain"), VALUES)
def test_a_value_of_the_go_programs_means_the_same(name: str, value: str, plain: str) -> None:
    assert make_plan(f"-{name}={value}") == make_plan(f"-{name}={plain}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("address-type", "dns"), ("protocol", "sctp"), ("protocol", "$(A)tcp"), ("service", " galera"), ("ns", "d b")],
)
def test_a_value_with_which_a_go_program_fails_or_waits_forever_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError):
        make_plan(f"-{name}={value}")


@pytest.mark.parametrize("name", ["on-start", "on-change"])
def test_a_hook_of_blanks_is_none(name: str) -> None:
    values, _ = flags.parse(["-service=galera", f"-{name}= "], {})
    with pytest.raises(ArgsIncompleteError):
        find.check_complete(values, [])


GENERATIONS = sorted({generation for row in ROWS for generation in row.generations})


@pytest.mark.parametrize("generation", GENERATIONS)
def test_of_all_flags_of_a_generation_only_the_kept_ones_have_an_effect(generation: str) -> None:
    had = [row.name for row in ROWS if generation in row.generations]
    kept = [f"-{name}={KEPT[name][0]}" for name in had if name in KEPT]
    unused = [f"-{name}=1" for name in had if name in flags.UNUSED]

    assert make_plan(*unused, *kept) == make_plan(*kept)


@pytest.mark.parametrize("words", [("-selector=app=mysql",), ("-selector", "app=mysql", "-on-start=x")])
def test_a_selector_without_a_service_is_refused_with_an_explanation(words: tuple[str, ...]) -> None:
    values, rest = flags.parse(words, {})
    with pytest.raises(ArgsIncompleteError, match=r"list and watch pods.*headless Service with that selector"):
        find.check_complete(values, rest)
