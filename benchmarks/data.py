"""Made-up data that resembles what laboratories record; the same call always makes the same data.

NumPy only; knows nothing of files.
"""

from __future__ import annotations

from functools import cache

import numpy as np

#: Samples per second of a recording, and how many channels a probe has.
RATE = 30_000
CHANNELS = 384
#: Samples after which noise is used again, shifted in time and from channel to channel.
_TILE = 30_000
_SPIKE_SAMPLES = 60
_SPIKES_PER_CHANNEL = 8
_NEIGHBOURS = 5


def recording(samples: int, channels: int = CHANNELS) -> np.ndarray:
    """Return a raw recording of a probe: int16 of shape ``(samples, channels)``.

    Each channel is white noise, a slow wave that neighbouring channels share, and about eight spikes a
    second, each seen on five neighbours. Values fill some 6 of 16 bits, as those of amplifiers do.
    """
    made = np.empty((samples, channels), dtype="int16")
    for start in range(0, samples, _TILE):
        stop = min(start + _TILE, samples)
        made[start:stop] = _piece(start // _TILE, channels)[: stop - start]
    return made


def part_of_recording(start: int, stop: int, channels: int = CHANNELS) -> np.ndarray:
    """Return some rows of `recording`, made without the others."""
    numbers = range(start // _TILE, -(-stop // _TILE))
    return np.concatenate([_piece(n, channels)[max(start - n * _TILE, 0) : stop - n * _TILE] for n in numbers])


def recorded_piece(number: int, samples: int, channels: int = CHANNELS) -> np.ndarray:
    """Return piece `number` of an endless recording, int16 of shape ``(samples, channels)``; `samples` is small."""
    start = number * 7_919 % max(1, _TILE - samples)
    return np.roll(_tile(channels)[start : start + samples], number * 31, axis=1)


def spike_times(units: int, spikes: int, seconds: float = 3_600.0) -> list[np.ndarray]:
    """Return ascending times in seconds of each unit, between half and one and a half times `spikes` of them."""
    rng = np.random.default_rng(0)
    counts = rng.integers(max(1, spikes // 2), max(2, spikes * 3 // 2), units)
    return [np.sort(rng.uniform(0, seconds, count)) for count in counts]


def samples_of(number: int, samples: int) -> np.ndarray:
    """Return the values of small time series `number`, float32 of shape ``(samples,)``."""
    return np.random.default_rng(number).standard_normal(samples, dtype="float32")


def _piece(number: int, channels: int) -> np.ndarray:
    return np.roll(_tile(channels), (number * 7_919, number * 31), axis=(0, 1))


@cache
def _tile(channels: int) -> np.ndarray:
    rng = np.random.default_rng(2024)
    time = np.arange(_TILE, dtype="float32")[:, None] / RATE
    phase = np.linspace(0, np.pi, channels, dtype="float32")
    tile = 8 * rng.standard_normal((_TILE, channels), dtype="float32")
    tile += 20 * np.sin(2 * np.pi * 8 * time + phase)
    shape = -60 * np.exp(-(((np.arange(_SPIKE_SAMPLES) - 20) / 6.0) ** 2)) + 20 * np.exp(
        -(((np.arange(_SPIKE_SAMPLES) - 36) / 9.0) ** 2)
    )
    starts = rng.integers(0, _TILE - _SPIKE_SAMPLES, channels * _SPIKES_PER_CHANNEL)
    centres = rng.integers(0, channels, starts.size)
    for start, centre in zip(starts, centres, strict=True):
        first, last = max(0, centre - _NEIGHBOURS // 2), min(channels, centre + _NEIGHBOURS // 2 + 1)
        fall = 1 / (1 + np.abs(np.arange(first, last) - centre))
        tile[start : start + _SPIKE_SAMPLES, first:last] += shape[:, None] * fall
    return tile.astype("int16")
