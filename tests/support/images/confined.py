"""Runs a container that is confined as in a pod of the manifests."""

from tests.lab.podman import ulimits
from tests.support.images.box import HARDENED, UID, Done, podman


def run_confined(
    image: str, *command: str, options: tuple[str, ...] = (), network: str = "none", check: bool = False
) -> Done:
    """Run a container to its end as a uid without a name, with a read-only root and no capability, and remove it."""
    where = ("run", "--rm", "--pull=never", f"--network={network}", f"--user={UID}:{UID}")
    return podman(*where, *HARDENED, *ulimits(), *options, image, *command, check=check)
