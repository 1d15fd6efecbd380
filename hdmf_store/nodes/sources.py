"""Where the values of a dataset come from.

A source yields values in the normal form of `hdmf_store.nodes.elements`, a region at a time, so that
nothing ever has to hold a whole dataset in memory. Sources of stored data say where they are stored,
so that translation can decide between a link and a copy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np

__all__ = [
    "ArraySource",
    "Grained",
    "Origin",
    "PartlyStored",
    "Piece",
    "RandomAccess",
    "Region",
    "Source",
    "Stream",
    "Unwritten",
    "corners",
    "each",
    "part",
    "tiles",
    "whole",
]

Region = tuple[slice, ...]
"""One slice of step 1 with both ends given for each axis."""

Piece = tuple[Region, np.ndarray]
"""Values and where they belong."""


def whole(shape: tuple[int, ...]) -> Region:
    """Return the region that covers everything.

    >>> whole((2, 3))
    (slice(0, 2, None), slice(0, 3, None))
    """
    return tuple(slice(0, length) for length in shape)


def part(array: np.ndarray, region: Region) -> np.ndarray:
    """Return a view of a region; an array also where numpy would hand out the one element of a scalar."""
    selection: tuple[Any, ...] = (*region, ...)
    return array[selection]


def each(array: np.ndarray, function: Callable[[Any], Any]) -> np.ndarray:
    """Return an array of objects with a function applied to every element; for what numpy cannot do at once.

    >>> each(np.array([1, 2]), str).tolist()
    ['1', '2']
    """
    out = np.empty(array.shape, object)
    flat = out.reshape(-1)
    for position, value in enumerate(array.reshape(-1).tolist()):
        flat[position] = function(value)
    return out


def tiles(shape: tuple[int, ...], step: tuple[int, ...]) -> Iterator[Region]:
    """Yield regions of at most `step` elements a side that cover `shape`, last axis fastest.

    >>> [[(s.start, s.stop) for s in tile] for tile in tiles((3, 2), (2, 2))]
    [[(0, 2), (0, 2)], [(2, 3), (0, 2)]]
    """
    starts = [range(0, length, by) for length, by in zip(shape, step, strict=True)]
    for corner in corners(starts):
        yield tuple(
            slice(start, min(start + by, length)) for start, by, length in zip(corner, step, shape, strict=True)
        )


def corners(starts: Sequence[range]) -> Iterator[tuple[int, ...]]:
    """Yield one number of each range in every combination, the last range fastest.

    Unlike `itertools.product` it holds no range as a whole: a file may say that an array has any length.

    >>> list(corners([range(0, 4, 2), range(2)]))
    [(0, 0), (0, 1), (2, 0), (2, 1)]
    >>> list(corners([range(2**60), range(0)]))
    []
    """
    if not starts:
        yield ()
        return
    if not all(starts):  # else the others would be gone through in vain
        return
    for first in starts[0]:
        for rest in corners(starts[1:]):
            yield (first, *rest)


@attrs.frozen
class Origin:
    """The stored array in which values lie.

    Parameters
    ----------
    location : str
        Of the hierarchy, in the one spelling that the adapter's `Location` gives every hierarchy.
    path : str
        Of the dataset in it.
    """

    location: str
    path: str


@runtime_checkable
class RandomAccess(Protocol):
    """Values that can be read in any order."""

    @property
    def origin(self) -> Origin | None:
        """Where the values are stored, or None for values in memory."""
        ...

    def read(self, region: Region) -> np.ndarray:
        """Return the values of a region in normal form."""
        ...


@runtime_checkable
class Grained(Protocol):
    """Values of which some parts cost more to read than they hold: the chunks that they share must be decoded."""

    @property
    def grain(self) -> tuple[int, ...] | None:
        """The sides of the pieces in which values are best read; None where any piece costs what it holds."""
        ...


def grain_of(source: Any) -> tuple[int, ...] | None:
    """Return the sides of the pieces in which the values of a source are best read; None where it does not matter."""
    return source.grain if isinstance(source, Grained) else None


@runtime_checkable
class PartlyStored(Protocol):
    """Values of which few may be stored, however many the dataset says it has; the others are the fill value."""

    @property
    def fill_value(self) -> Any:
        """What values are that were never stored."""
        ...

    def stored_regions(self) -> Sequence[Region] | None:
        """Return regions outside of which nothing is stored; None where nobody knows, or most is.

        Regions do not overlap. There may be none.
        """
        ...


def stored_regions_of(source: Any, fill: Any = None) -> Sequence[Region] | None:
    """Return regions outside of which nothing is stored of a source; None where all of it has to be looked at.

    Parameters
    ----------
    source : Source
    fill : object, optional
        What is taken for values that were never stored. Where the source takes another, all has to be looked at.
    """
    if not isinstance(source, PartlyStored) or not (fill is None or is_same_fill(source.fill_value, fill)):
        return None
    return source.stored_regions()


def is_same_fill(one: Any, other: Any) -> bool:
    """Return whether two fill values are the same to the last bit: there is more than one zero, and NaN."""
    left, right = np.asarray(one), np.asarray(other)
    if left.dtype.hasobject or right.dtype.hasobject:
        return bool(left.tolist() == right.tolist())
    return left.dtype == right.dtype and left.tobytes() == right.tobytes()


@attrs.frozen(eq=False)
class ArraySource:
    """Values in memory, in normal form.

    Parameters
    ----------
    array : numpy.ndarray
        Of the dataset's shape.
    """

    array: np.ndarray

    @property
    def origin(self) -> None:
        """In memory: nowhere."""
        return None

    def read(self, region: Region) -> np.ndarray:
        """Return a view of the region."""
        return part(self.array, region)


@attrs.define(eq=False)
class Stream:
    """Values that come once, in an order of their own, as from a data chunk iterator.

    Parameters
    ----------
    pieces : iterable of (region, array)
        Regions may reach past the dataset's declared shape, which grows to hold them.
    at_random : RandomAccess, optional
        The same values where they can also be asked for in any order; several workers can share such a stream, each
        with its own copy.
    """

    pieces: Iterable[Piece]
    at_random: RandomAccess | None = None
    origin: None = attrs.field(default=None, init=False)


@attrs.frozen(eq=False)
class Unwritten:
    """A dataset set up to be filled later: every element is the fill value."""

    origin: None = attrs.field(default=None, init=False)


Source = RandomAccess | Stream | Unwritten


def read_whole(source: RandomAccess, shape: tuple[int, ...]) -> np.ndarray:
    """Return all values of a source; for values that are known to be small."""
    return source.read(whole(shape))


def slabs(shape: tuple[int, ...], chunks: tuple[int, ...], item_size: int, budget: int) -> tuple[int, ...]:
    """Return how many elements a side to read at once: whole chunks, as many as fit a budget.

    Parameters
    ----------
    shape, chunks : tuple of int
    item_size : int
        Bytes per element in memory.
    budget : int
        Bytes that one piece may take; a single chunk may exceed it.

    Examples
    --------
    >>> slabs((100, 6), (10, 3), 8, 8 * 30 * 4)
    (20, 6)
    """
    step = [min(chunk, max(length, 1)) for chunk, length in zip(chunks, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        rest = math.prod(step) * item_size
        times = max(1, budget // max(rest, 1))
        covered = -(-shape[axis] // max(chunks[axis], 1))
        step[axis] = min(step[axis] * min(times, max(covered, 1)), max(shape[axis], 1))
        if times < covered:
            break
    return tuple(step)


def aligned(
    shape: tuple[int, ...], chunks: tuple[int, ...], grain: tuple[int, ...] | None, item_size: int, budget: int
) -> tuple[int, ...]:
    """Return whole chunks, as few as hold whole grains of the source as well, as far as they fit a budget.

    Parameters
    ----------
    shape, chunks : tuple of int
        Of the dataset that is written.
    grain : tuple of int or None
        Sides of the pieces in which the source is best read.
    item_size, budget : int
        As for `slabs`. Where grains and chunks never meet within a quarter of it, a piece is as long as a grain, so
        that few grains are read twice.

    Examples
    --------
    >>> aligned((1000, 6), (10, 6), (40, 2), 8, 2**20)
    (40, 6)
    >>> aligned((1000, 6), (7, 6), (40, 2), 8, 2**12)
    (42, 6)
    """
    sides = list(chunks)
    for axis in reversed(range(len(sides) if grain is not None else 0)):
        one, best = chunks[axis], grain[axis]  # type: ignore[index]
        fitting = budget // max(1, math.prod(sides) * item_size)
        meeting = math.lcm(one, max(1, best)) // one
        times = meeting if meeting <= fitting // 4 else -(-best // one)
        sides[axis] = one * max(1, min(times, fitting, -(-shape[axis] // one)))
    return tuple(sides)


def normal_dtype(array: Any) -> np.dtype:
    """Return the dtype of `array` in native byte order."""
    dtype = np.dtype(array.dtype)
    return dtype if dtype.isnative else dtype.newbyteorder("=")
