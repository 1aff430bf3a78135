"""An incremental transfer that breaks off: the joiner's provider leaves its group for good, and its server lives on."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.mariadb.config import IST_PORT
from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab import machine
from tests.lab.lab import Lab
from tests.lab.layout import PROVIDER_OPTIONS

pytestmark = [pytest.mark.galera, full]

MEGABYTES = 150
"""What the joiner misses: more than sockets hold, so that the donor is still sending when it is cut off."""

CHOSEN = re.compile(r"Selected \S+ \(mysql-[01]\)\(SYNCED\) as donor")
BROKEN = re.compile(r"Receiving IST failed, node restart required")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """One whose members keep enough write sets for an incremental transfer of so much."""
    try:
        machine.check()
    except machine.NotInstalledError as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    options = PROVIDER_OPTIONS.replace("gcache.size=16M", "gcache.size=512M")
    with Lab(env={"GALERA_BOOTSTRAP_PROVIDER_OPTIONS": options}) as lab:
        yield lab


def test_a_joiner_whose_transfer_is_cut_off_is_stopped_and_joins_again(cluster: Cluster) -> None:
    lab, joiner = cluster.lab, cluster.lab.pod(2)
    lab.sql(0, "CREATE TABLE app.ballast (id INT PRIMARY KEY AUTO_INCREMENT, body LONGBLOB)")
    for _attempt in range(5):
        joiner.stop()
        for _ in range(MEGABYTES):
            lab.sql(0, "INSERT INTO app.ballast (body) VALUES (REPEAT(RANDOM_BYTES(1024), 1024))", seconds=60)
        chosen = Choice(lab.pod(0).containers["mysql"].log)
        joiner.start()
        chosen.wait()
        # It takes nothing more, so the donor is still sending when their connection is cut.
        joiner.pause("mysql")
        time.sleep(0.3)
        cut(joiner.ip)
        joiner.resume("mysql")
        cluster.recovers()
        if BROKEN.search(joiner.containers["mysql"].log.read_text(errors="replace")):
            break
    else:
        pytest.fail("no transfer was broken off in five")
    told = joiner.containers["agent"].log.read_text(errors="replace")
    assert "the server was told to stop" in told
    assert cluster.all_bootstraps == 1


def cut(address: str) -> None:
    """Reset the connections to where the joiner receives, as a middlebox does that has forgotten them."""
    told = subprocess.run(
        ["ss", "--no-header", "-K", "dst", address, "dport", "=", str(IST_PORT)],
        capture_output=True,
        text=True,
        check=True,
    )
    if not told.stdout.strip() and told.stderr.strip():
        pytest.skip(f"NOT TESTED: this kernel cuts no connection ({told.stderr.strip()}; CONFIG_INET_DIAG_DESTROY)")


class Choice:
    """Sees in a member's log which donor was chosen, within a millisecond: a transfer is quick."""

    def __init__(self, log: Path) -> None:
        self._log, self._seen = log, log.stat().st_size

    def wait(self) -> None:
        """Return when a donor is chosen."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with self._log.open(errors="replace") as log:
                log.seek(self._seen)
                if CHOSEN.search(log.read()):
                    return
            time.sleep(0.001)
        pytest.fail("nobody became a donor")
