"""What stands for values that cannot be read: the file opens, asking for them is the error."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from hdmf.query import HDMFDataset

from hdmf_store.errors import HDMFStoreError

__all__ = ["UnreadableData"]


class UnreadableData(HDMFDataset):
    """Stands for values that cannot be decoded or lead nowhere.

    HDMF takes it for an array, so that a container is made of the rest of the file.

    Parameters
    ----------
    problem : HDMFStoreError
        What whoever asks for the values gets.
    shape : tuple of int, optional
        That of the dataset.
    """

    def __init__(self, problem: HDMFStoreError, shape: tuple[int, ...] = ()) -> None:
        self.problem = problem
        self.shape = shape
        self.maxshape = shape

    @property
    def dtype(self) -> np.dtype:
        """Any: the type is not known."""
        return np.dtype(object)

    def _refuse(self) -> NoReturn:
        raise self.problem.with_traceback(None)

    @property
    def dataset(self) -> Any:
        """The values, which cannot be had."""
        return self._refuse()

    @property
    def builder(self) -> Any:
        """What a `ReferenceBuilder` leads to."""
        return self._refuse()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar has no length")
        return self.shape[0]

    def __getitem__(self, selection: Any) -> Any:
        return self._refuse()

    def __iter__(self) -> Any:
        return self._refuse()

    def __next__(self) -> Any:
        return self._refuse()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._refuse()

    def append(self, arg: Any) -> None:
        """Refuse: there is nothing to which something could be added."""
        self._refuse()

    def __repr__(self) -> str:
        return f"<values that cannot be read: {self.problem}>"
