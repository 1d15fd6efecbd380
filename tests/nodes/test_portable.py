"""Nodes as JSON and values as bytes come back equal, whatever they hold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings

from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Dataset,
    Group,
    Hierarchy,
    Layout,
    Number,
    Stream,
    Text,
    Unwritten,
    node_from_json,
    node_to_json,
    pack,
    settled,
    unpack,
)
from hdmf_store.testing import strategies
from hdmf_store.testing.equality import differences, plain
from tests.effort import examples

MANY = settings(deadline=None, max_examples=examples(40), suppress_health_check=list(HealthCheck))


@MANY
@given(hierarchy=strategies.hierarchies())
def test_every_hierarchy_comes_back(hierarchy: Hierarchy) -> None:
    """Kinds, types, shapes, attributes, links, fill values and values."""
    texts = {path: node_to_json(node) for path, node in hierarchy.nodes.items()}
    packed = {
        path: pack(node.values.array, node.element)
        for path, node in hierarchy.nodes.items()
        if isinstance(node, Dataset)
    }

    found = {
        path: node_from_json(text, lambda element, shape, p=path: ArraySource(unpack(packed[p], element, shape)))
        for path, text in texts.items()
    }

    assert differences(hierarchy.nodes, found, lambda path: found[path].values.array) == []
    for path, node in hierarchy.nodes.items():
        if isinstance(node, Dataset):
            assert plain(node.layout.fill_value) == plain(found[path].layout.fill_value)


def test_the_json_is_strict() -> None:
    """No NaN, which parsers of other languages refuse (NEEDS 51)."""
    text = node_to_json(Group({"nan": float("nan"), "far": [float("inf")], "array": np.array([np.nan])}))

    def refuse(token: str) -> Any:
        raise AssertionError(token)

    json.loads(text, parse_constant=refuse)
    found = node_from_json(text, lambda *_: Unwritten()).attributes
    assert np.isnan(found["nan"]) and found["far"] == [float("inf")] and np.isnan(found["array"]).all()


def test_a_stream_is_settled_whatever_the_order_of_its_pieces() -> None:
    """It grows to hold them; what lies between has the fill value."""
    pieces = [((slice(3, 4), slice(0, 2)), np.array([[5, 6]])), ((slice(0, 1), slice(0, 2)), np.array([[1, 2]]))]

    made = settled(Dataset(Number("int16"), (0, 2), Stream(pieces), {"x": 1}, Layout(fill_value=9)))

    assert (made.shape, made.attributes) == ((4, 2), {"x": 1})
    assert made.values.read((slice(0, 4), slice(0, 2))).tolist() == [[1, 2], [9, 9], [9, 9], [5, 6]]


def test_a_long_stream_of_numbers_takes_no_memory_of_its_size() -> None:
    """Its pieces lie in a temporary file."""
    pieces = (((slice(at, at + 1000),), np.full(1000, at)) for at in range(0, 100_000, 1000))

    made = settled(Dataset(Number("int64"), (0,), Stream(pieces)))

    assert isinstance(made.values.array, np.memmap)
    assert made.values.read((slice(99_000, 99_002),)).tolist() == [99_000, 99_000]


def test_what_is_to_be_filled_later_is_full_of_its_fill_value() -> None:
    """Without one, of zeros, empty text and empty bytes; nothing is made in memory before it is read."""
    for element, expected in ((Number("int8"), 0), (Text(), ""), (Bytes(), b"")):
        made = settled(Dataset(element, (10**12,), Unwritten()))
        assert made.values.read((slice(5, 7),)).tolist() == [expected] * 2


def test_what_needs_no_settling_is_left_alone() -> None:
    """Values that can be read in any order are what they were."""
    dataset = Dataset(Number("int8"), (2,), ArraySource(np.array([1, 2], "int8")))

    assert settled(dataset) is dataset
