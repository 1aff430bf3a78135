"""The locale that the database and its scripts inherit: the container's, not one that Python has set for itself."""

import os
import subprocess
import sys

import pytest

CHILD = """
import os, subprocess, sys
from bootstrap import main
sys.argv = ["galera-bootstrap", "--version"]
try:
    main.main()
except SystemExit:
    pass
sys.exit(subprocess.run(["sh", "-c", "echo child=$LC_CTYPE"]).returncode)
"""


@pytest.mark.parametrize(
    ("given", "seen"),
    [({}, ""), ({"LC_CTYPE": "C"}, "C"), ({"LC_CTYPE": "C.UTF-8"}, "C.UTF-8"), ({"LANG": "C.UTF-8"}, "")],
    ids=["none", "C", "UTF-8", "by LANG"],
)
def test_a_child_has_the_locale_of_the_container(given: dict[str, str], seen: str) -> None:
    environment = {"PATH": os.environ["PATH"], **given}

    done = subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == f"child={seen}"
