"""Plots of a run as SVG: the same samples always make the same file. Needs matplotlib, of the extra ``bench``."""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Callable
from typing import Any

from benchmarks.environments import SUBJECTS
from benchmarks.rounds import Results
from benchmarks.targets import Quantity
from benchmarks.verdicts import medians

_COLOURS = {
    "hdmf-store": "#2166ac",
    "hdmf-store-zip": "#67a9cf",
    "hdmf-zarr": "#d6604d",
    "hdf5": "#7a7a7a",
    "zarr": "#b8b8b8",
    "numpy": "#d9d9d9",
}
_COLUMNS = 3


def plot_of(results: Results) -> str | None:
    """Return the plot of a scenario, or None if it has no samples or matplotlib is not installed."""
    measured = [sample for sample in results.samples if sample.seconds]
    if not measured or importlib.util.find_spec("matplotlib") is None:
        return None
    return _drawn(_PLOTS.get(results.scenario, _bars), results)


def _drawn(draw: Callable[[Any, Results], Any], results: Results) -> str:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    settings = {"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 9, "font.family": "sans-serif"}
    with pyplot.rc_context(settings):
        figure = draw(pyplot, results)
        figure.tight_layout()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    return re.sub(r"[ \t]+\n", "\n", text.getvalue())


def _bars(pyplot: Any, results: Results) -> Any:
    """Draw a panel for each step: a bar to the median of each subject, a dot for each round."""
    steps = list(dict.fromkeys(step for sample in results.samples for step in sample.seconds))
    subjects = [subject for subject in SUBJECTS if subject.name in results.versions][::-1]
    columns = min(_COLUMNS, len(steps))
    rows = -(-len(steps) // columns)
    size = (3.2 * columns + 0.8, (0.22 * len(subjects) + 0.7) * rows)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False, sharey=True)
    for axis, step in zip(axes.flat, steps, strict=False):
        found = medians(results, Quantity.SECONDS, step)
        for place, subject in enumerate(subjects):
            axis.barh(place, found.get(subject.name, 0), color=_COLOURS[subject.library])
            dots = [s.seconds[step] for s in results.samples if s.subject == subject.name and step in s.seconds]
            axis.plot(dots, [place] * len(dots), ".", color="black", markersize=3)
        axis.set_title(step)
        axis.set_xlabel("seconds")
        axis.set_yticks(range(len(subjects)), [subject.name for subject in subjects])
        axis.spines[["top", "right"]].set_visible(False)
    for axis in list(axes.flat)[len(steps) :]:
        axis.set_visible(False)
    return figure


def _curves(pyplot: Any, results: Results) -> Any:
    """Draw the time for each object over the number of objects, one line for each subject."""
    steps = list(dict.fromkeys(step for sample in results.samples for step in sample.seconds))
    verbs = list(dict.fromkeys(step.split()[0] for step in steps))
    figure, axes = pyplot.subplots(1, len(verbs), figsize=(4.2 * len(verbs), 3.4), squeeze=False)
    for axis, verb in zip(axes.flat, verbs, strict=True):
        numbers = sorted(int(step.split()[1]) for step in steps if step.split()[0] == verb)
        for subject in (subject for subject in SUBJECTS if subject.name in results.versions):
            found = [(n, medians(results, Quantity.SECONDS, f"{verb} {n}").get(subject.name)) for n in numbers]
            points = [(n, seconds / n * 1e6) for n, seconds in found if seconds is not None]
            style = "--" if subject.name.endswith(("3.11", "0.13")) else "-"
            axis.plot(
                *zip(*points, strict=True), style, marker=".", color=_COLOURS[subject.library], label=subject.name
            )
        axis.set(xscale="log", yscale="log", title=verb, xlabel="objects in the file", ylabel="µs for each object")
        axis.set_xticks(numbers, [f"{number:,}" for number in numbers], rotation=45)
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
    axes.flat[-1].legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


_PLOTS: dict[str, Callable[[Any, Results], Any]] = {"growth": _curves}
