"""The agent's side of a conversation with a starter or with a human's command.

Turns messages into the agent's calls and back; decides nothing.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

from bootstrap.agent import admin_requests, recorder
from bootstrap.agent.agent import Agent
from bootstrap.control.channel import Connection
from bootstrap.core.decision import drain, join_order
from bootstrap.core.decision.decide import RULES
from bootstrap.core.decision.decisions import Bootstrap, RoundResult
from bootstrap.core.model.codec import Json, dump, load
from bootstrap.core.model.disk import Disk
from bootstrap.core.model.facts import PodState, Unknown
from bootstrap.core.status import events, probes, summary
from bootstrap.datadir import journal_hints

STATUS_SCHEMA = "galera-bootstrap/status/v1"
EXPLAIN_SCHEMA = "galera-bootstrap/explain/v1"

MEMBER_KEYS = ("phase", "class", "detail", "uuid", "seqno", "server", "promise", "epoch")
"""What is told of a member besides name, ordinal and answer; null = not known."""

PATIENCE_S = 5.0
"""How long a question for a verdict is kept open before the same verdict is told again."""

TAKE_S = 10.0
"""How long a starter's request for its permission may take: one round with silent peers, and some."""


class ControlHandler:
    """Serves the agent's unix socket."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._staying = ""
        """For whom a pod that is to stop stays; told in the log when it changes."""

    def serve(self, connection: Connection) -> None:
        """Answer until the other end goes; a starter that goes is told to the agent."""
        starter = 0
        told: RoundResult | None = None
        try:
            while (message := connection.receive()) is not None:
                op = str(message.get("op"))
                if op == "hello":
                    starter = self.agent.starter_arrived()
                if op == "report":
                    told = None
                if op == "await":
                    told = self.agent.next_verdict(told, PATIENCE_S)
                    errand = self.agent.pending_order if starter and starter == self.agent.starter else ""
                    connection.send({**dump_verdict(told), "errand": errand, "turn": self._turn()})
                else:
                    connection.send(self._answer(op, message, starter))
        finally:
            if starter:
                self.agent.starter_left(starter)

    def _answer(self, op: str, message: Json, starter: int) -> Json:
        answers: dict[str, Callable[[], Json]] = {
            "hello": self._hello,
            "report": lambda: self._report(message, starter),
            "take": lambda: self._take(starter),
            "members": lambda: {"ordinals": sorted(self.agent.expected())},
            "status": self._status,
            "explain": self._explain,
            "health": self._health,
            "leave": self._leave,
            "events": self._events,
            "force": lambda: admin_requests.request_override(self.agent, said(message)),
            "discard": lambda: admin_requests.discard(self.agent, delete=bool(message.get("delete"))),
            "fate": self._fate,
        }
        answer = answers.get(op)
        return answer() if answer else {"error": f"unknown request {op[:40]!r}"}

    def _hello(self) -> Json:
        agent = self.agent
        pod, hints = agent.lifecycle, journal_hints.from_memory(agent.durable)
        return {
            "ordinals": sorted(agent.expected()),
            "addresses": agent.ports.fresh_addresses(),
            "joining": hints.joining,
            "same_boot": hints.same_boot,
            "initialised": hints.initialised,
            "disk": dump(pod.disk) if pod.disk else None,
            "fingerprint": pod.fingerprint,
            "base": dump(hints.base) if hints.base else None,
        }

    def _report(self, message: Json, starter: int) -> Json:
        """Who has not said hello holds no lock: what it says of the datadir may be wrong by now."""
        disk = load(Disk, message.get("disk"))
        if starter:
            self.agent.reported(starter, disk, str(message.get("fingerprint", "")))
        return {}

    def _turn(self) -> int:
        with self.agent.changed:
            return join_order.turn(self.agent.facts())

    def _take(self, starter: int) -> Json:
        if not starter:
            return dump_verdict(replace(self.agent.result, action=None))
        verdict = dump_verdict(self.agent.take(starter, TAKE_S))
        with self.agent.changed:
            return {**verdict, "donors": join_order.donors(self.agent.facts())}

    def _status(self) -> Json:
        agent = self.agent
        own = agent.pod_state()
        members = [self._member(o, own if o == own.ordinal else agent.peers.get(o)) for o in sorted(agent.expected())]
        return {
            "schema": STATUS_SCHEMA,
            "self": own.pod,
            "version": agent.version,
            "decision": {
                **dump_verdict(agent.result),
                "action": self._action(),
                **recorder.since(agent.recorder.counters.since),
            },
            "members": members,
            **self._overview(),
        }

    def _overview(self) -> Json:
        """What a human asks first."""
        agent, tally = self.agent, self.agent.recorder.counters
        with agent.changed:
            facts, decision = agent.facts(), agent.result.decision
        found = summary.ahead(facts)
        silent, awaited = summary.missing(facts), summary.awaited(facts, decision)
        return {
            "ahead": self._ahead(found) if found else None,
            "missing": [self._who(o, why, tally.silent) for o, why in silent.items()],
            "waiting": [self._who(o, why, tally.awaited) for o, why in awaited.items()],
            "join_written_bytes": agent.recorder.bytes_received,
            "helps": summary.helps(facts, decision),
        }

    def _who(self, ordinal: int, why: str, times: Mapping[int, float]) -> Json:
        """A member that is missing or waited for, and since when; from this moment, if no round has counted it yet."""
        moment = times.get(ordinal, time.monotonic())
        return {"name": self.agent.settings.pod_of(ordinal), "why": why, **recorder.since(moment)}

    def _ahead(self, found: summary.Ahead) -> Json:
        return {
            "names": [self.agent.settings.pod_of(o) for o in found.ordinals],
            "uuid": found.position.uuid,
            "seqno": found.position.seqno,
            "primary": found.primary,
            "sure": found.sure,
        }

    def _events(self) -> Json:
        agent = self.agent
        return {"schema": events.SCHEMA, "self": agent.settings.pod, "events": [asdict(e) for e in agent.recorder.log]}

    def _action(self) -> str:
        """What this pod does now, in one word: a live server is told as what it is."""
        agent = self.agent
        return agent.result.word if agent.lifecycle.phase.value == "frozen" else agent.lifecycle.phase.value

    def _member(self, ordinal: int, known: PodState | Unknown | None) -> Json:
        """One member; the keys are the same whether it is known or not."""
        name = self.agent.settings.pod_of(ordinal)
        if not isinstance(known, PodState):
            reason = known.reason if known else "not asked yet"
            return {"name": name, "ordinal": ordinal, "answer": f"unknown: {reason}", **dict.fromkeys(MEMBER_KEYS)}
        told = dump(known)
        disk, server = known.disk, known.server
        position = disk.position if disk else None
        values = (
            known.phase.value,
            disk.data_class.value if disk else None,
            disk.detail if disk else None,
            server.uuid if server else position.uuid if position else None,
            server.last_committed if server else position.seqno if position else None,
            told["server"],
            told["promise"],
            known.epoch,
        )
        return {"name": name, "ordinal": ordinal, "answer": "ok", **dict(zip(MEMBER_KEYS, values, strict=True))}

    def _health(self) -> Json:
        view = self.agent.view()
        word = probes.find_readiness(view)
        return {"live": probes.is_alive(view), "ready": word is probes.Readiness.READY, "word": word.value}

    def _leave(self) -> Json:
        """Whether this pod, which is to stop, should stay a moment longer, and whether it has a server at all."""
        with self.agent.changed:
            reason = drain.reason(self.agent.facts())
        if reason != self._staying:
            self._staying = reason
            self.agent.ports.log(f"this pod is to stop, and stays: {reason}" if reason else "this pod stops")
        return {"reason": reason, "serving": self.agent.lifecycle.server is not None}

    def _explain(self) -> Json:
        agent = self.agent
        with agent.changed:
            facts = agent.facts()
        rules: list[Json] = []
        for rule in RULES:
            decision = rule.answer(facts)
            about = (rule.answer.__doc__ or "").partition("\n")[0]
            rules.append({"rule": rule.name, "about": about, "answer": decision.reason if decision else None})
            if decision is not None:
                break
        return {
            **self._status(),
            "schema": EXPLAIN_SCHEMA,
            "rules": rules,
            "overrides": list(agent.durable.overrides),
        }

    def _fate(self) -> Json:
        """What has become of the last word or errand."""
        agent = self.agent
        verdict = agent.result
        return {
            **dump(agent.override_outcome),
            "errand": agent.pending_order,
            "undone": agent.failed_order,
            "now": verdict.line,
        }


def said(message: Json) -> admin_requests.OverrideRequest:
    """What an operator has said, from the message; raises ValueError where it is not of the right shape."""
    epoch, without, although = (message.get(key) for key in ("epoch", "without", "although"))
    if not (epoch is None or type(epoch) is int) or not isinstance(without, list) or not isinstance(although, list):
        raise ValueError("not an operator's word")
    return admin_requests.OverrideRequest(
        epoch, frozenset(map(str, without)), frozenset(map(str, although)), message.get("adopt") is True
    )


def dump_verdict(verdict: RoundResult) -> Json:
    """The verdict as JSON values."""
    decision = verdict.decision
    return {
        "kind": verdict.word,
        "action": verdict.action.value if verdict.action else None,
        "rule": decision.rule,
        "reason": decision.reason,
        "first": isinstance(decision, Bootstrap) and decision.first,
        "forced": isinstance(decision, Bootstrap) and decision.forced,
        "adopt": isinstance(decision, Bootstrap) and decision.adopt,
        "term": verdict.promise.term if verdict.promise else 0,
    }
