"""The pages on hostile files and on promises name tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_each_line_of_the_page_on_hostile_files_names_a_test_that_is_there() -> None:
    """A promise without a test is not made."""
    tables = (ROOT / "docs" / "security.md").read_text().split("## What is not promised")[0]
    rows = [
        line for line in tables.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| a file"))
    ]
    assert len(rows) > 20

    for row in rows:
        found = re.search(r"`(tests/[\w/]+\.py)::(test_\w+)` \|$", row)
        assert found is not None, row
        assert f"\ndef {found[2]}(" in (ROOT / found[1]).read_text(), row


def test_each_promise_names_tests_that_are_there() -> None:
    """A file of tests, or one of them."""
    rows = [
        line
        for line in (ROOT / "docs" / "guarantees.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| ---", "| promise"))
    ]
    assert len(rows) > 60

    for row in rows:
        held = row.rstrip(" |").rsplit(" | ", 1)[1]
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", held)
        assert named and held.count("`") == 2 * len(named), row
        for file, test in named:
            assert f"\ndef {test}(" in (ROOT / file).read_text() if test else (ROOT / file).is_file(), (file, test)
