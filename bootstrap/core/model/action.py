"""What a starter may be permitted to do."""

from enum import StrEnum


class Action(StrEnum):
    """What a starter has been permitted to do."""

    JOIN = "join"
    BOOTSTRAP = "bootstrap"
