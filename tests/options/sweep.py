"""Try options of the server on `--wsrep-recover` over a copy of a killed datadir, and compare the position.

A position that is too low, or none, with exit code 0 loses acknowledged commits: such an option must be held.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bootstrap.core.galera import recovery_log
from bootstrap.errors import RecoverFailedError
from bootstrap.process import child
from tests.support.bootstrap import servers

ROWS = 80

_LIMIT_S = 120.0
"""A recovery that takes longer hangs."""


_CHOICES = re.compile(r"(?:[Oo]ne of|values?(?: are)?)[:\s]+((?:[\"']?\w+[\"']?,\s+)+(?:or\s+)?[\"']?\w+)")
"""Words in a help text that are an option's values."""


class Try(NamedTuple):
    """One option with one value."""

    option: str
    verdict: str
    """right, refused (by the server's parser), failed (by the recovery), hangs, or FALSE."""
    detail: str
    """What the recovery says; after a `;` what a later recovery without the option says, if that differs."""

    def __str__(self) -> str:
        return f"{self.verdict}\t{self.option}\t{self.detail}"


def killed_datadir(folder: Path) -> Path:
    """The datadir of a server that was killed after many commits and no checkpoint."""
    with servers.node(folder, 1, data=servers.seed() / "data") as node:
        node.bootstrap()
        node.sql("CREATE TABLE app.t (id INT PRIMARY KEY)")
        with node.connect() as connection, connection.cursor() as cursor:
            for number in range(ROWS):
                cursor.execute(f"INSERT INTO app.t VALUES ({number})")
        node.kill()
    return node.layout.data


def list_variables() -> dict[str, str]:
    """The server's options that have a value, and their defaults."""
    text = subprocess.run(
        ("mariadbd", "--no-defaults", "--verbose", "--help"), capture_output=True, text=True, check=True
    ).stdout
    table = text.partition("Variables (--variable-name=value)")[2].partition("\n\n")[0]
    lines = [re.split(r"\s+", line, maxsplit=1) for line in table.splitlines()[2:]]
    return {line[0]: line[1] if len(line) > 1 else "" for line in lines if line[0].strip("-")}


def list_choices() -> dict[str, list[str]]:
    """Option -> the words that its help text names as its values."""
    text = subprocess.run(
        ("mariadbd", "--no-defaults", "--verbose", "--help"), capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, list[str]] = {}
    for part in re.split(r"\n(?=  (?:-\w, )?--)", text):
        name = re.match(r"\s*(?:-\w, )?--(?:\[\w+-\])?([\w-]+)", part)
        words = re.search(
            r"(?:[Oo]ne of|values?(?: are)?|to one of)[:\s]+((?:[\"']?\w+[\"']?,\s+)+(?:or\s+)?[\"']?\w+)", part
        )
        if name and words:
            found[name[1].lower()] = re.findall(r"\w+", words[1].replace(" or ", " "))
    return found


def values_of(default: str, choices: list[str]) -> list[str]:
    """Values that differ from the default and may mean something."""
    if default in ("TRUE", "FALSE"):
        return ["OFF" if default == "TRUE" else "ON"]
    if re.fullmatch(r"-?\d+(\.\d+)?", default):
        return [value for value in ("0", "1", "6", "100000") if value != default]
    return [*[word for word in choices if word != default][:8], "x", "/nonexistent/x"]


def list_tries() -> Iterator[str]:
    """Every option with some values."""
    choices = list_choices()
    for name, default in list_variables().items():
        yield from (f"--{name}={value}" for value in values_of(default, choices.get(name.lower(), [])))


class Sweep:
    """The killed datadir, and its true position."""

    def __init__(self, data: Path, copies: Path) -> None:
        self.data, self.copies = data, copies
        self.folder = copies / "node"
        self.node = servers.Node(self.folder, servers.address(3))
        self.truth = self.recover(fresh=True)

    def recover(self, *options: str, fresh: bool) -> str:
        """What the recovery of a copy says; `fresh`: of a new copy."""
        if fresh:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            servers.own(self.folder)
            servers.copy(self.data, self.folder)
        command = (*self.node.command, "--wsrep-recover", "--skip-networking", "--skip-log-error")
        own = ("--secure-file-priv=", f"--datadir={self.folder}/data")
        try:
            done = subprocess.run(
                (*command, *options, *own),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "hangs"
        if done.returncode:
            return f"status {done.returncode}: {recovery_log.find_cause(done.stderr)}"
        try:
            return str(recovery_log.parse_position(done.stderr) or "no position")
        except RecoverFailedError as error:
            return f"status 0, failed: {error}"

    def try_option(self, option: str) -> Try:
        """Try one option."""
        check = child.run((*self.node.command, option, "--verbose", "--help"), timeout=_LIMIT_S)
        if check.status:
            return Try(option, "refused", recovery_log.find_cause(check.errors))
        found = self.recover(option, fresh=True)
        later = self.recover(fresh=False)
        detail = found if later == self.truth else f"{found}; later {later}"
        if found == self.truth and later == self.truth:
            return Try(option, "right", detail)
        is_open = found.startswith(("status", "hangs"))
        return Try(option, "failed" if is_open and later == self.truth else "FALSE", detail)
