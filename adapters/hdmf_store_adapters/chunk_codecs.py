"""How the bytes of one chunk become an array, and back.

A chain of codecs as a Zarr v3 document lists it is turned into two functions over numcodecs, which is
what zarr's own codecs call: a chunk of a small array costs microseconds here and a third of a
millisecond through zarr's array machinery. A chain with a step that is not known here yields None;
zarr's arrays serve such a dataset instead.

Source: Zarr v3 core specification, chapters on codecs; zarr-extensions, codecs ``vlen-utf8``,
``vlen-bytes``, ``zstd``; numcodecs' registered v3 names (``numcodecs.*``).
"""

from __future__ import annotations

import json
import lzma
import math
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import attrs
import google_crc32c
import numcodecs
import numcodecs.abc
import numpy as np

from hdmf_store_adapters.announced_sizes import announced_by_blosc
from hdmf_store_adapters.bounded_decoding import check_count, decode_step, room_for
from hdmf_store_adapters.chunk_lengths import check_whole

__all__ = ["BLOSC_SHUFFLES", "DECODING_ERRORS", "ChunkCodec", "byte_step", "chunk_codec", "decode_step_into"]

DECODING_ERRORS = (
    *(
        ValueError,
        TypeError,
        RuntimeError,
        LookupError,
        OSError,
        EOFError,
        AttributeError,
        ArithmeticError,
        MemoryError,
        SyntaxError,  # of a type that a filter names
    ),
    *(zlib.error, lzma.LZMAError),
)
"""What codecs raise for bytes that are not what they should be; each library has its own kinds."""

BLOSC_SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


class _SteadyGZip(numcodecs.GZip):
    """Gzip without the time of day in its header (RFC 1952, bytes 4 to 8), so that equal values are equal bytes."""

    def encode(self, buf: Any) -> bytes:
        data = bytes(super().encode(buf))
        return data[:4] + bytes(4) + data[8:]


class _CRC32C(numcodecs.abc.Codec):
    """The sum that Zarr format 3 calls ``crc32c``: four bytes at the end, the lowest first."""

    codec_id = "crc32c"

    def encode(self, buf: Any) -> bytes:
        data = _as_bytes(buf)
        return data + google_crc32c.value(data).to_bytes(4, "little")

    def decode(self, buf: Any, out: Any = None) -> bytes:
        data = _as_bytes(buf)
        if len(data) < 4 or google_crc32c.value(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise ValueError("its checksum does not fit: the bytes are not those that were written")
        return data[:-4]


def _as_bytes(buffer: Any) -> bytes:
    return buffer if isinstance(buffer, bytes) else bytes(np.ascontiguousarray(buffer).view(np.uint8).data)


# Steps that map bytes to bytes and run no code of the file's choosing: the codec's name in a document is
# looked up here and nowhere else, so that a file cannot name a class of another package.
_NUMCODECS_BYTES = {
    "numcodecs.zlib": numcodecs.Zlib,
    "numcodecs.gzip": numcodecs.GZip,
    "numcodecs.bz2": numcodecs.BZ2,
    "numcodecs.lzma": numcodecs.LZMA,
    "numcodecs.lz4": numcodecs.LZ4,
    "numcodecs.zstd": numcodecs.Zstd,
    "numcodecs.blosc": numcodecs.Blosc,
    "numcodecs.shuffle": numcodecs.Shuffle,
    "numcodecs.crc32": numcodecs.CRC32,
    "numcodecs.adler32": numcodecs.Adler32,
    "numcodecs.fletcher32": numcodecs.Fletcher32,
}


@attrs.frozen(eq=False)
class ChunkCodec:
    """Encoding and decoding of the chunks of one dataset.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the decoded array; object for text and bytes.
    order : tuple of int, optional
        The permutation of axes before serialisation.
    variable : numcodecs codec, optional
        Serialises arrays of variable-length elements; None for numbers and records.
    steps : tuple of numcodecs codecs
        Bytes to bytes, in the order of encoding.
    """

    dtype: np.dtype
    order: tuple[int, ...] | None
    variable: Any
    steps: tuple[numcodecs.abc.Codec, ...]

    def encode(self, array: np.ndarray) -> bytes:
        """Return the bytes of a chunk that has the chunk's full shape."""
        if self.order is not None:
            array = array.transpose(self.order)
        if self.variable is not None:
            data: Any = self.variable.encode(array.reshape(-1))
        else:
            data = np.ascontiguousarray(array, dtype=self.dtype).reshape(-1)
            if data.dtype.names or not self.steps:
                data = data.view(f"V{self.dtype.itemsize}") if self.steps else data.tobytes()
        for step in self.steps:
            data = step.encode(data)
        return bytes(data) if not isinstance(data, bytes) else data

    def decode_into(self, data: bytes, out: np.ndarray) -> bool:
        """Decode a chunk right into an array of its shape, where that spares a copy; return whether that was done."""
        plain = self.order is None and self.variable is None and len(self.steps) == 1 and out.dtype == self.dtype
        return plain and decode_step_into(self.steps[0], data, out)

    def check(self, data: bytes, shape: tuple[int, ...]) -> None:
        """Raise `ValueError` for bytes that cannot be all of a chunk, as far as that shows without decoding them."""
        size = None if self.variable is not None else int(np.prod(shape)) * self.dtype.itemsize
        check_whole(self.steps, data, size)

    def decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Return the array of a chunk of that shape; it may be a view of `data`, hence read-only.

        Raises
        ------
        ValueError
            If the bytes do not hold what the shape and type say.
        """
        buffer: Any = data
        count = math.prod(shape)
        room = room_for(data, shape, self.dtype, self.steps) if self.steps else 0
        for at, step in reversed(list(enumerate(self.steps))):
            is_known = at == 0 and self.variable is None
            buffer = decode_step(step, buffer, room, count * self.dtype.itemsize if is_known else None)
        if self.variable is not None:
            check_count(buffer)
        flat = np.frombuffer(buffer, dtype=self.dtype) if self.variable is None else self.variable.decode(buffer)
        if flat.size != count:
            raise ValueError(f"the chunk holds {flat.size} elements where its shape {shape} needs {count}")
        if self.order is None:
            return flat.reshape(shape)
        stored = tuple(shape[axis] for axis in self.order)
        return flat.reshape(stored).transpose(np.argsort(self.order))


def decode_step_into(step: Any, data: bytes, out: np.ndarray) -> bool:
    """Decode the only step of a chain right into an array, if it is one that can; return whether it was.

    Parameters
    ----------
    step : numcodecs codec
    data : bytes
    out : numpy.ndarray
        Of the chunk's shape and stored type. Where that is not contiguous in memory, nothing is done.
    """
    if not isinstance(step, numcodecs.Blosc) or not out.flags.c_contiguous or announced_by_blosc(data) != out.nbytes:
        return False
    step.decode(data, out.reshape(-1).view(np.uint8))
    return True


def chunk_codec(codecs: Sequence[dict[str, Any]], dtype: np.dtype | None) -> ChunkCodec | None:
    """Return the codec for a v3 document's list of codecs, or None if a step is not known here.

    Parameters
    ----------
    codecs : list of dict
        As in the document.
    dtype : numpy.dtype or None
        Native dtype of the elements; None for elements of variable length.
    """
    return _chunk_codec(json.dumps(codecs, sort_keys=True), None if dtype is None else np.dtype(dtype))


@lru_cache(maxsize=512)
def _chunk_codec(codecs_json: str, dtype: np.dtype | None) -> ChunkCodec | None:
    order: tuple[int, ...] | None = None
    serialised: tuple[np.dtype, Any] | None = None
    steps: list[numcodecs.abc.Codec] = []
    for codec in json.loads(codecs_json):
        if isinstance(codec, str):
            codec = {"name": codec}
        name, configuration = codec["name"], codec.get("configuration") or {}
        if order is not None and name == "transpose":
            return None
        if serialised is None and name == "transpose" and isinstance(configuration.get("order"), list):
            order = tuple(configuration["order"])
        elif serialised is None:
            serialised = _serializer(name, configuration, dtype)
            if serialised is None:
                return None
        else:
            step = byte_step(name, configuration, 1 if dtype is None else dtype.itemsize)
            if step is None:
                return None
            steps.append(step)
    if serialised is None:
        return None
    return ChunkCodec(serialised[0], order, serialised[1], tuple(steps))


def _serializer(name: str, configuration: dict[str, Any], dtype: np.dtype | None) -> tuple[np.dtype, Any] | None:
    if dtype is None:
        variable: dict[str, Callable[[], Any]] = {"vlen-utf8": numcodecs.VLenUTF8, "vlen-bytes": numcodecs.VLenBytes}
        return (np.dtype(object), variable[name]()) if name in variable else None
    if name != "bytes":
        return None
    return (dtype.newbyteorder(">" if configuration.get("endian") == "big" else "<"), None)


def byte_step(name: str, configuration: dict[str, Any], item_size: int) -> numcodecs.abc.Codec | None:
    """Return the step from bytes to bytes that a document names, or None if that is not known here.

    Parameters
    ----------
    name : str
    configuration : dict
        As in the document.
    item_size : int
        Bytes per element.
    """
    if name == "blosc":
        return numcodecs.Blosc(
            cname=configuration.get("cname", "zstd"),
            clevel=configuration.get("clevel", 5),
            shuffle=BLOSC_SHUFFLES[configuration.get("shuffle", "noshuffle")],
            blocksize=configuration.get("blocksize", 0),
        )
    if name == "zstd":
        return numcodecs.Zstd(level=configuration.get("level", 0), checksum=configuration.get("checksum", False))
    if name == "gzip":
        return _SteadyGZip(level=configuration.get("level", 5))
    if name == "crc32c":
        return _CRC32C()
    if name in _NUMCODECS_BYTES:
        known: Callable[..., numcodecs.abc.Codec] = _NUMCODECS_BYTES[name]
        settings = {key: value for key, value in configuration.items() if key != "id"}
        if name == "numcodecs.shuffle":
            settings.setdefault("elementsize", item_size)
        return known(**settings)
    return None
