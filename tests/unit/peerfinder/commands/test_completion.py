"""Real shells complete commands, options and flags."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from peerfinder.flags import FLAGS
from tests.support.peerfinder.program import PROGRAM

BASH = """
eval "$(_PEER_FINDER_COMPLETE=bash_source peer-finder)"
COMP_WORDS=(peer-finder "$@") COMP_CWORD=$#
_peer_finder_completion peer-finder
printf '%s\\n' "${COMPREPLY[@]}"
"""

ZSH = """
compdef() { :; }; _describe() { for one in "${(@P)3}"; do print -r -- "${one%%:*}"; done; }
compadd() { shift; print -rl -- "${(@P)${@[-1]}}"; }
eval "$(_PEER_FINDER_COMPLETE=zsh_source peer-finder)"
words=(peer-finder "$@") CURRENT=$(($# + 1))
_peer_finder_completion
"""

FISH = """
_PEER_FINDER_COMPLETE=fish_source peer-finder | source
complete -C "peer-finder $argv" | string split --fields 1 \\t
"""

SHELLS = {"bash": ["bash", "-c", BASH, "bash"], "zsh": ["zsh", "-fc", ZSH, "zsh"], "fish": ["fish", "-c", FISH, "--"]}


def complete(shell: str, *words: str) -> list[str]:
    """Return what a shell offers for the last of these words."""
    if shutil.which(shell) is None:
        pytest.skip(f"NOT TESTED: {shell} is missing; apt-get install {shell}")
    done = subprocess.run(
        [*SHELLS[shell], *words],
        env={"PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return sorted(done.stdout.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_our_commands(shell: str) -> None:
    assert complete(shell, "do") == ["doctor"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_a_commands_options_and_their_values(shell: str) -> None:
    assert complete(shell, "peers", "galera", "--wa") == ["--watch"]
    assert complete(shell, "peers", "galera", "-o", "j") == ["json"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_the_flags_of_the_drop_in_form(shell: str) -> None:
    assert complete(shell, "-on") == ["-on-change", "-on-start", "-once"]
    assert complete(shell, "-service=galera", "-address") == ["-address-type"]


def test_every_flag_is_offered() -> None:
    assert set(complete("bash", "-")) >= {f"-{flag.name}" for flag in FLAGS}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_for_a_shell_is_there_without_that_shell(shell: str) -> None:
    environment = {"PATH": os.environ["PATH"], "_PEER_FINDER_COMPLETE": f"{shell}_source"}
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=True)

    assert "_peer_finder_completion" in done.stdout
