"""The code on pages, as tests run it: blocks in their order, and why some are not run.

A block of ``python`` or ``console`` is run, unless a comment before it gives a reason:
``<!-- not run: it needs a cluster -->``. Blocks of other languages show what is on disk, or what is printed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from click.testing import CliRunner

from hdmf_store.cli import main

__all__ = ["ROOT", "Block", "blocks_of", "run_commands", "run_page", "run_python"]

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^(`{3,})(?:\{code-block\} *)?(\{?[\w-]*\}?)[^\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_EXCUSE = re.compile(r"<!-- not run: ([^>]{10,}) -->\n\Z")


@attrs.frozen
class Block:
    """A block of code.

    Parameters
    ----------
    language : str
        As after the fence; ``{name}`` for a directive.
    code : str
    line : int
        Of the page, of the first line of code.
    excuse : str
        Why it is not run; empty if it is.
    """

    language: str
    code: str
    line: int
    excuse: str

    @property
    def is_run(self) -> bool:
        """Whether it is code that has no excuse."""
        return self.language in ("python", "console") and not self.excuse


def blocks_of(page: str, language: str | None = None) -> list[Block]:
    """Return the blocks of a page, by its path in the project; of one language, those that are run."""
    text = (ROOT / page).read_text()
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        excuse = _EXCUSE.search(before)
        line = before.count("\n") + 2
        found.append(Block(match[2], match[3], line, excuse[1] if excuse else ""))
    if language is None:
        return found
    chosen = [block for block in found if block.language == language and block.is_run]
    assert chosen, f"{page} has no code in {language}"
    return chosen


def run_python(page: str, block: Block, names: dict[str, Any], words: Mapping[str, str] | None = None) -> None:
    """Run one block of Python; an error names the line of the page. `words` stand for what is elsewhere."""
    code = "\n" * (block.line - 1) + _with(words, block.code)
    exec(compile(code, page, "exec"), names)


def run_commands(block: Block, words: Mapping[str, str] | None = None) -> None:
    """Run each line of ``hdmf-store``; each has to succeed."""
    for line in _with(words, block.code).splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "hdmf-store", f"only our own commands are run: {line}"
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, f"{line}: {done.output} {done.exception!r}"


def run_page(page: str, names: dict[str, Any], words: Mapping[str, str] | None = None) -> None:
    """Run all that a page shows, from the first block to the last, as a reader would type it."""
    done = 0
    for block in blocks_of(page):
        if block.is_run:
            run_python(page, block, names, words) if block.language == "python" else run_commands(block, words)
            done += 1
    assert done, f"{page} has no code"


def _with(words: Mapping[str, str] | None, code: str) -> str:
    for shown, meant in (words or {}).items():
        code = code.replace(shown, meant)
    return code
