"""Import tricks: what a pod's start can do without, what each trick saves, and when it can go.

Both programs of this project use them. The table has what each saves from start to exit, CPU time and peak memory
(VmHWM): medians of 15 to 21 interleaved pairs with and without the trick, on Python 3.11.7 and dnspython 2.9.2.
`peer-finder` makes one lookup and runs one hook; the others stop at their settings.

| | `peer-finder` | `galera-bootstrap start` | `galera-bootstrap agent` | can go |
|---|---|---|---|---|
| `imports_stay` | 2 ms, -0.1 MiB | 6 ms, 0 MiB | 15 ms, -0.2 MiB | when it saves no time in a newer Python |
| `without_openssl` | 2 ms, 3.3 MiB | 2 ms, 3.4 MiB | 5 ms, 4.6 MiB | when hashlib imports OpenSSL on demand |
| `stub_dns_features` | 16 ms, 3.3 MiB | 0 | 0 until its first lookup | when its test says so |
| all three | 21 of 78 ms, 6.6 MiB | 8 of 55 ms, 3.4 MiB | 22 of 114 ms, 4.4 MiB | |
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

FEATURES = "dns._features"
"""A private module of dnspython. If a release does not have it, nothing imports the stub."""

OPENSSL = ("ssl", "_hashlib")
"""All modules through which the standard library uses OpenSSL."""

DIGESTS = (("_md5",), ("_sha1",), ("_sha256", "_sha2"))
"""Python's own digests: the names of each, before and since 3.12. Some distributions build Python without them."""


@contextmanager
def imports_stay() -> Iterator[None]:
    """Keep the garbage collector away from what is imported in this block, during the block and after it.

    Imported code stays until the process ends, so looking through it for garbage finds nothing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def without_openssl() -> Iterator[None]:
    """Import the modules of this block without OpenSSL, unless it is loaded already or Python has no own digests.

    http.client and pymysql import `ssl` in case a caller wants TLS; hashlib and hmac import OpenSSL's digests beside
    Python's own. All of them work without. Code that needs OpenSSL imports it after this block, as usual.
    """
    hidden = [name for name in OPENSSL if name not in sys.modules] if _has_digests() else []
    for name in hidden:
        # None makes an import raise ModuleNotFoundError (Python reference, "The module cache").
        sys.modules[name] = None  # type: ignore[assignment]  # typeshed knows modules only
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def stub_dns_features() -> None:
    """Replace dnspython's search for optional packages by a stub, unless dnspython has searched already.

    The search imports importlib.metadata, and with it the e-mail package. All that dnspython asks when it is imported
    is whether names may be encoded by IDNA 2008. Our names are ASCII.
    """
    if FEATURES not in sys.modules:
        package, _, name = FEATURES.partition(".")
        sys.modules[FEATURES] = _Features(FEATURES)
        setattr(import_module(package), name, sys.modules[FEATURES])


class _Features(ModuleType):
    """Stub that answers the one question itself, and imports the real module for all others."""

    def have(self, feature: str) -> bool:
        """Tell whether an optional feature of dnspython is installed."""
        return feature != "idna" and bool(self._import_real().have(feature))

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._import_real(), name)

    def _import_real(self) -> ModuleType:
        """Import the real module, which then replaces the stub."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return import_module(self.__name__)


def _has_digests() -> bool:
    return all(any(map(_can_import, names)) for names in DIGESTS)


def _can_import(name: str) -> bool:
    """Import a module of Python's own digests; hashlib will need it in any case."""
    try:
        import_module(name)
    except ImportError:
        return False
    return True
