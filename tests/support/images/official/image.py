"""The look-alike of the official image, in the local storage."""

import subprocess
from pathlib import Path

from images import build, inputs, running

NAME = "localhost/mariadb-look-alike:test"


def ensure() -> str:
    """Build it, with unchanged layers from buildah's cache; returns its reference.  Raises BuildError."""
    folder = Path(__file__).parent
    with running.only_builder(build.cache_folder()):
        base = build.fetch_base(build.Wish(inputs.version()))
        options = ("--layers", f"--build-arg=BASE={base.reference}", f"--tag={NAME}")
        done = subprocess.run([*build.BUILDAH, *options, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return NAME
