"""Shell blocks of the docs as commands: what is typed, what is shown below it, and the words of each program's line."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tests.docs.blocks import Block

PROMPT = "$ "
HEREDOC = re.compile(r"<<'(\w+)'\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
SUBSTITUTION = re.compile(r"\$\((.*?)\)")
ASSIGNMENT = re.compile(r"[A-Z_]+=.*", re.DOTALL)
SEPARATORS = {"|", "||", "&&", ";", "&"}


@dataclass
class Typed:
    """One command as it is typed, over however many lines; in a `console` block with what is shown below it."""

    text: str
    shown: str = ""

    def programs(self) -> list["Program"]:
        """Return the programs that it starts, those within `$(...)` too."""
        inner = [program for command in SUBSTITUTION.findall(self.text) for program in Typed(command).programs()]
        stdin = HEREDOC.search(self.text)
        line = HEREDOC.sub("", self.text).replace("\\\n", " ")
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        parts = [list(part) for is_end, part in groupby(lexer, SEPARATORS.__contains__) if not is_end]
        return inner + [Program(_without_redirections(words), stdin[2] if stdin else None) for words in parts]


@dataclass
class Program:
    """A line of words that starts a program, `set_` the variables before its name."""

    words: list[str]
    stdin: str | None = None
    set_: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        while self.words and ASSIGNMENT.fullmatch(self.words[0]):
            self.set_.append(self.words.pop(0))

    @property
    def name(self) -> str:
        """The program without its folder; empty for assignments alone."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @property
    def arguments(self) -> list[str]:
        """The words behind its name."""
        return self.words[1:]


def typed(block: Block) -> list[Typed]:
    """Return the commands of a block: of a `console` block those behind a prompt, else all lines."""
    commands: list[Typed] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if block.language == "console" and not line.startswith(PROMPT):
            assert commands, f"{block}: output without a command"
            commands[-1].shown += f"{line}\n"
            continue
        text = line.removeprefix(PROMPT) if block.language == "console" else line
        while _is_open(text):
            text += f"\n{next(lines)}"
        if shlex.split(HEREDOC.sub("", text), comments=True):
            commands.append(Typed(text))
    return commands


def programs(block: Block) -> Iterator[tuple[Typed, Program]]:
    """Yield each program of a block with the command it stands in."""
    for command in typed(block):
        for program in command.programs():
            yield command, program


def _is_open(text: str) -> bool:
    """Tell whether a command goes on in the next line: an open quote, a backslash, a document that has not ended."""
    if "<<'" in text and not HEREDOC.search(text):
        return True
    try:
        shlex.split(HEREDOC.sub("", text), comments=True)
    except ValueError:
        return True
    return False


def _without_redirections(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    passing = iter(words)
    for word in passing:
        if set(word) <= {"<", ">"}:
            next(passing, None)
        else:
            kept.append(word)
    return kept
