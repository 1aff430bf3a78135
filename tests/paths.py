"""The folders that tests and their machinery use, defined only here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

DATA = ROOT / "tests/unit/bootstrap/data"
"""Files that real servers wrote."""
