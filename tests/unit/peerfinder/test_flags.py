"""Flags are read as Go reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerfinder import flags
from peerfinder.commands import find
from peerfinder.errors import ArgsIncompleteError, UsageError
from peerfinder.flags import (
    FLAGS,
    HelpRequestedError,
    VersionRequestedError,
    format_usage,
    parse,
    parse_duration,
    read_boolean,
    read_integer,
)

WITH_VALUE = [flag.name for flag in FLAGS if flag.metavar]
WITHOUT_VALUE = [flag.name for flag in FLAGS if not flag.metavar]


@pytest.mark.parametrize("name", WITH_VALUE)
@pytest.mark.parametrize("form", [["-{}=x"], ["-{}", "x"], ["--{}=x"], ["--{}", "x"]], ids=" ".join)
def test_a_flag_is_written_as(form: list[str], name: str) -> None:
    assert parse([word.format(name) for word in form], {}) == ({name: "x"}, [])


@pytest.mark.parametrize("name", WITHOUT_VALUE)
def test_a_flag_without_value_takes_no_second_word(name: str) -> None:
    assert parse([f"-{name}", "false"], {}) == ({name: "true"}, ["false"])
    assert parse([f"-{name}=false"], {}) == ({name: "false"}, [])


@pytest.mark.parametrize(
    ("words", "values", "rest"),
    [
        pytest.param(["-service=a", "-service=b"], {"service": "b"}, [], id="the last of several counts"),
        pytest.param(["-service=a", "x", "-ns=b"], {"service": "a"}, ["x", "-ns=b"], id="a word ends the flags"),
        pytest.param(["-service=a", "--", "-ns=b"], {"service": "a"}, ["-ns=b"], id="two dashes end the flags"),
        pytest.param(["-service=a", "-", "-ns=b"], {"service": "a"}, ["-", "-ns=b"], id="one dash is a word"),
        pytest.param(["-service", "-ns"], {"service": "-ns"}, [], id="a value may begin with a dash"),
        pytest.param(["-on-start=a=b"], {"on-start": "a=b"}, [], id="a value may hold an equals sign"),
        pytest.param(["-on-start="], {"on-start": ""}, [], id="a value may be empty"),
        pytest.param(['-on-start="/x y"'], {"on-start": '"/x y"'}, [], id="quotes in a value are the shell's"),
        pytest.param([], {}, [], id="no words"),
    ],
)
def test_words_are_read_so_that(words: list[str], values: dict[str, str], rest: list[str]) -> None:
    assert parse(words, {}) == (values, rest)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["-serv=a"], "not defined: -serv", id="an abbreviation"),
        pytest.param(["-unknown"], "not defined: -unknown", id="an unknown flag"),
        pytest.param(["-service"], "needs an argument: -service", id="a missing value"),
        pytest.param(["---service=a"], "bad flag syntax", id="three dashes"),
        pytest.param(["-=a"], "bad flag syntax", id="no name"),
    ],
)
def test_a_usage_error_is(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(words, {})


@pytest.mark.parametrize("word", ["-h", "-help", "--help", "--h", "-h=x"])
def test_help_is_asked_by(word: str) -> None:
    with pytest.raises(HelpRequestedError):
        parse([word], {})


@pytest.mark.parametrize("flag", FLAGS, ids=[flag.name for flag in FLAGS])
def test_every_flag_has_a_variable_and_beats_it(flag: flags.Flag) -> None:
    assert parse([], {flag.variable: "x"}) == ({flag.name: "x"}, [])
    assert parse([f"-{flag.name}=y"], {flag.variable: "x"}) == ({flag.name: "y"}, [])
    assert parse([], {flag.variable: ""}) == ({}, [])


def test_the_variables_of_a_kubernetes_service_named_peerfinder_are_none_of_ours() -> None:
    links = {"PEERFINDER_SERVICE_HOST", "PEERFINDER_SERVICE_PORT", "PEERFINDER_PORT", "PEERFINDER_PORT_80_TCP"}

    assert not links & {flag.variable for flag in FLAGS}


@given(st.lists(st.text(max_size=12) | st.sampled_from([f"-{flag.name}" for flag in FLAGS]), max_size=6))
def test_any_words_are_read_or_refused(words: list[str]) -> None:
    try:
        values, rest = parse(words, {})
    except (UsageError, HelpRequestedError, VersionRequestedError):
        return
    assert set(values) <= {flag.name for flag in FLAGS}
    assert words[len(words) - len(rest) :] == rest


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("1.5s", 1.5), ("2m", 120), ("1h", 3600), ("250ms", 0.25), ("0", 0), ("0.5", 0.5)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration("timeout", text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "-1", "1d", "s", "1e3", "nan", "inf", "1 s", "1m30s", "1.", "\u0661", "999999999h"]
)
def test_a_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="PEERFINDER_TIMEOUT"):
        parse_duration("timeout", text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "9" * 30])
def test_a_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_integer({"min-peers": text}, "min-peers", 1)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("T", True), ("true", True), ("0", False), ("FALSE", False)])
def test_a_boolean_is_read_as_go_does(text: str, value: bool) -> None:
    assert read_boolean({"once": text}, "once") is value


def test_a_boolean_is_refused() -> None:
    with pytest.raises(UsageError):
        read_boolean({"once": "yes"}, "once")


def test_the_usage_has_every_flag() -> None:
    assert all(f"  -{flag.name}" in format_usage() for flag in FLAGS)


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, "-service and -on-start and/or -on-change"),
        ({"service": "galera"}, "-on-start and/or -on-change"),
        ({"on-change": "x"}, "-service"),
    ],
)
def test_a_missing_argument_is_named(values: dict[str, str], missing: str) -> None:
    with pytest.raises(ArgsIncompleteError, match=f"^Incomplete args, require {missing}$"):
        find.check_complete(values, [])


def test_a_stray_word_is_named_when_a_flag_after_it_is_missing() -> None:
    with pytest.raises(ArgsIncompleteError, match="'stray' is not a flag"):
        find.check_complete({"service": "galera"}, ["stray", "-on-start=x"])


def test_a_hook_that_was_not_quoted_is_recognised() -> None:
    with pytest.raises(ArgsIncompleteError, match=r"the text of a hook is one argument, as -on-start='sh /hook\.sh'"):
        find.check_complete({"on-start": "sh"}, ["/x.sh", "-service=mydb"])


@pytest.mark.parametrize(("rest", "count"), [(["a"], "1 word"), (["a", "b"], "2 words")])
def test_words_without_effect_are_counted(rest: list[str], count: str) -> None:
    assert ("ignored", f"'a' is not a flag: {count} from it on without effect") in list(find.list_warnings({}, rest))


BASE = {"service": "galera", "domain": "cluster.local", "ns": "default", "on-start": "x"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("settle", "5:3"),
        ("settle", "x"),
        ("address-type", "ip"),
        ("log-format", "xml"),
        ("interval", "0"),
        ("interval", "0.01"),
        ("port-name", "_mysql"),
        ("port-name", "a..b"),
        ("domain", ".".join(["a" * 60] * 4)),
        ("nameserver", "dns.example"),
        ("once", "maybe"),
        ("exit-status", "theirs"),
    ],
)
def test_a_plan_is_refused_for(name: str, text: str) -> None:
    with pytest.raises(UsageError):
        find.make_plan({**BASE, name: text}, {}, "mysql-0")


def test_a_plan_has_the_own_name_from_the_host_name_before_pod_name() -> None:
    suffix = "galera.default.svc.cluster.local"

    assert find.make_plan(BASE, {}, "MySQL-0").own == (f"mysql-0.{suffix}",)
    assert find.make_plan(BASE, {"POD_NAME": "mysql-0"}, "MySQL-0").own == (f"mysql-0.{suffix}",)
    assert find.make_plan(BASE, {"POD_NAME": "mysql-1"}, "node-7").own == (f"node-7.{suffix}", f"mysql-1.{suffix}")


@pytest.mark.parametrize("text", ["$(PEER_LIST_SRV_PROTOCOL)", " $(ANY_OTHER.NAME) ", "", "  ", "\t"])
def test_a_protocol_that_nobody_has_set_is_none(text: str) -> None:
    assert find.make_plan({**BASE, "protocol": text}, {}, "x").srv_name == find.make_plan(BASE, {}, "x").srv_name


@pytest.mark.parametrize("text", ["TCP", " tcp ", "Tcp\n"])
def test_a_protocol_has_any_case_and_blanks_around_it(text: str) -> None:
    assert find.make_plan({**BASE, "protocol": text}, {}, "x").srv_name.startswith("_mysql._tcp.")


@pytest.mark.parametrize("text", ["sctp", "$PROTOCOL", "$(A) tcp", "$()", "t cp"])
def test_any_other_protocol_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="-protocol"):
        find.make_plan({**BASE, "protocol": text}, {}, "x")


@pytest.mark.parametrize("blank", [" ", "\t\n"])
def test_a_blank_hook_is_a_missing_one(blank: str) -> None:
    with pytest.raises(ArgsIncompleteError):
        find.check_complete({"service": "galera", "on-start": blank}, [])


def test_a_plan_takes_pod_namespace_only_without_the_flag() -> None:
    without = {name: text for name, text in BASE.items() if name != "ns"}

    assert find.make_plan(without, {"POD_NAMESPACE": "db"}, "x").names.namespace == "db"
    assert find.make_plan(BASE, {"POD_NAMESPACE": "db"}, "x").names.namespace == "default"
    assert find.make_plan({**without, "service": "galera.db"}, {"POD_NAMESPACE": "web"}, "x").names.namespace == "db"


def test_a_plan_settles_between_two_times() -> None:
    rules = find.make_plan({**BASE, "settle": "3:10"}, {}, "x").rules

    assert (rules.settle_min, rules.settle_max) == (3, 10)
