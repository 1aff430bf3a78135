"""Provider options: which a setting may give, and for how long Galera counts a dead server under them."""

import pytest

from bootstrap.core.galera.provider_options import DEFAULT_DEAD_S, longest_death, parse_period, why_refused


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT5S", 5), ("PT1M30S", 90), ("PT0.5S", 0.5), ("P1DT1H", 90000), ("PT7.5S", 7.5), (" PT1M ", 60)],
)
def test_a_period(text: str, seconds: float) -> None:
    assert parse_period(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "30", "PT-5S", "PT5", "T5S", "P1Y", "PT\u0665S", "PT5S;x"])
def test_no_period(text: str) -> None:
    assert parse_period(text) is None


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, DEFAULT_DEAD_S),
        ({"gcache.size": "PT9H"}, DEFAULT_DEAD_S),
        ({"evs.suspect_timeout": "PT2S"}, DEFAULT_DEAD_S),
        ({"evs.suspect_timeout": "PT30S", "evs.inactive_timeout": "PT1M", "evs.install_timeout": "PT1M"}, 60),
        ({"evs.suspect_timeout": "PT2M"}, 120),
        ({"evs.inactive_timeout": "whatever"}, DEFAULT_DEAD_S),
    ],
)
def test_a_dead_server_is_counted_as_long_as_the_longest_timeout(options: dict[str, str], seconds: float) -> None:
    assert longest_death(options) == seconds


REFUSED = {
    "it would start or keep a second cluster, or a server that waits for nothing": (
        "pc.bootstrap=true", "pc.bootstrap = YES", "pc.ignore_sb=true", "pc.ignore_quorum=yes", "pc.npvo=true",
        "pc.recovery=false", "pc.wait_prim=no", "pc.checksum=true", "pc.version=0",
    ),
    "every member must have the same vote": ("pc.weight=2", "pc.weight=0"),
    "this toolkit gives the addresses and the group": (
        "gmcast.listen_addr=tcp://0.0.0.0:1", "gmcast.group=other", "gmcast.peer_addr=tcp://6.6.6.6:4567",
        "gmcast.isolate=1", "gmcast.mcast_addr=239.1.1.1", "gmcast.port=1", "base_dir=/elsewhere", "base_port=1",
        "ist.recv_addr=1.2.3.4", "ist.recv_bind=1.2.3.4",
    ),
    "the setting TLS_DIR is there for encryption": (
        "socket.dynamic=yes", "socket.ssl=no", "socket.ssl_key=/etc/k.pem", "socket.recv_buf_size_x=1",
    ),
    "positions mean something only where commits are in order": ("repl.commit_order=0",),
    "members with other values do not find each other": (
        "protonet.backend=asio", "evs.version=0", "dbug=x", "signal=x",
    ),
    "it is no key=value of letters, digits and _.:/,+-": (
        "pc.bootstrap", "=1", "PC.BOOTSTRAP=1", "gcache.size=1G\npc.bootstrap=1", 'gcache.name=a"', "gcache.name=a b",
        "gcache.name=a#b", "a=$(id)", "a=`id`", "a=1&pc.bootstrap=1", "a=1;pc.bootstrap=1",
    ),
    "it is no period such as PT30S": (
        "evs.suspect_timeout=30", "evs.inactive_timeout=pt1m", "evs.install_timeout=15s", "evs.keepalive_period=1",
        "gmcast.time_wait=5", "gmcast.peer_timeout=3", "pc.wait_prim_timeout=", "pc.linger=20", "evs.delay_margin=1",
    ),
}  # fmt: skip
"""Why -> the options that are refused for it."""


@pytest.mark.parametrize(
    ("option", "why"), [pytest.param(option, why, id=option) for why, options in REFUSED.items() for option in options]
)
def test_an_option_is_refused_with_the_reason(option: str, why: str) -> None:
    assert why_refused(option) == why


@pytest.mark.parametrize(
    "option",
    [
        "gcache.size=1G", "gcache.page_size = 128M", "gcache.dir=/var/lib/galera/cache", "gcs.fc_limit=256",
        "gcs.fc_factor=0.8", "gmcast.segment=1", "socket.recv_buf_size=1M", "socket.send_buf_size=1M",
        "repl.causal_read_timeout=30", "evs.suspect_timeout = PT5S", "evs.keepalive_period=PT1S", "evs.send_window=512",
        "gmcast.time_wait=PT5S", "pc.wait_prim_timeout=PT30S", "pc.announce_timeout=P1D", "gcs.sync_donor=",
        "pc.linger=PT20S", "evs.delay_margin=PT1S",
    ],
)  # fmt: skip
def test_all_other_options_are_taken(option: str) -> None:
    assert why_refused(option) == ""
