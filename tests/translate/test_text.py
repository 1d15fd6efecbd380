"""Text, bytes and dates: what comes back, and as what.

Holds what users asked for (NEEDS 33, 50).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from hdmf_store import UnsupportedValueError
from tests.translate.builder_files import BuilderFile, values

TEXTS = [
    "plain",
    "",
    "Grüße, 世界 🧠",
    "line\nbreak",
    "tab\t",
    "a\0b",
    "é" * 5000,
    " ",
    '{"json": 1}',
    "/a/path",
    "NaN",
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
def test_a_text_comes_back_as_str(file: BuilderFile, text: str) -> None:
    """Every character is kept: none at all, beyond ASCII, NUL, line breaks, and what looks like something else."""
    found = file.stored(text)

    assert found.data == text
    assert isinstance(found.data, str)


def test_a_list_of_texts_comes_back_in_order(file: BuilderFile) -> None:
    """Texts of any length lie side by side in one dataset, the empty one among them."""
    found = file.stored(TEXTS)

    assert list(found.data[:]) == TEXTS


@pytest.mark.parametrize(
    "data",
    [
        ("a", "bcd"),
        np.array(["a", "bcd"]),
        np.array(["a", "bcd"], object),
        np.array(["a", "bcd"], np.dtypes.StringDType()),
        [np.str_("a"), np.str_("bcd")],
        pd.Series(["a", "bcd"]),
        pd.Series(["a", "bcd"], dtype=object),
        [b"a", b"bcd"],
        np.array([b"a", b"bcd"]),
        np.array([b"a", b"bcd"], object),
        ["a", b"bcd"],
    ],
    ids=lambda data: f"{type(data).__name__}-{getattr(data, 'dtype', type(data[0]).__name__)}",
)
def test_texts_come_back_alike_whatever_held_them(file: BuilderFile, data: object) -> None:
    """Lists, tuples, numpy's three kinds of text, pandas and UTF-8 bytes all are text."""
    found = file.stored(data)

    assert list(found.data[:]) == ["a", "bcd"]


@pytest.mark.parametrize(
    "data", [np.array("word"), np.array("word", object), np.str_("word"), b"word", np.bytes_(b"word")]
)
def test_a_scalar_of_any_text_type_comes_back_as_text(file: BuilderFile, data: object) -> None:
    """A text without axes is a text, whichever type numpy gives it."""
    found = file.stored(data)

    assert found.data == "word"
    assert np.shape(found.data) == ()


@pytest.mark.parametrize(
    "data",
    [[["a", "b"], ["", "dd"], ["e", "f"]], np.array([["a", "b"], ["", "dd"], ["e", "f"]])],
    ids=["nested list", "array"],
)
def test_text_may_have_several_axes(file: BuilderFile, data: object) -> None:
    """A table of texts keeps its shape."""
    found = values(file.stored(data))

    assert found.shape == (3, 2)
    assert found.tolist() == [["a", "b"], ["", "dd"], ["e", "f"]]


def test_texts_alone_make_no_nested_list_of_characters(file: BuilderFile) -> None:
    """Texts of equal length are texts, not rows of characters."""
    found = values(file.stored(["abc", "def"]))

    assert found.shape == (2,)


@pytest.mark.parametrize("shape", [(0,), (0, 2), (2, 0)])
@pytest.mark.parametrize("dtype", ["U1", object, "S1", np.dtypes.StringDType()], ids=str)
def test_text_without_elements_keeps_its_shape(file: BuilderFile, shape: tuple[int, ...], dtype: object) -> None:
    """An empty array of text is stored as text and keeps every length."""
    found = file.stored(np.empty(shape, dtype), "text")

    assert values(found).shape == shape
    assert found.dtype in ("utf8", "text", "ascii")


def test_an_empty_list_declared_as_text_is_text(file: BuilderFile) -> None:
    """Where there are no values, what the builder declares decides."""
    found = file.stored([], "text")

    assert values(found).shape == (0,)
    assert found.dtype == "utf8"


def test_bytes_that_are_no_utf8_come_back_as_they_were(file: BuilderFile) -> None:
    """Arbitrary bytes have a form of their own; nothing is decoded, replaced or cut."""
    data = [b"\xff\xfe", b"", b"ascii", b"\0\0"]

    found = file.stored(data)

    assert list(found.data[:]) == data


def test_a_scalar_of_bytes_that_are_no_utf8_comes_back_as_it_was(file: BuilderFile) -> None:
    """Also a single value may be any bytes."""
    found = file.stored(b"\x80\x81")

    assert found.data == b"\x80\x81"


def test_bytes_may_have_several_axes(file: BuilderFile) -> None:
    """A table of bytes keeps its shape and every value."""
    data = np.array([[b"\xff", b"a"], [b"b", b"\xfe"]], object)

    found = values(file.stored(data))

    assert found.shape == (2, 2)
    assert found.tolist() == [[b"\xff", b"a"], [b"b", b"\xfe"]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (datetime(2026, 9, 22, 13, 5, tzinfo=UTC), "2026-09-22T13:05:00+00:00"),
        (datetime(2026, 9, 22, 13, 5, 0, 250000, timezone(timedelta(hours=-7))), "2026-09-22T13:05:00.250000-07:00"),
        (datetime(2026, 9, 22), "2026-09-22T00:00:00"),
        (date(2026, 9, 22), "2026-09-22"),
    ],
)
def test_a_date_is_stored_in_iso_form(file: BuilderFile, data: date, expected: str) -> None:
    """Dates and times, with zone and fraction of a second, are text by ISO 8601."""
    found = file.stored(data, "isodatetime")

    assert found.data == expected


def test_dates_in_a_list_are_stored_in_iso_form(file: BuilderFile) -> None:
    """A list may hold dates, times and texts that already are dates."""
    data = [datetime(2026, 9, 22, tzinfo=UTC), date(2026, 9, 23), "2026-09-24T00:00:00Z"]

    found = file.stored(data, "isodatetime")

    assert list(found.data[:]) == ["2026-09-22T00:00:00+00:00", "2026-09-23", "2026-09-24T00:00:00Z"]


@pytest.mark.parametrize("data", [["a", None], ["a", 1], [b"a", 1.5], [{"a": 1}]], ids=str)
def test_a_mixture_without_common_form_is_refused(file: BuilderFile, data: list) -> None:
    """Nothing is turned into text silently; the error names the dataset and the types."""
    with pytest.raises(UnsupportedValueError, match=r"/x: .*(NoneType|int|float|dict)"):
        file.stored(data)


def test_a_large_text_column_comes_back_equal(file: BuilderFile) -> None:
    """Many texts, more than one chunk of them, keep their order."""
    data = [f"row {number}" for number in range(120_000)]

    found = file.stored(data)

    assert found.data.shape == (120_000,)
    assert found.data[119_999] == "row 119999"
    assert list(found.data[70_000:70_003]) == ["row 70000", "row 70001", "row 70002"]
