"""The errors of this package: one class for each different thing that a human must do."""


class BootstrapError(Exception):
    """Superclass of all errors of this package; never raised directly."""

    exit_code = 1
    """The exit code of a command that ends with this error; docs/exit-codes.md has the table."""


class GraStateInvalidError(BootstrapError):
    """grastate.dat is not in the form that Galera writes."""

    exit_code = 10


class GvwStateInvalidError(BootstrapError):
    """gvwstate.dat is not in the form that Galera writes."""

    exit_code = 10


class RecoverFailedError(BootstrapError):
    """`mariadbd --wsrep-recover` ended without a position: the position is unknown."""

    exit_code = 11


class OptionsRefusedError(RecoverFailedError):
    """The server refuses its options, or must not get them: no recovery was tried."""


class ServerMissingError(BootstrapError):
    """A program of the database image, such as mariadbd, is missing."""

    exit_code = 12


class InitialisationFailedError(BootstrapError):
    """The first database, or the accounts in data from elsewhere, could not be created; no server was started."""

    exit_code = 13


class ConfigNotWrittenError(BootstrapError):
    """my-galera.cnf could not be replaced; the old file is intact."""

    exit_code = 14


class SettingInvalidError(BootstrapError):
    """A setting, a secret or an argument is not acceptable, or a permission is not the one that was granted."""

    exit_code = 15


class JournalUnwritableError(BootstrapError):
    """The journal could not be made durable: the agent gives no promise and permits no start."""

    exit_code = 16


class JournalInvalidError(BootstrapError):
    """A file of the journal exists and cannot be read or understood: its content is unknown."""

    exit_code = 16


class AgentUnreachableError(BootstrapError):
    """The agent does not answer on its socket."""

    exit_code = 17


class DatadirNotReadyError(BootstrapError):
    """The datadir could not be made ready for a permitted start; nothing was started."""

    exit_code = 19


class VolumeBusyError(BootstrapError):
    """Another process holds the volume's lock: a server, a starter or a state transfer is alive."""

    exit_code = 18


class InstallFailedError(BootstrapError):
    """The tools could not be copied into the work-dir; the ones that were there before still work."""

    exit_code = 20


class OverrideRefusedError(BootstrapError):
    """The agent does not accept the override; nothing was changed."""

    exit_code = 21


class OverrideVoidError(BootstrapError):
    """The override was accepted and then became void without a Primary Component: it must be given again."""

    exit_code = 22


class BackupFailedError(BootstrapError):
    """No backup was made; the earlier ones are as they were."""

    exit_code = 23


class BackupInvalidError(BootstrapError):
    """A backup is missing, or has changed since it was made."""

    exit_code = 24


class RestoreRefusedError(BootstrapError):
    """The backup is not restored: there are data on this volume or on another one."""

    exit_code = 25


class UpgradeFailedError(BootstrapError):
    """The system tables were not upgraded; the server goes on with the tables that it has."""

    exit_code = 26


class RepositoryRefusedError(BootstrapError):
    """The repository of the backups cannot be opened: a password, a key or its address is wrong, or there is none."""

    exit_code = 27


class RepositoryUnreachableError(BootstrapError):
    """The storage behind the repository does not answer, or the transfer was cut; what was sent is used again."""

    exit_code = 28


class RepositoryFullError(BootstrapError):
    """The storage behind the repository has no room; the backups in it are as they were."""

    exit_code = 29


class RepositoryLockedError(BootstrapError):
    """Another job uses the repository."""

    exit_code = 30


class BackupNotProvenError(BootstrapError):
    """The newest backup in the repository is too old, or it was restored and is not what it should be."""

    exit_code = 31


class RelocationRefusedError(BootstrapError):
    """The datadir is not brought into place, or back; what was moved so far is still there, and nothing is lost."""

    exit_code = 32


class VolumeNotReadyError(BootstrapError):
    """`inspect` found what is missing before a volume from elsewhere can be taken over; nothing was changed."""

    exit_code = 33


class BinlogInvalidError(BootstrapError):
    """A file or a piece of the binary log cannot be read, or is not what it should be."""

    exit_code = 34


class MomentUnreachableError(BootstrapError):
    """The backups and the pieces of the log in the repository do not lead to the moment that was asked for."""

    exit_code = 34


class LogNotSentError(BootstrapError):
    """The members' binary log cannot be sent before a human has acted; what was sent before is as it was."""

    exit_code = 35
