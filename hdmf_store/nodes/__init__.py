"""Nodes: what is stored, as frozen data.

This room knows no file, no engine and no HDMF. Translation makes nodes from builders, adapters store
them, and tests compare them.
"""

from hdmf_store.nodes.blocks import Blocks, blocks_of
from hdmf_store.nodes.elements import (
    AsciiText,
    Bytes,
    Compound,
    ElementType,
    Field,
    Number,
    ReferenceTo,
    Text,
    Unreadable,
)
from hdmf_store.nodes.hierarchy import (
    HERE,
    MOST_LINKS,
    ROOT,
    Dataset,
    Group,
    Hierarchy,
    Link,
    Node,
    Target,
    basename,
    join,
    parent,
)
from hdmf_store.nodes.layout import Codec, Layout
from hdmf_store.nodes.portable import node_from_json, node_to_json, pack, unpack
from hdmf_store.nodes.settled import settled
from hdmf_store.nodes.sources import (
    ArraySource,
    Origin,
    Piece,
    RandomAccess,
    Region,
    Source,
    Stream,
    Unwritten,
    each,
    part,
    read_whole,
    slabs,
    tiles,
    whole,
)

__all__ = [
    "HERE",
    "MOST_LINKS",
    "ROOT",
    "ArraySource",
    "AsciiText",
    "Blocks",
    "Bytes",
    "Codec",
    "Compound",
    "Dataset",
    "ElementType",
    "Field",
    "Group",
    "Hierarchy",
    "Layout",
    "Link",
    "Node",
    "Number",
    "Origin",
    "Piece",
    "RandomAccess",
    "ReferenceTo",
    "Region",
    "Source",
    "Stream",
    "Target",
    "Text",
    "Unreadable",
    "Unwritten",
    "basename",
    "blocks_of",
    "each",
    "join",
    "node_from_json",
    "node_to_json",
    "pack",
    "parent",
    "part",
    "read_whole",
    "settled",
    "slabs",
    "tiles",
    "unpack",
    "whole",
]
