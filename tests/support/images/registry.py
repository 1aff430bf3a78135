"""A real registry on loopback: Debian's docker-registry, empty, for one test."""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.dns.knot import free_port

PROGRAM = "docker-registry"

SETTINGS = """\
version: 0.1
log: {{accesslog: {{disabled: true}}, level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: {address}}}
"""

PATIENCE = 180.0
"""Seconds for its start."""


class Registry:
    """The registry's address, and the digests of its images."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"

    def digest(self, repository: str, tag: str) -> str:
        """The digest of the manifest under a tag: the registry's own answer, not computed here."""
        accepted = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
        request = urllib.request.Request(
            f"http://{self.address}/v2/{repository}/manifests/{tag}", headers={"Accept": accepted}, method="HEAD"
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return str(answer.headers["Docker-Content-Digest"])


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Run a registry that keeps its images in the folder."""
    port = free_port("127.0.0.1")
    settings = folder / "registry.yml"
    settings.write_text(SETTINGS.format(folder=folder / "registry", address=f"127.0.0.1:{port}"))
    program = shutil.which(PROGRAM)
    assert program is not None
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(settings)], stdout=log, stderr=log)
    try:
        wait_until_it_answers(process, port)
        yield Registry(port)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "the registry ended"
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=1).close()
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.05)
        else:
            return
