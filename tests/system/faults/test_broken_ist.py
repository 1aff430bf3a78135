"""An incremental transfer is cut off: the joiner's provider leaves its group for good, and its server goes on."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.mariadb.config import IST_PORT
from tests.faults.cluster import Cluster
from tests.faults.halves import full
from tests.lab.lab import Lab
from tests.lab.layout import PROVIDER_OPTIONS
from tests.support.installed import require

pytestmark = [pytest.mark.galera, full]

MEGABYTES = 150
"""The data that the joiner lacks: more than sockets buffer, so that the donor is still sending when it is cut off."""

CHOSEN = re.compile(r"Selected \S+ \(mysql-[01]\)\(SYNCED\) as donor")
BROKEN = re.compile(r"Receiving IST failed, node restart required")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab whose members keep enough write sets for such a large incremental transfer."""
    require()
    options = PROVIDER_OPTIONS.replace("gcache.size=16M", "gcache.size=512M")
    with Lab(env={"GALERA_BOOTSTRAP_PROVIDER_OPTIONS": options}) as lab:
        yield lab


def test_a_joiner_whose_transfer_is_cut_off_is_stopped_and_joins_again(cluster: Cluster) -> None:
    lab, joiner = cluster.lab, cluster.lab.pod(2)
    lab.query(0, "CREATE TABLE app.ballast (id INT PRIMARY KEY AUTO_INCREMENT, body LONGBLOB)")
    for _attempt in range(5):
        joiner.stop()
        for _ in range(MEGABYTES):
            lab.query(0, "INSERT INTO app.ballast (body) VALUES (REPEAT(RANDOM_BYTES(1024), 1024))", seconds=60)
        chosen = Choice(lab.pod(0).containers["mysql"].log)
        joiner.start()
        chosen.wait()
        # The paused joiner receives nothing, so the donor is still sending when their connection is cut.
        joiner.pause("mysql")
        time.sleep(0.3)
        cut(joiner.ip)
        joiner.resume("mysql")
        cluster.assert_recovers()
        if BROKEN.search(joiner.containers["mysql"].log.read_text(errors="replace")):
            break
    else:
        pytest.fail("none of five transfers was cut off")
    log = joiner.containers["agent"].log.read_text(errors="replace")
    assert "stopping the server" in log
    assert cluster.all_bootstraps == 1


def cut(address: str) -> None:
    """Reset the connections to the joiner's port, like a middlebox that has forgotten them."""
    done = subprocess.run(
        ["ss", "--no-header", "-K", "dst", address, "dport", "=", str(IST_PORT)],
        capture_output=True,
        text=True,
        check=True,
    )
    if not done.stdout.strip() and done.stderr.strip():
        pytest.skip(f"NOT TESTED: this kernel cuts no connection ({done.stderr.strip()}; CONFIG_INET_DIAG_DESTROY)")


class Choice:
    """Finds the choice of a donor in a member's log within a millisecond, because a transfer is fast."""

    def __init__(self, log: Path) -> None:
        self._log, self._seen = log, log.stat().st_size

    def wait(self) -> None:
        """Wait until a donor is chosen."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with self._log.open(errors="replace") as log:
                log.seek(self._seen)
                if CHOSEN.search(log.read()):
                    return
            time.sleep(0.001)
        pytest.fail("no member became a donor")
