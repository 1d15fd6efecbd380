"""Format 3's documents: what goes into a document comes out of it."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings

from hdmf_store.nodes import Dataset, Group, Layout, Link, Number
from hdmf_store.testing import strategies
from hdmf_store.testing.equality import plain
from hdmf_store_adapters import zarr_v3
from tests.effort import examples


@settings(deadline=None, max_examples=examples(50))
@given(dataset=strategies.datasets())
def test_decoding_undoes_encoding_of_a_dataset(dataset: Dataset) -> None:
    """No field of a dataset is lost on its way through the bytes of a document."""
    document = zarr_v3.array_document(dataset, {}, "file", "/a")

    found, record = zarr_v3.decode_array(json.loads(zarr_v3.serialise(document)), "file", "/a")

    assert (found.element, found.shape) == (dataset.element, dataset.shape)
    assert plain(found.attributes) == plain(dataset.attributes)
    assert record.shape == dataset.shape
    for name in ("chunks", "shards", "compressors", "dimension_names"):
        wish = getattr(dataset.layout, name)
        assert wish is None or getattr(found.layout, name) == wish
    assert dataset.layout.separator in (None, record.separator)
    if dataset.layout.fill_value is not None:
        assert plain(record.fill) == plain(dataset.layout.fill_value)


@settings(deadline=None, max_examples=examples(50))
@given(dataset=strategies.datasets())
def test_encoding_undoes_decoding_of_a_document(dataset: Dataset) -> None:
    """A stored dataset written again with the layout that was read has the same document."""
    room = {field.name: 16 for field in getattr(dataset.element, "fields", ())}
    document = json.loads(zarr_v3.serialise(zarr_v3.array_document(dataset, room, "file", "/a")))
    separator = document["chunk_key_encoding"]["configuration"]["separator"]

    found, _ = zarr_v3.decode_array(document, "file", "/a")
    again = zarr_v3.array_document(found, room, "file", "/a")

    again["chunk_key_encoding"]["configuration"]["separator"] = separator  # the place's wish, not the dataset's
    assert one_spelling(again) == one_spelling(document)


def one_spelling(document: dict) -> str:
    """Return a document as text, in which NaN equals itself; a codec without parameters may say so or say nothing."""
    return (
        json.dumps(document, sort_keys=True).replace(', "configuration": {}', "").replace('"configuration": {}, ', "")
    )


@settings(deadline=None, max_examples=examples(50))
@given(group=strategies.attributes().map(Group), link=strategies.targets(["/", "/a"], [".", "../b.zarr"]).map(Link))
def test_decoding_undoes_encoding_of_a_group(group: Group, link: Link) -> None:
    """A group keeps its attributes and the links that stand in it."""
    document = zarr_v3.group_document(group, {"one": link, "two": link}, "file", "/g")

    found, links = zarr_v3.decode_group(json.loads(zarr_v3.serialise(document)), "file", "/g")

    assert plain(found.attributes) == plain(group.attributes)
    assert links == {"one": link, "two": link}


def test_a_complex_fill_value_is_read_as_a_number() -> None:
    """The layout of what is stored can be given to what is written next, whatever its fill value."""
    element = Number("complex64")
    document = zarr_v3.array_document(Dataset(element, (2,), None, {}, Layout(fill_value=1 + 2j)), {}, "f", "/a")

    found, record = zarr_v3.decode_array(document, "f", "/a")

    assert found.layout.fill_value == 1 + 2j
    assert record.fill == np.complex64(1 + 2j)
