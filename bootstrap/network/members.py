"""Where the members of a cluster are, for those who join them without being one: a guest, an arbitrator."""

from contextlib import suppress

from bootstrap.core.model.facts import Unknown
from bootstrap.errors import SettingInvalidError
from bootstrap.network.directory import Directory
from bootstrap.settings import Settings
from peerfinder.errors import PeerFinderError


def ordinals(settings: Settings) -> tuple[int, ...]:
    """Who may be there: those of the settings, and those that DNS shows."""
    shown: frozenset[int] = frozenset()
    with suppress(PeerFinderError):
        shown = _directory(settings).ordinals()
    return tuple(sorted({*range(settings.replicas), *shown}))


def addresses(settings: Settings, of: tuple[int, ...]) -> tuple[str, ...]:
    """The members for a list of addresses; one that has none is left out where they must not be names.

    Raises SettingInvalidError when the domain is unknown.
    """
    directory = _directory(settings)
    pods = [settings.pod_of(ordinal) for ordinal in of]
    if settings.address_type == "DNS":
        return tuple(directory.names.pod_fqdn(pod) for pod in pods)
    found = (directory.address(pod) for pod in pods)
    return tuple(address for address in found if not isinstance(address, Unknown))


def _directory(settings: Settings) -> Directory:
    try:
        return Directory(settings)
    except PeerFinderError as exc:
        raise SettingInvalidError(str(exc)) from exc
