"""What is left of a DNS message for the library, and that it means what the whole message has meant."""

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerfinder.core.dns_message import HOPS_MAX, LABELS_MAX, SRV, DnsMessageInvalidError, reduce_message
from tests.dns.bombs import NS, OPT, PTR, QUESTION, RP, TXT, A, first_data, make_answer, make_name, point
from tests.support.peerfinder.program import SUFFIX, fqdn
from tests.unit.peerfinder.dns.test_fuzz import SEEDS, corrupt, note_seed, seeds

QUERY = dns.message.make_query(f"{SUFFIX}.", "SRV", use_edns=0)

TARGET = b"\0\0\0\0\0\1\7mysql-0" + QUESTION
"""The data of a good SRV record."""

GOOD = (QUESTION, SRV, TARGET)


KINDS = {"A": A, "SRV": SRV}


def read(wire: bytes, kind: int = SRV) -> dns.message.Message:
    return dns.message.from_wire(reduce_message(wire, kind)[0])


def peers(wire: bytes) -> list[str]:
    answer = read(wire).answer
    return [record.target.to_text(omit_final_dot=True) for rrset in answer for record in rrset]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param((QUESTION, RP, make_name(120) * 2), id="names of many labels"),
        pytest.param((QUESTION, TXT, b"\5four"), id="a text that is none"),
        pytest.param((make_name(100), A, b"\1\2\3\4"), id="an owner of many labels"),
        pytest.param((QUESTION, 65280, b"\xff" * 300), id="an unknown type"),
        pytest.param((QUESTION, PTR, point(16000)), id="a pointer to nowhere"),
    ],
)
@pytest.mark.parametrize("section", [0, 1, 2])
def test_what_nobody_asked_for_is_passed_over(record: tuple[bytes, int, bytes], section: int) -> None:
    if section == 2 and record[1] == A:
        record = record[0], NS, record[2]
    sections: list[list[tuple[bytes, int, bytes]]] = [[GOOD], [], []]
    sections[section] = [*sections[section], record]

    assert peers(make_answer(QUERY, *sections)) == fqdn("mysql-0")


def test_addresses_come_along_with_names_only() -> None:
    glue = (b"\7mysql-0" + QUESTION, A, b"\1\2\3\4")
    other = dns.message.make_query(f"{SUFFIX}.", "A")

    assert read(make_answer(QUERY, [GOOD], [], [glue])).additional
    assert not read(make_answer(other, [(QUESTION, A, b"\1\2\3\4")], [], [glue]), A).additional


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        (make_name(LABELS_MAX), True),
        (make_name(LABELS_MAX + 1), False),
        (b"\x3f" + b"a" * 63 + b"\0", True),
        (b"\x40" + b"a" * 64 + b"\0", False),
        ((b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0", True),
        ((b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0", False),
    ],
)
def test_a_name_has_bounded_labels(name: bytes, is_read: bool) -> None:
    wire = make_answer(QUERY, [(QUESTION, SRV, bytes(6) + name)])

    if is_read:
        assert peers(wire) == [dns.name.from_wire(name, 0)[0].to_text(omit_final_dot=True)]
    else:
        with pytest.raises(DnsMessageInvalidError):
            reduce_message(wire, SRV)


@pytest.mark.parametrize(("links", "is_read"), [(1, True), (HOPS_MAX - 2, True), (HOPS_MAX + 1, False)])
def test_a_name_follows_few_pointers(links: int, is_read: bool) -> None:
    begin = 12 + len(QUERY.question[0].name.to_wire() or b"") + 4 + 12
    pointers = point(12) + b"".join(point(begin + 2 * number) for number in range(links - 1))
    target = bytes(6) + b"\7mysql-0" + point(begin + 2 * (links - 1))
    wire = make_answer(QUERY, [(QUESTION, 65280, pointers), (QUESTION, SRV, target)])

    if is_read:
        assert peers(wire) == fqdn("mysql-0")
    else:
        with pytest.raises(DnsMessageInvalidError):
            reduce_message(wire, SRV)


@given(octets=st.binary(max_size=300))
def test_any_octets_are_a_message_or_none(octets: bytes) -> None:
    try:
        reduce_message(octets, SRV)
    except DnsMessageInvalidError:
        return


def opinion(wire: bytes, kind: str) -> object:
    """Return what the library reads of a message for us; None: nothing."""
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError, NotImplementedError):
        return None
    wanted = {dns.rdatatype.from_text(kind), dns.rdatatype.CNAME}
    records = {
        (rrset.name, rrset.rdtype, record)
        for rrset in message.answer
        for record in rrset
        if rrset.rdtype in wanted and rrset.rdclass == dns.rdataclass.IN
    }
    glue = {
        (rrset.name, rrset.rdtype, record)
        for rrset in message.additional
        for record in rrset
        if kind == "SRV" and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) and rrset.rdclass == 1
    }
    return message.id, message.rcode(), message.flags, message.question, records, glue


@pytest.mark.parametrize("kind", ["SRV", "A"])
def test_what_is_left_means_what_the_whole_has_meant(kind: str) -> None:
    query = dns.message.make_query(f"{SUFFIX}.", kind, use_edns=0)
    agreed = 0
    for seed in seeds():
        with note_seed(seed) as dice:
            wire = corrupt(dice.choice(SEEDS)(query), dice)
            whole = opinion(wire, kind)
            try:
                reduced = reduce_message(wire, KINDS[kind])[0]
            except DnsMessageInvalidError:
                continue
            if whole is not None:
                assert opinion(reduced, kind) == whole
                agreed += 1
    assert agreed


@pytest.mark.parametrize("its_class", [0, 254, 255])
def test_a_record_of_no_class_is_no_answer(its_class: int) -> None:
    wire = make_answer(QUERY, [(QUESTION, A, b"\1\2\3\4")])
    changed = wire.replace(b"\0\1\0\1\0\0\0\5", b"\0\1" + its_class.to_bytes(2, "big") + b"\0\0\0\5")

    assert wire != changed
    with pytest.raises(DnsMessageInvalidError):
        reduce_message(changed, SRV)


def test_of_the_options_nothing_is_left_but_the_response_code() -> None:
    long = (QUESTION, NS, make_name(120))
    wire = make_answer(QUERY, [], [long], [(b"\0", OPT, b"\0\x12\0\2" + point(first_data(QUERY)))])
    wire = wire.replace(b"\0\x29\0\1\0\0\0\5", b"\0\x29\0\1\1\0\0\0")

    message = dns.message.from_wire(reduce_message(wire, SRV)[0])
    assert message.rcode() == dns.rcode.BADVERS
    assert message.options == ()
