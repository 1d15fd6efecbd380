"""Small HDF5 files broken at random, byte by byte, and looked at in every way that a file is read.

The HDF5 library can crash on such files, so a process of its own looks at them, and another one starts it anew:

    python -m tests.property.broken_hdf5 --first 0 --count 1000

Each line is one finding; the last one says how it ended for all. A crash of the library is counted by itself.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hdmf_store.errors import HDMFStoreError
from tests.property.broken_files import as_builders, guarded, looked_at, say, too_long

__all__ = ["broken", "whole"]

SECRET = b"out of reach " * 8
SIGNATURES = (
    b"OHDR",
    b"OCHK",
    b"SNOD",
    b"TREE",
    b"HEAP",
    b"GCOL",
    b"FRHP",
    b"FHDB",
    b"BTHD",
    b"BTLF",
    b"FADB",
    b"EAHD",
)
VARIANTS = 4
REFUSED = {"/outside", "/view", "/regions"}
"""Datasets that are never read: values in other files, and references to parts of datasets."""


@cache
def whole(variant: int) -> bytes:
    """Return a small file that holds some of everything that HDF5 has, in its older or its newer format."""
    folder = Path(tempfile.mkdtemp())
    try:
        libver = ("earliest", "latest", "v108", "earliest")[variant % VARIANTS]
        with h5py.File(folder / "a.h5", "w", libver=libver) as file:
            _fill(file, many=variant % VARIANTS >= 2)
        return (folder / "a.h5").read_bytes()
    finally:
        shutil.rmtree(folder)


def _fill(file: h5py.File, many: bool) -> None:
    group = file.create_group("group")
    group.attrs["text"], group.attrs["numbers"], group.attrs["long"] = "é", np.arange(5), "x" * 3_000
    group.attrs["names"] = np.array(["a", "bc"], h5py.string_dtype())
    values = np.arange(60, dtype="i2").reshape(6, 10)
    file["plain"] = values
    file["scalar"], file["name"] = 1.5, "text"
    for name, options in {
        "gzip": {"compression": "gzip"},
        "lzf": {"compression": "lzf", "shuffle": True},
        "checked": {"fletcher32": True},
        "scaled": {"scaleoffset": 4},
        "growing": {"maxshape": (None, None)},
    }.items():
        file.create_dataset(name, data=values, chunks=(4, 5), **options)
    file["texts"] = np.array(["a", "é", ""] * 4, h5py.string_dtype())
    file["ascii"] = np.array([b"a", b"b" * 9], h5py.string_dtype("ascii"))
    file["fixed"] = np.array([b"ab", b"c"], "S5")
    file["flags"] = np.array([True, False])
    file["rows"] = np.array([(1, 2.0), (3, 4.0)], [("a", "i4"), ("b", "f8")])
    file["references"] = np.array([group.ref, file["plain"].ref, h5py.Reference()], h5py.ref_dtype)
    file["references"].attrs["to"] = group.ref
    file["regions"] = np.array([file["plain"].regionref[:2, :2]], h5py.regionref_dtype)
    file["nothing"] = h5py.Empty("f4")
    file["kind"] = np.dtype("i4")
    group["soft"], group["itself"] = h5py.SoftLink("/plain"), h5py.SoftLink("/group/itself")
    group["again"], group["up"] = file["plain"], file["/"]
    group["near"], group["far"] = h5py.ExternalLink("b.h5", "/x"), h5py.ExternalLink("../far.h5", "/x")
    file.create_dataset("outside", (104,), "u1", external=[("../far.bin", 0, 104)])
    layout = h5py.VirtualLayout((104,), "u1")
    layout[:] = h5py.VirtualSource("../far.h5", "x", (104,))
    file.create_virtual_dataset("view", layout)
    for number in range(40 if many else 3):
        group.create_group(f"inner{number}").attrs["number"] = number
        file.attrs[f"attribute{number}"] = number


def _mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to four changes, more of them where the library's own structures are."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = _place(changed, chance)
        length = chance.choice((1, 2, 4, 8, 64))
        match chance.randrange(9):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + length] = chance.randbytes(length)
            case 2:
                changed[at : at + length] = bytes(length)
            case 3:
                changed[at : at + length] = b"\xff" * length
            case 4:
                changed[at : at + 8] = chance.choice((1, 2**31, 2**40, 2**63, at, len(data))).to_bytes(8, "little")
            case 5:
                other = _place(changed, chance)
                changed[at : at + length] = changed[other : other + length]
            case 6:
                del changed[chance.randrange(len(changed)) :]
            case 7:
                del changed[at : at + length]
            case _:
                other = _place(changed, chance)
                changed[at:at] = changed[other : other + 64]
        if not changed:
            return b""
    return bytes(changed)


def _place(data: bytearray, chance: random.Random) -> int:
    found = data.find(chance.choice(SIGNATURES), chance.randrange(len(data))) if chance.random() < 0.6 else -1
    at = chance.randrange(len(data)) if found < 0 else found + chance.randrange(100)
    return min(at, len(data) - 1)


def broken(number: int) -> tuple[str, list[str]]:
    """Break one file and read it; return how it ended, and what is wrong with that."""
    chance = random.Random(f"hdf5-{number}")
    root = Path(tempfile.mkdtemp())
    try:
        (root / "home").mkdir()
        (root / "far.bin").write_bytes(SECRET)
        with h5py.File(root / "far.h5", "w") as far:
            far["x"] = np.frombuffer(SECRET, "u1")
        place = root / "home" / "a.h5"
        place.write_bytes(_mutated(whole(chance.randrange(VARIANTS)), chance))
        endings: list[str] = []
        told: list[str] = []
        found = guarded(lambda: endings.append(_ended(place, told)))
        found += told
        found += guarded(lambda: _builders(place))
        return max(endings, default="finding"), found
    finally:
        shutil.rmtree(root)


def _ended(place: Path, told: list[str]) -> str:
    try:
        seen = looked_at(str(place), "r")
    except HDMFStoreError as problem:
        if place.name not in str(problem):
            told.append(f"the file is not named: {problem}")
        return "file refused"
    problems = {path: value for path, value in seen.items() if isinstance(value, HDMFStoreError)}
    told += [f"{path} is not named: {value}" for path, value in problems.items() if path not in str(value)]
    told += [f"{path} was read from outside" for path, value in seen.items() if _is_secret(value)]
    return "object refused" if problems.keys() - REFUSED else "read"


def _is_secret(value: Any) -> bool:
    return "[111, 117, 116, 32, 111, 102" in repr(value)


def _builders(place: Path) -> None:
    try:
        as_builders(str(place))
    except HDMFStoreError:
        return


# --------------------------------------------------------------------------------------------------- two processes


def _look(first: int, count: int) -> None:
    faulthandler.enable()
    signal.signal(signal.SIGALRM, too_long)
    for number in range(first, first + count):
        say({"at": number})
        ending, found = broken(number)
        say({"number": number, "ending": ending, "found": found})


def started(first: int, count: int) -> dict[str, Any]:
    """Have files looked at by processes that may crash; return how it ended for how many, and the findings."""
    endings: Counter[str] = Counter()
    findings: list[str] = []
    crashed: list[int] = []
    at, end = first, first + count
    while at < end:
        words = [sys.executable, "-m", "tests.property.broken_hdf5", "--child", "--first", str(at)]
        root = Path(__file__).parents[2]
        done = subprocess.run([*words, "--count", str(end - at)], capture_output=True, text=True, check=False, cwd=root)
        facts = [json.loads(line) for line in done.stdout.splitlines()]
        for fact in facts:
            if "ending" in fact:
                endings[fact["ending"]] += 1
                findings += [f"{fact['number']}: {finding}" for finding in fact["found"]]
        last = facts[-1]["at"] if facts and "at" in facts[-1] else None
        if last is None:
            if done.returncode:
                raise RuntimeError(done.stderr[-2_000:])
            break
        if done.returncode > 0:
            findings.append(f"{last}: {done.stderr[-500:]}")
        crashed.append(last)
        endings["crash of the library"] += 1
        at = last + 1
    return {"broken": count, "endings": dict(endings), "findings": findings, "crashed": crashed}


def main() -> None:
    """Break as many files as the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    if options.child:
        _look(options.first, options.count)
    else:
        say(started(options.first, options.count))


if __name__ == "__main__":
    main()
