"""Codecs of format 3: what an author wishes as a document names it, and the layout that a document's codecs say."""

from __future__ import annotations

from typing import Any

from hdmf_store.nodes import Bytes, Codec, ElementType, Layout, Number, ReferenceTo, Text
from hdmf_store_adapters.array_record import tiled
from hdmf_store_adapters.zarr_v3_types import plain_fill

__all__ = ["encode_codec", "layout_of", "serializer_of", "sharding_of", "spelled_out"]

_OBJECT_CODECS = frozenset(
    f"numcodecs.{name}" for name in ("json2", "msgpack2", "pickle", "vlen-array", "vlen-bytes", "vlen-utf8")
)
"""Steps of object arrays, which only format 2 has."""


def encode_codec(codec: Codec, element: ElementType) -> dict[str, Any]:
    """Return a codec as a document names it, with the settings that the registry requires."""
    settings = dict(codec.configuration)
    if codec.name == "blosc":  # what the registry requires and numcodecs finds out for itself
        size = element.dtype.itemsize if isinstance(element, Number) else 1
        settings.setdefault("typesize", size)
        settings.setdefault("blocksize", 0)
        if settings.get("shuffle", "auto") == "auto":
            settings["shuffle"] = "shuffle" if size > 1 else "bitshuffle"
    needs_settings = settings or codec.name.startswith("numcodecs.")  # zarr refuses one of these without any
    return {"name": codec.name, "configuration": settings} if needs_settings else {"name": codec.name}


def serializer_of(wished: Codec | None, element: ElementType) -> dict[str, Any]:
    """Return the step from array to bytes: what is wished where it suits the elements.

    A layout that was read may come with a step for elements of another kind, or of an older format.
    """
    default = _default_serializer(element)
    if wished is None or wished.name in _OBJECT_CODECS:
        return default
    if wished.name == default["name"] and not wished.configuration:
        return default  # in its one spelling
    is_for_numbers = wished.name not in ("vlen-utf8", "vlen-bytes")
    return encode_codec(wished, element) if is_for_numbers == (default["name"] == "bytes") else default


def _default_serializer(element: ElementType) -> dict[str, Any]:
    if isinstance(element, Text | ReferenceTo):
        return {"name": "vlen-utf8", "configuration": {}}
    if isinstance(element, Bytes):
        return {"name": "vlen-bytes", "configuration": {}}
    if isinstance(element, Number) and element.dtype.itemsize == 1:
        return {"name": "bytes"}
    return {"name": "bytes", "configuration": {"endian": "little"}}


def sharding_of(chunks: tuple[int, ...], codecs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the codec that holds several chunks, encoded by other codecs, in one stored object."""
    index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": list(chunks),
            "codecs": codecs,
            "index_codecs": index,
            "index_location": "end",
        },
    }


def layout_of(codecs: list[Any], stored: tuple[int, ...], fill: Any, element: ElementType) -> Layout:
    """Return the layout that the codecs of a document say.

    Parameters
    ----------
    codecs : list
        As in the document.
    stored : tuple of int
        The shape of what one key holds.
    fill : object
        The fill value, as in the document.
    element : ElementType
    """
    chunks, shards = stored, None
    steps = [Codec(c) if isinstance(c, str) else Codec(c["name"], c.get("configuration") or {}) for c in codecs]
    if len(steps) == 1 and steps[0].name == "sharding_indexed":
        inner = steps[0].configuration
        shards, chunks = tiled(list(stored), inner["chunk_shape"])
        steps = [Codec(c["name"], c.get("configuration") or {}) for c in inner["codecs"]]
    at = next((i for i, s in enumerate(steps) if s.name in ("bytes", "vlen-utf8", "vlen-bytes")), None)
    if at is None:
        return Layout(chunks=chunks, shards=shards)
    return Layout(
        chunks=chunks,
        shards=shards,
        filters=steps[:at],
        serializer=steps[at],
        compressors=steps[at + 1 :],
        fill_value=plain_fill(fill) if isinstance(element, Number) else None,
    )


def spelled_out(codec: Any) -> dict[str, Any]:
    """Return a codec of a document in the one spelling in which equal codecs are equal."""
    if isinstance(codec, str):
        codec = {"name": codec}
    settings = dict(codec.get("configuration") or {})
    for nested in {"codecs", "index_codecs"} & settings.keys():
        settings[nested] = [spelled_out(item) for item in settings[nested]]
    return {"name": codec["name"], "configuration": settings}
