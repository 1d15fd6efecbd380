"""The oracle itself: it sees what is there, and every difference, without the package under test."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdmf.backends.hdf5 import HDF5IO
from hdmf.build import DatasetBuilder, GroupBuilder, LinkBuilder, ReferenceBuilder

from . import content, corpus, manifest


def _tree() -> GroupBuilder:
    numbers = DatasetBuilder("numbers", np.array([1, 2], np.int16), attributes={"unit": "V"})
    table = DatasetBuilder("table", np.array([(1, 2.0)], dtype=[("i", "i4"), ("f", "f8")]))
    reference = DatasetBuilder("reference", ReferenceBuilder(numbers), dtype="object")
    inner = GroupBuilder("inner", datasets=[DatasetBuilder("words", ["a", "b"])], attributes={"to": numbers})
    return GroupBuilder(
        "root",
        groups=[inner],
        datasets=[numbers, table, reference],
        links=[LinkBuilder(inner, "link")],
        source="here",
    )


def test_description_names_every_object() -> None:
    """Each group, dataset and link is an entry at its absolute path, and nothing is listed below a link."""
    objects = manifest.objects_of(_tree())

    assert {path: entry["type"] for path, entry in objects.items()} == {
        "/": "group",
        "/inner": "group",
        "/inner/words": "dataset",
        "/link": "link",
        "/numbers": "dataset",
        "/reference": "dataset",
        "/table": "dataset",
    }
    assert objects["/link"] == {"type": "link", "target": "/inner", "external": None, "target_type": "group"}
    assert objects["/inner"]["attributes"]["to"] == {"kind": "reference", "shape": [], "value": ["/numbers"]}


@pytest.mark.parametrize("spelling", ["<i2", ">i2"])
def test_byte_order_is_no_difference(spelling: str) -> None:
    """Equal numbers of one width have one description, in whatever order their bytes lie in memory."""
    tree = GroupBuilder("root", datasets=[DatasetBuilder("numbers", np.array([1, -2], spelling))])

    assert manifest.objects_of(tree)["/numbers"] == {
        "type": "dataset",
        "attributes": {},
        "kind": "int",
        "dtype": "int16",
        "shape": [2],
        "sha256": "dd8b10d263a3a65c4bfc3680c3378c52be146db147b84f14629585cf287d424a",
    }


def _without(path: str) -> Callable[[dict[str, Any]], Any]:
    return lambda objects: objects.pop(path)


def _with(path: str, **changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda objects: objects[path].update(changes)


ALTERATIONS = {
    "an object is gone": _without("/inner/words"),
    "an object is new": lambda objects: objects.update({"/new": {"type": "group", "attributes": {}}}),
    "a type": _with("/inner", type="dataset"),
    "a shape": _with("/numbers", shape=[1, 2]),
    "an element type": _with("/numbers", dtype="int32"),
    "a value": _with("/numbers", sha256="0" * 64),
    "a reference": _with("/reference", targets=["/table"]),
    "where a link leads": _with("/link", target="/numbers"),
    "which file a link leads into": _with("/link", external="other"),
    "an attribute's value": lambda objects: objects["/numbers"]["attributes"]["unit"].update(value=["mV"]),
    "an attribute is gone": lambda objects: objects["/numbers"]["attributes"].clear(),
    "an attribute is new": lambda objects: objects["/"]["attributes"].update(extra={"kind": "int"}),
    "the order of fields": lambda objects: objects["/table"]["fields"].reverse(),
    "a value in a field": lambda objects: objects["/table"]["fields"][0].update(sha256="0" * 64),
}


@pytest.mark.parametrize("alteration", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_comparison_names_each_alteration(alteration: Callable[[dict[str, Any]], Any]) -> None:
    """Whatever is altered in a description, the comparison says it in exactly one sentence."""
    expected = manifest.objects_of(_tree())
    found = copy.deepcopy(expected)
    alteration(found)

    manifest.must_agree(expected, expected)
    assert len(manifest.compare(expected, found)) == 1


def test_attributes_may_be_added_only_by_name() -> None:
    """An attribute that may be added is no difference where it is new, and one where it changed or is gone."""
    plain, named = _tree(), _tree()
    named["numbers"].set_attribute("_ARRAY_DIMENSIONS", ["x"])
    without, with_names = manifest.objects_of(plain), manifest.objects_of(named)

    manifest.must_agree(without, with_names, may_add={"_ARRAY_DIMENSIONS"})
    assert len(manifest.compare(without, with_names)) == 1
    assert len(manifest.compare(with_names, without, may_add={"_ARRAY_DIMENSIONS"})) == 1


def test_links_are_replaced_by_what_they_lead_to() -> None:
    """A copied group stands where the link stood, with the links within it leading to the copy."""
    group = {"type": "group", "attributes": {}}
    within = {"type": "link", "target": "/there/x", "external": None, "target_type": "group"}
    outward = {**within, "target": "/elsewhere"}
    objects = {"/": group, "/here": {**within, "target": "/there", "external": "other.h5"}}
    other = {"/": group, "/there": group, "/there/x": group, "/there/y": within, "/there/z": outward}

    assert manifest.copied_in(objects, {"other.h5": other}) == {
        "/": group,
        "/here": group,
        "/here/x": group,
        "/here/y": {**within, "target": "/here/x"},
        "/here/z": {**outward, "external": "other.h5"},
    }


def test_unknown_kinds_are_refused() -> None:
    """A value that the format has no kind for is an error that names its path, not a guess."""
    tree = GroupBuilder("root", datasets=[DatasetBuilder("complex", np.array([1j]))])

    with pytest.raises(manifest.NotInFormatError) as caught:
        manifest.objects_of(tree)
    assert caught.value.path == "/complex"


def test_two_readers_of_one_file_agree(tmp_path: Path) -> None:
    """HDMF's builders of an HDF5 file are described as the file itself is, read without HDMF's backend."""
    from pynwb import NWBHDF5IO

    path = tmp_path / "recording.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(content.recording())

    with NWBHDF5IO(path, "r") as io:
        manifest.must_agree(manifest.hdf5_objects(path), manifest.objects_of(io.read_builder()))


@pytest.mark.corpus
@pytest.mark.parametrize("case", corpus.parameters(corpus.Kind.HDF5))
def test_hdf5_files_hold_what_was_recorded(case: corpus.Case, tmp_path: Path) -> None:
    """What the oracle finds in an HDF5 file is what its manifest records, which other software wrote."""
    path = case.unpack(tmp_path)

    manifest.must_agree(case.objects(), manifest.hdf5_objects(path))
    if case.cached_specs():
        found = manifest.digests(manifest.cached_specs_of_hdf5(path))
        assert manifest.differing_specs(case.cached_specs(), found) == []


@pytest.mark.corpus
@pytest.mark.parametrize("case", corpus.parameters(corpus.Kind.HDF5))
def test_builders_of_hdf5_files_show_what_was_recorded(case: corpus.Case, tmp_path: Path) -> None:
    """The walk of HDMF's own builders finds what the manifest records, but for the links HDMF does not return."""
    path = case.unpack(tmp_path)
    hidden = manifest.shadowed_links(path)

    with HDF5IO(str(path), mode="r") as io:
        if _has_scalar_reference(case):
            with pytest.raises(AttributeError):  # HDMF's backend cannot read these
                io.read_builder()
            return
        root = io.read_builder()
        shown = {place: entry for place, entry in case.objects().items() if place not in hidden}
        manifest.must_agree(shown, manifest.objects_of(root))
        assert manifest.misplaced(root) == []


def _has_scalar_reference(case: corpus.Case) -> bool:
    return any(entry.get("kind") == "reference" and entry["shape"] == [] for entry in case.objects().values())


@pytest.mark.corpus
@pytest.mark.parametrize("case", corpus.parameters(corpus.Kind.FORMAT_3))
def test_cached_specifications_are_those_recorded(case: corpus.Case, tmp_path: Path) -> None:
    """The JSON texts that zarr alone finds in a store have the digests of the manifest."""
    found = manifest.digests(manifest.cached_specs_of_zarr(case.unpack(tmp_path)))

    assert manifest.differing_specs(case.cached_specs(), found) == []
