"""Whose code takes the time of a step: HDMF's, pynwb's, this package's, zarr's, the interpreter's.

Run it from the top of a checkout, in an environment with the extra ``nwb``::

    python -m benchmarks.experiments.shares many_small_objects references [--libraries hdmf-store,hdf5] [--scale full]

Each stage of the scenarios runs in a process of its own, as in the benchmarks, with Python's own profiler switched on
during the steps. A function's own time counts for the package it lies in; that of functions written in C for the
package that called them, so that reading a file in h5py counts for h5py. What threads of a pool do is seen as *waiting*
of the one that waits for them. The profiler makes calls dearer than they are, so code of many small calls looks worse
than it is: shares say where time goes, the benchmarks say how much it is.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import runpy
import subprocess
import sys
import sysconfig
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import measure
from benchmarks.report import Table, as_markdown

_PYTHON, _WAITING, _OURS = "Python", "waiting", "hdmf-store"
_CHECKOUT = Path(__file__).resolve().parents[2]
_MARK = "shares: "
_SHOWN = 0.02

_Function = tuple[str, int, str]


def package_of(file: str) -> str:
    """Return the package in which a file of source lies: a name, or *Python* for its own library.

    >>> package_of(sysconfig.get_paths()["purelib"] + "/zarr/core/array.py")
    'zarr'
    >>> package_of(str(_CHECKOUT / "hdmf_store" / "errors.py"))
    'hdmf-store'
    """
    if any(file.startswith(str(_CHECKOUT / room) + os.sep) for room in ("hdmf_store", "adapters")):
        return _OURS
    for home in ("purelib", "platlib"):
        base = sysconfig.get_paths()[home] + os.sep
        if file.startswith(base):
            name = file[len(base) :].split(os.sep)[0]
            return _OURS if name.startswith("hdmf_store") else name.removesuffix(".py")
    return "the benchmark" if file.startswith(str(_CHECKOUT / "benchmarks")) else _PYTHON


def shares_of(statistics: Mapping[_Function, tuple]) -> dict[str, float]:
    """Return the seconds that functions took themselves, by package; those written in C count for their callers.

    Parameters
    ----------
    statistics : mapping
        As `pstats.Stats` holds it: by function, and in its last field by the functions that called it.
    """
    found: dict[str, float] = defaultdict(float)
    for (file, _, name), (_, _, own, _, callers) in statistics.items():
        if file != "~":
            found[package_of(file)] += own
        elif "acquire" in name and "lock" in name:
            found[_WAITING] += own
        else:
            for (calling, _, _), (_, _, here, _) in callers.items():
                found[_PYTHON if calling == "~" else package_of(calling)] += here
    return dict(found)


class ProfiledBench(measure.Bench):
    """Profiles what it times."""

    @contextmanager
    def step(self, name: str, *, of: int = 1) -> Iterator[None]:
        """Time and profile the body of a ``with`` statement; print the shares."""
        profile = cProfile.Profile()
        with super().step(name, of=of):
            profile.enable()
            try:
                yield
            finally:
                profile.disable()
        print(_MARK + json.dumps({"step": name, "seconds": shares_of(pstats.Stats(profile).stats)}), flush=True)


def _profiled(scenario: str, arguments: Sequence[str]) -> None:
    """Run one stage in this process, as ``python -m benchmarks.scenarios.NAME`` does."""
    measure.Bench = ProfiledBench  # type: ignore[misc]
    module = f"benchmarks.scenarios.{scenario}"
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")


def _steps(scenario: str, library: str, scale: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each step of a scenario with its shares, each stage in a process of its own."""
    base = [sys.executable, "-m", "benchmarks.experiments.shares", "--stage-of", scenario, "--"]
    offered = _answer([*base, "--library", library])
    with tempfile.TemporaryDirectory() as folder:
        for stage in json.loads(offered[-1])["stages"]:
            for line in _answer([*base, "--library", library, "--scale", scale, "--folder", folder, "--stage", stage]):
                if line.startswith(_MARK):
                    told = json.loads(line.removeprefix(_MARK))
                    yield told["step"], told["seconds"]


def _answer(command: Sequence[str]) -> list[str]:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stderr)
    return found.stdout.splitlines()


def table_of(scenario: str, rows: Sequence[tuple[str, str, Mapping[str, float]]]) -> Table:
    """Return a table of steps: seconds under the profiler, and the percentage of each package."""
    packages: dict[str, float] = defaultdict(float)
    for _, _, seconds in rows:
        total = sum(seconds.values())
        for package, own in seconds.items():
            packages[package] = max(packages[package], own / total)
    shown = sorted((name for name, most in packages.items() if most >= _SHOWN), key=lambda name: -packages[name])
    lines = []
    for step, library, seconds in rows:
        total = sum(seconds.values())
        percent = [f"{100 * seconds.get(name, 0) / total:.0f}" for name in shown]
        lines.append([step, library, f"{total:.3f}", *percent])
    head = ["step", "library", "profiled [s]", *(f"{name} [%]" for name in shown)]
    return Table(title=f"{scenario}: whose time it is", head=head, rows=lines, text_columns=2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--libraries", default="hdmf-store,hdf5")
    parser.add_argument("--scale", choices=measure.SCALES, default="full")
    parser.add_argument("--stage-of", help=argparse.SUPPRESS)
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if "--stage-of" in arguments:
        _profiled(arguments[arguments.index("--stage-of") + 1], arguments[arguments.index("--") + 1 :])
        return
    chosen = parser.parse_args(arguments)
    for scenario in chosen.scenarios:
        rows = [
            (step, library, seconds)
            for library in chosen.libraries.split(",")
            for step, seconds in _steps(scenario, library, chosen.scale)
        ]
        print(as_markdown(table_of(scenario, rows)))


if __name__ == "__main__":
    main()
