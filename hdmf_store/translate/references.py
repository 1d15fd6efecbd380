"""Datasets of references as HDMF asks for them: indexing yields builders, or containers once inverted.

Resolution is a look-up in a dictionary; nothing is opened to resolve a reference within its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hdmf.query import BuilderResolver, ContainerResolver, HDMFDataset, ReferenceResolver

from hdmf_store.nodes import Compound, Dataset, ReferenceTo, Target, each
from hdmf_store.translate.declared import declaration_of

__all__ = ["ReferencesToBuilders", "ReferencesToContainers", "Resolve", "StoredReferences", "references"]

Resolve = Callable[[Target], Any]
"""From a target to the builder or container that it names."""


class StoredReferences(HDMFDataset, ReferenceResolver):
    """A stored dataset whose elements, or some of whose fields, are references.

    Parameters
    ----------
    node : Dataset
        What is stored.
    array : object
        Its lazy array, whose elements are targets.
    builder, container : callable
        From a target to what it names.
    append : callable
        Stores one more element at the end; it is given an object, or a row that holds objects.
    """

    def __init__(
        self, node: Dataset, array: Any, builder: Resolve, container: Resolve, append: Callable[[Any], None]
    ) -> None:
        # HDMFDataset's own constructor checks the type of the array against a list made before we were imported
        self.node = node
        self._array = array
        self._builder = builder
        self._container = container
        self._append = append

    @property
    def dataset(self) -> Any:
        """The lazy array, whose elements are targets."""
        return self._array

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return tuple(self._array.shape)

    @property
    def dtype(self) -> Any:
        """``"object"``, or the types of the fields by name, as HDMF's validator expects them."""
        element = self.node.element
        return [field["dtype"] for field in declaration_of(element)] if isinstance(element, Compound) else "object"

    @property
    def types(self) -> list[Any]:
        """The types of the fields of a table."""
        return list(self.dtype) if isinstance(self.dtype, list) else [self.dtype]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, selection: Any) -> Any:
        if isinstance(selection, list | tuple) and not (selection and isinstance(selection, tuple)):
            selection = np.asarray(selection, dtype=None if len(selection) else int)
        return self._resolved(self._array[selection])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._resolved(self._array[...]))

    def __next__(self) -> Any:
        raise TypeError("iterate over iter(dataset)")

    def resolve(self, manager: Any) -> Any:
        """Return all elements, resolved."""
        return self[0 : len(self)]

    def append(self, arg: Any) -> None:
        """Store one more element at the end."""
        self._append(arg)

    def invert(self) -> StoredReferences:
        """Return the same dataset with elements resolved the other way."""
        cls = self.get_inverse_class()
        return cls(self.node, self._array, self._builder, self._container, self._append)

    def _object(self, target: Target | None) -> Any:
        if target is None:
            return None
        return self._container(target) if isinstance(self, ContainerResolver) else self._builder(target)

    def _resolved(self, found: Any) -> Any:
        if isinstance(self.node.element, Compound):
            return self._resolved_rows(found)
        if isinstance(found, np.ndarray):
            return [self._object(target) for target in found.reshape(-1).tolist()]
        return self._object(found)

    def _resolved_rows(self, found: Any) -> Any:
        rows = np.asarray(found)
        resolved = rows.copy()
        for field in self.node.element.fields:  # type: ignore[union-attr]
            if isinstance(field.type, ReferenceTo):
                resolved[field.name] = each(rows[field.name], self._object)
        return resolved if resolved.ndim else resolved[()]

    @classmethod
    def get_inverse_class(cls) -> type[StoredReferences]:
        """Return the class that resolves the other way."""
        return ReferencesToBuilders if issubclass(cls, ContainerResolver) else ReferencesToContainers


class ReferencesToBuilders(StoredReferences, BuilderResolver):
    """Elements are builders."""


class ReferencesToContainers(StoredReferences, ContainerResolver):
    """Elements are containers."""


def references(
    node: Dataset, array: Any, builder: Resolve, container: Resolve, append: Callable[[Any], None]
) -> StoredReferences:
    """Return a dataset of references as builders hold it: indexing yields builders."""
    return ReferencesToBuilders(node, array, builder, container, append)
