"""Whether targets are met: medians of samples held against the table of targets. Pure functions."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.environments import SUBJECTS, Subject
from benchmarks.rounds import Results
from benchmarks.targets import TARGETS, Against, Quantity, Target

_LIBRARY_OF = {Against.HDF5: "hdf5", Against.RAW_ZARR: "zarr", Against.PEER: "hdmf-zarr", Against.NUMPY: "numpy"}

_OF_ANY_PYTHON = (Against.PEER, Against.NUMPY)
"""Those of which there is one subject, or whose fastest counts."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a target.

    Parameters
    ----------
    target : Target
        What was wanted.
    subject : str
        Who was judged.
    measured : float or None
        In the target's terms; None if it, or what it is divided by, was not measured.
    is_met : bool or None
        None if nothing can be said: nothing measured, or at a scale that targets are not about.
    """

    target: Target
    subject: str
    measured: float | None
    is_met: bool | None


def verdicts(results: Results, targets: Sequence[Target] = TARGETS) -> list[Verdict]:
    """Return what became of each target of the scenario, for each subject that it is about."""
    found = []
    for target in targets:
        if target.scenario != results.scenario:
            continue
        for subject in _measured(results, target.library):
            measured = _in_terms_of(target, subject, results)
            judged = measured is not None and results.scale == "full"
            is_met = measured <= target.limit if judged else None
            found.append(Verdict(target=target, subject=subject.name, measured=measured, is_met=is_met))
    return found


def medians(results: Results, quantity: Quantity, name: str) -> dict[str, float]:
    """Return by subject the median of what a step took, added, or of what was counted."""
    found: dict[str, list[float]] = {}
    for sample in results.samples:
        values: Mapping[str, float] = getattr(sample, quantity.value)
        if name in values:
            found.setdefault(sample.subject, []).append(values[name])
    return {subject: statistics.median(values) for subject, values in found.items()}


def minor_version(results: Results, subject: Subject) -> str:
    """Return the Python that a subject ran on, without the number of its patch: ``"3.13"``."""
    return results.versions[subject.name]["python"].rpartition(".")[0]


def _in_terms_of(target: Target, subject: Subject, results: Results) -> float | None:
    values = medians(results, target.quantity, target.of)
    if subject.name not in values:
        return None
    if target.against is Against.NOBODY:
        return values[subject.name]
    baselines = [
        values[other.name]
        for other in _measured(results, _LIBRARY_OF[target.against])
        if other.name in values
        and (target.against in _OF_ANY_PYTHON or minor_version(results, other) == minor_version(results, subject))
    ]
    return values[subject.name] / min(baselines) if baselines else None


def _measured(results: Results, library: str) -> list[Subject]:
    return [subject for subject in SUBJECTS if subject.library == library and subject.name in results.versions]
