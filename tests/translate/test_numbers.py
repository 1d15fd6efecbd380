"""Numbers and booleans, as scalars and arrays, keep their type, shape and every bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hdmf_store import UnsupportedValueError
from tests.translate.builder_files import BuilderFile, dataset, root, values

DTYPES = [
    "bool",
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
]

_EXTREMES = {
    "bool": [True, False],
    **{name: [np.iinfo(name).min, 0, np.iinfo(name).max] for name in DTYPES if "int" in name},
    **{name: [np.finfo(name).min, 0.5, np.finfo(name).max] for name in DTYPES if "float" in name},
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_of_numbers_comes_back_in_its_type(file: BuilderFile, dtype: str) -> None:
    """Every width and sign that numpy has is kept, with its smallest and largest values."""
    array = np.array(_EXTREMES[dtype], dtype)

    found = file.stored(array)

    assert values(found).dtype == np.dtype(dtype)
    assert values(found).tolist() == _EXTREMES[dtype]
    assert np.dtype(found.dtype) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_numpy_scalar_comes_back_in_its_type(file: BuilderFile, dtype: str) -> None:
    """A scalar is read as a numpy scalar of the type that was written, not as an array of one element."""
    scalar = np.dtype(dtype).type(1)

    found = file.stored(scalar)

    assert found.data == 1
    assert type(found.data) is np.dtype(dtype).type


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_without_axes_is_a_scalar(file: BuilderFile, dtype: str) -> None:
    """A 0-d array is stored as what it is and read as a scalar of its type."""
    array = np.array(1, dtype)

    found = file.stored(array)

    assert found.data == 1
    assert np.shape(found.data) == ()
    assert type(found.data) is np.dtype(dtype).type


@pytest.mark.parametrize("value", [True, False, 7, -(2**62), 1.5])
def test_a_python_scalar_comes_back_equal(file: BuilderFile, value: bool | int | float) -> None:
    """A bool stays a bool, an int becomes 64 bit wide, a float is a double."""
    wide = {bool: np.bool_, int: np.int64, float: np.float64}[type(value)]

    found = file.stored(value)

    assert found.data == value
    assert type(found.data) is wide


@pytest.mark.parametrize("dtype", ["int16", "uint64", "float32", "float16"])
def test_big_endian_numbers_keep_their_values(file: BuilderFile, dtype: str) -> None:
    """Numbers in the other byte order are stored as the same numbers."""
    array = np.array([1, 2, 256], np.dtype(dtype).newbyteorder(">"))

    found = values(file.stored(array))

    assert found.tolist() == [1, 2, 256]
    assert found.dtype == np.dtype(dtype)


def test_a_big_endian_scalar_keeps_its_value(file: BuilderFile) -> None:
    """Also without axes, the other byte order changes nothing."""
    scalar = np.array(258, ">u2")

    found = file.stored(scalar)

    assert found.data == 258


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_special_floats_keep_every_bit(file: BuilderFile, dtype: str) -> None:
    """Not-a-number, the infinities and the negative zero are values like all others."""
    array = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0], dtype)

    found = values(file.stored(array))

    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0])
def test_a_special_float_as_scalar_keeps_every_bit(file: BuilderFile, value: float) -> None:
    """A scalar can be not-a-number, infinite or the negative zero."""
    found = file.stored(value)

    assert np.float64(found.data).tobytes() == np.float64(value).tobytes()


def test_negative_zeros_alone_are_not_taken_for_missing_values(file: BuilderFile) -> None:
    """A chunk of negative zeros is equal to the fill value but is not the same, so it is stored."""
    array = np.full((2000, 3), -0.0)

    found = values(file.stored(array))

    assert np.signbit(found).all()


@pytest.mark.parametrize(
    ("data", "expected", "dtype"),
    [
        ([1, 2, 3], [1, 2, 3], "int64"),
        ((1, 2, 3), [1, 2, 3], "int64"),
        ([1, 2.5], [1.0, 2.5], "float64"),
        ([True, False], [True, False], "bool"),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]], "int64"),
        ([(1.5, 2.5), (3.5, 4.5)], [[1.5, 2.5], [3.5, 4.5]], "float64"),
        ([[[1], [2]], [[3], [4]]], [[[1], [2]], [[3], [4]]], "int64"),
        ([np.int8(1), np.int8(2)], [1, 2], "int8"),
        ([np.float32(0.5)], [0.5], "float32"),
        ([np.array([1, 2], "u1"), np.array([3, 4], "u1")], [[1, 2], [3, 4]], "uint8"),
        (np.array([1, 2.5], object), [1.0, 2.5], "float64"),
        ([2**63], [2**63], "uint64"),
    ],
    ids=str,
)
def test_lists_and_tuples_of_numbers_become_arrays(file: BuilderFile, data: object, expected: list, dtype: str) -> None:
    """Sequences, also nested ones, are stored as the array that numpy makes of them."""
    found = values(file.stored(data))

    assert found.tolist() == expected
    assert found.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    "array", [np.arange(24).reshape(2, 3, 4), np.arange(24).reshape(2, 3, 4).T, np.arange(9)[::-2]]
)
def test_the_order_of_elements_in_memory_does_not_matter(file: BuilderFile, array: np.ndarray) -> None:
    """Transposed and strided arrays are stored by their indices."""
    found = values(file.stored(array))

    assert found.tolist() == array.tolist()


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4), (0, 0)])
@pytest.mark.parametrize("dtype", ["bool", "int32", "float16", "float64"])
def test_an_axis_may_have_no_length(file: BuilderFile, shape: tuple[int, ...], dtype: str) -> None:
    """Empty arrays keep their type and every length."""
    array = np.empty(shape, dtype)

    found = values(file.stored(array))

    assert found.shape == shape
    assert found.dtype == np.dtype(dtype)


def test_an_empty_list_with_a_declared_type_has_that_type(file: BuilderFile) -> None:
    """Where there are no values, what the builder declares decides."""
    found = values(file.stored([], "int16"))

    assert found.shape == (0,)
    assert found.dtype == np.int16


def test_the_declared_type_decides_the_width(file: BuilderFile) -> None:
    """Values are stored in the type that the builder declares, whichever way they were passed."""
    found = file.round_trip(
        root(dataset("list", [1, 2], "uint8"), dataset("array", np.array([1, 2]), "int16"), dataset("one", 3, "int8"))
    )

    assert values(found["list"]).dtype == np.uint8
    assert values(found["array"]).dtype == np.int16
    assert type(found["one"].data) is np.int8


def test_a_pandas_series_of_numbers_is_stored_as_its_values(file: BuilderFile) -> None:
    """A column of a data frame needs no conversion by hand."""
    series = pd.Series([1.5, 2.5], index=["a", "b"], dtype="float32")

    found = values(file.stored(series))

    assert found.tolist() == [1.5, 2.5]
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    "data", [[[1, 2], [3]], [[1.0], [2.0, 3.0]], [np.arange(2), np.arange(3)], [[1, 2], 3]], ids=str
)
def test_rows_of_different_length_are_refused_with_the_way_out(file: BuilderFile, data: list) -> None:
    """A ragged list has no shape; the error names the dataset and what to do instead."""
    with pytest.raises(UnsupportedValueError, match=r"/x: .*ragged column \(data and index\)"):
        file.stored(data)


def test_an_integer_wider_than_64_bit_is_refused(file: BuilderFile) -> None:
    """No store has a type for it, and it is not turned into a float behind one's back."""
    with pytest.raises(UnsupportedValueError, match="/x: "):
        file.stored([2**70])


def test_a_value_that_does_not_fit_the_declared_type_is_refused(file: BuilderFile) -> None:
    """300 is not stored as 44 because somebody declared 8 bits."""
    with pytest.raises(UnsupportedValueError, match="/x: "):
        file.stored([300], "uint8")


@pytest.mark.parametrize("array", [np.array(["2020-01-01"], "datetime64[D]"), np.array([1], "timedelta64[s]")], ids=str)
def test_numpy_dates_are_refused_with_the_way_out(file: BuilderFile, array: np.ndarray) -> None:
    """HDMF has no such type; the error says to convert them."""
    with pytest.raises(UnsupportedValueError, match="convert them"):
        file.stored(array)


def test_all_problems_are_named_together(file: BuilderFile) -> None:
    """One error lists every dataset that has no form, so that one does not fix them one by one."""
    bad = root(dataset("ragged", [[1], [2, 3]]), dataset("fine", [1]), dataset("odd", [object()]))

    with pytest.raises(UnsupportedValueError) as caught:
        file.write(bad)

    assert "/ragged" in str(caught.value)
    assert "/odd" in str(caught.value)
    assert "/fine" not in str(caught.value)
