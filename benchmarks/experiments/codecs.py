"""Codecs beside each other: how small and how fast they make what laboratories record.

Run it from the top of a checkout, in an environment with this package::

    python -m benchmarks.experiments.codecs [--rounds 5] [--chunks 8]

Each codec encodes the same chunks of about 4 MiB through the package's own chain of codecs, in one thread. Speeds are
bytes of values by seconds of processor time, the best round counts; *ratio* is encoded bytes by bytes of values, so
smaller is better. The row with a star is what the package chooses where nobody wishes for anything. It prints tables
in Markdown, which stand in ``docs/codecs.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.data import CHANNELS, RATE, recording
from hdmf_store.nodes import ElementType, Number, Text
from hdmf_store_adapters.chunk_codecs import ChunkCodec, chunk_codec
from hdmf_store_adapters.layout_choice import chunk_shape, default_compressors, item_size

_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}


@dataclass(frozen=True)
class Kind:
    """Values of one kind, as a dataset that is cut into chunks along its first axis."""

    name: str
    element: ElementType
    make: Callable[[int], np.ndarray]

    def chunks(self, count: int) -> list[np.ndarray]:
        """Return `count` chunks of the shape that the package chooses."""
        width = self.make(1).shape[1:]
        length = chunk_shape((2**30, *width), item_size(self.element))[0]
        values = self.make(count * length)
        return [values[at : at + length] for at in range(0, len(values), length)]


@dataclass(frozen=True)
class Measured:
    """What a codec did to all chunks of a kind."""

    name: str
    ratio: float
    encode: float
    decode: float
    is_default: bool


def fluorescence(samples: int) -> np.ndarray:
    """Return traces of 256 cells as float32: events that rise at once and fall slowly, under noise."""
    rng = np.random.default_rng(1)
    events = (rng.random((samples, 256), dtype="float32") < 0.002).astype("float32")
    kernel = np.exp(-np.arange(60, dtype="float32") / 15)
    traces = np.zeros_like(events)
    for delay, height in enumerate(kernel):
        traces[delay:] += height * events[: max(0, samples - delay)]
    return traces + 0.1 * rng.standard_normal(traces.shape, dtype="float32")


def timestamps(samples: int) -> np.ndarray:
    """Return ascending seconds as float64, each a little early or late."""
    rng = np.random.default_rng(2)
    return np.arange(samples) / RATE + rng.normal(0, 1e-7, samples)


def labels(samples: int) -> np.ndarray:
    """Return names of brain regions with the numbers of electrodes, as a column of a table has them."""
    rng = np.random.default_rng(3)
    regions = ["VISp", "VISl", "CA1", "CA3", "DG", "LGd", "LP", "root", "not yet known"]
    picked = rng.integers(0, len(regions), samples).tolist()
    return np.array([f"{regions[at]}, electrode {number}" for number, at in enumerate(picked)], object)


KINDS = (
    Kind("Raw recording, int16", Number("int16"), lambda samples: recording(samples, CHANNELS)),
    Kind("Fluorescence, float32", Number("float32"), fluorescence),
    Kind("Timestamps with jitter, float64", Number("float64"), timestamps),
    Kind("Text", Text(), labels),
)


def candidates(size: int | None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield names and codecs of what is compared, for numbers of `size` bytes, or for text."""
    yield "none", []
    yield "zstd 0, zarr's default", [_zstd(0)]
    yield "zstd 1", [_zstd(1)]
    yield "gzip 4", [{"name": "gzip", "configuration": {"level": 4}}]
    if size is None:
        yield "blosc lz4 5", [_blosc(1, "lz4", 5, "noshuffle")]
        return
    for compressor, level in (("lz4", 5), ("lz4", 1), ("zstd", 1), ("zstd", 5)):
        for shuffle in ("shuffle", "bitshuffle"):
            yield f"blosc {compressor} {level}, {shuffle}", [_blosc(size, compressor, level, shuffle)]


def _zstd(level: int) -> dict[str, Any]:
    return {"name": "zstd", "configuration": {"level": level, "checksum": False}}


def _blosc(size: int, compressor: str, level: int, shuffle: str) -> dict[str, Any]:
    settings = {"typesize": size, "cname": compressor, "clevel": level, "shuffle": shuffle, "blocksize": 0}
    return {"name": "blosc", "configuration": settings}


def compared(kind: Kind, chunks: list[np.ndarray], rounds: int) -> Iterator[Measured]:
    """Yield what each candidate does to the chunks of a kind; rounds of all of them are interleaved."""
    is_number = isinstance(kind.element, Number)
    size = item_size(kind.element) if is_number else None
    chosen = [
        {"name": codec.name, "configuration": dict(codec.configuration)}
        for codec in default_compressors(kind.element, chunks[0].size)
    ]
    codecs = dict(candidates(size))
    chains = {name: _chain(kind, steps) for name, steps in codecs.items()}
    encoded = {name: [chain.encode(chunk) for chunk in chunks] for name, chain in chains.items()}
    best = {name: (float("inf"), float("inf")) for name in chains}
    for _ in range(rounds):
        for name, chain in chains.items():
            there = _seconds(lambda chain=chain: [chain.encode(chunk) for chunk in chunks])
            back = _seconds(
                lambda chain=chain, name=name: [
                    chain.decode(data, chunk.shape) for data, chunk in zip(encoded[name], chunks, strict=True)
                ]
            )
            best[name] = min(best[name][0], there), min(best[name][1], back)
    count = sum(map(_bytes_of, chunks))
    for name, (there, back) in best.items():
        ratio = sum(map(len, encoded[name])) / count
        yield Measured(name, ratio, count / there / 1e6, count / back / 1e6, codecs[name] == chosen)


def _chain(kind: Kind, steps: list[dict[str, Any]]) -> ChunkCodec:
    is_number = isinstance(kind.element, Number)
    chain = chunk_codec(
        [_BYTES if is_number else {"name": "vlen-utf8"}, *steps], kind.element.dtype if is_number else None
    )
    assert chain is not None
    return chain


def _seconds(work: Callable[[], Any]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def _bytes_of(chunk: np.ndarray) -> int:
    return chunk.nbytes if chunk.dtype != object else sum(len(text.encode()) for text in chunk.tolist())


def table(kind: Kind, found: list[Measured]) -> str:
    """Return what was measured of a kind in Markdown."""
    lines = [f"## {kind.name}", "", "| codec | ratio | encode [MB/s] | decode [MB/s] |", "| --- | ---: | ---: | ---: |"]
    for one in found:
        name = f"{one.name} \\*" if one.is_default else one.name
        lines.append(f"| {name} | {one.ratio:.2f} | {one.encode:,.0f} | {one.decode:,.0f} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure all kinds and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments.codecs", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=8, help="of about 4 MiB, of each kind")
    options = parser.parse_args()
    for kind in KINDS:
        print(table(kind, list(compared(kind, kind.chunks(options.chunks), options.rounds))))


if __name__ == "__main__":
    main()
