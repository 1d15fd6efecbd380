"""Files that are broken at random are read right, or refused by an error that says what is wrong with what."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.property.broken_files import KINDS


def outcome_of(kinds: str, count: int, timeout: float) -> tuple[dict[str, Any], list[str]]:
    """Return what a process says that breaks files: the last line, which sums up, and those before it."""
    words = [sys.executable, "-m", "tests.property.broken_files", "--kinds", kinds, "--count", str(count)]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False, cwd=root)
    assert done.returncode == 0, done.stderr[-2_000:]
    *findings, last = done.stdout.splitlines()
    return json.loads(last), findings


def test_broken_files_are_read_right_or_refused_by_name() -> None:
    """Never another error, a hang, a crash, much memory, or other values of what nobody touched."""
    said, findings = outcome_of(",".join(KINDS), 8, 120)

    assert findings == []
    assert said["broken"] == 8 * len(KINDS)
    assert set(said["endings"]) == {"read", "object refused", "file refused"}


@pytest.mark.faults
@pytest.mark.timeout(1_000)
@pytest.mark.parametrize("kind", KINDS)
def test_many_broken_files_are_read_right_or_refused_by_name(kind: str) -> None:
    """The same for thousands of files of each kind."""
    said, findings = outcome_of(kind, 3_000, 900)

    assert findings == []
    assert said["broken"] == 3_000
