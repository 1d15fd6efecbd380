"""How a dataset is laid out in its store: chunks, codecs, names of its axes.

Frozen data; every field left at None is for the adapter to choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["Codec", "Layout"]


def _at_least_one(_instance: object, attribute: Any, lengths: tuple[int, ...] | str | None) -> None:
    if isinstance(lengths, tuple) and any(length < 1 for length in lengths):
        raise ValueError(f"{attribute.name} must be at least 1 along every axis, not {lengths}")


def _optional_tuple(value: Any) -> tuple | None:
    return None if value is None else tuple(value)


def _lengths_or_auto(value: Any) -> tuple[int, ...] | str | None:
    return value if value is None or value == "auto" else tuple(value)


@attrs.frozen
class Codec:
    """One step of encoding, by its name in the Zarr v3 registry and its parameters.

    Parameters
    ----------
    name : str
        ``"zstd"``, ``"blosc"``, ``"gzip"``, ``"numcodecs.delta"``, ...
    configuration : dict
        What the codec's specification names.
    """

    name: str
    configuration: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Layout:
    """The wishes of an author, or what is stored, about the layout of one dataset.

    Parameters
    ----------
    chunks, shards : tuple of int, optional
        Shape of one chunk; of one stored object that holds several chunks, ``"auto"`` to have it chosen.
    chunk_bytes : int, optional
        Most bytes of values in a chunk whose shape is left open.
    filters, compressors : tuple of Codec, optional
        Array to array and bytes to bytes steps, in the order of encoding. ``()`` is "none at all".
    serializer : Codec, optional
        The step from array to bytes.
    fill_value : object, optional
        The value of elements that were never written.
    dimension_names : tuple of str or None, optional
        One name for each axis.
    separator : str, optional
        Between the indices of a chunk's key, ``"/"`` or ``"."``.
    maxshape : tuple of int or None, optional
        How far each axis may grow, None without bound; only stores that fix it at creation ask.
    native : object, optional
        The layout of stored data in terms that only stores of the same kind know; all others choose by the rest. Its
        text is for people.
    """

    chunks: tuple[int, ...] | None = attrs.field(default=None, converter=_optional_tuple, validator=_at_least_one)
    shards: tuple[int, ...] | str | None = attrs.field(
        default=None, converter=_lengths_or_auto, validator=_at_least_one
    )
    chunk_bytes: int | None = None
    filters: tuple[Codec, ...] | None = attrs.field(default=None, converter=_optional_tuple)
    serializer: Codec | None = None
    compressors: tuple[Codec, ...] | None = attrs.field(default=None, converter=_optional_tuple)
    fill_value: Any = attrs.field(default=None, eq=False)
    dimension_names: tuple[str | None, ...] | None = attrs.field(default=None, converter=_optional_tuple)
    separator: str | None = attrs.field(default=None, validator=attrs.validators.in_((None, "/", ".")))
    maxshape: tuple[int | None, ...] | None = attrs.field(default=None, converter=_optional_tuple)
    native: Any = attrs.field(default=None, eq=False)
