"""What a server reports of itself, as real servers have reported it."""

from bootstrap.core.model.facts import Server
from bootstrap.mariadb.client import _parse_server

JOINER = {
    "wsrep_cluster_status": "non-Primary",
    "wsrep_local_state_comment": "Joining: receiving State Transfer",
    "wsrep_cluster_state_uuid": "0A821DFA-e96c-11f1-905b-cae75f545b75",
    "wsrep_last_committed": "269",
    "wsrep_cluster_size": "2",
    "wsrep_gcomm_uuid": "48babc15-e96c-11f1-8288-96fc274c5524",
}
"""A healthy member in an incremental transfer."""


def status(**changed: str) -> Server:
    server = _parse_server({name: value for name, value in (JOINER | changed).items() if value})
    assert isinstance(server, Server)
    return server


def test_a_joiner_is_non_primary_for_as_long_as_its_transfer_takes() -> None:
    assert status().cluster_status == "non-Primary"
    assert status().uuid == "0a821dfa-e96c-11f1-905b-cae75f545b75"


def test_one_that_has_left_its_group_in_a_failed_transfer_has_lost_it_whatever_it_says() -> None:
    """ "Receiving IST failed, node restart required": the server lives on, and never connects again."""
    assert status(wsrep_gcomm_uuid="").cluster_status == "Disconnected"


def test_a_member_is_what_it_says() -> None:
    assert status(wsrep_cluster_status="Primary").is_primary
    assert status(wsrep_cluster_status="Primary", wsrep_gcomm_uuid="").is_primary


def test_without_all_variables_there_is_no_server() -> None:
    assert _parse_server({"wsrep_cluster_status": "Primary"}) == (
        "the server does not report wsrep_local_state_comment: is wsrep_provider loaded?"
    )
