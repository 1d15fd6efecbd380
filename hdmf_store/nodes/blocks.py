"""Values that are stored a block of rows at a time, for stores that cut arrays along their first axis only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from hdmf_store.nodes.elements import ElementType
from hdmf_store.nodes.hierarchy import Dataset
from hdmf_store.nodes.settled import settled
from hdmf_store.nodes.sources import Origin, Region, whole

__all__ = ["Blocks", "blocks_of"]

_BLOCK_BYTES = 2**20
_OBJECT_BYTES = 64  # of text, on average


@attrs.frozen(eq=False)
class Blocks:
    """The values of one dataset: a source for translation, and the lazy array that users get.

    Indexing reads the blocks that a slice along the first axis touches, and everything for other selections; what
    comes back is what numpy would give.

    Parameters
    ----------
    element : ElementType
    shape : tuple of int
    read_block : callable
        Returns the values of the block that begins at a row, None for one that was never stored. A scalar is the block
        at 0.
    origin : Origin
        Where they are stored.
    """

    element: ElementType
    shape: tuple[int, ...]
    read_block: Callable[[int], np.ndarray | None] = attrs.field(repr=False)
    origin: Origin

    @property
    def dtype(self) -> np.dtype:
        """The dtype of values in normal form."""
        return self.element.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def read(self, region: Region) -> np.ndarray:
        """Return the values of a region in normal form."""
        if not self.shape:
            found = self.read_block(0)
            return np.zeros((), self.dtype) if found is None else found
        step, (rows, *others) = _rows(self.element, self.shape), region
        array = np.zeros((rows.stop - rows.start, *self.shape[1:]), self.dtype)
        for start in range(rows.start // step * step, rows.stop, step):
            found = self.read_block(start)
            if found is not None:
                first, stop = max(rows.start, start), min(rows.stop, start + len(found))
                array[first - rows.start : stop - rows.start] = found[first - start : stop - start]
        return array[(slice(None), *others)]

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.read(whole(self.shape)), dtype)

    def __getitem__(self, selection: Any) -> Any:
        parts = selection if isinstance(selection, tuple) else (selection,)
        if self.shape and parts and isinstance(parts[0], slice) and parts[0].step in (None, 1):
            start, stop, _ = parts[0].indices(self.shape[0])
            rows = self.read((slice(start, max(start, stop)), *whole(self.shape[1:])))
            return rows[(slice(None), *parts[1:])]
        return np.asarray(self)[selection]


def blocks_of(dataset: Dataset) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first row and the values of each block that a settled dataset is to be stored in.

    Memory holds one block at a time.
    """
    values: Any = settled(dataset).values
    if not dataset.shape:
        yield 0, values.read(())
        return
    step = _rows(dataset.element, dataset.shape)
    for start in range(0, dataset.shape[0], step):
        rows = slice(start, min(start + step, dataset.shape[0]))
        yield start, values.read((rows, *whole(dataset.shape[1:])))


def _rows(element: ElementType, shape: tuple[int, ...]) -> int:
    """Return how many rows make a block."""
    item = _OBJECT_BYTES if element.dtype.hasobject else element.dtype.itemsize
    return max(1, _BLOCK_BYTES // max(1, math.prod(shape[1:]) * item))
