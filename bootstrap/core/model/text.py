"""Text for people: one line, bounded."""

LONGEST = 360
"""Characters of an event's text, or of a line that is quoted."""


def one_line(text: str, longest: int = LONGEST) -> str:
    """The text in one line of at most so many characters, without control characters."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
