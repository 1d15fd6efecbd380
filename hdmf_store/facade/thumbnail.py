"""The chunk grid of an array as a small drawing in SVG: what reading a part of it would touch."""

from __future__ import annotations

import math
from collections.abc import Iterator

__all__ = ["grid_svg"]

_LONGEST, _SHORTEST, _MARGIN = 120.0, 14.0, 6.0
_MOST_LINES = 24
_SLANT = 0.4
_FACE, _EDGE, _SHARD = "#8fb8de", "#1f4e79", "#c2571a"

_Point = tuple[float, float]


def grid_svg(shape: tuple[int, ...], chunks: tuple[int, ...], shards: tuple[int, ...] | None = None) -> str | None:
    """Return a drawing of an array and its chunks; None for a scalar and for an empty array.

    The last two axes are a face, the third from the end goes into the depth; axes before these are not drawn. Sides
    are in proportion as far as one can still see the short ones. Where there are more than two dozen chunks along a
    side, as many lines are drawn as fit, evenly. Borders of shards are drawn in a colour of their own.

    Parameters
    ----------
    shape, chunks : tuple of int, length ndim
    shards : tuple of int, optional
    """
    if not shape or 0 in shape:
        return None
    drawn = max(0, len(shape) - 3)
    sides = _lengths(shape[drawn:])
    cuts = [_cuts(n, c, s) for n, c, s in zip(shape[drawn:], chunks[drawn:], sides, strict=True)]
    joints = [_cuts(n, c, s) for n, c, s in zip(shape[drawn:], (shards or shape)[drawn:], sides, strict=True)]
    if len(sides) == 1:
        sides, cuts, joints = [_SHORTEST * 1.5, *sides], [[], *cuts], [[], *joints]
    *deep, high, wide = sides
    depth = deep[0] * _SLANT if deep else 0.0
    parts = [_box(wide, high, depth)]
    colour = _SHARD if shards else _EDGE
    for places, style in ((cuts, _EDGE), (joints, colour)) if shards else ((cuts, _EDGE),):
        width = 1.2 if style is _SHARD else 0.6
        for start, end in _lines(places, wide, high, depth, _SLANT):
            parts.append(_line(start, end, style, width))
    size = f'width="{wide + depth + 2 * _MARGIN:.0f}" height="{high + depth + 2 * _MARGIN:.0f}"'
    return f'<svg {size} role="img" aria-label="chunk grid">{"".join(parts)}</svg>'


def _lengths(shape: tuple[int, ...]) -> list[float]:
    """Return the sides in pixels: in proportion, but with the short ones long enough to be seen."""
    longest = max(shape)
    return [max(_SHORTEST, _LONGEST * math.sqrt(length / longest)) for length in shape]


def _cuts(length: int, chunk: int, side: float) -> list[float]:
    """Return where along a side chunks end, in pixels, without the ends of the side."""
    count = -(-length // max(1, chunk))
    if count > _MOST_LINES:
        return [side * at / _MOST_LINES for at in range(1, _MOST_LINES)]
    return [side * at * chunk / length for at in range(1, count)]


def _lines(
    places: list[list[float]], wide: float, high: float, depth: float, slant: float
) -> Iterator[tuple[_Point, _Point]]:
    """Yield the lines of chunk borders on the front, on the top and on the right side."""
    *deep, down, across = places
    for x in across:
        yield (x, depth), (x, depth + high)
        if depth:
            yield (x, depth), (x + depth, 0.0)
    for y in down:
        yield (0.0, depth + y), (wide, depth + y)
        if depth:
            yield (wide, depth + y), (wide + depth, y)
    for z in deep[0] if deep else ():
        back = z * slant
        yield (back, depth - back), (wide + back, depth - back)
        yield (wide + back, depth - back), (wide + back, depth - back + high)


def _box(wide: float, high: float, depth: float) -> str:
    front = [(0.0, depth), (wide, depth), (wide, depth + high), (0.0, depth + high)]
    top = [(0.0, depth), (depth, 0.0), (wide + depth, 0.0), (wide, depth)]
    side = [(wide, depth), (wide + depth, 0.0), (wide + depth, high), (wide, depth + high)]
    faces = [front, top, side] if depth else [front]
    return "".join(_polygon(corners, opacity) for corners, opacity in zip(faces, (0.9, 0.55, 0.7), strict=False))


def _polygon(corners: list[_Point], opacity: float) -> str:
    points = " ".join(f"{x + _MARGIN:.1f},{y + _MARGIN:.1f}" for x, y in corners)
    style = f'fill="{_FACE}" fill-opacity="{opacity}" stroke="{_EDGE}" stroke-width="1.2"'
    return f'<polygon points="{points}" {style}/>'


def _line(start: _Point, end: _Point, colour: str, width: float) -> str:
    (x1, y1), (x2, y2) = start, end
    place = f'x1="{x1 + _MARGIN:.1f}" y1="{y1 + _MARGIN:.1f}" x2="{x2 + _MARGIN:.1f}" y2="{y2 + _MARGIN:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}"/>'
