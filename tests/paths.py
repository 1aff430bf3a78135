"""Where things lie, for all tests and their machinery: said once."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

DATA = ROOT / "tests/unit/bootstrap/data"
"""Files that real servers have written."""
