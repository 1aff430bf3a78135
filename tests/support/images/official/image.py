"""The look-alike of the official image, in the local storage."""

import subprocess
from pathlib import Path

from images import build, inputs, running
from tests.lab import series

NAME = "localhost/mariadb-look-alike"


def choose_series() -> str:
    """Return the series that was chosen for the tests; without a choice, the default of the images."""
    return series.read_chosen() or inputs.DEFAULT_SERIES


def ensure() -> str:
    """Build it, with unchanged layers from buildah's cache; returns its reference.  Raises BuildError."""
    folder = Path(__file__).parent
    packages = inputs.SERIES[choose_series()]
    name = f"{NAME}:{choose_series()}"
    with running.only_builder(running.cache_folder()):
        base = build.fetch_base(build.Wish(inputs.version()), packages.suite)
        arguments = (f"--build-arg=BASE={base.reference}", f"--build-arg=MARIADB_VERSION={packages.mariadb}")
        options = ("--layers", *arguments, f"--tag={name}")
        done = subprocess.run([*build.BUILDAH, *options, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return name
