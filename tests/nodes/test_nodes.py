"""Nodes are frozen data that cannot be wrong, and a hierarchy answers from what it holds."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from hdmf_store.errors import DanglingTargetError, LinkCycleError, MissingNodeError
from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Codec,
    Compound,
    Dataset,
    Field,
    Group,
    Hierarchy,
    Layout,
    Link,
    Number,
    RandomAccess,
    ReferenceTo,
    Stream,
    Target,
    Text,
    Unreadable,
    Unwritten,
    basename,
    join,
    parent,
    read_whole,
)


def array(shape: tuple[int, ...] = (2,), **attributes: Any) -> Dataset:
    return Dataset(Number("int8"), shape, ArraySource(np.zeros(shape, "int8")), attributes)


HIERARCHY = Hierarchy(
    {
        "/": Group(),
        "/b": Group({"object_id": "id-of-b"}),
        "/b/n": array(object_id="id-of-n"),
        "/a": Group(),
        "/a/to_b": Link(Target("/b")),
        "/a/to_n": Link(Target("/a/to_b/n")),
        "/a/away": Link(Target("/x", "../other.zarr")),
        "/a/home": Link(Target("/")),
        "/a/lost": Link(Target("/nothing")),
        "/a/one": Link(Target("/a/two")),
        "/a/two": Link(Target("/a/one")),
        "/a/self": Link(Target("/a/self")),
        "/a/inside": Link(Target("/a/inside/deeper")),
    },
    "file.zarr",
)


# ---------------------------------------------------------------------------------------------------------- frozen data


@pytest.mark.parametrize(
    "node",
    [Group(), array(), Link(Target("/")), Target("/"), Layout(), Codec("zstd"), Number("int8"), Text(), HIERARCHY],
    ids=lambda node: type(node).__name__,
)
def test_nodes_cannot_be_changed(node: Any) -> None:
    """A change makes a new node."""
    name = attrs.fields(type(node))[0].name if attrs.fields(type(node)) else "anything"

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(node, name, None)


@pytest.mark.parametrize("name", ["int7", "", "S4", "object", "datetime64[s]", "float128", "<i4"])
def test_only_numbers_that_can_be_stored_are_numbers(name: str) -> None:
    """The error lists the names that are known."""
    with pytest.raises(ValueError, match="no number type; known are bool, complex128"):
        Number(name)


@pytest.mark.parametrize(
    ("dtype", "expected"), [("<i4", "int32"), (">f8", "float64"), (bool, "bool"), (np.complex64, "complex64")]
)
def test_a_number_type_is_found_for_a_dtype_of_any_byte_order(dtype: Any, expected: str) -> None:
    """Byte order is a matter of storage."""
    assert Number.of(dtype) == Number(expected)
    assert Number.of(dtype).dtype.isnative


def test_a_dataset_cannot_have_a_negative_length() -> None:
    """Zero is a length, less is none."""
    assert array((0, 3)).shape == (0, 3)
    with pytest.raises(ValueError, match="shape"):
        Dataset(Text(), (2, -1), Unwritten())


def test_shapes_and_chunks_become_tuples() -> None:
    """Whatever sequence they came as."""
    assert Dataset(Text(), [2, 3], Unwritten()).shape == (2, 3)
    assert Layout(chunks=[2], dimension_names=["x", None]) == Layout(chunks=(2,), dimension_names=("x", None))


def test_values_are_not_compared() -> None:
    """Two arrays have no single answer to equality; everything else of a dataset has."""
    one = Dataset(Number("int8"), (1,), ArraySource(np.array([1], "int8")))

    assert one == attrs.evolve(one, values=ArraySource(np.array([2], "int8")))
    assert one != attrs.evolve(one, attributes={"x": 1})
    assert one != attrs.evolve(one, element=Number("int16"))
    assert one != attrs.evolve(one, shape=(2,))


def test_a_separator_is_a_slash_or_a_dot() -> None:
    """The two that Zarr knows."""
    assert Layout(separator="/").separator == "/"
    with pytest.raises(ValueError, match="separator"):
        Layout(separator="-")


def test_a_compound_has_a_field() -> None:
    """Rows of nothing have no values."""
    with pytest.raises(ValueError, match="fields"):
        Compound(())


def test_a_compound_says_how_its_rows_look_in_memory() -> None:
    """Numbers stay numbers, all else are objects; reference fields are named."""
    element = Compound(
        [
            Field("n", Number("int16")),
            Field("t", Text()),
            Field("r", ReferenceTo()),
            Field("in", Compound([Field("b", Bytes())])),
        ]
    )

    assert element.dtype == np.dtype([("n", "i2"), ("t", object), ("r", object), ("in", [("b", object)])])
    assert element.references == ("r",)
    assert str(element) == "{n: int16, t: text, r: reference, in: {b: bytes}}"


@pytest.mark.parametrize(
    ("element", "expected"),
    [(Text(), "text"), (Bytes(), "bytes"), (ReferenceTo(), "reference"), (Unreadable("why"), "unreadable")],
)
def test_element_types_have_a_short_name(element: Any, expected: str) -> None:
    """It is what people read; in memory all of these are objects."""
    assert str(element) == expected
    assert element.dtype == np.dtype(object)


def test_two_fields_of_one_name_are_refused() -> None:
    """A compound's fields are told apart by name."""
    with pytest.raises(ValueError, match="x"):
        _ = Compound([Field("x", Text()), Field("x", Text())]).dtype


# -------------------------------------------------------------------------------------------------------------- sources


def test_sources_are_told_apart_by_what_they_can_do() -> None:
    """Values in memory can be read in any order, a stream cannot, and what is not written has none."""
    assert isinstance(ArraySource(np.zeros(2)), RandomAccess)
    assert not isinstance(Stream([]), RandomAccess)
    assert not isinstance(Unwritten(), RandomAccess)
    assert [source.origin for source in (ArraySource(np.zeros(2)), Stream([]), Unwritten())] == [None, None, None]


def test_a_scalar_is_read_as_an_array() -> None:
    """Of shape (), never as the bare value."""
    source = ArraySource(np.array(5))

    assert read_whole(source, ()).shape == ()
    assert isinstance(read_whole(source, ()), np.ndarray)


# ---------------------------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("group", "name", "path"), [("/", "a", "/a"), ("/a", "b", "/a/b"), ("/a/b", "c d", "/a/b/c d")]
)
def test_paths_are_joined_and_taken_apart(group: str, name: str, path: str) -> None:
    """A path is the group's path and the name in it."""
    assert join(group, name) == path
    assert (parent(path), basename(path)) == (group, name)


def test_the_root_is_its_own_parent() -> None:
    """It has no name."""
    assert (parent("/"), basename("/")) == ("/", "")


# ------------------------------------------------------------------------------------------------------------ hierarchy


def test_a_hierarchy_is_a_mapping_of_paths() -> None:
    """Length, membership, order and look-up are those of a dictionary."""
    assert len(HIERARCHY) == 13
    assert list(HIERARCHY)[:4] == ["/", "/b", "/b/n", "/a"]
    assert "/b/n" in HIERARCHY and "/b/m" not in HIERARCHY
    assert HIERARCHY["/b"] == Group({"object_id": "id-of-b"})


def test_a_missing_path_is_named_with_its_file() -> None:
    """And it is a KeyError for who expects one."""
    with pytest.raises(MissingNodeError) as caught:
        HIERARCHY["/b/m"]

    assert isinstance(caught.value, KeyError)
    assert (caught.value.location, caught.value.path) == ("file.zarr", "/b/m")


def test_children_are_listed_by_group_in_stored_order() -> None:
    """Every group has an entry, datasets and links have none."""
    assert HIERARCHY.children["/"] == ("/b", "/a")
    assert HIERARCHY.children["/b"] == ("/b/n",)
    assert HIERARCHY.children["/a"][:2] == ("/a/to_b", "/a/to_n")
    assert set(HIERARCHY.children) == {"/", "/a", "/b"}
    assert Hierarchy({"/": Group()}).children == {"/": ()}


def test_objects_are_found_by_their_id() -> None:
    """Ids that are text count; links have none of their own."""
    odd = Hierarchy({"/": Group({"object_id": 5}), "/a": Group({"object_id": "x"}), "/l": Link(Target("/a"))})

    assert HIERARCHY.object_ids == {"id-of-b": "/b", "id-of-n": "/b/n"}
    assert odd.object_ids == {"x": "/a"}


def test_equality_is_that_of_the_nodes() -> None:
    """Where a hierarchy lies makes no difference."""
    assert Hierarchy({"/": Group()}, "here") == Hierarchy({"/": Group()}, "there")
    assert Hierarchy({"/": Group()}) != Hierarchy({"/": Group({"x": 1})})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/b/n", "/b/n"),
        ("/a/to_b", "/b"),
        ("/a/to_b/n", "/b/n"),
        ("/a/to_n", "/b/n"),
        ("/a/home", "/"),
        ("/a/home/b", "/b"),
        ("/a/home/a/to_b/n", "/b/n"),
        ("/a/away", Target("/x", "../other.zarr")),
        ("/a/away/y/z", Target("/x/y/z", "../other.zarr")),
    ],
)
def test_links_are_followed_wherever_they_stand(path: str, expected: Any) -> None:
    """At the end of a path and in its middle, one after the other, and out of the file."""
    assert HIERARCHY.resolve(path) == expected


@pytest.mark.parametrize("path", ["/nothing", "/b/nothing", "/b/n/below"])
def test_resolving_what_is_not_there_is_a_missing_node(path: str) -> None:
    """No link is to blame."""
    with pytest.raises(MissingNodeError, match=path):
        HIERARCHY.resolve(path)


@pytest.mark.parametrize(
    ("path", "target"), [("/a/lost", "/nothing"), ("/a/to_b/m", "/b/m"), ("/a/lost/x", "/nothing/x")]
)
def test_a_link_that_leads_nowhere_is_named_with_its_target(path: str, target: str) -> None:
    """Both ends are in the error."""
    with pytest.raises(DanglingTargetError) as caught:
        HIERARCHY.resolve(path)

    assert caught.value.target == target
    assert caught.value.path == path.removesuffix("/x").removesuffix("/m")
    assert caught.value.location == "file.zarr"


@pytest.mark.parametrize("path", ["/a/one", "/a/two", "/a/self", "/a/one/x", "/a/inside"])
@pytest.mark.timeout(5)
def test_links_in_a_circle_are_an_error_that_shows_the_circle(path: str) -> None:
    """No path is followed forever."""
    with pytest.raises(LinkCycleError) as caught:
        HIERARCHY.resolve(path)

    assert caught.value.path == path
    assert caught.value.cycle[0] == caught.value.cycle[-1]


def test_following_a_link_twice_on_one_way_is_no_circle() -> None:
    """A path may pass the same link again with another rest, as a file system allows."""
    found = Hierarchy({"/": Group(), "/home": Link(Target("/")), "/n": array()})

    assert found.resolve("/home/home/n") == "/n"
