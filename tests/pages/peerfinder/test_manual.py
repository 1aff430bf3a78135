"""The manual page agrees with the program's help, and is part of the package."""

import re
import shutil
import subprocess
import tomllib
from importlib import import_module

import click
import pytest

from peerfinder.commands.listed import COMMANDS
from peerfinder.flags import FLAGS
from tests.paths import ROOT
from tests.support.peerfinder.manual import PAGE, make_page
from tests.support.peerfinder.program import PROGRAM


def strip_roff(text: str) -> str:
    """Remove roff's markup from a page."""
    return re.sub(r"\\f[BIR]", "", text).replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\")


def test_the_page_equals_the_generated_one() -> None:
    assert PAGE.read_text() == make_page(), "make man"


def test_it_has_each_flag_and_its_meaning() -> None:
    text = strip_roff(PAGE.read_text())

    for flag in FLAGS:
        head = f"-{flag.name}={flag.metavar}" if flag.metavar else f"-{flag.name}"
        assert f"\n{head}\n{flag.help}\n" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_it_has_all_options_in_the_help_of_a_command(name: str) -> None:
    help_text = subprocess.run([PROGRAM, name, "--help"], capture_output=True, text=True, check=True).stdout
    command: click.Command = getattr(import_module(f"peerfinder.commands.{name}"), name)
    words = set(re.findall(r"--?[a-z-]+", help_text.partition("Options:")[2]))
    section = strip_roff(PAGE.read_text()).partition(f"\n.SS peer-finder {name}")[2].partition("\n.S")[0]

    assert words >= {option for part in command.params for option in part.opts if option.startswith("-")}
    assert words <= set(re.findall(r"--?[a-z-]+", section))


def test_the_formatter_finds_nothing_wrong() -> None:
    if shutil.which("groff") is None:
        pytest.skip("NOT TESTED: groff is missing; apt-get install groff-base")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", PAGE], capture_output=True, text=True, check=True)

    assert done.stderr == ""


def test_it_is_part_of_the_package() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert built["shared-data"] == {str(PAGE.relative_to(ROOT)): "share/man/man1/peer-finder.1"}
