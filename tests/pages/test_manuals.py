"""The manual pages agree with the programs' help, and are part of the package."""

import re
import shutil
import subprocess
import tomllib
from types import ModuleType

import click
import pytest

from bootstrap import cli
from bootstrap.setting_checks import PREFIX
from bootstrap.settings import DEFAULTS
from peerfinder.flags import FLAGS
from tests.paths import ROOT
from tests.support.manuals import galera_bootstrap, peer_finder
from tests.support.manuals.peer_finder import PAGE
from tests.support.peerfinder.program import PROGRAM

PAGES = pytest.mark.parametrize("manual", [peer_finder, galera_bootstrap], ids=lambda one: one.PAGE.name)


def strip_roff(text: str) -> str:
    """Remove roff's markup from a page."""
    return re.sub(r"\\f[BIR]", "", text).replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\")


@PAGES
def test_the_page_equals_the_generated_one(manual: ModuleType) -> None:
    assert manual.PAGE.read_text() == manual.make_page(), "make man"


def test_it_has_each_flag_and_its_meaning() -> None:
    text = strip_roff(PAGE.read_text())

    for flag in FLAGS:
        head = f"-{flag.name}={flag.metavar}" if flag.metavar else f"-{flag.name}"
        assert f"\n{head}\n{flag.help}\n" in text


@pytest.mark.parametrize(("name", "command"), [*peer_finder.list_commands()])
def test_it_has_all_options_in_the_help_of_a_command(name: str, command: click.Command) -> None:
    words = [PROGRAM, *name.split(), "--help"]
    help_text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"(?<!\w)--?[a-z-]+", help_text.partition("Options:")[2]))
    section = strip_roff(PAGE.read_text()).partition(f"\n.SS peer-finder {name}")[2].partition("\n.S")[0]

    assert options >= {option for part in command.params for option in part.opts if option.startswith("-")}
    assert options <= set(re.findall(r"--?[a-z-]+", section))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_galera_bootstrap_has_all_options_of_a_command(name: str) -> None:
    section = strip_roff(galera_bootstrap.PAGE.read_text()).partition(f"\n.SS galera-bootstrap {name} ")[2]
    words = set(re.findall(r"--?[a-z-]+", section.partition("\n.S")[0]))
    command = galera_bootstrap.find_command(name)

    assert words >= {option for part in command.params for option in part.opts if option.startswith("-")}


@pytest.mark.parametrize("name", DEFAULTS)
def test_galera_bootstrap_has_each_setting(name: str) -> None:
    assert f"\n{PREFIX}{name}\n" in strip_roff(galera_bootstrap.PAGE.read_text())


@PAGES
def test_the_formatter_finds_nothing_wrong(manual: ModuleType) -> None:
    if shutil.which("groff") is None:
        pytest.skip("NOT TESTED: groff is missing; apt-get install groff-base")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", manual.PAGE], capture_output=True, text=True, check=True
    )

    assert done.stderr == ""


def test_they_are_part_of_the_package() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    pages = (peer_finder.PAGE, galera_bootstrap.PAGE)
    assert built["shared-data"] == {str(page.relative_to(ROOT)): f"share/man/man1/{page.name}" for page in pages}
