"""A small agent: libraries are imported as if there were no OpenSSL, a seventh of the memory of the whole process.

http.client and pymysql import `ssl` in case somebody wants TLS of them, hashlib and hmac the digests of OpenSSL beside
those of Python itself, and each of them does without where it is not there.  The agent's records are sealed by an HMAC,
and it talks to its server through a socket of its own.  What does need OpenSSL (`tls`) imports it later as usual.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

OPENSSL = ("ssl", "_hashlib")
"""All modules through which the standard library uses it."""

DIGESTS = (("_md5",), ("_sha1",), ("_sha256", "_sha2"))
"""Python's own digests, one name of each line (before and since 3.12); some distributions build Python without them."""


@contextmanager
def without_openssl() -> Iterator[None]:
    """What is imported in this block does without, unless Python needs it for digests, or has it already."""
    hidden = [name for name in OPENSSL if name not in sys.modules] if _has_digests() else []
    for name in hidden:
        # None makes an import raise ModuleNotFoundError (Python reference, "The module cache").
        sys.modules[name] = None  # type: ignore[assignment]  # typeshed knows modules only
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def imports_stay() -> Iterator[None]:
    """What is imported in this block is not looked through for garbage: not now, and not later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _has_digests() -> bool:
    return all(any(find_spec(name) for name in names) for names in DIGESTS)
