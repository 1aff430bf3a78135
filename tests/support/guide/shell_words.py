"""The programs that a block of shell calls, with their words. This knows only the shell grammar that the guide uses."""

import re
import shlex
from collections.abc import Iterator

OPERATOR = re.compile(r"\|\||&&|[|&;()\n]")

BEFORE = frozenset({"do", "then", "else", "until", "while", "if", "!", "{", "exec", "}"})
"""Words after which a command begins."""

COMMENT = re.compile(r"(^|\s+)# .*$", re.MULTILINE)
HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?([^\n]*)\n.*?^\1$", re.DOTALL | re.MULTILINE)
SUBSTITUTION = re.compile(r"\$\(((?:[^()]|\([^()]*\))*)\)")


def calls(text: str) -> list[list[str]]:
    """Every simple command of the text, also inside `$(...)`, as words."""
    text = HERE_DOCUMENT.sub(r"\2", COMMENT.sub("", text).replace("\\\n", " "))
    inner = [found for part in SUBSTITUTION.findall(text) for found in calls(part)]
    found: list[list[str]] = [[]]
    for token in tokens(text):
        if OPERATOR.fullmatch(token) or (token in BEFORE and not found[-1]):
            found.append([])
        else:
            found[-1].append(token)
    return [words for words in found if words] + inner


def tokens(text: str) -> Iterator[str]:
    """The words and operators; the end of a line outside of quotes is an operator."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;()\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""
    for token in lexer:
        # shlex returns operators that touch each other as one token.
        yield from OPERATOR.findall(token) if re.fullmatch(r"[|&;()\n \t]+", token) else (token,)
