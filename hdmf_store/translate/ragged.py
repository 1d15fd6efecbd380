"""Ragged columns: how datasets are cut of which one row after the other is asked for.

A row of a ragged column is a short stretch of a long dataset, and an index says where it lies. A chunk is decoded as a
whole, so for one row of a few kilobytes a chunk of megabytes is much too much.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from hdmf_store.nodes import Dataset, Node, Number, Stream
from hdmf_store.translate.growing import is_index

__all__ = ["with_short_chunks"]

_LEAST, _MOST = 2**18, 2**22
"""Bytes of a chunk: fewer are not worth a file of their own, more are what stores choose by themselves."""

_MANY = 64
"""Chunks of one column; a longer one gets longer chunks instead of more of them, up to the most."""


def with_short_chunks(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Return nodes in which long ragged columns of numbers have short chunks, where nobody wished for other ones."""
    ragged = {node.attributes["target"].path for node in nodes.values() if isinstance(node, Dataset) and is_index(node)}
    return {path: _in_short_chunks(node) if path in ragged else node for path, node in nodes.items()}


def _in_short_chunks(node: Node) -> Node:
    if not isinstance(node, Dataset) or not isinstance(node.element, Number) or len(node.shape) != 1:
        return node
    layout, size = node.layout, node.element.dtype.itemsize
    is_open = layout.chunks is None and layout.shards is None and layout.native is None
    length = min(max(_LEAST, node.shape[0] * size // _MANY), _MOST) // size
    if not is_open or isinstance(node.values, Stream) or node.shape[0] <= length + length // 2:
        return node
    return attrs.evolve(node, layout=attrs.evolve(layout, chunks=(length,)))
