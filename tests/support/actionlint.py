"""The program that checks the workflows of GitHub.

python -m tests.support.actionlint     if there is none, builds one into the cache, outside of the clone
"""

import sys

from tests.support.go_program import GoProgram, NoGoError

ACTIONLINT = GoProgram("actionlint", "github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12")


def main() -> int:
    """Print the path; build the program first if there is none."""
    try:
        print(ACTIONLINT.ensure())
    except NoGoError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
