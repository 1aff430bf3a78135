"""docs/races.md agrees with the code and the tests, and each rule is needed: its test fails without it."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.paths import ROOT
from tests.support import mutants
from tests.support.mutants import Mutant

PAGE = (ROOT / "docs/races.md").read_text()
ALL = range(1, 46)

UNIT = "tests/unit/bootstrap"
AGENT_TESTS = f"{UNIT}/agent"
DECISION = f"{UNIT}/core/decision"
GALERA = f"{UNIT}/core/galera"
NETWORK = f"{UNIT}/network"
OPERATIONS = f"{UNIT}/operations"
STATUS = f"{UNIT}/core/status"
STORAGE = f"{UNIT}/storage"
DECIDE = f"{DECISION}/test_decide.py::test_rule"
REFUSED = f"{DECISION}/test_election.py::test_a_promise_is_refused"
SIGN = f"{DECISION}/test_election.py::test_a_promise_ends_only_by_a_sign_of_its_candidate"
INCIDENT = f"{UNIT}/test_incidents.py::test_it_ends_as_it_should_have"
NO_PROOF = f"{DECISION}/test_quorum.py::test_there_is_no_proof_when"
EVIDENCE = f"{DECISION}/test_quorum_evidence.py"
NO_RECORD = f"{EVIDENCE}::test_a_pod_without_a_record_may_have_come_into_a_later_view_if"
DENIED = (
    f"{UNIT}/datadir/test_inspection.py::"
    "test_a_sign_of_a_transfer_that_a_member_s_journal_denies_does_not_hide_what_its_disk_holds"
    "[sst_in_progress-another member]"
)
SCALE = f"{AGENT_TESTS}/test_scale_changes.py"
RESTARTS = f"{UNIT}/starter/test_restarts.py"
LAUNCH = f"{UNIT}/starter/test_launch.py"
PLACES = f"{UNIT}/datadir/test_places.py"
TABLES = f"{UNIT}/core/system_tables/test_rules.py"
NEIGHBOURS = f"{NETWORK}/test_fanout.py"

TORN = f"{INCIDENT}[1323: the flag is up beside the nil uuid of a transfer that was killed late: the server would recover the donor's position]"  # noqa: E501
IN_A_DDL = f"{INCIDENT}[saved_state.cpp: killed in a DDL with the newest commit, and the flag is up at another]"
BACKUP = f"{INCIDENT}[PXC-4845: the seqno of a backup in grastate.dat, a kill, and the flag: InnoDB is right]"

MUTANTS = [
    Mutant(1, "election:consider", "own.run_id != prepare.run_id or not", "not",
           f"{REFUSED}[my agent has restarted since]"),
    Mutant(1, "participant.rounds:open_journal", "p.abandon_term(state.highest_term)", "p",
           f"{AGENT_TESTS}/test_promises.py::test_a_late_request_of_an_earlier_life_frees_nobody"),
    Mutant(2, "storage.permission:consume",
           "permission.kernel_boot_id) != (term, kernel_boot_id())", "0) != (term, 0)",
           f"{STORAGE}/test_permission.py::test_of_another_boot_of_the_machine_it_starts_nothing"),
    Mutant(2, "participant.rounds:start", "yield VoidPermission()", "yield Note('', '')",
           f"{AGENT_TESTS}/test_promises.py::test_an_agents_restart_takes_its_permission_back"),
    Mutant(3, "agent.agent:Agent.wait_for_round", "self.counts.ended >= due", "True",
           f"{AGENT_TESTS}/test_starters.py::test_a_permission_is_given_by_a_round_that_began_after_it_was_asked_for"),
    Mutant(3, "election:consider", "if pod.primary_server]", "if False]", f"{REFUSED}[a Primary lives]"),
    Mutant(4, "participant.promises:campaign", "if not missing:", "if True:",
           f"{AGENT_TESTS}/test_promises.py::test_nothing_is_permitted_before_everybody_has_promised"),
    Mutant(4, "election:find_unbound", "pod.promise == promise and ", "",
           f"{DECISION}/test_election.py::test_permission_takes_every_expected_pod_bound_and_frozen"),
    Mutant(4, "election:consider", "bound is not None and not", "False and not",
           f"{REFUSED}[bound to another pod]"),
    Mutant(5, "election:_ends", "return pod.has_no_server", "return True",
           f"{SIGN}[a new run of the candidate, with something alive]"),
    Mutant(5, "rules_live_primary:wait_while_promised", "if promise is None or", "if True or",
           f"{DECIDE}[promised to a silent candidate -> wait]"),
    Mutant(6, "rules_full_outage:require_all_heard", "if not blockers or ", "if True or ",
           f"{DECIDE}[a peer is silent -> wait]"),
    Mutant(7, "persistent_state:add_founders", "if pod.volume_id}", "if False}",
           f"{AGENT_TESTS}/test_persistence.py::test_the_first_commits_are_missed_although_nobody_has_joined_before_they_were_lost[True]"),
    Mutant(7, "rules_full_outage:create_first_database", "in pods_with_replaced_volume(facts)", "in ()",
           f"{DECIDE}[the volume of the first database is gone before any pod has joined -> hold]"),
    Mutant(8, "rules_full_outage:apply_override", "if override is None:", "if True:",
           f"{DECIDE}[an override gives the silent pod up -> bootstrap]"),
    Mutant(8, "override:why_void", "if ordinal not in override.unreachable:", "if False:",
           f"{DECIDE}[another pod falls silent -> the override is void]"),
    Mutant(8, "election:next_override_epoch", "ordinal * TERMS_OF_AN_OVERRIDE", "0",
           f"{DECISION}/test_election.py::test_an_override_shares_its_epoch_with_nothing_that_it_has_not_heard"),
    Mutant(8, "election:find_unbound", "if is_silent(facts, o)", "if True",
           f"{DECISION}/test_election.py::test_an_override_excuses_a_pod_that_it_names_only_while_that_pod_is_silent"),
    Mutant(8, "quorum:is_whole", "sorted(v.my_uuid for v in found) != members or ", "",
           f"{NO_PROOF}[one of four members is silent]"),
    Mutant(8, "quorum:has_reached_view", "start.seqno <= position.seqno", "True",
           f"{NO_PROOF}[the disks have lost what the checkpoint notes]"),
    Mutant(8, "quorum:may_be_outnumbered", "> len(members) // 2 + 1", "> 999",
           f"{NO_PROOF}[a sole member might have been outnumbered]"),
    Mutant(8, "quorum:may_be_left_out", "peer.phase in phases", "True",
           f"{NO_PROOF}[a pod joins]"),
    Mutant(8, "quorum:may_be_left_out", "peer.is_silent", "True",
           f"{NO_PROOF}[the pod outside answers, and is not understood]"),
    Mutant(8, "quorum:is_contradicted", "any(knows_later_view(pod, view) for pod in facts.states)", "False",
           f"{EVIDENCE}::test_a_view_was_not_the_last_one_if[a later view is on a disk]"),
    Mutant(8, "quorum:is_contradicted", "is_behind or ", "",
           f"{EVIDENCE}::test_a_view_was_not_the_last_one_if[a torn disk holds more]"),
    Mutant(8, "quorum:has_stayed_away", "{*own_view.members} & {*view.members}", "True",
           f"{EVIDENCE}::test_a_pod_may_have_come_into_a_later_view_in_spite_of[an earlier view of other servers]"),
    Mutant(8, "quorum:was_stopped_before", "disk.position.seqno < start.seqno", "True",
           f"{EVIDENCE}::test_a_pod_may_have_come_into_a_later_view_in_spite_of[a stop in order after the view]"),
    Mutant(9, "rules_full_outage:why_data_missing", "volumes and pod.volume_id not in volumes", "False",
           f"{DECIDE}[the volume of a member was replaced by an empty one -> hold]"),
    Mutant(9, "rules_full_outage:why_data_missing", "data_class in BLANK and was_emptied", "False",
           f"{DECIDE}[a former member's datadir was emptied -> hold]"),
    Mutant(9, "rules_full_outage:newest_memory", "position.seqno > reached", "position == best",
           f"{DECIDE}[the most advanced disk remembers nothing, another one another volume -> hold]"),
    Mutant(9, "quorum:has_record", "if not is_closed or disk_of(pod).data_class not in STARTABLE:", "if False:",
           f"{NO_RECORD}[its disk is empty-an older epoch]"),
    Mutant(9, "quorum:has_record", " == {pod.volume_id}", " != set()",
           f"{NO_RECORD}[its volume is another one than the members remember-an older epoch]"),
    Mutant(10, "rules_full_outage:require_one_history",
           "if lineage.leading_history(facts.states) is not None:", "if True:",
           f"{DECIDE}[two histories on the disks -> hold, also for the longer one]"),
    Mutant(10, "rules_live_primary:join_primary", "facts.own.epoch > (epoch := primary_epoch(facts))", "False",
           f"{DECIDE}[the Primary was begun from an older copy of my history, and is past me -> hold]"),
    Mutant(10, "rules_live_primary:join_primary", "if parted is not None:", "if False:",
           f"{DECIDE}[the Primary began from an older copy, and is past me -> hold]"),
    Mutant(10, "branches:part_after", "point not in shared", "False",
           f"{DECIDE}[the disks are of two branches -> hold, also for the longer one]"),
    Mutant(10, "branches:part_after", "point.seqno < common", "True",
           f"{DECIDE}[the Primary was bootstrapped where I end -> join]"),
    Mutant(10, "election:is_ahead", "branches.find_parting(", "None and branches.find_parting(",
           f"{REFUSED}[my datadir is of another branch, with a lower number]"),
    Mutant(10, "persistent_state:before_bootstrap", "state.promise.run_id", '""',
           f"{AGENT_TESTS}/test_older_copies.py::test_a_snapshot_that_went_on_twice_is_of_two_branches"),
    Mutant(10, "persistent_state:before_join", "if member else state", "if False else state",
           f"{AGENT_TESTS}/test_older_copies.py::test_a_joiner_knows_the_bootstraps_of_its_cluster_before_its_server_starts"),
    Mutant(11, "rules_full_outage:hold_below_min_epoch", "if facts.min_epoch and not any(", "if False and not any(",
           f"{DECIDE}[everything is empty under a floor -> hold]"),
    Mutant(12, "participant.participant:Participant.known", "self.identity.configured | ", "",
           f"{AGENT_TESTS}/test_persistence.py::test_an_ordinal_that_was_only_heard_of_is_awaited_and_not_told_on"),
    Mutant(13, "participant.participant:Participant.known", " | remembered", "",
           f"{SCALE}::test_fewer_replicas_alone_excuse_nobody"),
    Mutant(13, "persistent_state:find_scaled_away", "- awaited", "- awaited - awaited.union(range(9))",
           f"{SCALE}::test_a_member_that_has_left_is_not_awaited_in_a_later_outage"),
    Mutant(14, "lineage:most_advanced", "pod.ordinal)", "-pod.ordinal)",
           f"{DECIDE}[equal in everything: the lowest ordinal]"),
    Mutant(15, "persistent_state:find_scaled_away", "- awaited", "- awaited - awaited.union(range(9))",
           f"{SCALE}::test_the_last_member_starts_alone_after_an_outage"),
    Mutant(16, "rules_full_outage:require_all_heard", "if not blockers or ", "if True or ",
           f"{DECIDE}[a peer was not asked yet -> wait]"),
    Mutant(17, "rules_own_pod:stop_stuck_server", "all_live=True", "alone=True",
           f"{AGENT_TESTS}/test_round.py::test_where_all_servers_live_and_do_not_find_each_other_each_is_stopped_after_minutes"),
    Mutant(17, "rules_own_pod:stop_stuck_server",
           "isinstance(peer, PodState) and (is_non_primary(peer) or is_frozen(peer))", "True",
           f"{DECIDE}[my server is non-Primary and a peer is silent -> wait]"),
    Mutant(17, "rules_live_primary:wait_for_lost_quorum", "2 * left > size", "True",
           f"{DECIDE}[two of three members died and the third has not noticed it yet -> wait]"),
    Mutant(17, "rules_live_primary:wait_for_lost_quorum",
           "any(pod.has_foreign_members for pod in facts.states)", "False",
           f"{DECIDE}[the Primary has members that are no pods -> join]"),
    Mutant(17, "predicates:why_quorum_uncertain", "2 * len(alive) > size", "True",
           f"{DECIDE}[one of two members is heard as Primary, and I am ahead of it -> wait]"),
    Mutant(17, "rules_live_primary:join_or_hold", "isinstance(decision, Hold) and", "False and",
           f"{DECIDE}[half of the members are heard as Primary, and I am beyond their fork -> wait]"),
    Mutant(18, "rules_full_outage:require_all_heard", "if not blockers or ", "if True or ",
           f"{DECIDE}[all are empty and the lowest is silent -> wait]"),
    Mutant(19, "storage.lock:_try_to_lock", "fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass",
           f"{STORAGE}/test_lock.py::test_a_held_lock_is_seen_and_refused[in the taker]"),
    Mutant(19, "storage.lock:_try_to_lock", "os.path.samestat(os.fstat(fd), path.lstat())", "True",
           f"{STORAGE}/test_lock.py::test_a_lock_file_replaced_between_opening_and_locking_does_not_count"),
    Mutant(20, "network.directory:Directory.cure", "return NOT_RUNNING", 'return ""',
           f"{NEIGHBOURS}::test_a_pod_without_an_address_is_reported_with_the_cure"),
    Mutant(21, "network.directory:Directory.cure", "return NO_NAMES", 'return ""',
           f"{NEIGHBOURS}::test_a_pod_without_an_address_is_reported_with_the_cure"),
    Mutant(22, "probes:is_alive", "<= STUCK_S", "<= STUCK_S and view.server is not None",
           f"{STATUS}/test_probes.py::test_whatever_the_server_does_the_agent_is_alive"),
    Mutant(23, "classify:find_transfer_sign", "if name in names)", "if False)", TORN),
    Mutant(23, "predicates:bootstrap_position", "if disk.data_class in STARTABLE", "if True",
           f"{DECIDE}[only a copy that was voted wrong is left -> hold]"),
    Mutant(23, "datadir.inspection:_inspect", "hints.was_synced and not hints.joining", "False", DENIED),
    Mutant(23, "lineage:most_advanced", "pod.joining, ", "False, ",
           f"{DECIDE}[equal positions, and a join of one was never seen to end -> bootstrap]"),
    Mutant(24, "classify:classify_with_position", "if state.uuid == NIL_UUID:", "if False:", IN_A_DDL),
    Mutant(25, "classify:classify_with_position", "if state.seqno == found.seqno:", "if state.seqno != -1:", BACKUP),
    Mutant(26, "lineage:most_advanced", "(-seqno, pod.joining, STARTABLE[disk.data_class], not disk.safe_to_bootstrap,",
           "(not disk.safe_to_bootstrap, -seqno, pod.joining, STARTABLE[disk.data_class],", IN_A_DDL),
    Mutant(27, "rules_live_primary:join_primary", "if mine.seqno > limit:", "if False:",
           f"{DECIDE}[one transaction more than the Primary -> hold]"),
    Mutant(28, "rules_live_primary:join_primary", "if mine.seqno > limit:", "if False:",
           f"{DECIDE}[the Primary was forked off before my position -> hold]"),
    Mutant(29, "rules_full_outage:require_one_history",
           "if lineage.leading_history(facts.states) is not None:", "if True:",
           f"{DECIDE}[forced on two sides -> hold]"),
    Mutant(29, "rules_live_primary:hold_between_two_primaries", "if len(uuids) > 1:", "if False:",
           f"{DECIDE}[two Primaries of different histories -> hold]"),
    Mutant(29, "persistent_state:after_inspection", "disk.position.uuid != fork.uuid", "False",
           f"{DECISION}/test_persistent_state.py::test_no_other_disk_does[another datadir]"),
    Mutant(30, "rules_full_outage:create_first_database", "if creator == facts.own.ordinal:", "if True:",
           f"{DECIDE}[all are empty and I am not the lowest -> wait]"),
    Mutant(31, "mariadb.initialise:create", "tmp = layout.data_tmp", "tmp = layout.data; tmp.mkdir()",
           f"{UNIT}/test_kill_points.py::test_a_first_database_is_there_whole_or_not_at_all"),
    Mutant(32, "server_version:why_not_opened", "if not stopped:", "if False:",
           f"{GALERA}/test_server_version.py::test_killed_data_need_the_same_version_and_stopped_ones_at_most_the_next"
           "[wrote6-opens6-False-must not recover]"),
    Mutant(32, "override:why_not_adoptable", "if disk.data_class not in ADOPTABLE:", "if False:",
           f"{DECISION}/test_override.py::test_no_class_is_adopted_that_a_guard_of_the_datadir_has_refused[UNKNOWN]"),
    Mutant(32, "starter.launch:adopt", "or inspection.why_unreadable(pod.layout, recover)", "",
           f"{UNIT}/starter/test_launch.py::test_data_that_the_server_must_not_recover_are_not_adopted"
           "[server-version-mariadbd  Ver 10.11.19-MariaDB-written by MariaDB 10.11]"),
    Mutant(34, "override:why_not_silent", "if peer.contact is Contact.ANSWER:", "if False:",
           f"{DECISION}/test_override.py::test_an_override_would_be_refused[all others refuse our key]"),
    Mutant(34, "network.client:Client._exchange", "in self.membership.keys:", "in self.membership.keys[:1]:",
           f"{NETWORK}/test_exchange.py::test_keys_can_be_rotated_one_pod_after_the_other"
           "[the other pod has only the old key yet]"),
    Mutant(35, "network.auth:Message.seal", "self.cluster_id, ", "",
           f"{NETWORK}/test_exchange.py::test_a_stranger_learns_nothing_and_changes_nothing[another cluster]"),
    Mutant(35, "storage.journal:open_journal",
           "if (state.cluster_id, state.pod) == (cluster_id, pod)", "if True",
           f"{AGENT_TESTS}/test_persistence.py::test_a_volume_of_another_cluster_is_left_alone"),
    Mutant(36, "persistent_state:find_scaled_away", " or server.size != len(members) + 1", "",
           f"{SCALE}::test_beside_an_arbitrator_nobody_is_forgotten"),
    Mutant(36, "operations.arbitrator:watch", "any(map(ALONE.search, lines))", "False",
           f"{OPERATIONS}/test_arbitrator.py::test_one_that_is_left_alone_in_the_primary_component_is_ended_at_once"),
    Mutant(37, "core.galera.provider_options:why_refused", 'if re.fullmatch(refused.keys, match["key"])', "if False",
           f"{GALERA}/test_provider_options.py::test_an_option_is_refused_with_the_reason[pc.weight=2]"),
    Mutant(38, "rules_live_primary:hold_between_two_primaries", "if is_one_component(alive):", "if True:",
           f"{DECIDE}[two Primaries of one history, each alone -> wait]"),
    Mutant(39, "participant.participant:write", " if failure else ", " if False else ",
           f"{AGENT_TESTS}/test_promises.py::test_a_promise_that_cannot_be_made_durable_is_not_given"),
    Mutant(40, "drain:why_stay", "if _is_coming(peer)]", "if False]",
           f"{DECISION}/test_drain.py::test_a_member_stays_for_pods_that_join_recover_or_catch_up"),
    Mutant(41, "network.fanout:Peers._explain_unreached", "if not unreached:", "if True:",
           f"{NEIGHBOURS}::test_the_port_is_named_only_where_no_peer_can_be_reached_at_it"),
    Mutant(42, "predicates:why_not_counted", "if peer.phase is not Phase.FROZEN or peer.disk is None:", "if False:",
           f"{DECIDE}[a peer still reads its datadir -> wait]"),
    Mutant(43, "system_tables.rules:why_not_yet", "ordinal < own.ordinal and ", "False and ",
           f"{TABLES}::test_in_no_state_of_a_cluster_does_a_member_begin_too_early_and_never_two_at_once"),
    Mutant(43, "system_tables.rules:why_not_yet", "if why := _why_of_another_series(pod, series):", "if why := '':",
           f"{TABLES}::test_in_no_state_of_a_cluster_does_a_member_begin_too_early_and_never_two_at_once"),
    Mutant(43, "agent.system_tables:await_order", "not agent.wait_for_round(FRESH_S) or ", "",
           f"{AGENT_TESTS}/test_system_tables.py::test_an_order_rests_on_a_round_that_began_after_the_question"),
    Mutant(43, "datadir.provenance:note_tables", 'data / "mysql" / TABLES', "data / TABLES",
           f"{UNIT}/datadir/test_provenance.py::"
           "test_the_note_of_the_tables_is_in_their_folder_which_a_full_copy_replaces"),
    Mutant(44, "starter.launch:lacks_accounts", "hints.was_synced or ", "",
           f"{LAUNCH}::test_accounts_are_there_where_an_agent_was_logged_in_or_that_were_made_here[hints0-decision0]"),
    Mutant(44, "starter.launch:lacks_accounts", "disk.data_class in STARTABLE and ", "",
           f"{LAUNCH}::test_data_that_no_server_is_started_on_get_none[UNKNOWN]"),
    Mutant(44, "places:why_not_used", "not is_new or ", "",
           f"{PLACES}::test_a_copy_that_a_human_left_on_a_member_s_volume_changes_nothing[hints0]"),
    Mutant(44, "places:why_not_used", "has_data or ", "", f"{PLACES}::test_two_datadirs_hold"),
    Mutant(44, "places:find", "has_signs(path)", "False", f"{PLACES}::test_a_datadir_beside_an_empty_data_holds[.]"),
    Mutant(45, "starter.restarts:run", "may_start and keeper.end_children()", "may_start",
           f"{RESTARTS}::test_where_something_lives_on_no_other_server_is_started"),
    Mutant(45, "process.keeper:End.is_crash", " and not self.is_ordered", "",
           f"{UNIT}/process/test_keeper.py::test_a_crash_is_an_end_by_a_signal_that_nobody_has_ordered[-9-True-False]"),
    Mutant(44, "binlog_options:why_left_not_recovered", "is_on(now) and ", "",
           f"{GALERA}/test_binlog_options.py::"
           "test_killed_data_from_elsewhere_are_recovered_with_the_log_that_they_left"
           "[left5-now5-mysql-bin.index-this one has off: without it]"),
]  # fmt: skip

WITHOUT_A_MUTANT = {
    33: "nothing to take away: test_no_clock_takes_part_in_a_decision reads the code",
}
"""Races whose rule is not a condition in the code."""


# The page.


@cache
def rows() -> dict[int, list[str]]:
    """Read the page's tables: number -> cells."""
    found: dict[int, list[str]] = {}
    for line in PAGE.splitlines():
        if match := re.match(r"\| R(\d+) \|", line):
            number = int(match[1])
            assert number not in found, number
            found[number] = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[2:-1]]
    return found


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_race_has_its_row() -> None:
    assert sorted(rows()) == list(ALL)
    assert all(len(cells) == 4 and all(cells) for cells in rows().values())


def numbers_in(text: str) -> set[int]:
    """Find the numbers in a text, also those inside a range."""
    found: set[int] = set()
    for first, last in re.findall(r"\bR(\d+)(?:-R(\d+))?\b", text):
        found |= set(range(int(first), int(last or first) + 1))
    return found


@cache
def functions(path: Path) -> list[tuple[str, str]]:
    """Return the name and the text of each function of a module."""
    text = path.read_text()
    lines = text.splitlines()
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return [(node.name, "\n".join(lines[node.lineno - 1 : node.end_lineno])) for node in found]


@pytest.mark.parametrize("number", ALL, ids=lambda number: f"R{number}")
def test_each_place_has_its_number(number: int) -> None:
    for place in quoted(rows()[number][2]):
        file, _, function = place.partition(":")
        if not function:
            assert number in numbers_in((ROOT / file).read_text()), place
            continue
        (path,) = (p for p in (ROOT / "bootstrap").rglob("*.py") if p.as_posix().endswith(f"/{file}"))
        texts = [text for name, text in functions(path) if name == function]
        assert len(texts) == 1, f"{place} is there {len(texts)} times"
        assert number in numbers_in(texts[0]), f"{place} does not contain R{number}"


def test_no_place_has_a_number_that_the_page_does_not_have_there() -> None:
    """A function with `(R9)` in it must be in the row of R9."""
    for path in sorted((ROOT / "bootstrap").rglob("*.py")):
        for name, text in functions(path):
            for number in numbers_in("".join(re.findall(r"\([^()]*\bR\d+[^()]*\)", text))):
                places = quoted(rows()[number][2])
                assert any(f"{path}:{name}".endswith(f"/{place}") for place in places), f"R{number} in {path}:{name}"


@cache
def named_in(file: str) -> frozenset[str]:
    """Return the names of the tests in a file."""
    assert Path(file).name.startswith("test_")
    return frozenset(name for name, _ in functions(ROOT / "tests" / file) if name.startswith("test_"))


@pytest.mark.parametrize("number", ALL, ids=lambda number: f"R{number}")
def test_each_test_that_is_named_exists(number: int) -> None:
    tests = quoted(rows()[number][3])
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        assert name in named_in(file), test


# The rules are needed.


def test_every_race_has_a_mutant_or_a_reason_for_none() -> None:
    with_one = {mutant.race for mutant in MUTANTS}
    assert with_one | WITHOUT_A_MUTANT.keys() == set(ALL)
    assert not with_one & WITHOUT_A_MUTANT.keys()


def test_the_mutants_tests_are_on_the_page() -> None:
    for mutant in MUTANTS:
        named = quoted(rows()[mutant.race][3])
        assert mutant.test.removeprefix("tests/").partition("[")[0] in named, mutant


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the tests of all mutants in one process; mutant -> result."""
    requests = tmp_path_factory.mktemp("mutants") / "mutants.json"
    mutants.write(requests, MUTANTS)
    tests = sorted({mutant.test for mutant in MUTANTS})
    options = ["-q", "-p", "tests.support.mutants", "-p", "no:cacheprovider", "-p", "no:xdist", f"--mutants={requests}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests], cwd=ROOT, capture_output=True, text=True, check=False
    )
    answers = requests.with_suffix(".outcomes")
    assert answers.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(answers.read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_test_of_a_rule_fails_without_it(mutant: Mutant, outcomes: dict[str, str]) -> None:
    assert outcomes[str(mutant)] == "failed"


# Rules that are not a condition in the code.


def test_no_clock_takes_part_in_a_decision() -> None:
    """Wall clocks are read only to show times to humans; a pure module does not even read a monotonic clock."""
    wall = {"admin_requests", "recorder", "log", "backup", "prove", "ship", "sender_health", "status", "events"}
    waiting = re.compile(r"\b(time\.time|datetime\.now|utcnow|localtime|gmtime|strftime)\(")
    readers = {path.stem for path in (ROOT / "bootstrap").rglob("*.py") if waiting.search(path.read_text())}
    assert readers <= wall
    for path in (ROOT / "bootstrap/core").rglob("*.py"):
        assert not re.search(r"^(import|from) (time|datetime)\b", path.read_text(), re.MULTILINE)


Manifests = list[dict[str, Any]]


def manifests() -> Manifests:
    return [
        document
        for path in (ROOT / "manifests/base").glob("*.yaml")
        for document in yaml.safe_load_all(path.read_text())
        if "kind" in document
    ]


def complaints(documents: Manifests) -> set[int]:
    """Return the races whose rule these manifests break."""
    kinds = {(document["kind"], document.get("metadata", {}).get("name")): document for document in documents}
    members, peers = kinds["StatefulSet", "mysql"]["spec"], kinds["Service", "galera"]["spec"]
    pod = members["template"]["spec"]
    probed = {
        c["name"] for c in pod["containers"] + pod["initContainers"] if {"livenessProbe", "startupProbe"} & set(c)
    }
    (server,) = (c for c in pod["containers"] if c["name"] == "mysql")
    one_at_a_time = kinds["PodDisruptionBudget", "mysql"]["spec"]["maxUnavailable"] == 1
    kept = {
        20: members["podManagementPolicy"] == "Parallel",
        21: peers["publishNotReadyAddresses"] is True,
        22: probed <= {"agent"},
        40: one_at_a_time
        and "leave" in server.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ()),
    }
    return {number for number, keeps in kept.items() if not keeps}


def test_the_manifests_keep_their_rules() -> None:
    assert complaints(manifests()) == set()


def ordered(documents: dict[str, Any]) -> None:
    documents["StatefulSet"]["spec"]["podManagementPolicy"] = "OrderedReady"


def hidden(documents: dict[str, Any]) -> None:
    documents["galera"]["spec"]["publishNotReadyAddresses"] = False


def probed(documents: dict[str, Any]) -> None:
    documents["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = {}


def drained(documents: dict[str, Any]) -> None:
    documents["PodDisruptionBudget"]["spec"]["maxUnavailable"] = 2


@pytest.mark.parametrize(("spoil", "number"), [(ordered, 20), (hidden, 21), (probed, 22), (drained, 40)])
def test_manifests_that_break_a_rule_are_found(spoil: Callable[[dict[str, Any]], None], number: int) -> None:
    documents = deepcopy(manifests())
    spoil(
        {document["kind"]: document for document in documents}
        | {document["metadata"]["name"]: document for document in documents if document["kind"] == "Service"}
    )
    assert complaints(documents) == {number}
