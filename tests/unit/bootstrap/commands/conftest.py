"""A pod of two, whose agent and commands are real processes; its DNS denies that the other pod has an address."""

from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from tests.dns.liar import Liar, framed, status
from tests.support.bootstrap.machine import Machine


def deny(query: dns.message.Message, over_tcp: bool) -> Iterator[bytes]:
    denial = status(query, dns.rcode.NXDOMAIN)
    yield framed(denial) if over_tcp else denial


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Machine]:
    """A pod of one."""
    made = Machine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Liar(deny) as liar:
        made = Machine(tmp_path, replicas=2, nameserver=liar.nameserver)
        yield made
        made.close()
