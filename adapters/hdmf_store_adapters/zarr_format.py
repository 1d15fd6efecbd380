"""What a Zarr format is: pure functions between nodes and documents. Each format is one module with these names.

The adapter asks a format and never which one it is. In memory, the document of a node is one mapping, however many
files the format stores it in; only the format looks inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from hdmf_store.nodes import Codec, Dataset, Group, Link, Target
from hdmf_store_adapters import zarr_v2, zarr_v3
from hdmf_store_adapters.array_record import ArrayRecord

__all__ = ["FORMATS", "Document", "ZarrFormat"]

Document = dict[str, Any]


class ZarrFormat(Protocol):
    """One Zarr format."""

    VERSION: int
    DOCUMENTS: tuple[str, ...]
    """The names of the files that hold documents."""
    COPY: str | None
    """The file of the root that holds a copy of all documents; None where that lies in the root's own document."""
    SHARDS: bool
    """Whether chunks can be packed in shards."""
    SIGNS: tuple[str, ...]
    """The files of a root by which the format is recognised, the likeliest first."""

    CELL_FORM: Callable[[Target | None], Any] | None
    """The stored form of a reference in a record, where text in records has a fixed width; None where it has not."""

    SPECIFICATION_CODEC: Codec | None
    """What serialises cached specifications, where that is not what serialises other text."""

    def consolidated(self, read: Callable[[str], bytes | None], location: str) -> dict[str, Document] | None:
        """Return all documents by path from where they are consolidated, or None if they are not."""
        ...

    def is_current(
        self, documents: Mapping[str, Mapping[str, Any]], read: Callable[[str], bytes | None], location: str
    ) -> bool:
        """Return whether consolidated documents have the cached specifications, which some releases added later."""
        ...

    def gathered(self, files: Mapping[str, bytes], location: str) -> dict[str, Document]:
        """Return all documents by path from the files that a crawl found."""
        ...

    def files(self, path: str, document: Mapping[str, Any]) -> list[tuple[str, bytes]]:
        """Return the files in which a node's document is stored."""
        ...

    def root_files(self, documents: Mapping[str, Mapping[str, Any]], consolidate_them: bool) -> list[tuple[str, bytes]]:
        """Return the files of the root, the one that commits a write last."""
        ...

    def group_document(self, group: Group, links: Mapping[str, Link], location: str, path: str) -> Document:
        """Return the document of a group, with the links that stand in it."""
        ...

    def array_document(
        self, dataset: Dataset, widths: Mapping[tuple[str, ...], int], location: str, path: str
    ) -> Document:
        """Return the document of a dataset."""
        ...

    def decode_group(
        self, document: Mapping[str, Any], location: str, path: str, itself: frozenset[str]
    ) -> tuple[Group | Link, dict[str, Link]]:
        """Return a group and the links in it; a link where the format stores links as groups."""
        ...

    def decode_array(
        self, document: Mapping[str, Any], location: str, path: str, itself: frozenset[str]
    ) -> tuple[Dataset, ArrayRecord]:
        """Return a dataset without values, and how its chunks are decoded."""
        ...

    def is_undeclared(self, document: Mapping[str, Any]) -> bool:
        """Return whether only the values of an array tell whether they are text or references."""
        ...

    def as_references(self, document: Mapping[str, Any]) -> Document:
        """Return an undeclared array's document with the declaration that its values are references."""
        ...

    def with_attributes(self, document: Mapping[str, Any], dataset: Dataset, location: str, path: str) -> Document:
        """Return a stored dataset's document with other attributes; the format's own stay."""
        ...

    def resized(self, document: Mapping[str, Any], shape: tuple[int, ...]) -> Document:
        """Return an array's document with another shape."""
        ...

    def is_superseded(self, document: Mapping[str, Any]) -> bool:
        """Return whether an array is stored in a form that is read but no longer written."""
        ...

    def zarr_file(self, document: Mapping[str, Any], name: str) -> bytes | None:
        """Return what zarr-python is shown as a node's file of that name.

        Raises
        ------
        ValueError
            If zarr would import or run something because of it; others of `NOT_UNDERSTOOD` if it makes no sense.
        """
        ...

    def changed_by_zarr(
        self, document: Mapping[str, Any], name: str, data: bytes, location: str, path: str
    ) -> Document:
        """Return a node's document with what zarr-python changed in the file of that name."""
        ...

    def coding(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what turns the values of an array's chunks into bytes, in the order of encoding, in one spelling."""
        ...

    def alone(self, document: Mapping[str, Any], record: ArrayRecord) -> Document:
        """Return the document of an array that has just one chunk of an array's own chunks."""
        ...


FORMATS: dict[int, ZarrFormat] = {
    zarr_v3.VERSION: cast(ZarrFormat, zarr_v3),
    zarr_v2.VERSION: cast(ZarrFormat, zarr_v2),
}
"""By version, in the order in which a place is asked for them."""
