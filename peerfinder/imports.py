"""A quick start: dnspython is spared what it asks of Python when it is imported, and nobody here wants to know.

- Which optional packages there are: for that question it imports importlib.metadata and with it the standard library's
  e-mail. All that it wants to know then is whether names may be encoded as IDNA 2008 says, and ours are ASCII.
- What parameters its classes take, for help(): for that it imports `inspect`, one of the largest modules of all.

Both have a stand-in; whoever asks something else of them, or looks at what it got, has the true answer.
"""

import sys
from importlib import import_module
from types import FunctionType, ModuleType

FEATURES = "dns._features"
"""The first module that is stood in for. It is dnspython's own affair: where there is none, nobody asks for it."""

INSPECT = "inspect"
"""The second."""

DIGESTS = (("_md5",), ("_sha1",), ("_sha256", "_sha2"))
"""Python's own digests, one name of each line (before and since 3.12); some distributions build Python without them."""


class _StandIn(ModuleType):
    """A module that is imported as soon as somebody asks for what the stand-in does not know."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.real(), name)

    def real(self) -> ModuleType:
        """Import the true module, which takes the stand-in's place."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return import_module(self.__name__)


class _Features(_StandIn):
    def have(self, feature: str) -> bool:
        """Tell whether an optional feature of dnspython is there."""
        return feature != "idna" and bool(self.real().have(feature))


class _Inspect(_StandIn):
    def signature(self, function: object, **how: object) -> object:
        """Give a function's parameters; those of dnspython's when somebody looks at them."""
        if isinstance(function, FunctionType) and function.__module__.startswith("dns.") and not how:
            return _Later(self, function)
        return self.real().signature(function, **how)


class _Later:
    """A signature that is made when it is looked at; it passes for one with `inspect` itself."""

    def __init__(self, inspect: _StandIn, function: FunctionType) -> None:
        self._inspect = inspect
        self._function = function

    @property  # type: ignore[misc]  # typeshed has it as an attribute, and the language lets it be a property
    def __class__(self) -> type:
        """What isinstance goes by."""
        return self._inspect.real().Signature  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(self._real(), name)

    def __str__(self) -> str:
        return str(self._real())

    def _real(self) -> object:
        return self._inspect.real().signature(self._function)


def start() -> None:
    """Stand in for the modules that are not imported yet."""
    if INSPECT not in sys.modules:
        sys.modules[INSPECT] = _Inspect(INSPECT)
    if FEATURES not in sys.modules:
        package, _, name = FEATURES.partition(".")
        sys.modules[FEATURES] = _Features(FEATURES)
        setattr(import_module(package), name, sys.modules[FEATURES])


def without_openssl() -> None:
    """Let hashlib and hmac, which dnspython imports, do with Python's own digests: OpenSSL is 3 MB of memory.

    To be called where no TLS is wanted. Where Python has no digests of its own nothing is changed.
    """
    if "_hashlib" not in sys.modules and all(any(map(_is_there, names)) for names in DIGESTS):
        # None makes an import raise ModuleNotFoundError (Python reference, "The module cache").
        sys.modules["_hashlib"] = None  # type: ignore[assignment]  # typeshed knows modules only
        import_module("hmac")
        del sys.modules["_hashlib"]


def _is_there(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True
