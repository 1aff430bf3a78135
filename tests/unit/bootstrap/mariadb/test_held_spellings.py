"""Options under which no server may be started, in every spelling: what a real server makes of it decides."""

import itertools
import re
import subprocess

import pytest

from bootstrap.core.obstacles.held_options import find_held

pytestmark = pytest.mark.galera

WORDS = ("loose-", "skip-", "disable-", "enable-", "skip-loose-", "skip-disable-", "disable-skip-", "loose-enable-")

SPELLED = {
    "skip-grant-tables": ("skip-grant-tables", "SKIP_Grant_Tables", "skip-grant", "skip-gr", "grant-tables"),
    "wsrep-recover": ("wsrep-recover", "WSREP_recover", "wsrep-rec"),
    "tc-heuristic-recover": ("tc-heuristic-recover", "TC_heuristic_recover", "tc-h"),
    "wsrep-start-position": ("wsrep-start-position", "wsrep_START_position", "wsrep-sta"),
    "debug-no-sync": ("debug-no-sync", "debug_no_SYNC"),
    "innodb-flush-method": ("innodb-flush-method", "innodb_FLUSH_m"),
    "innodb-force-recovery": ("innodb-force-recovery", "innodb_force_REC"),
}
VALUES = {
    "tc-heuristic-recover": ("=COMMIT", "=rollback", "=1", "=2", "=OFF", "=0", ""),
    "wsrep-start-position": ("=11111111-2222-3333-4444-555555555555:7",),
    "innodb-flush-method": ("=nosync", "=LITTLESYNC", "=3", "=2", "=fsync", "=O_DIRECT"),
    "innodb-force-recovery": ("=6", "=4", "=3", "=0"),
}
SAFE = {
    "tc-heuristic-recover": ("OFF",),
    "wsrep-start-position": ("00000000-0000-0000-0000-000000000000:-1", "0"),
    "innodb-flush-method": ("fsync", "O_DIRECT", "O_DSYNC", "O_DIRECT_NO_FSYNC"),
    "innodb-force-recovery": ("0", "1", "2", "3"),
}
"""The server's values that are harmless; of a switch FALSE."""


def effective(option: str, argument: str) -> str | None:
    """The value that a server with this argument has; None = it refuses the argument."""
    done = subprocess.run(
        ("mariadbd", "--no-defaults", argument, "--verbose", "--help"), capture_output=True, text=True, check=False
    )
    table = done.stdout.partition("Variables (--variable-name=value)")[2]
    found = re.search(rf"^{option} +(.*)$", table, re.MULTILINE)
    return found[1].strip() if found and not done.returncode else None


@pytest.mark.parametrize("option", SPELLED)
def test_what_a_server_would_take_is_held_and_what_is_harmless_to_it_is_not(option: str) -> None:
    dangerous = 0
    values = VALUES.get(option, ("", "=1", "=0", "=OFF"))
    names = (*SPELLED[option], *(f"{words}{SPELLED[option][0]}" for words in WORDS))
    for name, value in itertools.product(names, values):
        argument = f"--{name}{value}"
        made = effective(option, argument)
        if made is None or made in SAFE.get(option, ("FALSE",)):
            # Holding what the server would refuse, or would not understand, costs nothing but a message.
            assert not find_held((argument,)) or name not in SPELLED[option] or made is None, argument
            continue
        dangerous += 1
        assert find_held((argument,)), f"{argument} is {made}"
    assert dangerous >= 2
