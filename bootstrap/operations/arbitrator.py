"""The arbitrator: Galera's garbd, a vote without data, for a cluster of two.

It never founds anything: its list of members is never empty, and it keeps no view (`pc.recovery`), so alone it waits.
garbd resolves names once and then tries old addresses for ever, while pods that come back have new ones; so one that
has lost the Primary Component is started again with what DNS says by then.  One that is left alone in it is, too, and
at once: the members recover without it (R36), and theirs would be a second Primary Component beside its own.
"""

import os
import re
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bootstrap.errors import ServerMissingError
from bootstrap.mariadb import config
from bootstrap.mariadb.pod_config import read_tls_files
from bootstrap.network import members as company
from bootstrap.secret_files import needed
from bootstrap.settings import Settings

NODE = "arbitrator"
"""The name of its node in the servers' logs."""

LOST_S = 15.0
"""After how long outside of a Primary Component garbd is started anew; a partition that heals is over sooner."""

PAUSE_S = (1.0, 10.0)
"""Between two lives of garbd, the first and the longest: while there is no member, each life ends at once."""

GRACE_S = 10.0
"""How long garbd may take to say good-bye."""

OPTION = re.compile(r"(evs|gmcast|pc|protonet|socket)\.")
"""What garbd knows of a provider's options; others end it (garbd, "Unrecognized parameter")."""

VIEW = re.compile(rb"view\(view_id\((NON_)?PRIM,|view\(\(empty\)\)")
"""A line of garbd's log about a new view."""

ALONE = re.compile(rb"New COMPONENT: primary = yes,.* memb_num = 1\b")
"""The line when all others have left in order: then a vote without data is the whole Primary Component."""

READY = "primary"
"""A file of the run folder that is there while the arbitrator is in a Primary Component: for a readiness probe."""

Say = Callable[[str], None]


def arbitrate(settings: Settings, say: Say, garbd: str = "garbd") -> None:
    """Be the arbitrator, for ever (R36); raises ServerMissingError, SettingInvalidError."""
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    ready = settings.run_dir / READY
    # Left by one that was killed.
    ready.unlink(missing_ok=True)
    pause, longest = PAUSE_S
    while True:
        began = time.monotonic()
        members = company.addresses(settings, company.ordinals(settings))
        if members:
            say(f"one vote, no data: joining {', '.join(members)}")
            with tempfile.TemporaryDirectory(dir=settings.run_dir) as folder:
                say(live(command(settings, members, garbd), Path(folder), ready))
        else:
            say("no member has an address yet")
        lasted = time.monotonic() - began > LOST_S
        pause = PAUSE_S[0] if lasted else min(2 * pause, longest)
        time.sleep(pause)


def command(settings: Settings, members: tuple[str, ...], garbd: str) -> tuple[str, ...]:
    """Garbd's arguments; nothing in them is secret.  Raises SettingInvalidError."""
    told = [(key, value) for key, value in settings.provider_options if OPTION.match(key)]
    tls = read_tls_files(settings)
    host = config.add_brackets(settings.bind_address)
    own = (("gmcast.listen_addr", f"tcp://{host}:{config.GROUP_PORT}"), ("pc.recovery", "no"))
    options = ";".join(f"{key}={value}" for key, value in (*told, *(tls.provider_options if tls else ()), *own))
    group = settings.cluster_name(needed(settings.secrets_dir, "cluster-id"))
    listed = ",".join(config.add_brackets(member) for member in members)
    return (garbd, f"--name={NODE}", f"--address=gcomm://{listed}", f"--group={group}", f"--options={options}")


def live(argv: tuple[str, ...], folder: Path, ready: Path) -> str:
    """One life of garbd, in a folder of its own; why it has ended."""
    try:
        garbd = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as exc:
        raise ServerMissingError(f"cannot run {argv[0]}: {exc.strerror}; use the database's own image") from exc
    try:
        return watch(garbd, ready)
    finally:
        ready.unlink(missing_ok=True)
        garbd.terminate()
        try:
            garbd.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            garbd.kill()
            garbd.wait()
        if garbd.stdout is not None:
            garbd.stdout.close()


def watch(garbd: "subprocess.Popen[bytes]", ready: Path) -> str:
    """Pass garbd's log on until it ends, is alone (R36), or was outside of a Primary Component for long; says which."""
    assert garbd.stdout is not None  # noqa: S101  # it was asked for
    lost: float | None = None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(garbd.stdout, selectors.EVENT_READ)
        while lost is None or time.monotonic() - lost < LOST_S:
            if not selector.select(1.0):
                continue
            chunk = os.read(garbd.stdout.fileno(), 65536)
            if not chunk:
                return f"garbd has ended with status {garbd.wait()}; it is started again"
            with suppress(OSError):  # a log that cannot be written must not cost the vote
                os.write(2, chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                lost = seen(line, ready, lost)
            if any(map(ALONE.search, lines)):
                return "everybody with data has left: garbd is started again, with what DNS says by then"
    return f"no Primary Component for {LOST_S:g} s: garbd is started again, with what DNS says now"


def seen(line: bytes, ready: Path, lost: float | None) -> float | None:
    """Since when there is no Primary Component, after this line of the log; None while there is one, or before."""
    found = VIEW.search(line)
    if not found:
        return lost
    if found[0] == b"view(view_id(PRIM,":
        ready.touch()
        return None
    ready.unlink(missing_ok=True)
    return time.monotonic() if lost is None else lost
