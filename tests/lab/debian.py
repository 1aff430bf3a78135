"""A Debian of another suite in a folder of its own, for the servers that this machine's Debian does not have.

mmdebstrap makes it once, from the archive that this machine's apt is configured with.
It is kept in the user's cache, outside of any clone.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.user import NotInstalledError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

FIELDS = ("LABEL", "REPO_URI", "COMPONENT")
"""What is asked of each Packages file of apt (apt-get(8), indextargets)."""

SUITES = {"Debian": ("{suite}", "{suite}-updates"), "Debian-Security": ("{suite}-security",)}
"""The label in the Release file of an archive -> the suites of one Debian that are there."""


def ensure(suite: str, packages: tuple[str, ...], cache: Path) -> Path:
    """Return the root folder with these packages; make it if it does not exist.  Raises NotInstalledError.

    Another list of packages is another folder.  To get the updates of the archive, remove the folder.
    """
    command = make_command(suite, packages)
    key = hashlib.sha256(json.dumps(command).encode()).hexdigest()[:8]
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"debian-{suite}-{key}"
    with (cache / f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several clones, or several processes of a test run, share the cache
        if not root.exists():
            make(root, suite, command)
    return root


def make_command(suite: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command, without the folder and the archives."""
    keyring = (f"--keyring={KEYRING}",) if KEYRING.exists() else ()
    options = ("--variant=minbase", "--format=directory", "--aptopt=APT::Install-Recommends false", *keyring)
    return ("mmdebstrap", *options, f"--include={','.join(packages)}", suite)


def make(root: Path, suite: str, command: tuple[str, ...]) -> None:
    """Make it; an incomplete root has another name.  Raises NotInstalledError."""
    if not shutil.which("mmdebstrap"):
        raise NotInstalledError("it is fetched from Debian's archive by mmdebstrap: apt-get install mmdebstrap")
    if os.geteuid() != 0:
        raise NotInstalledError("only root can unpack it from Debian's archive: start the lab once as root")
    sources = find_sources(suite)
    part, log = root.with_name(f"{root.name}.part"), root.with_name(f"{root.name}.log")
    shutil.rmtree(part, ignore_errors=True)
    with log.open("wb") as stream:
        done = subprocess.run(
            (*command, str(part), *sources),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        shutil.rmtree(part, ignore_errors=True)
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise NotInstalledError(f"its packages cannot be installed: {''.join(last)}; see {log}")
    part.rename(root)


def find_sources(suite: str) -> list[str]:
    """Find where this suite is, in the form of sources.list; raises NotInstalledError.

    An archive of Debian has all supported suites, so it is where apt finds this machine's own suite.
    """
    done = subprocess.run(
        ("apt-get", "indextargets", "--format", "\t".join(f"$({field})" for field in FIELDS), "Created-By: Packages"),
        capture_output=True,
        text=True,
        check=False,
    )
    sources = parse_targets(done.stdout, suite)
    if not any(f" {suite} " in source for source in sources):
        raise NotInstalledError("apt of this machine knows no archive of Debian: apt-get update")
    return sources


def parse_targets(text: str, suite: str) -> list[str]:
    """Make lines of sources.list from what `apt-get indextargets` prints; archives of others are left out."""
    lines: dict[str, None] = {}
    for target in text.splitlines():
        label, uri, component = target.split("\t")
        if component == "main":
            lines |= {f"deb {uri} {each.format(suite=suite)} main": None for each in SUITES.get(label, ())}
    return list(lines)
