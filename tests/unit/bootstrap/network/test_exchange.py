"""States and promises over real sockets: what is sent to which pod, and how every kind of bad peer is answered."""

import contextlib
import errno
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bootstrap.core.model.codec import encode
from bootstrap.core.model.facts import PodState, Promise
from bootstrap.core.model.messages import PodNote, Prepare, PrepareReply, Refusal
from bootstrap.core.model.unknown import Contact, Unknown
from bootstrap.core.status.events import Event, PodEvents
from bootstrap.network.auth import Message
from bootstrap.network.callers import WINDOW, Callers, make_nonce
from bootstrap.network.client import Client
from bootstrap.network.protocol import MAX_BODY, Membership
from bootstrap.network.server import MAX_CONNECTIONS, Answers, Server
from tests.support.bootstrap.records import blank, frozen

HOST = "127.0.0.1"
OLD, NEW = b"the key of yesterday", b"the key of tomorrow!"
RECORD = frozen(1, 7)
BOUND_S = 20.0
"""Every bad peer must be done with by then, on a busy machine; the deadline is 2 s."""


def member(pod: str = "galera-0", *, keys: tuple[bytes, ...] = (NEW,), cluster_id: str = "cluster") -> Membership:
    return Membership(cluster_id, keys, pod, f"run-{pod[-1]}")


class Peer:
    """A real server of galera-1."""

    def __init__(self, membership: Membership, state: PodState = RECORD) -> None:
        self.asked: list[Prepare] = []
        self.refusal: Refusal | None = None
        self.noticed: list[tuple[str, str]] = []
        self.is_mute = False
        self.server = Server((HOST, 0), membership, Answers(lambda: state, self.prepare, self.hear))
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True)

    def hear(self, sender: str, state: str) -> bool:
        self.noticed.append((sender, state))
        return not self.is_mute

    def prepare(self, prepare: Prepare) -> Refusal | None:
        self.asked.append(prepare)
        return self.refusal

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def __enter__(self) -> "Peer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer(member("galera-1")) as running:
        yield running


def ask(port: int, membership: Membership | None = None) -> PodState | Unknown:
    return Client(membership or member(), port).ask_state("galera-1", HOST)


def reason(reply: object) -> str:
    """Why there is no answer; whatever took the connection is no silence."""
    assert isinstance(reply, Unknown), reply
    assert reply.contact is (Contact.REFUSAL if "refused" in reply.reason else Contact.ANSWER)
    return reply.reason


def asks_for(promise: Promise | None = None, winner: PodState | None = None) -> Prepare:
    winner = winner or frozen(0, 9)
    return Prepare(promise or Promise(3, 0, "run-0"), winner, "run-1", RECORD.disk or blank(1).disk)  # type: ignore[arg-type]


def test_each_number_of_a_caller_counts_once_in_whatever_order_they_come() -> None:
    """It asks for the state and for a note at once, on two connections."""
    callers = Callers()
    first = [make_nonce(number, "x") for number in (5, 4, 6, 6 + WINDOW)]
    assert [callers.is_new("galera-0/a", nonce) for nonce in first] == [True] * 4
    assert not any(callers.is_new("galera-0/a", nonce) for nonce in first)
    assert not callers.is_new("galera-0/a", make_nonce(3, "x"))  # it is behind the window
    assert callers.is_new("galera-0/a", make_nonce(7, "x"))
    assert callers.is_new("galera-1/a", make_nonce(5, "x"))
    assert callers.is_new("galera-0/b", make_nonce(1, "x"))
    assert not callers.is_new("galera-0/a", make_nonce(9 + WINDOW, "x"))  # that run is over


def test_what_a_pod_says_to_humans_is_asked_for_apart_from_its_state() -> None:
    """A path of its own: nothing that a decision reads has a text for humans in it."""
    note = PodNote("hold", "own-disk", "why", "its container bootstrap fails", "3 of 100 MiB are free")
    note = note._replace(unheard="a wrong password", crowded="all are taken", lookup="SERVFAIL")
    happened = PodEvents(1.5, (Event(3, "2026-11-30T01:02:03.004Z", "peer", "x", "silent", ("galera-0",)),))
    answers = Answers(lambda: RECORD, lambda _: None, own_note=lambda: note, own_events=lambda: happened)
    server = Server((HOST, 0), member("galera-1"), answers)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        client = Client(member(), server.server_address[1])
        assert client.ask_note("galera-1", HOST) == note
        assert client.ask_state("galera-1", HOST) == RECORD
        stranger = Client(member()._replace(keys=(b"another-key-of-16",)), server.server_address[1])
        assert isinstance(stranger.ask_note("galera-1", HOST), Unknown)
        assert client.ask_events("galera-1", HOST) == happened
        assert isinstance(stranger.ask_events("galera-1", HOST), Unknown)
    finally:
        server.shutdown()
        server.server_close()


def test_a_member_gets_the_record(peer: Peer) -> None:
    assert ask(peer.port) == RECORD


def test_a_request_for_a_promise_arrives_whole_and_is_answered_with_the_record_after_it(peer: Peer) -> None:
    prepare = asks_for()
    assert Client(member(), peer.port).ask_promise("galera-1", HOST, prepare) == PrepareReply(RECORD, None)
    assert peer.asked == [prepare]


def test_a_request_carries_the_state_of_its_sender(peer: Peer) -> None:
    client = Client(member(), peer.port)
    client.ask_state("galera-1", HOST)
    client.state = lambda: "frozen"
    client.ask_state("galera-1", HOST)
    client.ask_promise("galera-1", HOST, asks_for())
    assert peer.noticed == [("galera-0/run-0", ""), ("galera-0/run-0", "frozen"), ("galera-0/run-0", "frozen")]


def test_a_refusal_comes_back_with_its_reason(peer: Peer) -> None:
    peer.refusal = Refusal("I am running, not frozen")
    assert Client(member(), peer.port).ask_promise("galera-1", HOST, asks_for()) == PrepareReply(RECORD, peer.refusal)


def test_a_closed_port_is_a_refused_connection() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    assert "refused" in reason(ask(port))


CONNECTS = {
    "nothing comes back": (TimeoutError("timed out"), Contact.NOTHING),
    "no machine has the address": (OSError(errno.EHOSTUNREACH, "No route to host"), Contact.NOTHING),
    "its machine refuses": (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), Contact.REFUSAL),
    "this pod has no network": (OSError(errno.ENETUNREACH, "Network is unreachable"), Contact.NOT_ASKED),
    "this pod may not connect": (PermissionError(errno.EPERM, "Operation not permitted"), Contact.NOT_ASKED),
    "this pod has no descriptor left": (OSError(errno.EMFILE, "Too many open files"), Contact.NOT_ASKED),
}


@pytest.mark.parametrize(("fault", "contact"), CONNECTS.values(), ids=CONNECTS.keys())
def test_only_what_the_other_end_does_is_its_silence(
    fault: OSError, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(socket, "create_connection", fail)
    found = ask(4569)
    assert isinstance(found, Unknown)
    assert found.contact is contact
    assert found.is_silent == (contact in (Contact.NOTHING, Contact.REFUSAL))


def test_what_has_refused_one_key_lives_although_the_next_question_meets_nothing() -> None:
    """A pod that dies, or is cut off, between the two questions."""
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]

        def refuse_once() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(65536)
                listener.close()
                sock.sendall(b"HTTP/1.0 403 Forbidden\r\n\r\n")

        thread = threading.Thread(target=refuse_once)
        thread.start()
        found = ask(port, member(keys=(NEW, OLD)))
        thread.join(BOUND_S)
    assert reason(found) == "it does not accept our key or our cluster id"


STRANGERS = {
    "another key": member(keys=(b"another cluster's key",)),
    "another cluster": member(cluster_id="other"),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_learns_nothing_and_changes_nothing(stranger: Membership, peer: Peer) -> None:
    assert reason(ask(peer.port, stranger)) == "it does not accept our key or our cluster id"
    assert isinstance(Client(stranger, peer.port).ask_promise("galera-1", HOST, asks_for()), Unknown)
    assert peer.asked == []
    assert peer.noticed == []


KEYS = {
    "the other pod already has the new key": ((OLD,), (NEW, OLD)),
    "the other pod has only the old key yet": ((NEW, OLD), (OLD,)),
    "both have both, in either order": ((NEW, OLD), (OLD, NEW)),
    "both have both": ((NEW, OLD), (NEW, OLD)),
}


@pytest.mark.parametrize(("mine", "theirs"), KEYS.values(), ids=KEYS.keys())
def test_keys_can_be_rotated_one_pod_after_the_other(mine: tuple[bytes, ...], theirs: tuple[bytes, ...]) -> None:
    with Peer(member("galera-1", keys=theirs)) as other:
        assert ask(other.port, member(keys=mine)) == RECORD


def test_an_answer_of_another_pod_at_the_address_does_not_count() -> None:
    with Peer(member("galera-2"), frozen(2, 99)) as moved:
        # The request names its receiver under the seal, so the wrong pod refuses it.
        assert isinstance(ask(moved.port), Unknown)


def test_a_pod_that_claims_to_be_another_in_its_record_does_not_count() -> None:
    with Peer(member("galera-1"), frozen(2, 99)) as liar:
        assert reason(ask(liar.port)) == "it answers as galera-2"


def test_a_pod_cannot_speak_for_another_ordinal() -> None:
    with Peer(member("galera-1"), replace(frozen(2, 99), pod="galera-1")) as liar:
        assert reason(ask(liar.port)) == "it answers as galera-1"


def test_a_pod_can_ask_for_a_promise_for_itself_only(peer: Peer) -> None:
    client = Client(member("galera-2"), peer.port)
    assert "400" in reason(client.ask_promise("galera-1", HOST, asks_for()))
    other_life = asks_for(Promise(3, 2, "run-0"), frozen(2, 9))
    assert "400" in reason(client.ask_promise("galera-1", HOST, other_life))
    other_winner = asks_for(Promise(3, 0, "run-1"), frozen(2, 9))
    assert "400" in reason(client.ask_promise("galera-1", HOST, other_winner))
    other_ordinal = asks_for(Promise(3, 0, "run-1"), replace(frozen(0, 9), pod="galera-2"))
    assert "400" in reason(client.ask_promise("galera-1", HOST, other_ordinal))
    assert peer.asked == []


# Peers that are not ours, octet by octet.

Behave = Callable[[socket.socket, bytes], None]


@contextlib.contextmanager
def bad_peer(behave: Behave) -> Iterator[int]:
    """Reads a request and behaves badly."""
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                behave(sock, sock.recv(65536))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(BOUND_S)


def silent(sock: socket.socket, _: bytes) -> None:
    sock.recv(1)  # until the client gives up


def drips(start: bytes) -> Behave:
    def behave(sock: socket.socket, _: bytes) -> None:
        sock.sendall(start)
        while True:
            sock.sendall(b"x")
            time.sleep(0.2)

    return behave


def floods(sock: socket.socket, _: bytes) -> None:
    sock.sendall(b"HTTP/1.0 200 OK\r\nSender: galera-1/run-1\r\nSeal: 00\r\n\r\n" + b"x" * 10_000_000)


def resets(sock: socket.socket, _: bytes) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def says(answer: bytes) -> Behave:
    return lambda sock, _: sock.sendall(answer)


BAD_PEERS: dict[str, tuple[Behave, str]] = {
    "accepts and never answers": (silent, "2 s"),
    "drips a header": (drips(b"HTTP/1.0 200 OK\r\nSender: "), "no whole answer within 2 s"),
    "drips a body of a declared length": (drips(b"HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\n"), "no whole answer"),
    "drips a body without end": (drips(b"HTTP/1.0 200 OK\r\n\r\n"), "no whole answer within 2 s"),
    "sends 10 MB": (floods, "not sealed"),
    "sends garbage": (says(b"\x00\xff" * 500 + b"\n"), ""),
    "sends nothing and closes": (says(b""), ""),
    "sends half an answer": (says(b"HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\n{"), ""),
    "sends a thousand headers": (says(b"HTTP/1.0 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n"), "headers"),
    "says it is busy": (says(b"HTTP/1.0 503 Busy\r\n\r\n"), "it answers 503 Busy"),
    "says it in colours": (says(b"HTTP/1.0 503 \x1b[2J\x1b[31mall is well\r\n\r\n"), "it answers 503"),
    "says it in an unknown protocol of colours": (says(b"\x1b[2J\x1b[31mall is well\r\n\r\n"), ""),
    "has no seal": (says(b"HTTP/1.0 200 OK\r\n\r\n{}"), "not sealed"),
    "resets": (resets, "reset"),
}


@pytest.mark.parametrize(("behave", "why"), BAD_PEERS.values(), ids=[f"a peer that {name}" for name in BAD_PEERS])
def test_is_unknown_in_bounded_time_with_a_reason(behave: Behave, why: str) -> None:
    with bad_peer(behave) as port:
        began = time.monotonic()
        found = reason(ask(port))
        assert time.monotonic() - began < BOUND_S
        assert why in found
        assert found
        assert found.isprintable(), "it goes to logs and terminals"
        assert len(found) < 200


def header(request: bytes, name: bytes) -> str:
    return request.partition(name + b": ")[2].partition(b"\r\n")[0].decode()


def sealed_answer(request: bytes, *, pod: str = "galera-1", nonce: str = "") -> bytes:
    """A well sealed answer, to another nonce if one is given."""
    asked_with = header(request, b"Nonce")
    body, sender = encode(RECORD), f"{pod}/run-1"
    receiver = header(request, b"Receiver")
    request_of = Message("request", "GET /v1/state", "cluster", "galera-0/run-0", receiver, nonce or asked_with, b"")
    seal = request_of.answer(sender, body).seal(NEW)
    return f"HTTP/1.0 200 OK\r\nSender: {sender}\r\nSeal: {seal}\r\n\r\n".encode() + body


def test_a_well_made_answer_counts() -> None:
    """So that the two tests below fail for their own reason."""
    with bad_peer(lambda sock, request: sock.sendall(sealed_answer(request))) as port:
        assert ask(port) == RECORD


def test_a_replayed_answer_does_not_count() -> None:
    with bad_peer(lambda sock, request: sock.sendall(sealed_answer(request, nonce="0" * 32))) as port:
        assert "not sealed" in reason(ask(port))


def test_a_redirected_answer_of_another_pod_does_not_count() -> None:
    with bad_peer(lambda sock, request: sock.sendall(sealed_answer(request, pod="galera-2"))) as port:
        assert isinstance(ask(port), Unknown)


def test_a_reflected_request_is_no_answer() -> None:
    def reflect(sock: socket.socket, request: bytes) -> None:
        seal = request.partition(b"Seal: ")[2].partition(b"\r\n")[0]
        sock.sendall(b"HTTP/1.0 200 OK\r\nSender: galera-0/run-0\r\nSeal: " + seal + b"\r\n\r\n")

    with bad_peer(reflect) as port:
        assert "not sealed" in reason(ask(port))


# The server and its bad clients.


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection((HOST, port), timeout=BOUND_S) as sock:
        answer = b""
        with contextlib.suppress(ConnectionError):
            sock.sendall(request)
            while piece := sock.recv(65536):
                answer += piece
        return answer


BAD_REQUESTS: dict[str, tuple[bytes, bytes]] = {
    "without a seal": (b"GET /v1/state HTTP/1.0\r\n\r\n", b"403"),
    "with a wrong seal": (b"GET /v1/state HTTP/1.0\r\nSender: galera-0/b\r\nNonce: 1\r\nSeal: 00\r\n\r\n", b"403"),
    "with a seal that is no text": (b"GET /v1/state HTTP/1.0\r\nSeal: \xff\xfe\r\n\r\n", b"403"),
    "for another path, without a seal": (b"GET /metrics HTTP/1.0\r\n\r\n", b"403"),
    "for a promise, without a seal": (b"POST /v1/prepare HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", b"403"),
    "with a body that is too long": (
        b"POST /v1/prepare HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), b"413"),
    "with a body of negative length": (b"POST /v1/prepare HTTP/1.0\r\nContent-Length: -1\r\n\r\n", b"413"),
    "with a length of 5000 digits": (
        b"POST /v1/prepare HTTP/1.0\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000), b"413"),
    "with a length in foreign digits": (b"POST /v1/prepare HTTP/1.0\r\nContent-Length: \xb2\r\n\r\n", b"413"),
    "without the length of its body": (b"POST /v1/prepare HTTP/1.0\r\n\r\n{}", b"413"),
    "in another language": (b"\x16\x03\x01 hello\r\n\r\n", b"400"),
    "without a version of the protocol": (b"GET /v1/state\r\n\r\n", b"400"),
    "for a path of two slashes": (b"GET //v1/state HTTP/1.0\r\n\r\n", b"400"),
    "for a path with a host": (b"GET http://galera-1/v1/state HTTP/1.0\r\n\r\n", b"403"),
    "with another method": (b"DELETE /v1/state HTTP/1.0\r\n\r\n", b"501"),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "status"), BAD_REQUESTS.values(), ids=[f"a request {n}" for n in BAD_REQUESTS])
def test_gets_nothing_and_does_no_harm(request_: bytes, status: bytes, peer: Peer) -> None:
    answer = raw(peer.port, request_)
    assert status in answer
    assert b"galera-1" not in answer
    assert b"Seal" not in answer
    assert ask(peer.port) == RECORD


def sealed(
    target: str,
    body: bytes = b"",
    *,
    number: int = 1,
    run: str = "run-1",
    sender: str = "galera-0/run-0",
    state: str = "",
) -> bytes:
    """A request as a member makes it."""
    nonce, receiver = f"{number:x}.random", f"galera-1/{run}"
    seal = Message("request", target, "cluster", sender, receiver, nonce, body, state).seal(NEW)
    head = f"{target} HTTP/1.0\r\nSender: {sender}\r\nReceiver: {receiver}\r\nNonce: {nonce}\r\nState: {state}\r\n"
    return f"{head}Seal: {seal}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def sealed_post(path: str, body: bytes) -> bytes:
    return sealed(f"POST {path}", body)


def status_of(port: int, request: bytes) -> str:
    return raw(port, request).partition(b" ")[2][:3].decode()


def test_a_captured_request_is_answered_once(peer: Peer) -> None:
    request = sealed("GET /v1/state", number=5)

    assert [status_of(peer.port, request) for _ in range(3)] == ["200", "410", "410"]
    # One that came later than the next counts, once.
    assert [status_of(peer.port, sealed("GET /v1/state", number=4)) for _ in range(2)] == ["200", "410"]
    assert status_of(peer.port, sealed("GET /v1/state", number=6)) == "200"
    assert len(peer.noticed) == 3


def test_a_request_to_another_run_of_the_agent_gets_nothing_but_the_run_under_the_seal(peer: Peer) -> None:
    for run in ("", "run-0"):
        answer = raw(peer.port, sealed("GET /v1/state", run=run))
        assert b" 409 " in answer
        assert answer.endswith(b"\r\n\r\n")
        assert b"Sender: galera-1/run-1" in answer
    assert peer.noticed == []


def test_a_run_of_the_caller_is_over_when_the_next_has_asked(peer: Peer) -> None:
    early, late = (sealed("GET /v1/state", number=n, sender="galera-0/run-0") for n in (1, 9))

    assert status_of(peer.port, early) == "200"
    assert status_of(peer.port, sealed("GET /v1/state", sender="galera-0/next")) == "200"
    assert status_of(peer.port, late) == "410"
    assert status_of(peer.port, sealed("GET /v1/state", sender="galera-2/run-2")) == "200"


def test_the_state_of_the_caller_is_sealed(peer: Peer) -> None:
    request = sealed("GET /v1/state", state="frozen")

    assert status_of(peer.port, request.replace(b"State: frozen", b"State: primary")) == "403"
    assert status_of(peer.port, request.replace(b"State: frozen\r\n", b"")) == "403"
    assert peer.noticed == []


@pytest.mark.parametrize("nonce", ["", "n", "-1.r", "g.r", "1" * 17, "+1.r", "1_0.r"])
def test_a_request_without_a_number_is_none(nonce: str, peer: Peer) -> None:
    seal = Message("request", "GET /v1/state", "cluster", "galera-0/b", "galera-1/run-1", nonce, b"").seal(NEW)
    head = f"GET /v1/state HTTP/1.0\r\nSender: galera-0/b\r\nReceiver: galera-1/run-1\r\nNonce: {nonce}\r\n"

    assert status_of(peer.port, f"{head}Seal: {seal}\r\n\r\n".encode()) == "410"


def test_an_agent_that_has_restarted_is_asked_again_at_once() -> None:
    asks: Client | None = None
    for run in ("run-1", "run-2"):
        with Peer(member("galera-1")._replace(run_id=run)) as peer:
            asks = asks or Client(member(), peer.port)
            asks.port = peer.port
            assert asks.ask_state("galera-1", HOST) == RECORD
            assert len(peer.noticed) == 1


def test_a_run_that_nobody_has_sealed_is_not_believed() -> None:
    def other_run(sock: socket.socket, _: bytes) -> None:
        sock.sendall(b"HTTP/1.0 409 Conflict\r\nSender: galera-1/evil\r\nSeal: 00\r\n\r\n")

    with bad_peer(other_run) as port:
        asks = Client(member(), port)
        assert "it answers 409" in reason(asks.ask_state("galera-1", HOST))
        assert asks.runs == {}


def test_a_member_that_asks_for_an_unknown_path_gets_404(peer: Peer) -> None:
    assert b"404" in raw(peer.port, sealed_post("/v1/other", b"{}")).splitlines()[0]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"promise": 1}'])
def test_a_member_that_sends_nonsense_gets_400(body: bytes, peer: Peer) -> None:
    assert b"400" in raw(peer.port, sealed_post("/v1/prepare", body)).splitlines()[0]
    assert peer.asked == []


def test_a_body_that_was_changed_on_the_way_is_refused(peer: Peer) -> None:
    request = sealed_post("/v1/prepare", encode(asks_for()))
    assert b"403" in raw(peer.port, request.replace(b'"term":3', b'"term":4')).splitlines()[0]
    assert b"200" in raw(peer.port, request).splitlines()[0]
    assert len(peer.asked) == 1


def test_idle_connections_do_not_shut_members_out(peer: Peer) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(200):
            sock = stack.enter_context(socket.create_connection((HOST, peer.port), timeout=BOUND_S))
            sock.sendall(b"GET /v1/state HTTP/1.0\r\nX: "[: 1 + number % 25])
        assert ask(peer.port) == RECORD
        assert len(peer.server.connections) <= MAX_CONNECTIONS
        assert ask(peer.port) == RECORD


def test_idle_connections_that_keep_dripping_do_not_shut_members_out(peer: Peer) -> None:
    stop = threading.Event()

    def drip() -> None:
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.create_connection((HOST, peer.port))) for _ in range(200)]
            while not stop.wait(0.1):
                for sock in socks:
                    with contextlib.suppress(OSError):
                        sock.send(b"G")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        for _ in range(5):
            time.sleep(0.1)
            assert ask(peer.port) == RECORD
    finally:
        stop.set()
        thread.join()


DRIPS = {
    "its head": b"GET /v1/state HTTP/1.0\r\nX: ",
    "its body": b"POST /v1/prepare HTTP/1.0\r\nContent-Length: 9999\r\n\r\n",
}


@pytest.mark.parametrize("beginning", DRIPS.values(), ids=[f"with {name}" for name in DRIPS])
def test_a_client_that_does_not_come_to_an_end_is_cut(beginning: bytes, peer: Peer) -> None:
    """Slowloris: a byte now and then stays below the time limit of each single read."""
    began = time.monotonic()
    with socket.create_connection((HOST, peer.port), timeout=0.1) as sock, contextlib.suppress(OSError):
        sock.sendall(beginning)
        while time.monotonic() - began < 2 * BOUND_S:
            sock.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                assert sock.recv(1) == b""
                break
    assert time.monotonic() - began < BOUND_S


def test_a_head_that_is_too_long_is_cut(peer: Peer) -> None:
    """Below what http.server allows: a hundred headers of 64 KiB."""
    header = b"X: " + b"x" * 60_000 + b"\r\n"
    assert raw(peer.port, b"GET /v1/state HTTP/1.0\r\n" + 9 * header + b"\r\n") == b""


def test_the_server_listens_on_ipv6() -> None:
    with contextlib.suppress(OSError), contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        probe.bind(("::1", 0))
        server = Server(("::1", 0), member("galera-1"), Answers(lambda: RECORD, lambda _: None))
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        assert Client(member(), server.server_address[1]).ask_state("galera-1", "::1") == RECORD
        server.shutdown()
        server.server_close()
        return
    pytest.skip("this machine has no IPv6 loopback")
