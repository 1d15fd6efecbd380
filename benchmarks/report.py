"""What was found: medians, ranges and ratios of samples, as text for people.

Part of the harness. Pure functions; the same tables are printed on the console and written as Markdown.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.environments import Subject
from benchmarks.rounds import Results
from benchmarks.targets import Against, Quantity
from benchmarks.verdicts import Verdict, medians, minor_version, verdicts

_MISSING = "–"
_MIB = 2**20
_VERDICTS = {True: "met", False: "**missed**", None: "not judged"}
TARGET_HEAD = ("what", "subject", "target", "measured", "verdict")


@dataclass(frozen=True)
class Baseline:
    """What the others are compared with: one column of ratios.

    Parameters
    ----------
    title : str
        Head of the column.
    library : str
        The baseline is the subject that measures this library ...
    name : str, optional
        ... and is called so; if None, the one on the same Python version as the subject compared.
    """

    title: str
    library: str
    name: str | None = None


BASELINES = (
    Baseline("x NWBHDF5IO, same Python", library="hdf5"),
    Baseline("x hdmf-zarr 0.13", library="hdmf-zarr", name="hdmf-zarr-0.13"),
    Baseline("x hdmf-zarr 0.14", library="hdmf-zarr", name="hdmf-zarr-0.14"),
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A titled table of text.

    Parameters
    ----------
    head, rows : sequence
        Equally long lines of cells.
    text_columns : int
        How many columns, from the left, hold words; the others hold numbers and are aligned to the right.
    grouped : bool
        Whether lines with the same first cell belong together.
    note : str
        Stands below the table.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1
    grouped: bool = False
    note: str = ""


def tables(results: Results, subjects: Sequence[Subject]) -> list[Table]:
    """Return the tables of one scenario: targets, times, other numbers, and what could not be measured.

    Parameters
    ----------
    results : Results
        Of any number of rounds; failed ones leave gaps.
    subjects : sequence of Subject
        In the order in which rows should stand; those without samples are passed over.
    """
    measured = [subject for subject in subjects if subject.name in results.versions]
    made = [_targets(results), _times(results, measured), _numbers(results, measured), _failures(results)]
    return [table for table in made if table.rows]


def target_rows(results: Results) -> list[list[str]]:
    """Return a line for each target of the scenario and each subject it is about: wanted, measured, met or not."""
    return [
        [
            verdict.target.of + (", added memory" if verdict.target.quantity is Quantity.ADDED else ""),
            verdict.subject,
            _in_terms_of(verdict, verdict.target.limit, "≤ "),
            _in_terms_of(verdict, verdict.measured),
            _VERDICTS[verdict.is_met],
        ]
        for verdict in verdicts(results)
    ]


def environments(everything: Sequence[Results], subjects: Sequence[Subject]) -> Table:
    """Return what the environments of all subjects had."""
    versions = {name: found for results in everything for name, found in results.versions.items()}
    packages = _in_order(versions.values())
    return Table(
        title="environments",
        head=["subject", *packages],
        rows=[
            [subject.name, *(versions[subject.name].get(name, _MISSING) for name in packages)]
            for subject in subjects
            if subject.name in versions
        ],
    )


def as_text(table: Table) -> str:
    """Return the table aligned for a console."""
    lines = [table.head, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]

    def aligned(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if column < table.text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    body = [aligned(table.head), "  ".join("-" * width for width in widths)]
    previous = None
    for row in table.rows:
        repeated = table.grouped and row[0] == previous
        if table.grouped and previous is not None and not repeated:
            body.append("")
        body.append(aligned(["" if repeated else row[0], *row[1:]]))
        previous = row[0]
    return "\n".join([table.title, "", *body, *(["", table.note] if table.note else [])]) + "\n"


def as_markdown(table: Table) -> str:
    """Return the table as Markdown (pipes, as GitHub and Sphinx read them)."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rules = [" --- " if column < table.text_columns else " ---: " for column in range(len(table.head))]
    rule = "|" + "|".join(rules) + "|"
    body = [line(table.head), rule, *map(line, table.rows)]
    return "\n".join([f"### {table.title}", "", *body, *(["", table.note] if table.note else [])]) + "\n"


def _targets(results: Results) -> Table:
    note = "" if results.scale == "full" else f"Targets are about full size; this was {results.scale}."
    return Table(
        title=f"{results.scenario}: targets",
        head=TARGET_HEAD,
        rows=target_rows(results),
        text_columns=2,
        note=note,
    )


def _in_terms_of(verdict: Verdict, value: float | None, sign: str = "") -> str:
    if value is None:
        return _MISSING
    if verdict.target.quantity is Quantity.ADDED:
        return f"{sign}{value / 1e6:.0f} MB"
    if verdict.target.quantity is Quantity.COUNT:
        return f"{sign}{value:.2f}"
    if verdict.target.against is Against.NOBODY:
        return f"{sign}{_seconds(value)} s"
    return f"{sign}{value:.2f} {verdict.target.against.value}" if sign else f"{value:.2f}"


def _times(results: Results, subjects: Sequence[Subject]) -> Table:
    rows = []
    for step in _in_order(sample.seconds for sample in results.samples):
        seconds = _by_subject(results, lambda sample, step=step: sample.seconds.get(step))
        added = medians(results, Quantity.ADDED, step)
        for subject in subjects:
            if not (found := seconds.get(subject.name)):
                rows.append([step, subject.name, *[_MISSING] * (4 + len(BASELINES))])
                continue
            ratios = [
                _ratio(found, seconds.get(_name_of(baseline, subject, subjects, results) or ""))
                for baseline in BASELINES
            ]
            rows.append(
                [
                    step,
                    subject.name,
                    _seconds(statistics.median(found)),
                    f"{_seconds(min(found))} to {_seconds(max(found))}",
                    str(len(found)),
                    f"{added[subject.name] / _MIB:.0f}" if subject.name in added else _MISSING,
                    *ratios,
                ]
            )
    loads = [sample.load for sample in results.samples]
    busy = f" Load average meanwhile: {min(loads):.1f} to {max(loads):.1f}." if loads else ""
    return Table(
        title=f"{results.scenario}: seconds",
        head=[
            "step",
            "subject",
            "median",
            "range",
            "rounds",
            "added [MiB]",
            *(baseline.title for baseline in BASELINES),
        ],
        rows=rows,
        text_columns=2,
        grouped=True,
        note="Ratios are of medians; below 1 is faster than the baseline. Added is memory, beyond what was occupied"
        f" before the step. Files were on {results.file_system}." + busy,
    )


def _numbers(results: Results, subjects: Sequence[Subject]) -> Table:
    stages = _in_order(sample.peak_bytes for sample in results.samples)
    counts = _in_order(sample.counts for sample in results.samples)
    rows = []
    for subject in subjects:
        samples = [sample for sample in results.samples if sample.subject == subject.name]
        imports = [seconds for sample in samples for seconds in sample.import_seconds.values()]
        row = [subject.name, _seconds(statistics.median(imports)) if imports else _MISSING]
        for stage in stages:
            peaks = [sample.peak_bytes[stage] for sample in samples if stage in sample.peak_bytes]
            row.append(f"{statistics.median(peaks) / _MIB:.0f}" if peaks else _MISSING)
        for count in counts:
            found = [sample.counts[count] for sample in samples if count in sample.counts]
            row.append(_number(statistics.median(found)) if found else _MISSING)
        rows.append(row)
    return Table(
        title=f"{results.scenario}: other numbers",
        head=["subject", "import [s]", *(f"peak of {stage} [MiB]" for stage in stages), *counts],
        rows=rows,
        note="Medians. The peak is that of a whole process, its imports included.",
    )


def _failures(results: Results) -> Table:
    rows = [[name, "everything", why.splitlines()[0]] for name, why in results.absent.items()]
    rows += [
        [sample.subject, f"{what} (round {sample.round})", why]
        for sample in results.samples
        for what, why in sample.failures.items()
    ]
    head = ["subject", "what", "why"]
    return Table(title=f"{results.scenario}: not measured", head=head, rows=rows, text_columns=3)


def _by_subject(results: Results, value_of: Callable[..., float | None]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for sample in results.samples:
        if (value := value_of(sample)) is not None:
            found.setdefault(sample.subject, []).append(value)
    return found


def _name_of(baseline: Baseline, subject: Subject, subjects: Sequence[Subject], results: Results) -> str | None:
    for candidate in subjects:
        if candidate.library != baseline.library:
            continue
        same_python = minor_version(results, candidate) == minor_version(results, subject)
        if candidate.name == baseline.name or (baseline.name is None and same_python):
            return candidate.name
    return None


def _ratio(found: Sequence[float], baseline: Sequence[float] | None) -> str:
    if not baseline:
        return _MISSING
    return f"{statistics.median(found) / statistics.median(baseline):.2f}"


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def _in_order(mappings: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the keys of all mappings, each once, in the order of their first appearance."""
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))
