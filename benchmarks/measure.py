"""One process of a scenario: times its steps and prints what it found as one line of JSON.

Runs inside a subject's environment, on the standard library. Knows nothing of other subjects, rounds or
tables.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import stat
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_memory, watch_added_memory
from benchmarks.subject import LIBRARIES, ORDINARY, versions

#: How large a scenario can be: as reported, within minutes, and to test the suite itself.
SCALES = ("full", "quick", "tiny")


class WrongAnswerError(Exception):
    """A subject was fast at something else: what it returned is not what was written."""


class StepFailedError(Exception):
    """A timed step raised; the stage ends here and its earlier steps still count."""


@dataclass
class Bench:
    """What a stage works with: a library, a folder, and a stop-watch.

    Parameters
    ----------
    library : str
        Key of the library under test in `benchmarks.subject.LIBRARIES`, for what only some can do.
    open_io : callable
        The class of the library under test that opens files, called as users call it:
        ``open_io(str(path), mode="r")``.
    folder : Path
        Scratch folder. The stages of one scenario share it in their order; no one else does.
    suffix : str
        How the file names of the library under test end.
    size : object
        How much of everything the scenario is to make, in the scenario's own terms.

    Attributes
    ----------
    seconds : dict of str to float
        Steps in the order in which they ran.
    added_bytes : dict of str to int
        By step: the most memory it occupied beyond what was occupied when it began.
    counts : dict of str to number
        Whatever else was counted: files, bytes, requests.
    failures : dict of str to str
        The step that raised, and what.
    """

    library: str
    open_io: Callable[..., Any]
    folder: Path
    suffix: str
    size: Any = None
    seconds: dict[str, float] = field(default_factory=dict)
    added_bytes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """Return where the file called `name` belongs, as the text that every library accepts."""
        return str(self.folder / (name + self.suffix))

    @contextmanager
    def step(self, name: str, *, of: int = 1) -> Iterator[None]:
        """Time the body of a ``with`` statement on the wall clock, and watch its memory.

        Garbage of earlier steps is collected first, so that no step pays for another's. The collector
        stays on during the step, as it is for users.

        Parameters
        ----------
        name : str
            What the step is called in the report.
        of : int
            How many equal things the body does: the seconds of one of them are recorded.

        Raises
        ------
        StepFailedError
            If the body raised. Recorded in `failures`, and no time is.
        """
        gc.collect()
        added = watch_added_memory()
        start = time.perf_counter()
        try:
            yield
            taken = time.perf_counter() - start
        except Exception as error:
            self.failures[name] = _in_one_line(error)
            raise StepFailedError(name) from error
        self.seconds[name] = taken / of
        if (most := added()) is not None:
            self.added_bytes[name] = most

    def count(self, name: str, value: float) -> None:
        """Record a number that is not a time. Names repeated in later stages replace earlier ones."""
        self.counts[name] = value

    def count_stored(self, path: str) -> None:
        """Record how many files `path` is made of, how long they are, and what they occupy.

        ``bytes`` adds up the lengths of the files; ``allocated`` the blocks the file system gave them,
        which is more where files are smaller than a block. Directories themselves are not counted.
        """
        sizes = [os.stat(file) for file in _files_of(path)]
        self.count("files", len(sizes))
        self.count("bytes", sum(size.st_size for size in sizes))
        self.count("allocated", sum(size.st_blocks * 512 for size in sizes))

    def check(self, what: str, found: object, expected: object) -> None:
        """Make sure that what was timed is what was meant; call it outside of steps.

        Raises
        ------
        WrongAnswerError
            If `found` is not equal to `expected`.
        """
        if found != expected:
            raise WrongAnswerError(f"{what}: expected {expected!r}, found {found!r}")


Stage = Callable[[Bench], None]


def run_stages(
    *stages: Stage,
    others: Mapping[str, Sequence[Stage]] | None = None,
    sizes: Mapping[str, Any] | None = None,
    on_disk: bool = False,
    arguments: Sequence[str] | None = None,
) -> None:
    """Run the one stage that the command line names, and print its measurement.

    Without ``--stage``, nothing is measured or imported: what there is to measure and the versions found are
    printed. Before a stage runs, the library under test is imported, which is timed separately.

    Parameters
    ----------
    *stages : callable
        For the libraries that users choose from, in the order in which they have to run, named by their
        function names.
    others : mapping of str to sequence of callable, optional
        By library: the stages of those that most scenarios have nothing to do for, floors for instance.
    sizes : mapping of str to object, optional
        By scale (`SCALES`): what stages find as ``bench.size``.
    on_disk : bool
        Whether the files of this scenario belong on the machine's own disk, wherever others have theirs.
    arguments : sequence of str, optional
        Instead of those the process was started with.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--library", choices=sorted(LIBRARIES), required=True)
    parser.add_argument("--stage")
    parser.add_argument("--scale", choices=SCALES, default="full", help="how much of everything (default: full)")
    parser.add_argument("--folder", type=Path, default=Path("."), help="scratch folder shared by the stages")
    chosen = parser.parse_args(arguments)
    offered = dict.fromkeys(ORDINARY, stages) | dict(others or {})
    by_name = {stage.__name__: stage for stage in offered.get(chosen.library, ())}

    if chosen.stage is None:
        print(json.dumps({"stages": list(by_name), "on_disk": on_disk, "versions": versions()}), flush=True)
        return
    library = LIBRARIES[chosen.library]
    start = time.perf_counter()
    opens = library.load()
    message: dict[str, Any] = {"import_seconds": time.perf_counter() - start}

    if chosen.stage not in by_name:
        parser.error(
            f"no stage of {chosen.library} is called {chosen.stage}. There are: {', '.join(by_name) or 'none'}"
        )
    else:
        size = sizes[chosen.scale] if sizes else None
        bench = Bench(library=chosen.library, open_io=opens, folder=chosen.folder, suffix=library.suffix, size=size)
        run_stage(by_name[chosen.stage], bench)
        message |= {
            "stage": chosen.stage,
            "seconds": bench.seconds,
            "added_bytes": bench.added_bytes,
            "counts": bench.counts,
            "failures": bench.failures,
            "peak_bytes": peak_memory(),
        }
    sys.stdout.flush()
    print(json.dumps(message), flush=True)


def run_stage(stage: Stage, bench: Bench) -> None:
    """Run a stage; if it fails, print the traceback and record in `bench` what failed and why."""
    try:
        stage(bench)
    except StepFailedError:
        traceback.print_exc()
    except Exception as error:  # noqa: BLE001 - whatever it is, the harness has to hear of it
        traceback.print_exc()
        bench.failures[stage.__name__] = _in_one_line(error)


def _files_of(path: str) -> Iterator[str]:
    if stat.S_ISREG(os.stat(path).st_mode):
        yield path
    for folder, _, names in os.walk(path):
        for name in names:
            yield os.path.join(folder, name)


def _in_one_line(error: Exception) -> str:
    first, *_ = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {first}"
