"""What has to be known about a run to judge its numbers: when, which revision, what machine. No names of machines."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.environments import CHECKOUT
from benchmarks.rounds import Conduct


def facts_of_this_run(how: Conduct) -> dict[str, str]:
    """Return what is told above the tables, by name."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _revision(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count()),
        "memory": _memory(),
        "rounds": str(how.rounds),
        "size": how.scale,
    }


def together(runs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the facts that are the same in several runs; of the others, that each section tells its own."""
    names = dict.fromkeys(name for facts in runs for name in facts)
    told = {name: list(dict.fromkeys(facts[name] for facts in runs if name in facts)) for name in names}
    return {name: values[0] if len(values) == 1 else "see each scenario" for name, values in told.items()}


def apart(facts: Mapping[str, str], runs: Sequence[Mapping[str, str]]) -> str:
    """Return in one line those facts of a run that are not the same in all of several; nothing if all are."""
    common = together(runs)
    return ", ".join(f"{name}: {fact}" for name, fact in facts.items() if common[name] != fact)


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "unknown"
    return f"{size / 2**30:.0f} GiB"


def _revision() -> str:
    """Return what git calls this checkout, with "-dirty" if something in it is not committed."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
