"""The targets of the fuzzer take what it begins with, cut short and changed in each place, without it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

FOUND: dict[str, list[bytes]] = {}
"""What the fuzzer has found once, by target."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_what_is_near_them(name: str) -> None:
    """So a target that is broken itself is found without an hour of fuzzing."""
    target = TARGETS[name]
    seeds = target.seeds()
    assert seeds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in [*seeds[:6], *FOUND.get(name, ())]:
            target.run(seed)
            for at in range(0, len(seed), 1 + len(seed) // 10):
                target.run(seed[:at])
                target.run(seed[:at] + bytes([seed[at] ^ 0x41]) + seed[at + 1 :])


def test_each_target_is_one_that_the_session_runs() -> None:
    """Those of the noxfile and these are the same."""
    said = (Path(__file__).parents[2] / "noxfile.py").read_text()
    named = re.findall(r'"([\w-]+)"', " ".join(line for line in said.splitlines() if line.startswith("FUZZED")))

    assert sorted(named) == sorted(TARGETS)
