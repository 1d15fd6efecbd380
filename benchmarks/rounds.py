"""Who runs when: rounds in which every subject has its turn, each stage in a process of its own.

Part of the harness. Taking turns spreads whatever else the machine is doing over all subjects, so that
ratios survive where absolute seconds do not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.environments import (
    CHECKOUT,
    ENVIRONMENTS,
    SUBJECTS,
    EnvironmentUnavailableError,
    Subject,
    process_environment,
    python_of,
)

SCENARIOS = Path(__file__).parent / "scenarios"
_MEMORY_FILE_SYSTEM = Path("/dev/shm")


class ProcessFailedError(Exception):
    """A measured process ended without an answer."""


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """How a run is carried out.

    Parameters
    ----------
    rounds : int
        How many turns each subject has.
    where : Path
        An existing folder, on the file system to measure.
    disk : Path
        An existing folder on a disk, for the scenarios that belong there.
    scale : str
        How much of everything; one of `benchmarks.measure.SCALES`.
    timeout : float
        Seconds after which a process counts as failed.
    verbose : bool
        Whether to show what measured processes said on their standard error when they failed.
    """

    rounds: int
    where: Path
    disk: Path
    scale: str
    timeout: float
    verbose: bool


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one subject did in one round of one scenario.

    Parameters
    ----------
    seconds : dict of str to float
        By step, all stages together.
    added_bytes : dict of str to int
        By step: the most memory it added to what was occupied before.
    counts : dict of str to number
        Whatever else the stages counted.
    failures : dict of str to str
        What went wrong, by step or stage. The stages after that one did not run.
    import_seconds, peak_bytes : dict of str to number
        By stage: importing the library, and the most memory its process occupied.
    load : float
        Load average of the last minute when it began: how busy the machine was anyway.
    """

    subject: str
    round: int
    load: float
    seconds: dict[str, float] = field(default_factory=dict)
    added_bytes: dict[str, int] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    import_seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class Results:
    """All samples of one scenario, in the order in which they were taken.

    Parameters
    ----------
    scenario : str
        Its name.
    scale : str
        How large it was.
    file_system : str
        What kind of file system the files were on.
    versions : dict of str to dict
        By subject: what its environment has, Python included.
    absent : dict of str to str
        Subjects that could not take part, and why.
    """

    scenario: str
    scale: str = "full"
    file_system: str = "unknown"
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Results:
        """Return what `as_json` made plain data of."""
        return cls(**{**content, "samples": [Sample(**sample) for sample in content["samples"]]})

    def is_complete(self) -> bool:
        """Return whether everything that should have been measured was."""
        return not self.absent and not any(sample.failures for sample in self.samples)


def scenario_names() -> list[str]:
    """Return the names of the scenarios there are."""
    return sorted(file.stem for file in SCENARIOS.glob("*.py") if not file.stem.startswith("_"))


def default_folder() -> Path:
    """Return where files go unless the user says otherwise: memory, where the system offers that."""
    if _MEMORY_FILE_SYSTEM.is_dir() and os.access(_MEMORY_FILE_SYSTEM, os.W_OK):
        return _MEMORY_FILE_SYSTEM
    return Path(tempfile.gettempdir())


def default_disk() -> Path:
    """Return where files go that belong on a disk: the folder of environments, which nobody keeps in memory."""
    return ENVIRONMENTS


def run(scenario: str, subjects: Sequence[Subject], how: Conduct) -> Results:
    """Measure one scenario.

    Before the first round every subject is asked what it has, and imports its library once in this run, which
    compiles its modules and brings them into memory; those that have no stage in this scenario are passed over. Each
    round then goes through the subjects in order; a subject's stages follow each other on a folder of their own,
    deleted afterwards.

    Parameters
    ----------
    scenario : str
        One of `scenario_names`.
    subjects : sequence of Subject
        In the order of their turns.
    how : Conduct
        How often, where, how large, how long.
    """
    results = Results(scenario=scenario, scale=how.scale)
    present: list[tuple[_Process, list[str]]] = []
    place = how.where
    for subject in subjects:
        try:
            process = _Process(scenario, subject, python_of(subject), how)
            answer = process.ask()
            if answer["stages"]:
                _warm_up(process.python, subject.name, subject.library)
        except (EnvironmentUnavailableError, ProcessFailedError) as error:
            results.absent[subject.name] = _without_folders(str(error), how)
            _tell(f"{subject.name} is left out: {error}")
            continue
        place = how.disk if answer["on_disk"] else how.where
        if answer["stages"]:
            present.append((process, answer["stages"]))
            results.versions[subject.name] = answer["versions"]

    results.file_system = file_system(place)
    for number in range(1, how.rounds + 1):
        for process, stages in present:
            folder = tempfile.mkdtemp(prefix="hdmf-store-bench-", dir=place)
            try:
                sample = _sample(process, stages, number, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            results.samples.append(sample)
            _tell(f"{scenario} {number}/{how.rounds} {sample.subject:16} {_in_short(sample)}")
    return results


def file_system(where: Path) -> str:
    """Return the type of the file system that holds `where`, or "unknown" off Linux."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    above = [(len(point), kind) for point, kind in mounts if where.is_relative_to(point)]
    return max(above, default=(0, "unknown"))[1]


@cache
def _warm_up(python: str, name: str, library: str) -> None:
    """Import the library of the subject called `name`, which does not count."""
    subject = next(subject for subject in SUBJECTS if subject.name == name)
    code = f"from benchmarks.subject import LIBRARIES; LIBRARIES[{library!r}].load()"
    command = [python, "-c", code]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=process_environment(subject), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ProcessFailedError(f"{library} cannot be imported: {done.stderr.strip().splitlines()[-1]}")


@dataclass(frozen=True)
class _Process:
    """Starts processes of one scenario in the environment of one subject."""

    scenario: str
    subject: Subject
    python: str
    how: Conduct

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Run a process to its end and return the last line it prints, which is JSON."""
        module = f"benchmarks.scenarios.{self.scenario}"
        try:
            done = subprocess.run(
                [self.python, "-m", module, "--library", self.subject.library, *arguments],
                cwd=CHECKOUT,
                env=process_environment(self.subject),
                capture_output=True,
                text=True,
                timeout=self.how.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ProcessFailedError(f"no answer after {self.how.timeout:g} s") from error
        try:
            answer = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError) as error:
            if self.how.verbose:
                _tell(done.stderr)
            last_words = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ProcessFailedError(f"exit status {done.returncode}: {last_words}") from error
        if self.how.verbose and answer.get("failures"):
            _tell(done.stderr)
        return answer


def _sample(process: _Process, stages: Sequence[str], number: int, folder: str) -> Sample:
    sample = Sample(subject=process.subject.name, round=number, load=os.getloadavg()[0])
    for stage in stages:
        os.sync()
        try:
            answer = process.ask("--stage", stage, "--folder", folder, "--scale", process.how.scale)
        except ProcessFailedError as error:
            sample.failures[stage] = _without_folders(str(error), process.how)
            break
        sample.import_seconds[stage] = answer["import_seconds"]
        sample.peak_bytes[stage] = answer["peak_bytes"]
        sample.seconds.update(answer["seconds"])
        sample.added_bytes.update(answer["added_bytes"])
        sample.counts.update(answer["counts"])
        sample.failures.update({what: _without_folders(why, process.how) for what, why in answer["failures"].items()})
        if sample.failures:
            break
    return sample


def _without_folders(message: str, how: Conduct) -> str:
    """Return the message without the folders of this machine: reports are published."""
    for folder, name in ((how.where, "WHERE"), (how.disk, "DISK"), (CHECKOUT, "CHECKOUT"), (Path.home(), "~")):
        message = message.replace(str(folder), name) if folder != folder.parent else message
    return message


def _in_short(sample: Sample) -> str:
    steps = [f"{step} {seconds:.2f}" for step, seconds in sample.seconds.items()]
    failures = [f"{what} FAILED ({why})" for what, why in sample.failures.items()]
    return "  ".join(steps + failures)


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
