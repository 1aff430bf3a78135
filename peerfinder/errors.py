"""The errors of this package, one class for each remedy."""


class PeerFinderError(Exception):
    """Superclass of all errors of this package; never raised directly."""

    exit_code = 1
    """The exit code of a command that ends with this error; docs/exit-codes.md has the table."""


class ArgsIncompleteError(PeerFinderError):
    """A required argument is missing; 1, as in the Go program."""


class HookFailedError(PeerFinderError):
    """A hook ended with a status other than 0, by a signal, or could not be started; 1, as in the Go program."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The hook's own status, negative for a signal; None: it did not start."""


class UsageError(PeerFinderError):
    """A flag or an environment variable is unknown or has an unacceptable value; 2, as in Go's flag package."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        """What may have been meant, for the end of the output; the message is that of the Go program."""


class DomainUnknownError(PeerFinderError):
    """resolv.conf does not show the cluster domain or the namespace."""

    exit_code = 3


class LookupFailedError(PeerFinderError):
    """DNS gave no usable answer: the peers are unknown."""

    exit_code = 4


class AnswerInvalidError(LookupFailedError):
    """A record of the answer cannot be a peer of this Service, so the whole answer is refused."""


class AnswerWithheldError(LookupFailedError):
    """A server responds but does not give the whole answer, for instance because DNS cannot carry one so long."""


class NoRecordsError(PeerFinderError):
    """DNS answers that the name does not exist, or that it has no record of this type."""

    exit_code = 5


class NoAddressError(NoRecordsError):
    """DNS answers that a peer has no address of the wanted family, so the list for the hook is incomplete."""


class TimedOutError(PeerFinderError):
    """The time limit ended before the first hook was due."""

    exit_code = 6


class HookTimedOutError(PeerFinderError):
    """A hook ran longer than its limit and its process group was killed."""

    exit_code = 7


class PeersInvalidError(PeerFinderError):
    """A list of peers is empty or holds a line that is not a peer's name."""

    exit_code = 8


class CannotListenError(PeerFinderError):
    """A port or path of ours, such as that of -health, cannot be listened on."""

    exit_code = 9


class VolumeUnknownError(PeerFinderError):
    """A volume cannot be read or written, so it is not known whether there are data on it."""

    exit_code = 10
