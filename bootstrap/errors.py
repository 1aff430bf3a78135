"""The errors of this package, one class for each case in which a human would do something else."""


class BootstrapError(Exception):
    """Superclass of all errors of this package; never raised directly."""

    exit_code = 1
    """The exit code of a command that ends with this error; the table is in docs/exit-codes.md."""


class GraStateInvalidError(BootstrapError):
    """grastate.dat is there and is not what Galera writes."""

    exit_code = 10


class GvwStateInvalidError(BootstrapError):
    """gvwstate.dat is there and is not what Galera writes."""

    exit_code = 10


class RecoverFailedError(BootstrapError):
    """`mariadbd --wsrep-recover` ended without a position: the position is unknown."""

    exit_code = 11


class ServerMissingError(BootstrapError):
    """mariadbd or another program of the database image is not there."""

    exit_code = 12


class InitialisationFailedError(BootstrapError):
    """The first database, or the accounts in adopted data, could not be made; no server was started."""

    exit_code = 13


class ConfigNotWrittenError(BootstrapError):
    """my-galera.cnf could not be replaced; the old file is still whole."""

    exit_code = 14


class SettingInvalidError(BootstrapError):
    """A setting or a secret is missing or is not acceptable."""

    exit_code = 15


class JournalUnwritableError(BootstrapError):
    """The journal could not be made durable: no promise may be given, no start permitted."""

    exit_code = 16


class JournalInvalidError(BootstrapError):
    """A file of the journal is there and cannot be read: what it said is unknown."""

    exit_code = 16


class AgentUnreachableError(BootstrapError):
    """The agent's socket does not answer."""

    exit_code = 17


class DatadirNotReadyError(BootstrapError):
    """The datadir could not be made ready for a permitted start; nothing was started."""

    exit_code = 19


class VolumeBusyError(BootstrapError):
    """Another process holds the volume's lock: a server, a starter or a state transfer is alive."""

    exit_code = 18


class InstallFailedError(BootstrapError):
    """The tools could not be copied into the work-dir; what was installed before still works."""

    exit_code = 20


class OverrideRefusedError(BootstrapError):
    """The agent does not accept the override; nothing was changed."""

    exit_code = 21


class OverrideVoidError(BootstrapError):
    """The override was accepted and did not lead to a Primary Component: it must be given again."""

    exit_code = 22


class BackupFailedError(BootstrapError):
    """No backup was made; the earlier ones are as they were."""

    exit_code = 23


class BackupInvalidError(BootstrapError):
    """A backup is not there, or is not what it was when it was made."""

    exit_code = 24


class RestoreRefusedError(BootstrapError):
    """A backup is not restored here: data are there, on this volume or on another one."""

    exit_code = 25
