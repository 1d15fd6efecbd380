"""Command line of the benchmarks: ``python -m benchmarks run``, ``... report`` and ``... list``."""

from __future__ import annotations

import argparse
import ast
import fnmatch
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.environments import SUBJECTS
from benchmarks.facts import apart, facts_of_this_run, together
from benchmarks.page import write_page
from benchmarks.report import Table, as_text, environments, tables
from benchmarks.rounds import SCENARIOS, Conduct, Results, default_disk, default_folder, run, scenario_names

#: What ``--quick`` leaves out: Python 3.11 for those that run on the newest as well.
_QUICK = "*-newest,hdmf-zarr-*,ours-zip,numpy"


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
    if chosen.command == "report":
        stored = [json.loads(file.read_text()) for file in chosen.results]
        found = [Results.from_json(content) for run in stored for content in run["scenarios"]]
        facts = [run["facts"] for run in stored]
        own = {content["scenario"]: apart(run["facts"], facts) for run in stored for content in run["scenarios"]}
        write_page(chosen.to, together(facts), found, own)
        return 0
    return _run(parser, chosen)


def _run(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> int:
    everywhere = _QUICK if chosen.quick else "*"
    try:
        scenarios = _chosen(["*" if name == "all" else name for name in chosen.scenarios] or ["*"], scenario_names())
        names = _chosen((chosen.subjects or everywhere).split(","), [subject.name for subject in SUBJECTS])
    except LookupError as error:
        parser.error(str(error))
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    if rounds < 1:
        parser.error("--rounds has to be at least 1")
    how = Conduct(
        rounds=rounds,
        where=_made(chosen.where or default_folder()),
        disk=_made(chosen.disk or chosen.where or default_disk()),
        scale="quick" if chosen.quick else "full",
        timeout=chosen.timeout,
        verbose=chosen.verbose,
    )
    everything = _measure(scenarios, names, how, chosen.json)
    facts = facts_of_this_run(how)
    made = [table for results in everything for table in tables(results, SUBJECTS)]
    told = "\n".join(f"{name}: {fact}" for name, fact in facts.items()) + "\n"
    print("\n" + "\n".join([told, *map(as_text, made), as_text(environments(everything, SUBJECTS))]))
    if chosen.markdown:
        write_page(chosen.markdown, facts, everything)
    return 0 if all(results.is_complete() for results in everything) else 1


def _measure(scenarios: Sequence[str], names: Sequence[str], how: Conduct, json_file: Path | None) -> list[Results]:
    subjects = [subject for subject in SUBJECTS if subject.name in names]
    everything: list[Results] = []
    for scenario in scenarios:
        everything.append(run(scenario, subjects, how))
        if json_file:  # after each scenario, so that an interrupted run leaves what it has found
            content = {"facts": facts_of_this_run(how), "scenarios": [results.as_json() for results in everything]}
            _made(json_file.parent)
            json_file.write_text(json.dumps(content, indent=1) + "\n")
            print(f"wrote {json_file}", file=sys.stderr)
    return everything


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure side by side.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print the scenarios and the subjects there are")
    report = commands.add_parser("report", help="make the page from what runs wrote with --json")
    report.add_argument("results", type=Path, nargs="+", metavar="JSON", help="in the order of the page")
    report.add_argument("--to", type=Path, required=True, metavar="FILE", help="the page; plots go beside it")
    runs = commands.add_parser("run", help="measure")
    runs.add_argument("scenarios", metavar="SCENARIO", nargs="*", help="which ones, or patterns (default: all)")
    runs.add_argument("--rounds", type=int, help="turns of each subject (default: 3, or 1 with --quick)")
    runs.add_argument("--quick", action="store_true", help="small sizes and fewer subjects: minutes, no verdicts")
    runs.add_argument(
        "--where", type=Path, help="folder on the file system to measure (default: in memory, if possible)"
    )
    runs.add_argument("--disk", type=Path, help="folder for scenarios about disks (default: in the checkout)")
    runs.add_argument("--subjects", metavar="A,B", help="which ones, or patterns like 'ours-*' (default: all)")
    runs.add_argument("--json", type=Path, metavar="FILE", help="write every single sample there")
    runs.add_argument("--markdown", type=Path, metavar="FILE", help="write the page there, and plots beside it")
    runs.add_argument("--timeout", type=float, default=1_200, help="seconds for one process (default: 1200)")
    runs.add_argument("--verbose", action="store_true", help="print the tracebacks of what failed")
    return parser


def _list() -> None:
    for name in scenario_names():
        docstring = ast.get_docstring(ast.parse((SCENARIOS / f"{name}.py").read_text())) or ""
        print(f"{name}\n    " + "\n    ".join(docstring.splitlines()) + "\n")
    head = ["subject", "library", "Python", "requirements"]
    rows = [[s.name, s.library, s.python, " ".join(s.requirements)] for s in SUBJECTS]
    print(as_text(Table(title="subjects", head=head, rows=rows, text_columns=4)))


def _chosen(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the names that any of the patterns matches, in the order of `names`."""
    patterns = [pattern.strip() for pattern in patterns]
    if unknown := [pattern for pattern in patterns if not fnmatch.filter(names, pattern)]:
        raise LookupError(f"nothing is called {', '.join(unknown)}. There are: {', '.join(names)}")
    return [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


if __name__ == "__main__":
    raise SystemExit(main())
