"""Who is measured: the table of subjects, and the virtual environment each of them runs in.

Part of the harness: imports no measured library, only starts interpreters. An environment is made on
first use and used again until its requirements change.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: The checkout this suite belongs to.
CHECKOUT = Path(__file__).resolve().parent.parent
#: Where environments are made.
ENVIRONMENTS = CHECKOUT / ".venvs" / "bench"
#: Names a folder of environments that someone else made: ``<folder>/<name of the subject>/bin/python``.
READY_MADE = "HDMF_STORE_BENCH_ENVS"

#: What pyproject.toml says that an installation keeps and the import path cannot override.
_INSTALLED_PARTS = ("name", "dependencies", "optional-dependencies", "entry-points")
_STAMP = "benchmark-requirements.txt"
_PROBE = (
    "import json, sys, sysconfig; print(json.dumps([list(sys.version_info[:3]),"
    " sys.version_info.releaselevel == 'final' and not sysconfig.get_config_var('Py_GIL_DISABLED')]))"
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A library in an environment: one column of the comparison.

    Parameters
    ----------
    name : str
        Unique; how the command line and the report call it, and how its environment is called.
    library : str
        Which of `benchmarks.subject.LIBRARIES` it measures.
    python : str
        The interpreter: ``"3.11"`` is the newest patch release of that version, ``">=3.12"`` the newest
        interpreter found that is at least that.
    requirements : tuple of str
        What pip installs. ``{checkout}`` stands for the folder of this checkout.
    paths : tuple of str
        Folders of the checkout put in front of the import path. Subjects that have any are measured as
        the checkout stands, not as it was when their environment was made.
    variables : mapping of str to str
        Environment variables its processes get.
    shares : str
        The subject whose environment it uses, if not one of its own.
    """

    name: str
    library: str
    python: str
    requirements: tuple[str, ...]
    paths: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    shares: str = ""

    @property
    def environment(self) -> str:
        """The name of its environment."""
        return self.shares or self.name


_CHECKOUT_PATHS = (".", "adapters")
#: What this package is measured with; moto for the server that its files are written to.
_OURS = ("{checkout}[nwb,http,obstore,s3]", "moto[s3,server]>=5.1")
#: What hdmf-zarr reads files of web servers with.
_HTTP = ("fsspec[http]",)


def _beside_ours(name: str, *, library: str, python: str, shares: str) -> Subject:
    """Return a subject that runs in an environment of this package."""
    return Subject(name=name, library=library, python=python, requirements=_OURS, paths=_CHECKOUT_PATHS, shares=shares)


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        name="ours-3.11",
        library="hdmf-store",
        python="3.11",
        requirements=_OURS,
        paths=_CHECKOUT_PATHS,
    ),
    Subject(
        name="ours-newest",
        library="hdmf-store",
        python=">=3.12",
        requirements=_OURS,
        paths=_CHECKOUT_PATHS,
    ),
    Subject(
        name="hdmf-zarr-0.13",
        library="hdmf-zarr",
        python="3.11",
        requirements=("hdmf-zarr==0.13.0", "pynwb", *_HTTP),
        # it stores references as pickles, which its numcodecs decodes only where that is allowed
        variables={"NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE": "1"},
    ),
    Subject(
        name="hdmf-zarr-0.14",
        library="hdmf-zarr",
        python=">=3.12",
        requirements=("hdmf-zarr==0.14.0", "pynwb", *_HTTP),
    ),
    Subject(name="hdf5-3.11", library="hdf5", python="3.11", requirements=("pynwb",)),
    Subject(name="hdf5-newest", library="hdf5", python=">=3.12", requirements=("pynwb",)),
    # this package's zip archives, and what no library can be faster than
    _beside_ours("ours-zip", library="hdmf-store-zip", python=">=3.12", shares="ours-newest"),
    _beside_ours("zarr-3.11", library="zarr", python="3.11", shares="ours-3.11"),
    _beside_ours("zarr-newest", library="zarr", python=">=3.12", shares="ours-newest"),
    _beside_ours("numpy", library="numpy", python=">=3.12", shares="ours-newest"),
)


class EnvironmentUnavailableError(Exception):
    """A subject cannot take part: there is no interpreter for it, or its packages cannot be installed."""


@dataclass(frozen=True)
class Interpreter:
    """A Python found on this machine."""

    executable: str
    version: tuple[int, ...]


def python_of(subject: Subject, *, made_below: Path = ENVIRONMENTS) -> str:
    """Return the interpreter of a subject's environment, which is made first if need be.

    Parameters
    ----------
    subject : Subject
        Whose environment is wanted.
    made_below : Path
        Folder for environments that this suite makes. A ready-made one, see `READY_MADE`, is preferred
        and never changed.

    Raises
    ------
    EnvironmentUnavailableError
        Naming what is missing.
    """
    if folder := os.environ.get(READY_MADE):
        ready_made = _python_in(Path(folder).expanduser().resolve() / subject.environment)
        if ready_made.exists():
            return str(ready_made)

    environment = made_below / subject.environment
    stamp = environment / _STAMP
    interpreter = _interpreter_for(subject.python)
    wanted = _requirements_text(subject, interpreter)
    if not (stamp.exists() and stamp.read_text() == wanted and _python_in(environment).exists()):
        _make(subject, interpreter, environment)
        stamp.write_text(wanted)
    return str(_python_in(environment))


def process_environment(subject: Subject) -> dict[str, str]:
    """Return the environment variables for a process of `subject`: ours, without Python's own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    inherited.pop("VIRTUAL_ENV", None)
    paths = [str(CHECKOUT / path) for path in subject.paths]
    return inherited | ({"PYTHONPATH": os.pathsep.join(paths)} if paths else {}) | dict(subject.variables)


@functools.cache
def interpreters() -> tuple[Interpreter, ...]:
    """Return the finished, ordinary Python releases found on this machine, newest first.

    Looked for are the Python that runs this, those of pyenv, and ``python3`` or ``python3.X`` on the PATH.
    Release candidates and free-threaded builds are left out: few packages have wheels for them.
    """
    found: dict[tuple[int, ...], Interpreter] = {}
    for executable in _candidates():
        try:
            answer = subprocess.run(
                [executable, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=60, check=True
            )
            version, usable = json.loads(answer.stdout)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue  # not a Python 3, or a launcher with nothing behind it
        if usable:
            found.setdefault(tuple(version), Interpreter(executable, tuple(version)))
    return tuple(found[version] for version in sorted(found, reverse=True))


def _candidates() -> Iterator[str]:
    yield sys.executable
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        if root:
            yield from map(str, sorted(Path(root).glob("versions/*/bin/python")))
    for folder in os.get_exec_path():
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        yield from (os.path.join(folder, name) for name in names if re.fullmatch(r"python3(\.\d+)?", name))


def _interpreter_for(wanted: str) -> Interpreter:
    number = tuple(int(part) for part in wanted.removeprefix(">=").split("."))
    at_least = wanted.startswith(">=")
    for interpreter in interpreters():
        if interpreter.version[: len(number)] == number or (at_least and interpreter.version > number):
            return interpreter
    have = ", ".join(".".join(map(str, found.version)) for found in interpreters())
    raise EnvironmentUnavailableError(
        f"no Python {wanted} here (found: {have}). Install one with pyenv or put it on the PATH,"
        f" or name a folder of ready-made environments in {READY_MADE}"
    )


def _requirements_text(subject: Subject, interpreter: Interpreter) -> str:
    lines = ["python " + ".".join(map(str, interpreter.version)), *subject.requirements]
    if subject.paths:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        installed = [project.get(part) for part in _INSTALLED_PARTS]
        lines.append("pyproject " + hashlib.sha256(json.dumps(installed).encode()).hexdigest())
    return "\n".join(lines) + "\n"


def _make(subject: Subject, interpreter: Interpreter, environment: Path) -> None:
    print(f"making the environment of {subject.name} in {environment} ...", file=sys.stderr, flush=True)
    requirements = [requirement.format(checkout=CHECKOUT) for requirement in subject.requirements]
    python = str(_python_in(environment))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for command in (
        [interpreter.executable, "-m", "venv", "--clear", str(environment)],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=clean, check=False)
        if done.returncode:
            last_words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-20:])
            raise EnvironmentUnavailableError(f"{' '.join(command)} failed:\n{last_words}")


def _python_in(environment: Path) -> Path:
    return environment / "bin" / "python"
