"""References as data and as attributes, links, and the groups they stand in."""

from __future__ import annotations

import numpy as np
import pytest
from hdmf.build import LinkBuilder

from tests.translate.builder_files import BuilderFile, dataset, document, group, paths, reference, root, values


def test_a_dataset_may_be_one_reference(file: BuilderFile) -> None:
    """A scalar reference leads to the builder of the file that was read."""
    a = group("a")

    found = file.round_trip(root(a, dataset("x", reference(a), "object")))

    assert found["x"].data.builder is found["a"]


def test_a_builder_as_data_is_a_reference_to_it(file: BuilderFile) -> None:
    """HDMF also passes the target's builder itself."""
    b = dataset("b", [1])

    found = file.round_trip(root(b, dataset("x", b)))

    assert found["x"].data.builder is found["b"]


@pytest.mark.parametrize("kind", [list, tuple, lambda items: np.array(items, object)], ids=["list", "tuple", "array"])
def test_a_dataset_may_be_an_array_of_references(file: BuilderFile, kind) -> None:
    """References to groups and datasets at any depth come back in order."""
    b = dataset("b", [1])
    a = group("a", group("inner", b))
    items = kind([reference(b), reference(a), reference(a["inner"]), reference(b)])

    found = file.round_trip(root(a, dataset("x", items, "object")))

    assert len(found["x"].data) == 4
    assert paths(found["x"].data[:]) == ["/a/inner/b", "/a", "/a/inner", "/a/inner/b"]
    assert found["x"].data[1] is found["a"]


def test_references_can_be_sliced_picked_and_iterated(file: BuilderFile) -> None:
    """An array of references is indexed as numpy arrays are."""
    targets = [group(name) for name in "abcd"]
    made = root(*targets, dataset("x", [reference(target) for target in targets], "object"))

    data = file.round_trip(made)["x"].data

    assert paths(data[1:3]) == ["/b", "/c"]
    assert paths(data[[3, 0]]) == ["/d", "/a"]
    assert paths(data[np.array([False, True, False, True])]) == ["/b", "/d"]
    assert paths([data[-1]]) == ["/d"]
    assert paths(data) == ["/a", "/b", "/c", "/d"]


def test_an_index_past_the_last_reference_ends_iteration_and_raises(file: BuilderFile) -> None:
    """As for any sequence, an index that does not exist is an IndexError."""
    a = group("a")
    data = file.round_trip(root(a, dataset("x", [reference(a)], "object")))["x"].data

    with pytest.raises(IndexError):
        data[1]


def test_an_array_of_references_may_be_empty(file: BuilderFile) -> None:
    """A column of references is there before its first row."""
    found = file.stored([], "object")

    assert found.data.shape == (0,)
    assert found.dtype == "object"


def test_a_reference_may_lead_to_the_root(file: BuilderFile) -> None:
    """The root is an object like all others."""
    made = root()
    made.set_dataset(dataset("x", [reference(made)], "object"))

    found = file.round_trip(made)

    assert found["x"].data[0] is found


def test_references_may_lead_in_a_circle(file: BuilderFile) -> None:
    """Two objects may refer to each other, and one to itself."""
    a, b = group("a"), group("b")
    a.set_attribute("other", reference(b))
    b.set_attribute("other", reference(a))
    b.set_attribute("self", reference(b))

    found = file.round_trip(root(a, b))

    assert found["a"].attributes["other"] is found["b"]
    assert found["b"].attributes["other"] is found["a"]
    assert found["b"].attributes["self"] is found["b"]


@pytest.mark.parametrize("wrapped", [True, False], ids=["reference", "builder"])
def test_an_attribute_may_be_a_reference(file: BuilderFile, wrapped: bool) -> None:
    """An attribute that leads to an object comes back as that object's builder."""
    b = dataset("b", [1])
    holder = group("a", target=reference(b) if wrapped else b)

    found = file.round_trip(root(holder, b))

    assert found["a"].attributes["target"] is found["b"]


def test_an_attribute_may_be_a_list_of_references(file: BuilderFile) -> None:
    """Several targets in one attribute come back in order."""
    b, c = dataset("b", [1]), group("c")
    made = root(group("a", targets=[reference(c), reference(b)]), b, c)

    found = file.round_trip(made)

    assert paths(found["a"].attributes["targets"]) == ["/c", "/b"]


def test_a_dataset_may_have_a_reference_as_attribute(file: BuilderFile) -> None:
    """A column of regions names its table this way."""
    table = group("table")

    found = file.round_trip(root(table, dataset("x", [1, 2], table=reference(table))))

    assert found["x"].attributes["table"] is found["table"]


def test_the_stored_form_of_references_is_the_path_alone(zarr_file: BuilderFile, tmp_path) -> None:
    """Paths in datasets, a small object in attributes, both relative to this file."""
    a = group("a")

    zarr_file.write(root(a, dataset("x", [reference(a)], "object"), b=reference(a)))

    stored = document(tmp_path / "file.zarr", "x")
    assert stored["data_type"] == "string"
    assert stored["attributes"] == {"_DTYPE": "object_reference"}
    assert document(tmp_path / "file.zarr")["attributes"]["b"] == {"_REFERENCE": {"source": ".", "path": "/a"}}


def test_a_link_leads_to_a_group(file: BuilderFile) -> None:
    """A link comes back as a link whose target is the group's own builder."""
    a = group("a", dataset("d", [1]))

    found = file.round_trip(root(a, LinkBuilder(builder=a, name="l")))

    assert list(found.links) == ["l"]
    assert found.links["l"].builder is found["a"]


def test_a_link_leads_to_a_dataset(file: BuilderFile) -> None:
    """A link may stand in any group and lead to a dataset in another."""
    a = group("a", dataset("d", [1, 2]))

    found = file.round_trip(root(a, group("b", LinkBuilder(builder=a["d"], name="l"))))

    assert found["b"].links["l"].builder is found["a"]["d"]
    assert values(found["b"].links["l"].builder).tolist() == [1, 2]


def test_a_link_leads_to_what_a_link_leads_to(file: BuilderFile) -> None:
    """A file that was read and holds a link can be linked to by that link's path; both lead to the same object."""
    a = group("a", dataset("d", [1]))
    first = LinkBuilder(builder=a, name="first")

    found = file.round_trip(root(a, first, group("b", LinkBuilder(builder=a["d"], name="second"))))

    assert found.links["first"].builder is found["a"]
    assert found["b"].links["second"].builder is found["a"]["d"]


def test_two_links_of_one_group_keep_their_order(file: BuilderFile) -> None:
    """Links are listed in the order in which they were set."""
    a, b = group("a"), group("b")

    found = file.round_trip(
        root(a, b, LinkBuilder(builder=b, name="z"), LinkBuilder(builder=a, name="y"), LinkBuilder(builder=b, name="x"))
    )

    assert list(found.links) == ["z", "y", "x"]


def test_the_stored_form_of_links_is_a_list_on_the_parent(zarr_file: BuilderFile, tmp_path) -> None:
    """Other programs find links there."""
    a = group("a")

    zarr_file.write(root(a, LinkBuilder(builder=a, name="l")))

    assert document(tmp_path / "file.zarr")["attributes"]["_LINKS"] == [{"name": "l", "source": ".", "path": "/a"}]


def test_groups_may_be_nested_and_empty(file: BuilderFile) -> None:
    """A group is there whether or not it holds anything."""
    made = root(group("a", group("b", group("c")), group("empty", note="x")))

    found = file.round_trip(made)

    assert list(found["a"].groups) == ["b", "empty"]
    assert list(found["a"]["b"]["c"].groups) == []
    assert found["a"]["empty"].attributes == {"note": "x"}


def test_a_root_may_be_empty(file: BuilderFile) -> None:
    """A file without anything in it is a file."""
    found = file.round_trip(root())

    assert found.name == "root"
    assert found.is_empty()


@pytest.mark.parametrize("name", ["with space", "ünïcode 世界", "a.b", "c", "0", "-1", ".hidden", "%41", "zarr", "CON"])
def test_objects_may_have_unusual_names(file: BuilderFile, name: str) -> None:
    """Names that HDMF allows come back as they were, as group, dataset and target."""
    a = group(name, dataset(name, [1]))

    found = file.round_trip(root(a, dataset("x", [reference(a[name])], "object")))

    assert values(found[name][name]).tolist() == [1]
    assert found["x"].data[0] is found[name][name]


def test_builders_say_where_they_were_read(zarr_file: BuilderFile, tmp_path) -> None:
    """Each builder names its file and the group that holds it."""
    found = zarr_file.round_trip(root(group("a", dataset("d", [1]))))

    assert found["a"]["d"].source == str(tmp_path / "file.zarr")
    assert found["a"]["d"].location == "/a"
    assert found["a"]["d"].parent is found["a"]
