"""The arbitrator: Galera's garbd, a vote without data, for a cluster of two.

It never starts a cluster: its list of members is never empty, and it keeps no view (`pc.recovery`), so alone it waits.
garbd resolves names once and then tries the old addresses forever, but pods that come back have new ones.  So a garbd
that has lost the Primary Component is restarted, with the addresses that DNS has then.  A garbd that is left alone in
the Primary Component is restarted, too, and at once: the members recover without it (R36), and theirs would be a second
Primary Component beside its own.
"""

import os
import re
import selectors
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bootstrap.mariadb import config
from bootstrap.mariadb.pod_config import read_tls_files
from bootstrap.network.directory import Directory
from bootstrap.process import child
from bootstrap.process.log import Log
from bootstrap.secret_files import read_secret
from bootstrap.settings import Settings

NODE = "arbitrator"
"""The name of its node in the servers' logs."""

LOST_S = 15.0
"""After so many seconds outside of a Primary Component garbd is restarted; a partition that heals ends sooner."""

PAUSE_S = (1.0, 10.0)
"""Seconds between two runs of garbd, the first and the longest pause: without a member each run ends at once."""

GRACE_S = 10.0
"""Seconds that garbd may take to leave in order."""

OPTION = re.compile(r"(evs|gmcast|pc|protonet|socket)\.")
"""The provider options that garbd knows; others end it (garbd, "Unrecognized parameter")."""

VIEW = re.compile(rb"view\(view_id\((NON_)?PRIM,|view\(\(empty\)\)")
"""A line of garbd's log about a new view."""

ALONE = re.compile(rb"New COMPONENT: primary = yes,.* memb_num = 1\b")
"""The line when all others have left in order: now a vote without data is the whole Primary Component."""

READY = "primary"
"""A file of the run folder that exists while the arbitrator is in a Primary Component: for a readiness probe."""


def arbitrate(settings: Settings, log: Log, garbd: str = "garbd") -> None:
    """Run garbd, again and again (R36); raises ServerMissingError, SettingInvalidError."""
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    ready = settings.run_dir / READY
    # A killed arbitrator leaves it behind.
    ready.unlink(missing_ok=True)
    pause, longest = PAUSE_S
    while True:
        began = time.monotonic()
        directory = Directory.open(settings)
        members = directory.addresses(directory.possible_ordinals())
        if members:
            log(f"one vote, no data: joining {', '.join(members)}")
            with tempfile.TemporaryDirectory(dir=settings.run_dir) as folder:
                log(run_garbd(make_command(settings, members, garbd), Path(folder), ready))
        else:
            log("no member has an address yet")
        lasted = time.monotonic() - began > LOST_S
        pause = PAUSE_S[0] if lasted else min(2 * pause, longest)
        time.sleep(pause)


def make_command(settings: Settings, members: tuple[str, ...], garbd: str) -> tuple[str, ...]:
    """Make garbd's arguments; they contain no secret.  Raises SettingInvalidError."""
    given = [(key, value) for key, value in settings.provider_options if OPTION.match(key)]
    tls = read_tls_files(settings)
    host = config.add_brackets(settings.bind_address)
    own = (("gmcast.listen_addr", f"tcp://{host}:{config.GROUP_PORT}"), ("pc.recovery", "no"))
    options = ";".join(f"{key}={value}" for key, value in (*given, *(tls.provider_options if tls else ()), *own))
    group = settings.cluster_name(read_secret(settings.secrets, "cluster-id"))
    hosts = ",".join(config.add_brackets(member) for member in members)
    return (garbd, f"--name={NODE}", f"--address=gcomm://{hosts}", f"--group={group}", f"--options={options}")


def run_garbd(argv: tuple[str, ...], folder: Path, ready: Path) -> str:
    """Run garbd once, in a folder of its own; returns why it has ended."""
    garbd = child.start(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        return watch(garbd, ready)
    finally:
        ready.unlink(missing_ok=True)
        child.stop(garbd, GRACE_S)
        if garbd.stdout is not None:
            garbd.stdout.close()


def watch(garbd: child.Process, ready: Path) -> str:
    """Pass garbd's log on until it ends, is alone (R36), or has been outside of a Primary Component too long; why."""
    assert garbd.stdout is not None  # noqa: S101  # run_garbd asks for it
    lost: float | None = None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(garbd.stdout, selectors.EVENT_READ)
        while lost is None or time.monotonic() - lost < LOST_S:
            if not selector.select(1.0):
                continue
            chunk = os.read(garbd.stdout.fileno(), 65536)
            if not chunk:
                return f"garbd has ended with status {garbd.wait()}; it is restarted"
            with suppress(OSError):  # a log that cannot be written must not cost the vote
                os.write(2, chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                lost = read_line(line, ready, lost)
            if any(map(ALONE.search, lines)):
                return "all members with data have left: garbd is restarted, with the addresses that DNS has then"
    return f"no Primary Component for {LOST_S:g} s: garbd is restarted, with the addresses that DNS has now"


def read_line(line: bytes, ready: Path, lost: float | None) -> float | None:
    """Read a line of the log: since when there is no Primary Component; None while there is one or before."""
    found = VIEW.search(line)
    if not found:
        return lost
    if found[0] == b"view(view_id(PRIM,":
        ready.touch()
        return None
    ready.unlink(missing_ok=True)
    return time.monotonic() if lost is None else lost
