"""Attributes of groups and datasets, of every type that HDMF passes."""

from __future__ import annotations

import copy
import json
import math
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hdmf.build import DatasetBuilder, GroupBuilder

from hdmf_store import UnsupportedValueError
from tests.translate.builder_files import BuilderFile, dataset, group, root

PLAIN = [
    True,
    False,
    0,
    -1,
    2**40,
    -(2**63),
    2**64 - 1,
    1.5,
    1e300,
    5e-324,
    0.1,
    "text",
    "",
    "Grüße 世界",
    "NaN",
    '{"_REFERENCE": 1}',
    [1, 2, 3],
    [1.5, 2.5],
    ["a", "", "c"],
    [True, False],
    [[1, 2], [3, 4]],
    [["a"], ["b", "c"]],
    [],
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_a_plain_value_comes_back_equal_and_of_its_type(file: BuilderFile, value: object) -> None:
    """Truth, integers of any size that 64 bit hold, floats to the last bit, text and lists of these."""
    found = file.attribute(value)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_attribute_comes_back_as_a_number(file: BuilderFile, value: float) -> None:
    """Infinities are numbers, not texts (NEEDS 51)."""
    assert file.attribute(value) == value


def test_a_nan_attribute_comes_back_as_a_number(file: BuilderFile) -> None:
    """Not-a-number is a number too, in a scalar, a list and an array (NEEDS 51)."""
    found = file.round_trip(root(one=math.nan, some=[1.0, math.nan], array=np.array([math.nan, math.inf])))

    assert math.isnan(found.attributes["one"])
    assert math.isnan(found.attributes["some"][1])
    assert math.isnan(found.attributes["array"][0])
    assert found.attributes["array"][1] == math.inf


def test_a_negative_zero_attribute_keeps_its_sign(file: BuilderFile) -> None:
    """The sign of zero is kept."""
    assert math.copysign(1, file.attribute(-0.0)) == -1


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "uint64", "float16", "float32", "float64"])
def test_a_numpy_scalar_comes_back_equal(file: BuilderFile, dtype: str) -> None:
    """The value of a numpy scalar is kept, and what kind of number it is."""
    value = np.dtype(dtype).type(1)

    found = file.attribute(value)

    assert found == 1
    assert np.asarray(found).dtype.kind == np.dtype(dtype).kind or {np.dtype(dtype).kind, "i"} == {"u", "i"}


def test_the_largest_number_of_64_bits_is_kept(file: BuilderFile) -> None:
    """No attribute passes through a float."""
    assert file.attribute(np.uint64(2**64 - 1)) == 2**64 - 1


def test_a_float32_attribute_keeps_its_value(file: BuilderFile) -> None:
    """The value is that of the 32-bit number, not of the decimal that was typed."""
    assert file.attribute(np.float32(0.1)) == np.float32(0.1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([1, 2], "int16"), [1, 2]),
        (np.array([[1.5], [2.5]]), [[1.5], [2.5]]),
        (np.array(3, "uint8"), 3),
        (np.array([], "float64"), []),
        (np.array(["a", "bc"]), ["a", "bc"]),
        (np.array(["a", "bc"], object), ["a", "bc"]),
        (np.array(["a", "bc"], np.dtypes.StringDType()), ["a", "bc"]),
        (np.array([b"a", b"bc"]), ["a", "bc"]),
        (np.array([True, False]), [True, False]),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), "a"),
        (b"bytes", "bytes"),
        ([b"a", "b"], ["a", "b"]),
        ((1, 2), [1, 2]),
        ([np.int8(1), np.float32(0.5)], [1, 0.5]),
        ({3, 1, 2}, [1, 2, 3]),
        ({"b", "a"}, ["a", "b"]),
        (datetime(2026, 9, 22, 13, 5, tzinfo=UTC), "2026-09-22T13:05:00+00:00"),
        (date(2026, 9, 22), "2026-09-22"),
        ([date(2026, 9, 22)], ["2026-09-22"]),
    ],
    ids=lambda value: repr(sorted(value) if isinstance(value, set) else value)[:40],
)
def test_other_values_come_back_in_their_plain_form(file: BuilderFile, value: object, expected: object) -> None:
    """Arrays are lists, UTF-8 bytes are text, sets are sorted, dates are ISO 8601."""
    found = file.attribute(value)

    assert np.asarray(found).tolist() == expected


def test_a_dictionary_of_plain_values_comes_back_equal(file: BuilderFile) -> None:
    """Also where HDMF has no use for it, what another program keeps there survives."""
    value = {"a": 1, "b": [1.5, None], "c": {"d": "e"}}

    assert file.attribute(value) == value


def test_attributes_are_known_to_a_builder_as_if_its_constructor_had_got_them(file: BuilderFile) -> None:
    """By name among all that a group holds, and no object may take the name of one."""
    found = file.round_trip(root(group("g", dataset("d", [1], unit="V"), unit="V", rate=30.0)))["g"]

    made = GroupBuilder("g", datasets=[DatasetBuilder("d", attributes={"unit": "V"})], attributes=found.attributes)
    assert found.obj_type == made.obj_type
    assert (found["unit"], found.get("rate"), "rate" in found) == ("V", 30.0, True)
    assert {**found["d"]}.keys() == {**made["d"]}.keys()
    with pytest.raises(ValueError, match="'unit' already exists"):
        found.set_dataset(DatasetBuilder("unit"))


def test_attributes_of_datasets_are_kept_as_those_of_groups(file: BuilderFile) -> None:
    """Datasets of every kind carry attributes."""
    found = file.round_trip(
        root(
            dataset("number", [1], unit="V", rate=30.0),
            dataset("text", ["a"], unit="V"),
            dataset("scalar", 1, unit="V"),
            dataset("record", [(1,)], [{"name": "f", "dtype": "int8"}], unit="V"),
        )
    )

    assert found["number"].attributes == {"unit": "V", "rate": 30.0}
    assert found["text"].attributes == {"unit": "V"}
    assert found["scalar"].attributes == {"unit": "V"}
    assert found["record"].attributes == {"unit": "V"}


@pytest.mark.parametrize("value", [b"\xff", b"\xff\0", b"\0\xfe\0\0"], ids=repr)
def test_bytes_that_are_no_text_are_kept(file: BuilderFile, value: bytes) -> None:
    """Any bytes come back, alone and in lists; text beside them in a list becomes bytes too (NEEDS 50)."""
    found = file.round_trip(root(one=value, some=[value, b"a", "b"])).attributes

    assert found["one"] == value
    assert found["some"] == [value, b"a", b"b"]


def test_numbers_keep_their_width(file: BuilderFile) -> None:
    """A number of less than 64 bits comes back as one of its type, alone, in arrays, and where none is (NEEDS 52)."""
    names = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "uint64", "float16", "float32"]
    made = {name: np.dtype(name).type(3) for name in names}
    made |= {f"{name} array": np.array([[1, 2]], name) for name in names}
    made |= {f"no {name}": np.empty((0, 2), name) for name in [*names, "int64", "float64", "bool"]}

    found = file.round_trip(root(**made)).attributes

    assert {name: (np.shape(value), value.dtype) for name, value in found.items()} == {
        name: (value.shape, value.dtype) for name, value in made.items()
    }


def test_a_number_that_another_program_changed_is_taken_as_it_stands(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """What is recorded of an attribute's type never changes its value."""
    zarr_file.write(root(a=np.int8(1), b=np.float32(0.5), c=b"\xff", d=np.empty((0, 2), "int8"), e=b"x"))
    place = tmp_path / "file.zarr" / "zarr.json"
    stored = json.loads(place.read_text())
    stored["attributes"] |= {"a": 1000, "b": 0.1, "c": "no base64!", "d": [1], "e": 5}
    place.write_text(json.dumps(stored))

    found = zarr_file.read().attributes

    assert found == {"a": 1000, "b": 0.1, "c": "no base64!", "d": [1], "e": 5}


@pytest.mark.parametrize("value", [object(), 1 + 2j, lambda: 1], ids=["object", "complex", "function"])
def test_a_value_without_form_is_refused_by_name(file: BuilderFile, value: object) -> None:
    """The error names the object and the attribute, and nothing was written."""
    with pytest.raises(UnsupportedValueError, match="/g: the attribute 'odd'"):
        file.write(root(group("g", odd=value)))


def test_attributes_are_never_changed(file: BuilderFile) -> None:
    """What was passed is as it was after writing (API: arguments are never changed)."""
    made = root(group("g", array=np.array([1, 2]), some=[b"a", 1], of={2, 1}, raw=b"x"), dataset("d", [1], unit="V"))
    before = copy.deepcopy({name: dict(item.attributes) for name, item in (("g", made["g"]), ("d", made["d"]))})

    file.write(made)

    for name, attributes in before.items():
        now = made[name].attributes
        assert now.keys() == attributes.keys()
        assert all(type(now[key]) is type(attributes[key]) for key in now)
        assert all(
            np.array_equal(now[key], attributes[key]) if key == "array" else now[key] == attributes[key] for key in now
        )
