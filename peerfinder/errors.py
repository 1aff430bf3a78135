"""The errors of this package, one class for each thing that an operator would do differently."""


class PeerFinderError(Exception):
    """Superclass of all errors of this package; never raised directly."""

    exit_code = 1
    """The exit code of a command that ends with this error; the table is in docs/exit-codes.md."""


class ArgsIncompleteError(PeerFinderError):
    """A needed argument is missing; 1, as the Go program ends for it."""


class HookFailedError(PeerFinderError):
    """A hook ended with a status other than 0, by a signal, or could not be started; 1, as in the Go program."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The hook's own status, negative for a signal; None: it did not start."""


class UsageError(PeerFinderError):
    """A flag or an environment variable is unknown or has an unacceptable value; 2, as Go's flag package."""

    exit_code = 2


class DomainUnknownError(PeerFinderError):
    """The cluster domain or the namespace cannot be told from resolv.conf."""

    exit_code = 3


class LookupFailedError(PeerFinderError):
    """DNS gave no usable answer: who the peers are is unknown."""

    exit_code = 4


class AnswerInvalidError(LookupFailedError):
    """A record of the answer cannot be a peer of this Service, so the whole answer is refused."""


class AnswerWithheldError(LookupFailedError):
    """A server is there and does not give the whole answer, as all do for one that is longer than DNS can carry."""


class NoRecordsError(PeerFinderError):
    """DNS says that there is no such name, or no record of this type at it."""

    exit_code = 5


class NoAddressError(NoRecordsError):
    """DNS says that a peer has no address of the wanted family, so the list for the hook is not whole."""


class TimedOutError(PeerFinderError):
    """The time limit ended before the first hook was due."""

    exit_code = 6


class HookTimedOutError(PeerFinderError):
    """A hook ran longer than its limit and its process group was killed."""

    exit_code = 7


class PeersInvalidError(PeerFinderError):
    """A list of peers is empty or holds something that is no peer's name."""

    exit_code = 8


class HealthNotServedError(PeerFinderError):
    """Nothing can listen for probes where it was asked for."""

    exit_code = 9
