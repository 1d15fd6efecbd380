"""What the elements of a dataset are, whatever stores them.

Frozen data; knows numpy's names for numbers and nothing else. The normal form of values in memory,
which every source yields and every adapter takes, stands beside each type:

=============  ==============================================================================
element type   values in memory (numpy arrays)
=============  ==============================================================================
Number         native byte order, the dtype that is named
Text           dtype object, every element a `str`
Bytes          dtype object, every element a `bytes`
ReferenceTo    dtype object, every element a `Target` (or None: refers to nothing)
Compound       structured; number fields as above, other fields dtype object
=============  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np

__all__ = ["AsciiText", "Bytes", "Compound", "ElementType", "Field", "Number", "ReferenceTo", "Text", "Unreadable"]

_NUMBERS = frozenset(["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]).union(
    ["float16", "float32", "float64", "complex64", "complex128"]
)


def _known_number(_instance: object, _attribute: object, name: str) -> None:
    if name not in _NUMBERS:
        raise ValueError(f"{name!r} is no number type; known are {', '.join(sorted(_NUMBERS))}")


@attrs.frozen
class Number:
    """Integers, floats, complex numbers and booleans of a fixed width.

    Parameters
    ----------
    name : str
        numpy's name of the type, without byte order: ``"int16"``, ``"float64"``, ``"bool"``.
    """

    name: str = attrs.field(validator=_known_number)

    @classmethod
    def of(cls, dtype: np.dtype | type | str) -> Number:
        """Return the number type that a numpy dtype of any byte order stands for.

        Raises
        ------
        ValueError
            If the dtype is no number that can be stored (datetimes, long doubles, ...).
        """
        return cls(np.dtype(dtype).name)

    @property
    def dtype(self) -> np.dtype:
        """The numpy dtype of values in memory, native byte order."""
        return np.dtype(self.name)

    def __str__(self) -> str:
        return self.name


@attrs.frozen
class Text:
    """Unicode text of any length.

    Parameters
    ----------
    charset : {"utf-8", "ascii"}
        What it was declared as. Values are the same in memory; HDF5 and the validators of HDMF tell the two apart.
    """

    charset: str = attrs.field(default="utf-8", validator=attrs.validators.in_(("utf-8", "ascii")))

    @property
    def dtype(self) -> np.dtype:
        """The numpy dtype of values in memory."""
        return np.dtype(object)

    def __str__(self) -> str:
        return "text"


class AsciiText(str):
    """Text of an attribute that was declared as ASCII; in all else text like any other."""

    __slots__ = ()


@attrs.frozen
class Bytes:
    """Byte strings of any length that are not text."""

    @property
    def dtype(self) -> np.dtype:
        """The numpy dtype of values in memory."""
        return np.dtype(object)

    def __str__(self) -> str:
        return "bytes"


@attrs.frozen
class ReferenceTo:
    """References to groups or datasets."""

    @property
    def dtype(self) -> np.dtype:
        """The numpy dtype of values in memory."""
        return np.dtype(object)

    def __str__(self) -> str:
        return "reference"


@attrs.frozen
class Unreadable:
    """A type that this version cannot decode: the dataset is listed, its values are an error.

    Parameters
    ----------
    reason : str
        Why, in words, for the error that who asks for the values gets.
    """

    reason: str

    @property
    def dtype(self) -> np.dtype:
        """The numpy dtype of values in memory; there never are any."""
        return np.dtype(object)

    def __str__(self) -> str:
        return "unreadable"


@attrs.frozen
class Field:
    """One column of a compound type."""

    name: str = attrs.field(validator=attrs.validators.instance_of(str))
    type: Number | Text | Bytes | ReferenceTo | Compound


def _as_fields(fields: Iterable[Field]) -> tuple[Field, ...]:
    return tuple(fields)


@attrs.frozen
class Compound:
    """Rows of named fields.

    Parameters
    ----------
    fields : tuple of Field
        In storage order; at least one, each of another name.
    """

    fields: tuple[Field, ...] = attrs.field(converter=_as_fields, validator=attrs.validators.min_len(1))

    @fields.validator
    def _names_differ(self, _attribute: object, fields: tuple[Field, ...]) -> None:
        if len({field.name for field in fields}) < len(fields):
            raise ValueError(f"rows cannot have two fields of one name: {[field.name for field in fields]}")

    @property
    def dtype(self) -> np.dtype:
        """The structured numpy dtype of values in memory."""
        return np.dtype([(f.name, f.type.dtype) for f in self.fields])

    @property
    def references(self) -> tuple[str, ...]:
        """The names of the fields that hold references."""
        return tuple(f.name for f in self.fields if isinstance(f.type, ReferenceTo))

    def __str__(self) -> str:
        return "{" + ", ".join(f"{f.name}: {f.type}" for f in self.fields) + "}"


ElementType = Number | Text | Bytes | ReferenceTo | Compound | Unreadable
"""Any of the types that elements can have."""
