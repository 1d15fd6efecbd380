"""Which codecs of format 3 a file may name, so that no name in a file makes code be imported.

zarr finds codecs by the entry points of installed packages, and imports the package when a document names one. A file
could so choose what is imported. Here a name counts if it is one of zarr's and numcodecs' own, or if the program has
registered a codec of that name itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import zarr.registry

__all__ = ["check_codecs"]

_OF_ZARR = ("bytes", "transpose", "blosc", "gzip", "zstd", "crc32c", "sharding_indexed", "vlen-utf8", "vlen-bytes")
_OF_NUMCODECS = (
    *("blosc", "lz4", "zstd", "zlib", "gzip", "bz2", "lzma", "shuffle", "delta", "bitround", "fixedscaleoffset"),
    *(
        "quantize",
        "packbits",
        "astype",
        "crc32",
        "crc32c",
        "adler32",
        "fletcher32",
        "jenkins_lookup3",
        "pcodec",
        "zfpy",
    ),
)
_KNOWN = frozenset([*_OF_ZARR, *(f"numcodecs.{name}" for name in _OF_NUMCODECS)])


def check_codecs(codecs: Iterable[Any]) -> None:
    """Raise `ValueError` where a document names a codec that nobody here has heard of, also within shards."""
    for codec in codecs:
        name, settings = (codec, {}) if isinstance(codec, str) else (codec["name"], codec.get("configuration") or {})
        if name not in _KNOWN and not _is_registered(name):
            raise ValueError(f"the codec {name!r} is not known here; if you trust it, import what registers it first")
        for inner in ("codecs", "index_codecs"):
            check_codecs(settings.get(inner) or ())


def _is_registered(name: Any) -> bool:
    """Return whether a codec of that name has been imported; asking zarr for it would import it.

    Where zarr keeps them is no public name, and two releases have two. Without it, no such codec counts.
    """
    spellings = ("_codec_registries", "__codec_registries")
    return any(getattr(zarr.registry, spelling, {}).get(name) for spelling in spellings)
