"""What the documentation tells readers to type, taken out of its pages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PROMPT = "$ "
PUNCTUATION = "();<>|&"


def pages() -> list[Path]:
    """Return every page that is written by hand, the README files too."""
    return [
        *sorted(ROOT.glob("docs/**/*.md")),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted(ROOT.glob("images/*/README.md")),
    ]


@dataclass(frozen=True)
class Said:
    """What a page says as code: a block of it, or a few words within a line."""

    page: Path
    line: int
    text: str
    language: str = ""
    within_a_line: bool = False


def code_of(page: Path) -> Iterator[Said]:
    """Yield all code of a page from top to bottom."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        line = token.map[0] + 1 if token.map else 0
        if token.type in ("fence", "code_block"):
            if token.info.startswith("{") and "warning" not in token.info:
                continue  # a directive
            yield Said(page, line, token.content, token.info.strip())
        for child in token.children or ():
            if child.type == "code_inline":
                yield Said(page, line, child.content, within_a_line=True)


@dataclass(frozen=True)
class Step:
    """A command of a session, and what it prints as the page has it."""

    line: int
    command: str
    printed: str


def steps_of(page: Path) -> Iterator[Step]:
    """Yield the commands of a page's sessions (blocks of the language ``console``)."""
    for said in code_of(page):
        if said.language == "console":
            for part in re.split(r"^\$ ", said.text, flags=re.MULTILINE)[1:]:
                command, _, printed = part.replace("\\\n", " ").partition("\n")
                yield Step(said.line, command, printed)


def command_lines(said: Said) -> list[str]:
    """Return the lines of a piece of code that are typed."""
    lines = said.text.replace("\\\n", " ").splitlines()
    if said.language == "console":
        return [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]
    return [] if said.language == "python" else lines


def workspace_commands(line: str) -> Iterator[list[str]]:
    """Yield the words behind ``jupyter workspace`` for each time that a line runs it, in a substitution too."""
    for inner in re.findall(r"\$\(([^()]*)\)", line):
        yield from workspace_commands(inner)
    words: list[str] = []
    for word in [*_words(re.sub(r"\$\([^()]*\)", "SUBSTITUTED", line)), ";"]:
        if set(word) <= set(PUNCTUATION):
            if words[:2] == ["jupyter", "workspace"]:
                yield words[2:]
            words = []
        else:
            words.append(word)


def _words(line: str) -> list[str]:
    if "jupyter workspace" not in line:
        return []
    lexer = shlex.shlex(line, posix=True, punctuation_chars=PUNCTUATION)
    lexer.whitespace_split = True
    return list(lexer)
