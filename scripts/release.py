# ruff: noqa: INP001 - a program, no package
"""Writes another version, and the registry of its images, into every place that names them.

    make release VERSION=0.2.0
    make release VERSION=0.2.0 REGISTRY=ghcr.io/someone     where the images of this and all later releases are
    make release VERSION=0.2.0 HOMEPAGE=https://...         where the source of this and all later releases is

The places are found, not listed: every text file of the repository that has the version, but the history in
CHANGELOG.md and the versions of other projects. So no image's name, chart, manual page or page is ever forgotten.
"""

import argparse
import datetime as dt
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?", re.ASCII)
"""Semantic Versioning 2.0.0, without metadata of a build: a tag of an image may have no +."""

OTHERS = re.compile(r"CHANGELOG\.md|.*requirements.*\.txt|.*\.lock|LICENSE|.*\.svg")
"""Files whose numbers are history or are other projects' versions."""


REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
"""A host, maybe with a port, and a path: distribution's reference.go."""

HOMEPAGE = re.compile(r"https://[a-z0-9.-]+(/[\w.~-]+)+", re.ASCII)
"""A repository that people can clone and read."""

HOMES = {
    "pyproject.toml": (
        re.compile(r"\[project\.urls\]\n(\w+ = .*\n)+\n"),
        '[project.urls]\nHomepage = "{url}"\nSource = "{url}"\n\n',
        "[project.scripts]\n",
    ),
    "manifests/chart/galera/Chart.yaml": (
        re.compile(r"home: .*\nsources: .*\n"),
        "home: {url}\nsources: [{url}]\n",
        "keywords: ",
    ),
}
"""File -> how the home page stands there, how it is written, and what comes after it."""

NAMING = re.compile(r"(manifests|docs/operations)/.*")
"""Files that name the images of a release.  All others name what a build makes here."""

IMAGES = "(?:galera-install|mysql-galera|haproxy)"


class ReleaseError(Exception):
    """The version was not written; the text says why."""


def read_version(root: Path) -> str:
    """The version in the code."""
    found = re.search(r'^__version__ = "(.+)"$', (root / "bootstrap/__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise ReleaseError("bootstrap/__init__.py has no __version__")
    return found[1]


def find_mentions(version: str) -> re.Pattern[str]:
    """Finds the version, and not the same digits in a longer number such as an address."""
    return re.compile(rf"(?<![\d.]){re.escape(version)}(?!\d|\.\d)")


def check_repository(root: Path, version: str) -> None:
    """Raises ReleaseError when there are changes that are not committed, or the version is released already."""
    for command, why in (
        (("git", "status", "--porcelain"), "there are changes that are not committed"),
        (("git", "tag", "--list", f"v{version}"), f"v{version} exists: a version is released once"),
    ):
        if subprocess.run(command, cwd=root, capture_output=True, check=True).stdout:
            raise ReleaseError(why)


def list_files(root: Path) -> list[Path]:
    """The files that git knows, without those of OTHERS."""
    names = subprocess.run(("git", "ls-files", "-z"), cwd=root, capture_output=True, text=True, check=True).stdout
    return [
        root / name for name in names.split("\0") if name and not OTHERS.fullmatch(name) and (root / name).is_file()
    ]


def write_version(root: Path, version: str) -> list[Path]:
    """Write the version everywhere; returns the files that changed.  Raises ReleaseError if it is no version."""
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version such as 1.2.3 or 1.2.3-rc.1")
    mentions, changed = find_mentions(read_version(root)), []
    for path in list_files(root):
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError:
            continue  # a picture
        if (new := mentions.sub(version, text)) != text:
            path.write_bytes(new.encode())
            changed.append(path)
    return changed


def read_registry(root: Path) -> str:
    """The registry in the manifests; `localhost` before the first release."""
    found = re.search(r"image: (\S+)/mysql-galera:", (root / "manifests/base/stateful-set.yaml").read_text())
    if found is None:
        raise ReleaseError("manifests/base/stateful-set.yaml names no image mysql-galera")
    return found[1]


def write_registry(root: Path, registry: str) -> list[Path]:
    """Write the registry into the manifests and the pages for their users; returns the files that changed.

    An overlay's `newName` stays: the lab takes the images that were built here.  Raises ReleaseError if it is none.
    """
    if not REGISTRY.fullmatch(registry):
        raise ReleaseError(f"{registry!r} is no registry such as ghcr.io/someone")
    names = re.compile(rf"(?<!newName: )(?<![\w./-]){re.escape(read_registry(root))}/(?={IMAGES}(?![\w-]))")
    changed = []
    for path in list_files(root):
        if NAMING.fullmatch(str(path.relative_to(root))):
            text = path.read_text()
            if (new := names.sub(f"{registry}/", text)) != text:
                path.write_text(new)
                changed.append(path)
    return changed


def read_homepage(root: Path) -> str:
    """The home page in the package's metadata; empty before the first release that has one."""
    found = re.search(r'^Homepage = "(.+)"$', (root / "pyproject.toml").read_text(), re.MULTILINE)
    return found[1] if found else ""


def write_homepage(root: Path, url: str) -> list[Path]:
    """Write the home page into the metadata of package and chart; returns the files that changed.

    Raises ReleaseError, before it writes, if it is none or has no place in a file.
    """
    if not HOMEPAGE.fullmatch(url):
        raise ReleaseError(f"{url!r} is no home page such as https://github.com/someone/galera")
    texts = {}
    for name, (old, new, following) in HOMES.items():
        before, found, after = old.sub("", (root / name).read_text()).partition(following)
        if not found:
            raise ReleaseError(f"{name} has no place for the home page: it stands before {following.strip()!r}")
        texts[root / name] = before + new.format(url=url) + found + after
    changed = [path for path, text in texts.items() if text != path.read_text()]
    for path in changed:
        path.write_text(texts[path])
    return changed


def date_changelog(root: Path, version: str, today: dt.date) -> None:
    """Give the section of unreleased changes the version and the day.  Raises ReleaseError if there is none."""
    path = root / "CHANGELOG.md"
    text, count = re.subn(
        r"^## .*\(unreleased\)$", f"## {version} ({today.isoformat()})", path.read_text(), count=1, flags=re.MULTILINE
    )
    if not count:
        raise ReleaseError("CHANGELOG.md has no section that ends with (unreleased): say first what is new")
    path.write_text(text)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make release", description="Write another version into every place.")
    parser.add_argument("version", help="such as 1.2.3 or 1.2.3-rc.1")
    parser.add_argument("--registry", help="where the images of this and all later releases are")
    parser.add_argument("--homepage", help="where the source of this and all later releases is")
    options = parser.parse_args()
    version = options.version
    try:
        check_repository(ROOT, version)
        changed = set(write_registry(ROOT, options.registry)) if options.registry else set()
        changed |= set(write_homepage(ROOT, options.homepage)) if options.homepage else set()
        changed |= set(write_version(ROOT, version))
        date_changelog(ROOT, version, dt.datetime.now(dt.UTC).date())
    except ReleaseError as exc:
        print(f"error: {exc}; nothing was released", file=sys.stderr)
        return 1
    if (registry := read_registry(ROOT)) == "localhost":
        print("The manifests name no registry: give one by REGISTRY=, unless everybody builds the images.")
    else:
        print(f"The manifests take the images from {registry}.")
    if not read_homepage(ROOT):
        print("Package and chart name no home page: give one by HOMEPAGE=.")
    print(f"{version} is in {len(changed)} files and in CHANGELOG.md. Look at `git diff`, then:")
    print(f"  make test && git commit -am 'Release {version}' && git tag -s v{version} && git push --follow-tags")
    return 0


if __name__ == "__main__":
    sys.exit(main())
