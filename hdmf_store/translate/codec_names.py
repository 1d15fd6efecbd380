"""Codec objects that users pass, as codecs by name.

Users pass codec objects of zarr 3, of numcodecs, or plain dictionaries; nodes name codecs as the Zarr v3 registry
does. Told apart by what the objects can say of themselves, so that no engine is imported.
"""

from __future__ import annotations

from typing import Any

from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import Codec

__all__ = ["codec_of", "codecs_of", "is_array_filter"]

_REGISTERED = frozenset(["gzip", "zstd", "blosc", "crc32c", "transpose", "bytes", "vlen-utf8", "vlen-bytes"])
_ARRAY_FILTERS = frozenset(
    [
        "delta",
        "fixedscaleoffset",
        "quantize",
        "astype",
        "packbits",
        "bitround",
        "transpose",
        "scale_offset",
        "cast_value",
    ]
)
_DEFAULTS: dict[str, dict[str, Any]] = {
    "gzip": {"level": 5},
    "zstd": {"level": 0, "checksum": False},
    "blosc": {"cname": "zstd", "clevel": 5, "shuffle": "auto"},
}
"""What a codec that comes with its name alone is configured as: zarr reads none without a configuration."""
_BLOSC_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")


def codec_of(value: Any) -> Codec:
    """Return one codec object by name.

    Parameters
    ----------
    value : Codec, dict, str, zarr codec or numcodecs codec
        Text is the name of a codec; a dictionary has ``name`` (Zarr v3) or ``id`` (numcodecs).

    Raises
    ------
    ArgumentError
        If it is none of these.
    """
    if isinstance(value, Codec):
        return value
    for describe in ("to_dict", "get_config"):
        if hasattr(value, describe):
            value = getattr(value, describe)()
            break
    if isinstance(value, str):
        value = {"name": value}
    if isinstance(value, dict) and "name" in value:
        name = value["name"]
        return Codec(name, {**_DEFAULTS.get(name, {}), **(value.get("configuration") or {})})
    if isinstance(value, dict) and "id" in value:
        return _from_numcodecs(dict(value))
    raise ArgumentError(f"{value!r} is no codec: pass one of zarr.codecs or numcodecs, or a dictionary with a name")


def _from_numcodecs(configuration: dict[str, Any]) -> Codec:
    name = configuration.pop("id")
    if name == "blosc":
        shuffle = configuration.get("shuffle", 1)
        known = {"cname", "clevel", "blocksize"} & configuration.keys()
        kept = {key: configuration[key] for key in sorted(known)}
        return Codec("blosc", {**kept, "shuffle": _BLOSC_SHUFFLES[shuffle] if shuffle >= 0 else "auto"})
    if name == "zstd":
        return Codec("zstd", {"level": configuration.get("level", 0), "checksum": configuration.get("checksum", False)})
    if name in _REGISTERED:
        return Codec(name, configuration)
    return Codec(f"numcodecs.{name}", configuration)


def codecs_of(value: Any) -> tuple[Codec, ...] | None:
    """Return the codecs of an argument: None for "choose", ``()`` for "none", else one or several.

    >>> codecs_of(True), codecs_of(False), codecs_of({"name": "gzip"})
    (None, (), (Codec(name='gzip', configuration={'level': 5}),))
    """
    if value is True or value == "auto":
        return None
    if value is None or value is False:
        return ()
    return tuple(codec_of(item) for item in (value if isinstance(value, list | tuple) else [value]))


def is_array_filter(codec: Codec) -> bool:
    """Return whether a codec maps arrays to arrays, and so stands before serialisation."""
    return codec.name.removeprefix("numcodecs.") in _ARRAY_FILTERS
