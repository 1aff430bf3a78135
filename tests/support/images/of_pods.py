"""The images under test: built from this checkout, or named in the environment.

LAB_TOOL_IMAGE, LAB_NEWER_TOOL_IMAGE, LAB_DATABASE_IMAGE and LAB_OFFICIAL_IMAGE name images of the local storage that
are tried instead, such as two releases, or the official mariadb image where a registry can be reached.
"""

import os
from collections.abc import Callable

from images import build
from tests.support.images.official import image


def tool() -> str:
    """The tool image of this checkout."""
    return _named("LAB_TOOL_IMAGE", lambda: build.ensure_id("galera-install"))


def newer_tool() -> str:
    """The same with another version: what an upgrade changes in a pod."""
    return _named("LAB_NEWER_TOOL_IMAGE", lambda: build.ensure_id("galera-install", version="99.0.0"))


def database() -> str:
    """The server image of this checkout."""
    return _named("LAB_DATABASE_IMAGE", lambda: build.ensure_id("mysql-galera"))


def official() -> str:
    """A database image that knows nothing of this project."""
    return _named("LAB_OFFICIAL_IMAGE", image.ensure)


def _named(variable: str, made: Callable[[], str]) -> str:
    return os.environ.get(variable) or made()
