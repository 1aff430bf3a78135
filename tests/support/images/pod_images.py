"""The images under test: built from this checkout, or named in the environment.

LAB_TOOL_IMAGE, LAB_NEWER_TOOL_IMAGE, LAB_DATABASE_IMAGE and LAB_OFFICIAL_IMAGE name images of the local storage to test
instead, such as two releases, or the official mariadb image where a registry can be reached.
"""

import os
from collections.abc import Callable

from images import build, inputs
from tests.support.images.official import image


def tool() -> str:
    """The tool image of this checkout."""
    return _find("LAB_TOOL_IMAGE", lambda: build.ensure_id("galera-install"))


def newer_tool() -> str:
    """The tool image with another version, because an upgrade changes that in a pod."""
    return _find("LAB_NEWER_TOOL_IMAGE", lambda: build.ensure_id("galera-install", version="99.0.0"))


def database() -> str:
    """The server image of this checkout, of the chosen series."""
    return _find("LAB_DATABASE_IMAGE", lambda: build.ensure_id(inputs.name_server_image(image.choose_series())))


def official() -> str:
    """A database image without anything of this project."""
    return _find("LAB_OFFICIAL_IMAGE", image.ensure)


def _find(variable: str, build: Callable[[], str]) -> str:
    return os.environ.get(variable) or build()
