"""Volumes whose data are lists of commits, with the real journals and rules, for properties about whole histories.

Everything is answered at once and by all, so that only data and journals matter: pods commit, die, start again and
join; and volumes are replaced by older copies of themselves.
"""

from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

from bootstrap.core.decision import persistent_state
from bootstrap.core.decision.decide import decide
from bootstrap.core.decision.decisions import Bootstrap, Decision, Hold, Join
from bootstrap.core.decision.election import highest_term
from bootstrap.core.decision.override import survey_pods
from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import DataClass, Disk, Position
from bootstrap.core.model.facts import Facts, Override, Phase, PodState, Promise, Server
from tests.support.bootstrap.records import A, seen_by


class Volume(NamedTuple):
    """What is on one volume."""

    state: PersistentState
    """The journal."""
    log: tuple[int, ...] = ()
    """The commits in the datadir; each has a number of its own."""
    uuid: str = A
    base: int = 0
    """How many commits there were before this history began."""

    @property
    def disk(self) -> Disk:
        """What a starter finds."""
        if not self.log:
            return Disk(DataClass.SST_INTERRUPTED)
        return Disk(DataClass.CRASHED, Position(self.uuid, len(self.log) - self.base))


class Histories:
    """Some pods, the cluster that some of them are in, and the copies that were made of volumes."""

    def __init__(self, pods: int = 3) -> None:
        """Begin with members of one cluster that have all died."""
        self.numbers = count(10)
        self.volumes = [
            Volume(PersistentState("c", f"galera-{o}", f"volume-{o}", history_uuid=A, epoch=1, highest_term=1), (1, 2))
            for o in range(pods)
        ]
        self.members: set[int] = set()
        self.cluster: tuple[int, ...] = ()
        """What the live cluster has ordered."""
        self.copies: list[tuple[Volume, ...]] = []
        self.lost_journals = False
        self.holds: list[str] = []
        """The rules of all holds so far."""
        self.joins = 0

    # What the rules see.

    def facts(self, ordinal: int) -> Facts:
        """What this pod knows: everything."""
        pods = [self.pod_state(o) for o in range(len(self.volumes))]
        return seen_by(pods[ordinal], *(pod for pod in pods if pod.ordinal != ordinal))

    def pod_state(self, ordinal: int) -> PodState:
        """What the agent of this pod reports."""
        state, log, uuid, base = volume = self.volumes[ordinal]
        lives = ordinal in self.members
        return PodState(
            pod=f"galera-{ordinal}",
            ordinal=ordinal,
            run_id=f"run-{ordinal}",
            volume_id=state.volume_id,
            phase=Phase.RUNNING if lives else Phase.FROZEN,
            disk=None if lives else volume.disk,
            server=Server("Primary", "Synced", uuid, len(log) - base, len(self.members)) if lives else None,
            joining=bool(state.joining_boot_id),
            was_synced=bool(state.history_uuid),
            epoch=state.epoch,
            promise=state.promise,
            expected=frozenset(range(len(self.volumes))),
            volumes=state.volumes,
            lineage=state.lineage,
            bootstraps=state.bootstraps,
            override=state.override,
        )

    def learn(self) -> None:
        """All members' agents have a round."""
        for ordinal in sorted(self.members):
            me = self.pod_state(ordinal)
            answers = [self.pod_state(o) for o in range(len(self.volumes)) if o != ordinal]
            learnt = persistent_state.after_round(
                self.volumes[ordinal].state, me, answers, durable=True, awaited=me.expected
            )
            self.put(ordinal, state=replace(learnt, promise=None))

    def put(self, ordinal: int, **changes: Any) -> None:
        self.volumes[ordinal] = self.volumes[ordinal]._replace(**changes)

    # What happens.

    def commit(self, lagging: int = 0, commits: int = 1) -> None:
        """The cluster commits; a member whose bit is set in `lagging` has not applied it yet."""
        self.cluster += tuple(next(self.numbers) for _ in range(commits)) if self.members else ()
        up_to_date = [o for o in self.members if not lagging >> o & 1] or sorted(self.members)[:1]
        for ordinal in up_to_date:
            self.put(ordinal, log=self.cluster)

    def kill(self, *ordinals: int) -> None:
        self.members -= {*ordinals}

    def act(self, ordinal: int, fate: int = 9) -> Decision | None:
        """Let a dead pod do what it decides; with a low `fate` it is killed while it does so."""
        if ordinal in self.members:
            return None
        for member in self.members:
            self.put(member, log=self.cluster)
        decision = decide(self.facts(ordinal))
        if isinstance(decision, Hold):
            self.holds.append(decision.rule)
            self.check_hold(ordinal, decision)
        elif isinstance(decision, Join):
            self.join(ordinal, fate)
        elif isinstance(decision, Bootstrap):
            self.bootstrap(ordinal, decision, fate)
        return decision

    def bootstrap(self, ordinal: int, decision: Bootstrap, fate: int) -> None:
        """All promise; the server may never come up."""
        facts = self.facts(ordinal)
        volume = self.volumes[ordinal]
        override = volume.state.override
        term = override.epoch if override else highest_term(facts.states) + 1
        for pod in range(len(self.volumes)):
            self.put(pod, state=replace(self.volumes[pod].state, highest_term=term))
        state = replace(self.volumes[ordinal].state, promise=Promise(term, ordinal, f"run-{next(self.numbers)}"))
        state = persistent_state.before_bootstrap(state, volume.disk, first=False, forced=decision.forced)
        self.check_start(volume, decision)
        self.put(ordinal, state=replace(state, promise=state.promise if fate else None))
        if not fate:
            return
        if decision.forced:
            uuid = f"{next(self.numbers):08d}-0000-11ee-8000-000000000000"
            self.put(ordinal, uuid=uuid, base=len(volume.log))
        self.members, self.cluster = {ordinal}, volume.log
        self.commit()  # the change of the view
        self.learn()

    def join(self, ordinal: int, fate: int) -> None:
        """By single transactions or by a full copy; the joiner may be killed before or during it."""
        volume, donor = self.volumes[ordinal], self.volumes[min(self.members)]
        assert volume.log == self.cluster[: len(volume.log)], "it joins a cluster that does not contain its data"
        self.joins += 1
        facts = self.facts(ordinal)
        epoch = max(pod.epoch for pod in facts.answers if pod.primary_server)
        state = persistent_state.before_join(
            volume.state, volume.disk, facts.answers, kernel_boot_id="open", epoch=epoch
        )
        self.put(ordinal, state=state)
        if fate == 0:
            return
        is_incremental = volume.log and volume.uuid == donor.uuid
        if fate == 1:
            self.put(ordinal, log=self.cluster[: (len(volume.log) + len(self.cluster)) // 2] if is_incremental else ())
            return
        self.put(ordinal, uuid=donor.uuid, base=donor.base)
        self.members.add(ordinal)
        self.commit()  # the change of the view
        self.learn()

    def check_start(self, volume: Volume, decision: Bootstrap) -> None:
        """Check that a candidate of the rules has all that is on the disks of its history."""
        for other in self.volumes:
            contained = other.log == volume.log[: len(other.log)]
            assert contained or other.uuid != volume.uuid or decision.forced, f"{other.log} is not in {volume.log}"

    def check_hold(self, ordinal: int, decision: Hold) -> None:
        """Check that there are two branches where all journals are there and a pod holds because of that."""
        if decision.rule not in ("other-branch", "two-branches") or self.lost_journals:
            return
        log = self.cluster if self.members else max((v.log for v in self.volumes), key=len)
        held = [self.volumes[ordinal]] if self.members else self.volumes
        assert any(v.log != log[: len(v.log)] for v in held), f"it holds without a reason: {decision.reason}"

    # What humans do.

    def copy(self) -> None:
        """Copy all volumes."""
        self.copies.append(tuple(self.volumes))

    def attach(self, ordinal: int, which: int, *, journal: bool) -> None:
        """Put a copy in the place of a pod's volume, without its journal if that is what was not copied."""
        if not self.copies:
            return
        volume = self.copies[which % len(self.copies)][ordinal]
        fresh = PersistentState("c", f"galera-{ordinal}", f"volume-{next(self.numbers)}")
        self.kill(ordinal)
        self.lost_journals |= not journal
        self.volumes[ordinal] = volume if journal else volume._replace(state=fresh)

    def restore(self, which: int, *, journal: bool) -> None:
        """Put the copies of one time in the place of all volumes."""
        for ordinal in range(len(self.volumes)):
            self.attach(ordinal, which, journal=journal)

    def force(self, ordinal: int) -> None:
        """Start a new history from this pod, if it holds in an outage and the survey allows it."""
        if self.members or not isinstance(decide(self.facts(ordinal)), Hold):
            return
        survey = survey_pods(self.facts(ordinal))
        if survey.refusal:
            return
        override = Override(survey.epoch, survey.base, survey.unreachable, survey.ahead)
        self.put(ordinal, state=replace(self.volumes[ordinal].state, override=override))
        self.act(ordinal)

    def discard(self, ordinal: int) -> None:
        """Give up the data of a pod that holds beside the cluster."""
        if self.members and ordinal not in self.members and isinstance(decide(self.facts(ordinal)), Hold):
            self.put(ordinal, log=(), state=replace(self.volumes[ordinal].state, joining_boot_id="open"))
