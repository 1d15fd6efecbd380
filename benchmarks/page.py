"""The page about a run: Markdown with a section for each scenario, its targets, tables and plot.

Everything in it comes from samples, from docstrings of scenarios and from this module, so that nobody edits it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.environments import SUBJECTS
from benchmarks.plots import plot_of
from benchmarks.report import TARGET_HEAD, Table, as_markdown, environments, tables, target_rows
from benchmarks.rounds import SCENARIOS, Results

_PREFACE = """\
# Benchmarks

Written by `python -m benchmarks run --markdown docs/benchmarks.md`, with nothing left out; do not edit it.
`benchmarks/README.md` in the source says how it measures: each subject in an environment of its own, the subjects in
turn within a round, medians over the rounds. Numbers of different runs are not to be compared.
[Behind the numbers](behind-the-numbers.md) says what the misses are due to, and what was measured besides.
"""


def write_page(
    file: Path, facts: Mapping[str, str], everything: Sequence[Results], own: Mapping[str, str] | None = None
) -> None:
    """Write the page to `file`, and its plots into a folder beside it that is called like it.

    Parameters
    ----------
    file : Path
        Ends in ``.md``.
    facts : mapping of str to str
        About the run.
    everything : sequence of Results
        In the order of their sections.
    own : mapping of str to str, optional
        By scenario, what is told of its run alone.
    """
    plots = file.with_suffix("")
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for results in everything:
        if (picture := plot_of(results)) is not None:
            plots.mkdir(exist_ok=True)
            (plots / f"{results.scenario}.svg").write_text(picture)
            drawn[results.scenario] = f"{plots.name}/{results.scenario}.svg"
    file.write_text(page(facts, everything, drawn, own or {}))
    print(f"wrote {file}", file=sys.stderr)


def page(
    facts: Mapping[str, str], everything: Sequence[Results], plots: Mapping[str, str], own: Mapping[str, str]
) -> str:
    """Return the page as Markdown; `plots` has paths of pictures by scenario, `own` what is told of its run alone."""
    told = "\n".join(f"- {name}: {fact}" for name, fact in facts.items()) + "\n"
    sections = [_section(results, plots.get(results.scenario), own.get(results.scenario, "")) for results in everything]
    last = ["## Environments\n", _table(environments(everything, SUBJECTS))]
    return "\n".join([_PREFACE, told, _summary(everything), *sections, *last])


def _summary(everything: Sequence[Results]) -> str:
    rows = [[results.scenario, *row] for results in everything for row in target_rows(results)]
    if not rows:
        return ""
    judged = [row[-1] for row in rows]
    met, missed = judged.count("met"), judged.count("**missed**")
    note = f"{met} met, {missed} missed, {len(judged) - met - missed} not judged (not measured, or not at full size)."
    return "## Targets\n\n" + _table(
        Table(title="", head=["scenario", *TARGET_HEAD], rows=rows, text_columns=3, note=note)
    )


def _section(results: Results, plot: str | None, own: str) -> str:
    docstring = ast.get_docstring(ast.parse((SCENARIOS / f"{results.scenario}.py").read_text())) or ""
    title = results.scenario.replace("_", " ").capitalize()
    picture = [f"![{title}: medians of each subject]({plot})\n"] if plot else []
    found = [_table(table) for table in tables(results, SUBJECTS)]
    told = [f"Measured: {own}.\n"] if own else []
    return "\n".join([f"## {title}\n", *_as_markdown(docstring), *told, *picture, *found])


def _as_markdown(docstring: str) -> list[str]:
    """Return a docstring with its steps as a list: plain paragraphs, then terms with indented explanations."""
    lines = []
    for line in docstring.replace("``", "`").splitlines():
        if line.startswith("    "):
            lines[-1] += " " + line.strip()
        elif line.startswith("`") and line.endswith("`"):
            lines.append(f"- {line}:")
        else:
            lines.append(line)
    return [*lines, ""]


def _table(table: Table) -> str:
    """Return the table as Markdown without the name of its scenario, which the section has."""
    text = as_markdown(table)
    return text.replace(f"### {table.title}", "### " + table.title.rpartition(": ")[2].capitalize(), 1).replace(
        "### \n\n", "", 1
    )
