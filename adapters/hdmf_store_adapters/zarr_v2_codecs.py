"""Codecs as format 2 names them, both ways: numcodecs' identifiers there, the names of the v3 registry in nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmf_store.nodes import Bytes, Codec, ElementType, Number, ReferenceTo, Text
from hdmf_store_adapters.chunk_codecs import BLOSC_SHUFFLES
from hdmf_store_adapters.zarr_v2_types import is_rows, stored_dtype

__all__ = ["BYTE_FILTERS", "JSON_CODEC", "codec_of", "numcodecs_of", "object_codec", "sized"]

_JSON_CODEC = {
    "id": "json2",
    "allow_nan": True,
    "check_circular": True,
    "encoding": "utf-8",
    "ensure_ascii": True,
    "indent": None,
    "separators": [",", ":"],
    "skipkeys": False,
    "sort_keys": True,
    "strict": True,
}
BYTE_FILTERS = frozenset(
    ["shuffle", "zlib", "gzip", "bz2", "lzma", "lz4", "zstd", "blosc", "crc32", "crc32c", "adler32", "fletcher32"]
)
JSON_CODEC = Codec("numcodecs.json2", {key: value for key, value in _JSON_CODEC.items() if key != "id"})
"""The codec of references and rows, by its name in nodes."""

_SHUFFLE_NAMES = {number: name for name, number in BLOSC_SHUFFLES.items()}


def sized(codec: Codec, element: ElementType) -> Codec:
    """Return blosc with the size of elements, which v2 documents leave to the codec to find out."""
    if codec.name != "blosc" or not isinstance(element, Number):
        return codec
    return Codec("blosc", {"typesize": element.dtype.itemsize, **codec.configuration})


def codec_of(stored: Mapping[str, Any]) -> Codec:
    """Return a codec of a document by its name in the v3 registry, which nodes use."""
    settings: dict[str, Any] = {key: value for key, value in stored.items() if key != "id"}
    if stored["id"] == "blosc":
        kept: dict[str, Any] = {key: settings[key] for key in ("cname", "clevel", "blocksize") if key in settings}
        return Codec("blosc", {**kept, "shuffle": _SHUFFLE_NAMES.get(settings.get("shuffle", 1), "auto")})
    if stored["id"] == "zstd":
        return Codec("zstd", {"level": settings.get("level", 0), "checksum": settings.get("checksum", False)})
    return Codec("gzip", settings) if stored["id"] == "gzip" else Codec(f"numcodecs.{stored['id']}", settings)


def object_codec(element: ElementType, wished: Codec | None) -> list[dict[str, Any]]:
    """Return the first filter of an object array: the wished one, or the one that its element type has."""
    if stored_dtype(element) == "|O" and wished is not None and wished.name.startswith("numcodecs."):
        return [numcodecs_of(wished, element)]
    if isinstance(element, Text | Bytes):
        return [{"id": "vlen-utf8" if element == Text() else "vlen-bytes"}]
    return [dict(_JSON_CODEC)] if isinstance(element, ReferenceTo) or is_rows(element) else []


def numcodecs_of(codec: Codec, element: ElementType) -> dict[str, Any]:
    """Return a codec as format 2 stores it."""
    settings = {key: value for key, value in codec.configuration.items() if key not in ("typesize", "name")}
    if codec.name == "blosc":
        shuffle = settings.get("shuffle", "noshuffle")
        settings["shuffle"] = -1 if shuffle == "auto" else BLOSC_SHUFFLES[shuffle]
    return {"id": codec.name.removeprefix("numcodecs."), **settings}
