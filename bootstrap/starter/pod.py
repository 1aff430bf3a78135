"""What a starter knows of its pod before it asks the agent: the settings, the Secret, DNS, the peers on stdin."""

from typing import NamedTuple

from bootstrap.network.directory import Directory
from bootstrap.process.log import Log
from bootstrap.secret_files import ServerSecrets, read_server_secrets
from bootstrap.settings import Settings
from bootstrap.storage.layout import Layout


class Pod(NamedTuple):
    """This pod."""

    settings: Settings
    secrets: ServerSecrets
    directory: Directory
    log: Log
    ordinals: frozenset[int]
    """The ordinals of the peers on stdin."""

    @property
    def layout(self) -> Layout:
        """Where the datadir is."""
        return Layout(self.settings.data_root)


def read_pod(settings: Settings, log: Log, peers: tuple[str, ...] = ()) -> Pod:
    """Read what is known of this pod; raises SettingInvalidError."""
    directory = Directory.open(settings)
    return Pod(settings, read_server_secrets(settings.secrets), directory, log, directory.ordinals_of(peers))
