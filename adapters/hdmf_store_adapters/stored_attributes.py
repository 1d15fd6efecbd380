"""The attributes of a stored array, as the mapping that zarr and h5py users know; each change is stored at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol

__all__ = ["HasAttributes", "StoredAttributes"]


class HasAttributes(Protocol):
    """What the attributes ask of their array."""

    def stored_attributes(self) -> dict[str, Any]:
        """Return the attributes as JSON holds them."""
        ...

    def change_attributes(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Store what a function makes of the attributes as they are stored at that moment."""
        ...


class StoredAttributes(MutableMapping[str, Any]):
    """The attributes of a stored array.

    Parameters
    ----------
    array : StoredArray
    """

    def __init__(self, array: HasAttributes) -> None:
        self._array = array

    def __getitem__(self, name: str) -> Any:
        return self._array.stored_attributes()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._array.stored_attributes())

    def __len__(self) -> int:
        return len(self._array.stored_attributes())

    def __setitem__(self, name: str, value: Any) -> None:
        self._array.change_attributes(lambda held: held.update({name: value}))

    def __delitem__(self, name: str) -> None:
        self._array.change_attributes(lambda held: held.pop(name))

    def __repr__(self) -> str:
        return repr(self.asdict())

    def update(self, *others: Any, **named: Any) -> None:
        """Store several attributes in one step."""
        new = dict(*others, **named)
        self._array.change_attributes(lambda held: held.update(new))

    def put(self, attributes: Mapping[str, Any]) -> None:
        """Store these attributes in place of all others."""

        def replace(held: dict[str, Any]) -> None:
            held.clear()
            held.update(attributes)

        self._array.change_attributes(replace)

    def asdict(self) -> dict[str, Any]:
        """Return the attributes as a new dictionary."""
        return self._array.stored_attributes()
