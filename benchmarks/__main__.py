"""Command line of the benchmarks: ``python -m benchmarks run`` and ``python -m benchmarks list``."""

from __future__ import annotations

import argparse
import ast
import fnmatch
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.environments import CHECKOUT, SUBJECTS
from benchmarks.report import Table, as_markdown, as_text, tables
from benchmarks.rounds import SCENARIOS, Conduct, Results, default_folder, run, scenario_names


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0 if every subject completed every round, 1 if something could not be measured.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command == "list":
        _list()
        return 0

    try:
        scenarios = _chosen(chosen.scenarios or ["*"], scenario_names(), "scenario")
        names = _chosen(chosen.subjects.split(","), [subject.name for subject in SUBJECTS], "subject")
    except LookupError as error:
        parser.error(str(error))
    if chosen.rounds < 1:
        parser.error("--rounds has to be at least 1")
    subjects = [subject for subject in SUBJECTS if subject.name in names]
    where = (chosen.where or default_folder()).resolve()
    where.mkdir(parents=True, exist_ok=True)

    facts = _facts(where, chosen.rounds)
    how = Conduct(rounds=chosen.rounds, where=where, timeout=chosen.timeout, verbose=chosen.verbose)
    everything: list[Results] = []
    for scenario in scenarios:
        everything.append(run(scenario, subjects, how))
        if chosen.json:  # after each scenario, so that an interrupted run leaves what it has found
            content = {"facts": facts, "scenarios": [results.as_json() for results in everything]}
            _write(chosen.json, json.dumps(content, indent=1) + "\n")
    made = [table for results in everything for table in tables(results, subjects)]
    print("\n" + "\n".join([_facts_as_text(facts), *map(as_text, made)]))
    if chosen.markdown:
        _write(chosen.markdown, _markdown(facts, made))
    complete = all(not results.absent for results in everything) and all(
        not sample.failures for results in everything for sample in results.samples
    )
    return 0 if complete else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure side by side.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print the scenarios and the subjects there are")
    runs = commands.add_parser("run", help="measure")
    runs.add_argument("scenarios", metavar="SCENARIO", nargs="*", help="which ones (default: all)")
    runs.add_argument("--rounds", type=int, default=3, help="turns of each subject (default: 3)")
    runs.add_argument(
        "--where", type=Path, help="folder on the file system to measure (default: in memory, if possible)"
    )
    runs.add_argument(
        "--subjects", default="*", metavar="A,B", help="which ones, or patterns like ours-* (default: all)"
    )
    runs.add_argument("--json", type=Path, metavar="FILE", help="write every single sample there")
    runs.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    runs.add_argument("--timeout", type=float, default=600, help="seconds for one process (default: 600)")
    runs.add_argument("--verbose", action="store_true", help="print the tracebacks of what failed")
    return parser


def _list() -> None:
    for name in scenario_names():
        docstring = ast.get_docstring(ast.parse((SCENARIOS / f"{name}.py").read_text())) or ""
        print(f"{name}\n    " + "\n    ".join(docstring.splitlines()) + "\n")
    head = ["subject", "library", "Python", "requirements"]
    rows = [[s.name, s.library, s.python, " ".join(s.requirements)] for s in SUBJECTS]
    print(as_text(Table(title="subjects", head=head, rows=rows, text_columns=4)))


def _chosen(patterns: Sequence[str], names: Sequence[str], kind: str) -> list[str]:
    """Return the names that any of the patterns matches, in the order of `names`."""
    patterns = [pattern.strip() for pattern in patterns]
    if unknown := [pattern for pattern in patterns if not fnmatch.filter(names, pattern)]:
        raise LookupError(f"no {kind} is called {', '.join(unknown)}. There are: {', '.join(names)}")
    return [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]


def _facts(where: Path, rounds: int) -> dict[str, str]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "revision": _revision(),
        "system": platform.platform(),
        "processors": str(os.cpu_count()),
        "folder": str(where),
        "file system": _file_system(where),
        "rounds": str(rounds),
    }


def _revision() -> str:
    """Return what git calls this checkout, with "-dirty" if something in it is not committed."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _file_system(where: Path) -> str:
    """Return the type of the file system that holds `where`, or "unknown" off Linux."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    above = [(len(point), kind) for point, kind in mounts if where.is_relative_to(point)]
    return max(above, default=(0, "unknown"))[1]


def _facts_as_text(facts: dict[str, str]) -> str:
    return "\n".join(f"{name}: {fact}" for name, fact in facts.items()) + "\n"


def _markdown(facts: dict[str, str], made: Sequence[Table]) -> str:
    told = "\n".join(f"- {name}: {fact}" for name, fact in facts.items()) + "\n"
    return "\n".join(["# Benchmarks\n", told, *map(as_markdown, made)])


def _write(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    print(f"wrote {file}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
