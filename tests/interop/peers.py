"""Other implementations, each in an environment of its own, asked to read and write beside us.

An environment is made once, in ``.venvs/peers`` of the checkout, and kept: a folder per peer, a lock beside it so that
processes that need it at the same time wait for the one that makes it. A peer is an entry in :data:`PEERS`.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ENVIRONMENTS = _HERE.parents[1] / ".venvs" / "peers"
_ASK_VERSION = "import sys; print(*sys.version_info[:2])"

Version = tuple[int, int]


class NoPeerError(RuntimeError):
    """The environment of a peer cannot be made here: no interpreter that fits, or no package index."""


@dataclass(frozen=True)
class Peer:
    """Another implementation and what it needs.

    Attributes
    ----------
    name : str
        Also that of its folder.
    requirements : tuple of str
        What pip installs.
    oldest, newest : tuple of int
        Python versions it runs on, both inclusive.
    variables : tuple of (str, str)
        What it finds in its environment where nothing else is set: what it needs to read its own files.
    """

    name: str
    requirements: tuple[str, ...]
    oldest: Version
    newest: Version
    variables: tuple[tuple[str, str], ...] = ()

    def ask(self, *words: str | os.PathLike[str], timeout: float = 240) -> None:
        """Run ``peer_side.py`` in the environment of this peer.

        Parameters
        ----------
        *words : str or path-like
            Its command line.
        timeout : float, default 240
            In seconds.

        Raises
        ------
        AssertionError
            If it fails; the message ends with what it wrote.
        """
        command = [str(environment(self)), str(_HERE / "peer_side.py"), *map(os.fspath, words)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**dict(self.variables), **_clean_variables()},
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{self.name} failed at {' '.join(command[2:])}:\n{done.stdout}{done.stderr}")


PEERS = {
    peer.name: peer
    for peer in [
        Peer(
            name="hdmf-zarr-0.14",
            requirements=("hdmf-zarr==0.14.0", "hdmf==6.2.0", "pynwb==4.2.0", "zarr==3.4.2"),
            oldest=(3, 12),
            newest=(3, 14),
        ),
        Peer(
            name="hdmf-zarr-0.13",
            requirements=("hdmf-zarr==0.13.0", "hdmf==6.2.0", "pynwb==4.2.0", "zarr==2.18.7", "numcodecs==0.15.1"),
            oldest=(3, 11),
            newest=(3, 12),
            variables=(("NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE", "1"),),
        ),
    ]
}


def is_required() -> bool:
    """Tell whether a run without peers is to fail, as ``HDMF_STORE_REQUIRE_PEERS=1`` asks."""
    return os.environ.get("HDMF_STORE_REQUIRE_PEERS") == "1"


@functools.cache
def environment(peer: Peer) -> Path:
    """Return the interpreter of a peer's environment, which is made if it is not there or not as asked for.

    Parameters
    ----------
    peer : Peer
        Whose.

    Returns
    -------
    Path
        Of the Python executable.

    Raises
    ------
    NoPeerError
        If there is no interpreter that fits, or the packages cannot be installed.
    """
    _ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    place = _ENVIRONMENTS / peer.name
    made_of = place / "made-of.json"
    with _alone(_ENVIRONMENTS / f"{peer.name}.lock"):
        python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if made_of.exists() and json.loads(made_of.read_text()) == list(peer.requirements) and _version(python):
            return python
        shutil.rmtree(place, ignore_errors=True)
        _run([str(_interpreter(peer)), "-m", "venv", str(place)])
        _run([str(python), "-m", "pip", "install", "--quiet", *peer.requirements])
        made_of.write_text(json.dumps(peer.requirements))
        return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=_clean_variables(), check=False)
    if done.returncode != 0:
        raise NoPeerError(f"{' '.join(command)} failed: {(done.stdout + done.stderr)[-2000:]}")


def _interpreter(peer: Peer) -> Path:
    """Find a Python that the peer runs on: our own if it fits, else the newest that fits."""
    if peer.oldest <= sys.version_info[:2] <= peer.newest:
        return Path(sys.executable)
    versions = {path: _version(path) for path in _known_interpreters(peer)}
    fitting = [
        (version, path) for path, version in versions.items() if version and peer.oldest <= version <= peer.newest
    ]
    if not fitting:
        raise NoPeerError(f"{peer.name} runs on Python {peer.oldest} to {peer.newest}; found {versions or 'none'}")
    return max(fitting)[1]


def _known_interpreters(peer: Peer) -> Iterator[Path]:
    pyenv = shutil.which("pyenv")
    if pyenv is not None:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        yield from sorted(Path(root).glob("versions/*/bin/python"))
    for minor in range(peer.oldest[1], peer.newest[1] + 1):
        found = shutil.which(f"python3.{minor}")
        if found is not None:
            yield Path(found)


def _version(python: Path) -> Version | None:
    """Ask an interpreter for its version; None if it does not run."""
    try:
        done = subprocess.run(
            [str(python), "-c", _ASK_VERSION],
            capture_output=True,
            text=True,
            env=_clean_variables(),
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)


def _clean_variables() -> dict[str, str]:
    """Leave out what would let our own packages into the other environment."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock among processes; the system releases it if this one dies."""
    with lock.open("a+b") as handle:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
