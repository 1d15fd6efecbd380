"""Two commands for a fresh checkout. They need Python 3.11 or later with pip, and a package index.

``python3 run.py demo``
    Convert the recording in ``examples/`` to Zarr, verify the result against its source, print what it holds.

``python3 run.py tests [pytest argument ...]``
    Check the import rules, the style, the format and the types, then run the tests.

Each command works in a virtual environment of its own below ``.venvs/``, which it makes on first use and
brings up to date when the project has changed. Standard library only: this file has to run before anything is
installed. Its syntax is that of Python 3.6, so that an older Python can say what is wrong.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python gets an answer, not a traceback
    sys.exit(
        f"hdmf-store needs Python 3.11 or later; {sys.executable} is Python {sys.version.split()[0]}."
        "\nStart this file with a newer one, for example: python3.12 run.py demo"
    )

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENTS = ROOT / ".venvs"
EXAMPLE = Path("examples", "sub-healthy-simulated-beta_ses-162_ecephys.nwb")
DEMO_OUTPUT = Path("demo-output")
USAGE = "usage: python3 run.py demo\n       python3 run.py tests [pytest argument ...]"


class Environment:
    """A virtual environment with the project in it, for one purpose and one version of Python.

    Parameters
    ----------
    purpose : str
        Names the environment's folder, together with the version of Python.
    requirement : list of str
        What pip installs, as its arguments.
    installed_from : list of str
        Files and folders of the project; the installation is repeated when one of them has changed.
    """

    def __init__(self, purpose: str, requirement: list[str], installed_from: list[str]) -> None:
        self.folder = ENVIRONMENTS / f"{purpose}-{sys.version_info.major}.{sys.version_info.minor}"
        self.requirement = requirement
        self.installed_from = installed_from
        self._programs = self.folder / ("Scripts" if os.name == "nt" else "bin")
        self._stamp = self.folder / "installed-from.sha256"

    def prepare(self) -> None:
        """Make the environment and install the project, as far as that is not done yet."""
        wanted = self._fingerprint()
        if self._stamp.is_file() and self._stamp.read_text() == wanted and self._has_this_python():
            return
        started = time.monotonic()
        say(f"preparing {self.folder.relative_to(ROOT)} (a minute or more when it is new)")
        self._stamp.unlink(missing_ok=True)
        if not self._has_this_python():
            self._create()
        self._install()
        self._stamp.write_text(wanted)
        say(f"prepared in {time.monotonic() - started:.0f} s")

    def run(self, command: list[str], *, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the project's folder; `quiet` keeps what it prints."""
        variables = dict(os.environ)
        for foreign in ("PYTHONHOME", "PYTHONPATH"):
            variables.pop(foreign, None)
        variables["VIRTUAL_ENV"] = str(self.folder)
        variables["PATH"] = os.pathsep.join([str(self._programs), os.environ.get("PATH", os.defpath)])
        output = subprocess.PIPE if quiet else None
        program, *arguments = command
        return subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if quiet else None,
            text=True,
            encoding="utf-8",
            errors="replace",
        )

    def _create(self) -> None:
        for module in ("venv", "ensurepip"):
            if importlib.util.find_spec(module) is None:
                sys.exit(
                    f"{sys.executable} cannot make virtual environments: its module {module!r} is missing."
                    "\nInstall it (Debian, Ubuntu: apt install python3-venv) or use another Python."
                )
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(self.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if made.returncode:
            sys.exit(f"{made.stdout}\nNo virtual environment could be made in {self.folder}: see above.")

    def _install(self) -> None:
        pip_install = ["python", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        command = [*pip_install, *self.requirement]
        installed = self.run(command, quiet=True)
        if installed.returncode:
            say("pip failed; trying once more")
            installed = self.run(command, quiet=True)
        if installed.returncode:
            sys.exit(f"{installed.stdout}\nThe project could not be installed: pip's report is above.")

    def _has_this_python(self) -> bool:
        try:
            answer = self.run(["python", "-c", "import sys; print(sys.version)"], quiet=True)
        except OSError:
            return False
        return answer.returncode == 0 and answer.stdout.strip() == sys.version

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(repr(self.requirement).encode())
        for file in self._files():
            digest.update(f"\0{file.relative_to(ROOT).as_posix()}\0".encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def _files(self) -> Iterator[Path]:
        for name in self.installed_from:
            path = ROOT / name
            if path.is_dir():
                inside = sorted(path.rglob("*"))
                yield from (file for file in inside if file.is_file() and "__pycache__" not in file.parts)
            elif path.is_file():
                yield path


def demo() -> int:
    """Convert the example, verify the result and print it; stop at the first step that fails."""
    environment = Environment(
        "demo",
        requirement=[".[nwb]"],
        installed_from=["pyproject.toml", "README.md", "LICENSE", "hdmf_store", "adapters"],
    )
    environment.prepare()

    shutil.rmtree(ROOT / DEMO_OUTPUT, ignore_errors=True)
    (ROOT / DEMO_OUTPUT).mkdir()
    source, converted = str(EXAMPLE), str(DEMO_OUTPUT / f"{EXAMPLE.name}.zarr")
    for command in (
        ["hdmf-store", "convert", source, converted],
        ["hdmf-store", "verify", converted, "--against", source],
        ["hdmf-store", "tree", converted],
    ):
        say(f"\n$ {shlex.join(command)}")
        status = environment.run(command).returncode
        if status:
            say(f"\nThis step failed with exit code {status}.")
            return status
    return 0


def tests(pytest_arguments: list[str]) -> int:
    """Run every check, also after one has failed; pytest comes last, so that its summary is the last line."""
    environment = Environment(
        "tests",
        requirement=["-e", ".[test,lint]"],
        installed_from=["pyproject.toml", "hdmf_store/_version.py"],
    )
    environment.prepare()

    failed = []
    for stage, command in (
        ("import rules", ["lint-imports", "--no-logo"]),
        ("lint", ["ruff", "check", "."]),
        ("format", ["ruff", "format", "--check", "."]),
        ("types", ["mypy"]),
    ):
        started = time.monotonic()
        outcome = environment.run(command, quiet=True)
        verdict = "FAILED" if outcome.returncode else "ok"
        say(f"{verdict:<7}{stage:<13}{shlex.join(command)} ({time.monotonic() - started:.1f} s)")
        if outcome.returncode:
            failed.append(stage)
            say(outcome.stdout)

    # a worker that has nothing left takes over what waits for the other: some tests make whole environments
    command = ["pytest", "-n", "2", "--dist", "worksteal", *pytest_arguments]
    say(f"{'now':<7}{'tests':<13}{shlex.join(command)}")
    if failed:
        say(f"Whatever the tests say, this run has failed: {', '.join(failed)} (see above).")
    return environment.run(command).returncode or bool(failed)


def say(line: str) -> None:
    """Print at once, so that the order stays right where programs share the output."""
    print(line, flush=True)


def main(arguments: list[str]) -> int:
    """Run the command that the arguments name; return the exit code."""
    if arguments == ["demo"]:
        return demo()
    if arguments[:1] == ["tests"]:
        return tests(arguments[1:])
    if arguments in (["-h"], ["--help"]):
        say(f"{__doc__}\n{USAGE}")
        return 0
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
