"""Builds the site of the documents: `python -m tests.support.site.build` (`make docs`).

Sphinx ends with an error at each warning, as that of a link or an anchor without a target.  A browser fetches nothing
from elsewhere: the script that draws diagrams becomes part of the site, and comes from npm, whose package is pinned.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.paths import ROOT

OUTPUT = ROOT / "dist/docs"

DIAGRAMS = ROOT / "dist/mermaid.min.js"
"""Where docs/conf.py looks for it."""

PACKAGE = "mermaid@12.3.0"

SHA512 = "4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw=="
"""Of the package, as npm writes it."""


def build(root: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a clone; the exit status is not 0 if a page has a mistake, and the output names each one."""
    words = ("--quiet", "--nitpicky", "--fail-on-warning", "--fresh-env", "--conf-dir", root / "docs", root, output)
    return subprocess.run(
        (sys.executable, "-m", "sphinx", *words), capture_output=True, text=True, check=False, timeout=540
    )


def fetch_diagrams(folder: Path) -> str:
    """Fetch the script that draws diagrams; returns why there is none, or nothing."""
    if DIAGRAMS.exists():
        return ""
    if shutil.which("npm") is None:
        return "npm is not installed"
    words = ("npm", "pack", "--silent", "--fetch-retries=1", PACKAGE)
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        return f"npm pack {PACKAGE} has not ended after two minutes"
    packed = folder / (done.stdout.split() or [""])[-1]
    if done.returncode or not packed.is_file():
        return f"npm pack {PACKAGE} ended with {done.returncode}: {done.stderr.strip()[-200:]}"
    found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if found != SHA512:
        return f"{PACKAGE} is another package than the one that was looked at: its SHA-512 is {found}"
    with tarfile.open(packed) as package:
        script = package.extractfile("package/dist/mermaid.min.js")
        if script is None:
            return f"{PACKAGE} has no dist/mermaid.min.js"
        DIAGRAMS.parent.mkdir(exist_ok=True)
        part = DIAGRAMS.with_suffix(".part")
        part.write_bytes(script.read())
        part.replace(DIAGRAMS)
    return ""


def main(folder: Path) -> int:
    """Build the site into dist/docs."""
    if reason := fetch_diagrams(folder):
        sys.stdout.write(f"diagrams stay text: {reason}\n")
    done = build(ROOT, OUTPUT)
    sys.stdout.write(done.stdout + done.stderr)
    if done.returncode == 0:
        sys.stdout.write(f"the first page is {OUTPUT / 'index.html'}\n")
    return done.returncode


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
