"""A real S3 server on loopback (gofakes3, built from the Go module proxy), behind a gate that makes faults."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.dns.knot import free_port
from tests.support.go_program import GoProgram, NoGoError
from tests.support.s3_gate import Gate

GOFAKES3 = GoProgram("gofakes3", "github.com/johannesboyne/gofakes3/cmd/gofakes3", "v1.2.0")

KEY = "the-access-key"

BUCKET = "backups"


class ObjectStore(NamedTuple):
    """A bucket."""

    gate: Gate

    @property
    def repository(self) -> str:
        """How restic calls a repository in it."""
        return f"s3:{self.gate.url}/{BUCKET}/galera"

    def write_secret(self, folder: Path, *, password: str = "a-long-password", key: str = KEY) -> Path:
        """Write the files of the Secret of a repository; returns the folder."""
        folder.mkdir(exist_ok=True)
        files = {"repository": self.repository, "password": password}
        files |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "the-secret-key"}
        for name, value in files.items():
            (folder / name).write_text(f"{value}\n")
        return folder


@contextmanager
def object_store(folder: Path, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[ObjectStore]:
    """Run it with its data in the folder; skips the test, loudly, where it cannot be built."""
    try:
        program = GOFAKES3.ensure()
    except (NoGoError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"NOT TESTED: backups in an object storage: {exc}")
    with ExitStack() as stack:
        port = free_port(address)
        log = stack.enter_context((folder / "gofakes3.log").open("wb"))
        options = ("-backend=bolt", f"-bolt.db={folder / 's3.db'}", f"-initialbucket={BUCKET}")
        server = subprocess.Popen((program, f"-host={address}:{port}", *options), stdout=log, stderr=log)
        stack.callback(server.wait)
        stack.callback(server.terminate)
        await_port(address, port, server)
        yield ObjectStore(stack.enter_context(Gate(address, (address, port), KEY, tls)))


def await_port(address: str, port: int, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert server.poll() is None, "gofakes3 has ended"
        with suppress(OSError), socket.create_connection((address, port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("gofakes3 does not listen")


if __name__ == "__main__":
    import sys

    from tests.support.go_program import print_path

    sys.exit(print_path(GOFAKES3.ensure))
