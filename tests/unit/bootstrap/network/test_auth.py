"""The HMAC: whatever is changed, it does not verify."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bootstrap.network.auth import Message
from tests.support.bootstrap.records import examples

KEY, OLD = b"a key of our own", b"the key before it"
MESSAGE = Message("request", "GET /v1/record", "cluster", "galera-0/aa", "galera-1/bb", "nonce", b"body", "frozen")

words = st.text(max_size=8)
messages = st.builds(Message, words, words, words, words, words, words, st.binary(max_size=8), words)


@examples(100)
@given(messages, st.binary(min_size=1, max_size=20))
def test_a_sealed_message_verifies(message: Message, key: bytes) -> None:
    assert message.is_sealed((key,), message.seal(key))


@pytest.mark.parametrize("name", Message._fields)
def test_a_message_with_another_value_here_does_not_verify(name: str) -> None:
    other = b"other" if name == "body" else "other"
    changed = MESSAGE._replace(**{name: other})  # type: ignore[arg-type]
    assert not changed.is_sealed((KEY,), MESSAGE.seal(KEY))


@examples(300)
@given(messages, messages)
def test_two_different_messages_never_have_one_seal(one: Message, other: Message) -> None:
    assume(one != other)
    assert one.seal(KEY) != other.seal(KEY)


@examples(100)
@given(st.text(alphabet="ab/", max_size=12), st.data())
def test_the_same_octets_split_in_two_ways_have_different_seals(text: str, data: st.DataObject) -> None:
    def cut() -> Message:
        at = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=7, max_size=7)))
        parts = [text[i:j] for i, j in zip([0, *at], [*at, len(text)], strict=True)]
        direction, target, cluster_id, sender, receiver, nonce, body, state = parts
        return Message(direction, target, cluster_id, sender, receiver, nonce, body.encode(), state)

    one, other = cut(), cut()
    assert (one == other) == (one.seal(KEY) == other.seal(KEY))


def test_while_a_key_is_rotated_both_are_accepted_and_no_third() -> None:
    for keys in ((KEY, OLD), (OLD, KEY)):
        assert MESSAGE.is_sealed(keys, MESSAGE.seal(KEY))
        assert MESSAGE.is_sealed(keys, MESSAGE.seal(OLD))
        assert not MESSAGE.is_sealed(keys, MESSAGE.seal(b"a third key"))
    assert not MESSAGE.is_sealed((KEY,), MESSAGE.seal(OLD))


@pytest.mark.parametrize("seal", ["", "0", "é" * 64, "\ud800", MESSAGE.seal(KEY)[:-1], MESSAGE.seal(KEY).upper() + " "])
def test_no_text_but_the_seal_verifies(seal: str) -> None:
    assert not MESSAGE.is_sealed((KEY,), seal)


def test_without_a_key_nothing_verifies() -> None:
    assert not MESSAGE.is_sealed((), MESSAGE.seal(KEY))


def test_an_answer_is_bound_to_its_request() -> None:
    answer = MESSAGE.answer("galera-1/bb", b"record")
    assert (answer.direction, answer.receiver, answer.nonce) == ("answer", "galera-0/aa", "nonce")
    assert answer.seal(KEY) != MESSAGE._replace(nonce="another").answer("galera-1/bb", b"record").seal(KEY)
    assert not answer.is_sealed((KEY,), MESSAGE.seal(KEY))
    assert not MESSAGE.answer_run("galera-1/bb").is_sealed((KEY,), MESSAGE.answer("galera-1/bb", b"").seal(KEY))
