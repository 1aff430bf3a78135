"""Lists of members, for pods that join without being a member: a guest, an arbitrator."""

from pathlib import Path

import pytest

from bootstrap.errors import SettingInvalidError
from bootstrap.network.directory import Directory
from bootstrap.settings import Settings
from peerfinder.errors import PeerFinderError
from tests.dns.knot import Knot, free_port, pods
from tests.support.bootstrap.fleet import settings_of


def settings(root: Path, nameserver: str = "") -> Settings:
    given = nameserver or f"127.0.0.1:{free_port('127.0.0.1')}"
    return settings_of(root, 0)._replace(domain="cluster.local", nameserver=given, pod_ip="127.0.1.9")


def test_an_unusable_setting_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalidError, match="not a port"):
        Directory.open(settings(tmp_path, "127.0.0.1:not a port"))


def test_names_need_no_name_server(tmp_path: Path) -> None:
    directory = Directory.open(settings(tmp_path))
    assert directory.addresses((10, 2)) == (
        "galera-2.galera.test.svc.cluster.local",
        "galera-10.galera.test.svc.cluster.local",
    )


def test_without_dns_the_configured_replicas_are_possible(tmp_path: Path) -> None:
    assert Directory.open(settings(tmp_path)).possible_ordinals() == (0, 1, 2)
    later = settings(tmp_path)._replace(ordinals_start=5)
    assert Directory.open(later).possible_ordinals() == (5, 6, 7)


def test_a_sole_pod_that_is_said_to_have_no_dns_is_alone(tmp_path: Path) -> None:
    alone = settings(tmp_path, "none")._replace(replicas=1)
    assert Directory.open(alone).ordinals() == {0}
    with pytest.raises(PeerFinderError):
        Directory.open(settings(tmp_path)).ordinals()


@pytest.mark.knot
def test_an_own_address_is_not_that_of_the_member_whose_settings_it_has(tmp_path: Path) -> None:
    """A guest and an arbitrator have the settings of the lowest ordinal, and a POD_IP of their own."""
    with Knot(tmp_path / "knot") as knot:
        knot.publish(pods("galera", {"galera-0": "127.0.1.1", "galera-4": "127.0.1.5"}, namespace="test"))
        directory = Directory.open(settings(tmp_path, knot.nameserver)._replace(address_type="IP"))
        assert directory.possible_ordinals() == (0, 1, 2, 4)
        assert directory.addresses(directory.possible_ordinals()) == ("127.0.1.1", "127.0.1.5")
        assert directory.members((0, 4)) == ("127.0.1.9", "127.0.1.5")
