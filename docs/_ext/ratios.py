"""Ratios as the benchmark report has them: how long a step took beside HDMF's HDF5 backend on the same Python."""

import re

_ROW = re.compile(r"^\| (\w+) \| ([^|]+) \| (ours-[^|]+) \| [^|]*× NWBHDF5IO[^|]*\| ([\d.]+)[^|]*\|", re.MULTILINE)
NAMES = {"ours-3.11": "Python 3.11", "ours-newest": "newest Python"}


def ratios(report: str) -> dict[tuple[str, str], dict[str, float]]:
    """Return how long each step took beside HDF5, by scenario and step, and by subject."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for scenario, step, subject, ratio in _ROW.findall(report):
        if subject.strip() in NAMES:
            found.setdefault((scenario, step.strip()), {})[subject.strip()] = float(ratio)
    return found
