"""Parts of files, fetched together: what lies close to each other in one file is one request.

Which files these are has been decided before; here nothing is asked but their bytes.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterable, Iterator, Sequence

import attrs

from hdmf_store.adapter import Admitted
from hdmf_store_adapters.reference_tables import Extent
from hdmf_store_adapters.remote_files import file_system

__all__ = ["Part", "read_parts"]

_UNREACHABLE = (OSError, ImportError, ValueError)
"""What file systems of fsspec raise that are not there, not installed or given wrong options."""

_GAP = 2**16
"""Bytes between two parts that cost less to fetch than another request."""

_BLOCK = 2**23
"""Bytes from which on parts are fetched by another request, at the same time."""


@attrs.frozen
class Part:
    """Bytes that are wanted of a file.

    Parameters
    ----------
    key : str
        Under which they are returned.
    extent : Extent
    target : Admitted
        The file, which may be read.
    """

    key: str
    extent: Extent
    target: Admitted

    @property
    def stop(self) -> int | None:
        """Where they end; None for the end of the file."""
        return None if self.extent.length is None else self.extent.start + self.extent.length


@attrs.frozen
class _Block:
    """Parts of one remote file that are fetched by one request."""

    parts: tuple[Part, ...]
    start: int | None
    stop: int | None

    @property
    def address(self) -> str:
        return self.parts[0].target.address

    def bytes_of(self, part: Part, data: bytes) -> bytes:
        """Return a part of what was fetched for the block."""
        if self.start is None or len(self.parts) == 1:
            return bytes(data)
        start = part.extent.start - self.start
        return bytes(data[start : start + (part.extent.length or 0)])


def read_parts(parts: Iterable[Part]) -> dict[str, bytes | Exception]:
    """Return the bytes of each part by its key, or why there are none; fewer than wanted where a file ends."""
    places: dict[tuple[str, int], list[Part]] = {}
    for part in parts:
        places.setdefault((part.target.scheme, id(part.target.options)), []).append(part)
    found: dict[str, bytes | Exception] = {}
    for (scheme, _), together in places.items():
        found |= _read_files(together) if scheme == "file" else _read_remote(together)
    return found


# ------------------------------------------------------------------------------------------------- from this machine


def _read_files(parts: Sequence[Part]) -> dict[str, bytes | Exception]:
    found: dict[str, bytes | Exception] = {}
    by_file = sorted(parts, key=lambda part: part.target.address)
    for path, of_file in itertools.groupby(by_file, lambda part: part.target.address):
        wanted = list(of_file)
        try:
            found |= _read_file(path, wanted)
        except OSError as problem:
            found |= dict.fromkeys((part.key for part in wanted), problem)
    return found


def _read_file(path: str, parts: Sequence[Part]) -> dict[str, bytes]:
    """Return parts of a file; never more than it has, and never of a device or a pipe, which might not end."""
    facts = os.stat(path)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(f"{path} is no plain file")
    read: dict[Extent, bytes] = {}  # files may be named by many keys
    with open(path, "rb") as file:
        for extent in {part.extent for part in parts}:
            file.seek(min(extent.start, facts.st_size))
            read[extent] = file.read(facts.st_size if extent.length is None else min(extent.length, facts.st_size))
    return {part.key: read[part.extent] for part in parts}


# ------------------------------------------------------------------------------------------------ from other machines


def _read_remote(parts: Sequence[Part]) -> dict[str, bytes | Exception]:
    blocks = list(_blocks(parts))
    found: dict[str, bytes | Exception] = {}
    alone: list[_Block] = []
    for block, data in zip(blocks, _fetch(blocks), strict=True):
        if len(block.parts) > 1 and not _is_whole(block, data):  # who knows which of the parts are there
            alone += [_Block((part,), part.extent.start, part.stop) for part in block.parts]
        else:
            found |= {p.key: data if isinstance(data, Exception) else block.bytes_of(p, data) for p in block.parts}
    for block, data in zip(alone, _fetch(alone), strict=True):
        found[block.parts[0].key] = data if isinstance(data, Exception) else bytes(data)
    return found


def _is_whole(block: _Block, data: bytes | Exception) -> bool:
    """Return whether a server gave the range that it was asked for; some give the whole file instead."""
    if block.start is None or block.stop is None:
        return True
    return not isinstance(data, Exception) and len(data) == block.stop - block.start


def _blocks(parts: Sequence[Part]) -> Iterator[_Block]:
    """Yield parts in blocks: those of one file that lie close together, and whole files once each."""
    whole: dict[str, list[Part]] = {}
    ranges: dict[str, list[Part]] = {}
    for part in parts:
        (whole if part.extent.length is None else ranges).setdefault(part.target.address, []).append(part)
    for of_file in whole.values():
        yield _Block(tuple(of_file), None, None)
    for of_file in ranges.values():
        of_file.sort(key=lambda part: part.extent.start)
        block = [of_file[0]]
        start, stop = of_file[0].extent.start, of_file[0].stop or 0
        for part in of_file[1:]:
            end = part.stop or 0
            if part.extent.start > stop + _GAP or end > max(stop, start + _BLOCK):
                yield _Block(tuple(block), start, stop)
                block, start, stop = [], part.extent.start, end
            block.append(part)
            stop = max(stop, end)
        yield _Block(tuple(block), start, stop)


def _fetch(blocks: Sequence[_Block]) -> Sequence[bytes | Exception]:
    """Return what a file system has for each block, all fetched at the same time."""
    if not blocks:
        return []
    target = blocks[0].parts[0].target
    try:
        system = file_system(target.scheme, target.options)
        found: Sequence[bytes | Exception] = system.cat_ranges(
            [system._strip_protocol(block.address) for block in blocks],
            [block.start for block in blocks],
            [block.stop for block in blocks],
            on_error="return",
        )
    except _UNREACHABLE as problem:
        return [problem] * len(blocks)
    return found
