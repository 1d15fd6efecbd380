"""What the system refuses to a writer: the disk is full, a limit is reached, nothing may be changed.

``python -m tests.faults.refusals`` tries every change under every cause, and says how often it was refused.

The causes are real: a small disk in memory that is filled, limits of the process, permissions of another user. Each is
tried with a little more room than before, until the change gets through, so that it strikes at every point of it.
"""

from __future__ import annotations

import errno
import gc
import itertools
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from hdmf_store.errors import AccessError, HDMFStoreError, StorageFailureError
from tests.faults.calls import CALLS, called
from tests.faults.changes import CHANGES, PLACES, is_old_or_new, promised, seen

__all__ = ["CAUSES", "Cause", "can_mount", "small_disk", "sweep"]

_MODES = ("r", "r-", "a")
_NOBODY = 65534
_FRESH = multiprocessing.get_context("forkserver")


@attrs.frozen
class Cause:
    """Why the system refuses.

    Parameters
    ----------
    under : callable
        Takes a folder and how much room there is, from 0, and returns a context in which the system refuses.
    error : type
        What is raised then.
    code : int
        The system's number for it.
    most : int
        The most room with which it is tried.
    needs_disk : bool
        Whether the folder has to lie on a disk of its own.
    """

    under: Callable[[Path, int], Any]
    error: type[HDMFStoreError]
    code: int
    most: int = 1
    needs_disk: bool = False


@contextmanager
def _full_disk(folder: Path, room: int) -> Iterator[None]:
    """Leave so many blocks of a disk free."""
    filler = folder.parent / "filler"
    state = os.statvfs(folder)
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, (state.f_bavail - room) * state.f_frsize)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def _no_handles(folder: Path, room: int) -> Iterator[None]:
    """Let this process open so many files more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    taken = []
    with suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    for handle in taken[len(taken) - room :]:
        os.close(handle)
    try:
        yield
    finally:
        for handle in taken[: len(taken) - room]:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def _small_files(folder: Path, room: int) -> Iterator[None]:
    """Let no file become longer than so many times 150 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room * 150, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _denied(folder: Path, room: int) -> Iterator[None]:
    """Be a user who may read everything in a folder and change nothing."""
    everything = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in everything]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path, mode in zip(everything, modes, strict=True):
            path.chmod(mode)


@contextmanager
def _read_only(folder: Path, room: int) -> Iterator[None]:
    """Have the disk mounted for reading only."""
    _run("mount", "-o", "remount,ro", str(folder.parent))
    try:
        yield
    finally:
        _run("mount", "-o", "remount,rw", str(folder.parent))


CAUSES = {
    "the disk is full": Cause(_full_disk, StorageFailureError, errno.ENOSPC, 60, True),
    "no more files can be opened": Cause(_no_handles, StorageFailureError, errno.EMFILE, 12),
    "files cannot be that long": Cause(_small_files, StorageFailureError, errno.EFBIG, 60),
    "nothing may be changed": Cause(_denied, AccessError, errno.EACCES),
    "the disk is read-only": Cause(_read_only, AccessError, errno.EROFS, 1, True),
}


def can_mount() -> bool:
    """Return whether disks of their own can be had for these tests, as an administrator of Linux can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    try:
        with small_disk():
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def small_disk() -> Iterator[Path]:
    """Give a disk of a megabyte, in memory."""
    place = tempfile.mkdtemp(prefix="hdmf-store-disk-")
    try:
        _run("mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", place)
        try:
            yield Path(place)
        finally:
            _run("umount", "--lazy", place)
    finally:
        os.rmdir(place)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def sweep(kind: str, name: str, cause: str, disk: Path) -> tuple[int, list[str]]:
    """Make a change while the system refuses, with more and more room, in a process of its own.

    Parameters
    ----------
    kind : str
        Of `PLACES`.
    name : str
        Of `CHANGES` or `CALLS`.
    cause : str
        Of `CAUSES`.
    disk : Path
        An empty folder.

    Returns
    -------
    refused : int
        How often the change was refused.
    wrong : list of str
        What was wrong then, and afterwards.
    """
    ours, theirs = _FRESH.Pipe(duplex=False)
    child = _FRESH.Process(target=_swept, args=(theirs, kind, name, cause, disk))
    child.start()
    theirs.close()
    try:
        refused, wrong = ours.recv()
    finally:
        child.join()
    return refused, wrong


def _swept(told: Any, kind: str, name: str, cause: str, disk: Path) -> None:
    try:
        told.send(_Sweep(kind, name, CAUSES[cause], disk).all())
    except BaseException:  # noqa: BLE001 - whoever waits for the answer is told
        told.send((0, [traceback.format_exc()]))
    os._exit(0)  # HDF5 would try again to write what a full disk did not take


class _Sweep:
    def __init__(self, kind: str, name: str, cause: Cause, disk: Path) -> None:
        self.kind, self.cause, self.folder = kind, cause, disk / "files"
        self.change: Any = {**CHANGES, **CALLS}[name]
        self._spare = Path(tempfile.mkdtemp(prefix="hdmf-store-old-"))
        self.change.prepare(kind, self._spare)
        self.says_that_some_stays = False
        self._start()
        self.old = self._states()
        self.files = self._files()
        self.change.do(kind, self.folder)  # which also imports what it needs, while that is allowed
        self.new = self._states()

    def all(self) -> tuple[int, list[str]]:
        """Return how often the change was refused, and what was wrong."""
        wrong: list[str] = []
        room = 0
        try:
            while room < self.cause.most:
                self._start()
                told = self._refused(room)
                if told is None:
                    break
                gc.collect()  # what could not be stored is kept by who holds it, and goes with it
                wrong += [f"room {room}: {line}" for line in (*told, *self._afterwards())]
                room += 1
            return room, wrong
        finally:
            shutil.rmtree(self._spare)

    def _refused(self, room: int) -> list[str] | None:
        """Return what is wrong with the error of a change; None if there was none."""
        try:
            with self.cause.under(self.folder, room):
                self.change.do(self.kind, self.folder)
        except Exception as problem:  # noqa: BLE001 - what it is, is what is tested
            self.says_that_some_stays = "stays" in "".join(getattr(problem, "__notes__", []))
            return list(self._error(problem))
        return None

    def _start(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._spare, self.folder)

    def _states(self) -> dict[str, Any]:
        return {mode: seen(self.kind, self.folder, mode) for mode in _MODES}

    def _files(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}

    def _error(self, problem: Exception) -> Iterator[str]:
        if not isinstance(problem, self.cause.error) or getattr(problem, "errno", None) != self.cause.code:
            yield f"{type(problem).__name__}, {getattr(problem, 'errno', None)}: {problem}"
            return
        place, _, reason = str(problem).partition(": cannot ")  # the file, or another one that the change reads
        if str(self.folder) not in place or os.strerror(self.cause.code) not in reason:
            yield f"the message is {problem}"

    def _afterwards(self) -> Iterator[str]:
        divided = PLACES[self.kind].parts and (self.change.in_place or not self.change.can_be_repeated)
        for mode, found in self._states().items():
            if not is_old_or_new(found, self.old[mode], self.old[mode]) and not (
                divided and is_old_or_new(found, self.old[mode], self.new[mode], objects=True, values=True)
            ):
                yield f"mode {mode} reads {found}"
        left = self._files() ^ self.files
        keeps_waste = self.kind == "Icechunk"  # what was not committed, until it collects its garbage
        if left and not keeps_waste and (not divided or any("tmp" in key for key in left)):
            yield f"there is more or less than before: {sorted(left)}"
        if self.says_that_some_stays:
            return
        try:
            self.change.do(self.kind, self.folder)
        except Exception as problem:  # noqa: BLE001 - told, with its type
            yield f"the same call fails when the cause is gone: {type(problem).__name__}: {problem}"
            return
        if self.change.can_be_repeated and (found := self._states()) != self.new:
            yield f"the same call leads to {found}"


def main(kinds: list[str]) -> int:
    """Try everything; say what was wrong."""
    total, lines = Counter[str](), []
    for kind in kinds or PLACES:
        for name, cause in itertools.product((*promised(kind), *called(kind)), CAUSES):
            with small_disk() as disk:
                refused, wrong = sweep(kind, name, cause, disk)
            total[cause] += refused
            told = [f"{kind}, {name}, {cause}: {line}\n" for line in wrong]
            sys.stdout.writelines(told)
            lines += told
        sys.stdout.write(f"{kind}: until here {total.total()} refusals, {len(lines)} wrong\n")
        sys.stdout.flush()
    sys.stdout.write("".join(f"{cause}: {count} refusals\n" for cause, count in total.items()))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
