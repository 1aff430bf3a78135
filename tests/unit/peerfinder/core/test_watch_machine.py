"""Pods that come, go and move, two DNS replicas of which one lags, failures, hooks that fail: any course of these.

The rules that must hold at every step are written here a second time, independent of the code.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peerfinder.core.watch import Due, Rules, Wait, Watch, observe, record_delivery, record_failure

OWN = "a"

NAMES = st.sampled_from("abc")

PAUSES = st.sampled_from([0.5, 1.0, 2.0])
"""Seconds between two lookups."""


class Cluster(RuleBasedStateMachine):
    """One pod's view of its peers."""

    def __init__(self) -> None:
        super().__init__()
        self.flags = Rules()
        self.state = Watch()
        self.now = 100.0
        self.world: dict[str, str] = {}
        self.behind: dict[str, str] = {}
        self.given: dict[str, str] = {}
        """What the last hook got that ended well."""
        self.ever: set[tuple[str, str]] = set()
        """Every peer and address that was ever seen."""
        self.away: dict[str, float] = {}
        """Since when a peer was absent from every answer, without a failure in between."""
        self.gone: set[str] = set()
        """Peers that were absent for long enough, and were not seen since."""
        self.changed = 0.0
        self.addresses = 0

    @initialize(
        own=st.sampled_from([(), (OWN,)]),
        least=st.sampled_from([1, 2]),
        removal=st.sampled_from([0.0, 3.0]),
        settle=st.sampled_from([(0.0, 0.0), (2.0, 0.0), (2.0, 5.0)]),
    )
    def choose(self, own: tuple[str, ...], least: int, removal: float, settle: tuple[float, float]) -> None:
        """Any flags."""
        self.flags = Rules(own, least, *settle, removal)

    @rule(name=NAMES)
    def come_or_move(self, name: str) -> None:
        """A pod starts, or restarts with another address."""
        self.addresses += 1
        self.world[name] = f"10.0.0.{self.addresses}"

    @rule(name=NAMES)
    def go(self, name: str) -> None:
        """A pod ends."""
        self.world.pop(name, None)

    @rule()
    def catch_up(self) -> None:
        """The replica that lags catches up for a moment."""
        self.behind = dict(self.world)

    @rule(pause=PAUSES)
    def fail(self, pause: float) -> None:
        """A lookup fails: nothing is due, and no peer counts as absent because of it."""
        self.now += pause
        self.away = {}
        before = self.state
        self.state = record_failure(self.state)
        assert self.state.present == before.present

    @rule(pauses=st.lists(PAUSES, min_size=1, max_size=4), well=st.booleans())
    def look(self, pauses: list[float], *, well: bool) -> None:
        """DNS answers some times; a hook that is due ends well or fails."""
        for pause in pauses:
            self.see(self.world, pause, well=well)

    @rule(pause=PAUSES, well=st.booleans())
    def look_behind(self, pause: float, *, well: bool) -> None:
        """The replica that lags answers."""
        self.see(self.behind, pause, well=well)

    @precondition(lambda self: self.world and (not self.flags.own or OWN in self.world))
    @rule()
    def calm_down(self) -> None:
        """Nothing changes for long, and all replicas agree: then a hook has got the true peers."""
        if len(self.world) < self.flags.min_peers and not self.given:
            return
        for _ in range(12):
            self.see(self.world, 1.0, well=True)

        assert self.given == self.world
        assert self.see(self.world, 1.0, well=True) is Wait.STEADY

    @invariant()
    def only_a_hook_delivers(self) -> None:
        """The state remembers what the last hook got."""
        assert dict(self.state.delivered) == self.given

    def see(self, seen: dict[str, str], pause: float, *, well: bool) -> Due | Wait | None:
        """Look up once; an empty answer does not exist, it is a failure."""
        if not seen:
            self.fail(pause)
            return None
        self.now += pause
        self.ever |= set(seen.items())
        self.away = {name: self.away.get(name, self.now) for name in self.ever_names() - seen.keys()}
        enough = {name for name, since in self.away.items() if self.now - since >= self.flags.remove_after}
        self.gone = (self.gone | enough) - seen.keys()
        before = self.state
        self.state, verdict = observe(self.state, self.flags, dict(seen), self.now)
        if self.state.present != before.present:
            self.changed = self.now
        if isinstance(verdict, Due):
            self.check(verdict, seen)
            if well:
                self.state = record_delivery(self.state, verdict.peers, self.now)
                self.given = dict(verdict.peers)
        return verdict

    def check(self, due: Due, seen: dict[str, str]) -> None:
        """Judge what a hook is to get."""
        peers = dict(due.peers)
        assert peers
        assert peers != self.given, "the same set again"
        assert not self.flags.own or OWN in seen, "without our own record"
        assert set(peers.items()) <= self.ever, "a peer that was never seen"
        assert peers.keys() >= seen.keys(), "without a peer that is there"
        assert self.given.keys() - peers.keys() <= self.gone, "without a peer that was missing only for a moment"
        if not self.given:
            assert len(seen) >= self.flags.min_peers
        elif not self.flags.settle_max:
            assert self.now - self.changed >= self.flags.settle_min, "while the peers still change"

    def ever_names(self) -> set[str]:
        """Return the names of all peers that were ever seen."""
        return {name for name, _ in self.ever}


TestCluster = Cluster.TestCase
TestCluster.settings = settings(max_examples=100, stateful_step_count=40)
