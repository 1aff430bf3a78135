"""The program that checks the workflows of GitHub.

python -m tests.support.actionlint     if there is none, builds one into the cache, outside of the clone
"""

import sys

from tests.support.go_program import GoProgram, print_path

ACTIONLINT = GoProgram("actionlint", "github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12")

if __name__ == "__main__":
    sys.exit(print_path(ACTIONLINT.ensure))
