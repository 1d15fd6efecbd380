"""The tests of every adapter would notice: each of many broken adapters fails one that names what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.mutants import MUTANTS

pytestmark = pytest.mark.once

_SUITE = """
from hdmf_store.testing import MemoryAdapter
from tests.conformance.mutants import MUTANTS, conformance_of

for kind in (MemoryAdapter, *MUTANTS.values()):
    made = conformance_of(kind)
    globals()[made.__name__] = made
"""


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Run the kit on the whole adapter, and on each mutant the test that has to notice; return what failed for each."""
    folder = tmp_path_factory.mktemp("mutants")
    suite = folder / "test_suite.py"
    suite.write_text(_SUITE)
    noticing = [f"{suite}::Test{name}::{kind.caught_by}" for name, kind in MUTANTS.items()]
    options = ["-q", "-rf", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={folder}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"{suite}::TestMemoryAdapter", *noticing],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, set[str]] = {}
    for name, test in re.findall(r"^FAILED .*::Test(\w+)::(\w+)", done.stdout, re.MULTILINE):
        found.setdefault(name, set()).add(test)
    assert " passed" in done.stdout, done.stdout + done.stderr
    return found


def test_the_adapter_that_the_mutants_are_made_of_is_whole(failures: dict[str, set[str]]) -> None:
    """So that every failure is the mutant's own."""
    assert "MemoryAdapter" not in failures


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_adapter_is_caught(failures: dict[str, set[str]], name: str) -> None:
    """By the test that is about what it does wrong."""
    assert MUTANTS[name].caught_by in failures.get(name, set())
