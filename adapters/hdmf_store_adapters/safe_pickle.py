"""Pickled chunks of older Zarr files, decoded without running anything that the file names.

hdmf-zarr up to 0.13 keeps references, and records that hold them, as pickled numpy arrays. A pickle is a program; this
decoder lets it name exactly the few things such chunks are made of, and gives it a stand-in for each: no function or
class of numpy or of any other package is ever called by a file. Arrays are then rebuilt here from what the stand-ins
recorded, after it was checked. Whatever else a pickle names is refused by name before anything happens.

Sources: the pickle protocol as Python documents it (module ``pickletools``); chunks written by hdmf-zarr 0.3 to 0.13.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

__all__ = ["MAX_DEPTH", "UnsafePickleError", "safe_loads"]

MAX_DEPTH = 16
"""How deep containers may be nested; what is written in practice needs three levels."""

_MAX_RECORD_DEPTH = 4
_LEAVES = (type(None), bool, int, float, complex, str, bytes)
_SIMPLE_KINDS = "biufcSU"
_TYPE_CODE = re.compile(r"[<>=|]?[biufcSUOV][0-9]{0,9}")


class UnsafePickleError(ValueError):
    """A pickle that names, or is made of, something that no chunk of such files holds."""


def _refuse(what: str) -> NoReturn:
    raise UnsafePickleError(f"the pickle holds {what}, which no data of these files needs; it was not executed")


# -------------------------------------------------------------------------------------------------------- stand-ins
#
# A pickle can set attributes of whatever it gets hold of. Every load therefore gets stand-ins of its own, so that
# nothing that one pickle does to them reaches the next.


class _DTypeState:
    """A numpy dtype as the pickle describes it."""

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ArrayState:
    """A numpy array as the pickle describes it."""

    def __init__(self, state: Any = None) -> None:
        self.state = state

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ScalarState:
    """A numpy scalar as the pickle describes it."""

    def __init__(self, dtype: Any, value: Any) -> None:
        self.dtype = dtype
        self.value = value


class _DType:
    """Stands for ``numpy.dtype``."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> _DTypeState:
        return _DTypeState(arguments)


class _ArrayType:
    """Stands for ``numpy.ndarray``, which a pickle names but must not call."""

    __slots__ = ()


class _NewArray:
    """Stands for the function that makes an array to be filled."""

    __slots__ = ()

    def __call__(self, kind: Any, shape: Any, typecode: Any) -> _ArrayState:
        if type(kind) is not _ArrayType:
            _refuse("an array of an unknown class")
        return _ArrayState()


class _FromBuffer:
    """Stands for the function that makes an array of bytes."""

    __slots__ = ()

    def __call__(self, data: Any, dtype: Any, shape: Any, order: Any = "C") -> _ArrayState:
        content = bytes(data) if isinstance(data, bytes | bytearray) else data
        return _ArrayState((1, shape, dtype, order == "F", content))


class _Scalar:
    """Stands for the function that makes a scalar."""

    __slots__ = ()

    def __call__(self, dtype: Any, value: Any = None) -> _ScalarState:
        return _ScalarState(dtype, value)


def _stand_ins() -> dict[tuple[str, str], Any]:
    known: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _ArrayType(),
        ("numpy", "dtype"): _DType(),
        ("hdmf_zarr.utils", "ZarrReference"): type("Reference", (dict,), {}),
    }
    for module in ("numpy.core", "numpy._core"):
        known[f"{module}.multiarray", "_reconstruct"] = _NewArray()
        known[f"{module}.multiarray", "scalar"] = _Scalar()
        known[f"{module}.numeric", "_frombuffer"] = _FromBuffer()
    return known


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self._known = _stand_ins()

    def find_class(self, module: str, name: str) -> Any:
        found = self._known.get((module, name))
        if found is None:
            _refuse(f"the name {module}.{name}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        _refuse("a persistent id")


# ---------------------------------------------------------------------------------------------------------- loading


def safe_loads(data: bytes) -> Any:
    """Return what a pickled chunk holds: an array, or plain containers and values.

    Parameters
    ----------
    data : bytes
        One pickle, of any protocol.

    Returns
    -------
    object
        References are plain dictionaries; arrays within other values are read-only.

    Raises
    ------
    UnsafePickleError
        If the pickle is damaged, or names anything but what such chunks are made of. Nothing was executed then.
    """
    try:
        _scan(data)
        loaded = _Unpickler(data).load()
        value = _Rebuilder().rebuilt(loaded, 0)
        # arrays inside share the pickle's memory, so that many of the same bytes take no more; the outermost does not
        return value.copy() if isinstance(value, np.ndarray) and not value.flags.writeable else value
    except UnsafePickleError:
        raise
    except Exception as problem:
        raise UnsafePickleError(f"the pickle is damaged ({type(problem).__name__}: {problem})") from problem


_NEWLINES = {"GLOBAL": 2, "INST": 2}
_PREFIXES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_FORBIDDEN = ("EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER")
_PUTS = {"BINPUT": 1, "LONG_BINPUT": 4}


def _table() -> list[tuple[str, int, int, int] | None]:
    """Return, for each opcode byte, its name and its argument: fixed bytes, bytes of a length before it, or lines."""
    table: list[tuple[str, int, int, int] | None] = [None] * 256
    for op in pickletools.opcodes:
        fixed = prefix = lines = 0
        if op.arg is not None:
            if op.arg.n >= 0:
                fixed = op.arg.n
            elif op.arg.n == pickletools.UP_TO_NEWLINE:
                lines = _NEWLINES.get(op.name, 1)
            else:
                prefix = _PREFIXES[op.arg.n]
        table[ord(op.code)] = (op.name, fixed, prefix, lines)
    return table


_TABLE = _table()


def _scan(data: bytes) -> None:
    """Look through the opcodes before any is carried out.

    Refused are those that reach outside the pickle, places in the memo that no writer would use (the interpreter
    would make room for them all), and bytes after the end.
    """
    position, steps = 0, 0
    while True:
        known = _TABLE[data[position]] if position < len(data) else None
        if known is None:
            raise UnsafePickleError("the pickle is damaged (it ends early, or has an unknown opcode)")
        name, fixed, prefix, lines = known
        if name in _FORBIDDEN:
            _refuse(f"the opcode {name}")
        start = position + 1
        position = start + fixed
        steps += 1
        if prefix:
            position = start + prefix + int.from_bytes(data[start : start + prefix], "little")
        for _ in range(lines):
            position = data.find(b"\n", position) + 1 or len(data) + 1
        if name in _PUTS and int.from_bytes(data[start:position], "little") > steps:
            _refuse("a memo with gaps")
        if name == "PUT" and not _is_small(data[start : position - 1], steps):
            _refuse("a memo with gaps")
        if name == "STOP":
            break
    if position != len(data):
        _refuse("bytes after its end")


def _is_small(digits: bytes, most: int) -> bool:
    return len(digits) < 12 and digits.isdigit() and int(digits) <= most


# -------------------------------------------------------------------------------------------------------- rebuilding


class _Rebuilder:
    """Turns stand-ins into arrays and mappings. What is shared is rebuilt once, so that sharing cannot be a bomb."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._types: dict[int, np.dtype] = {}
        self._rules: dict[type, Callable[[Any, int], Any]] = {
            list: lambda value, depth: [self.rebuilt(item, depth) for item in value],
            tuple: lambda value, depth: tuple(self.rebuilt(item, depth) for item in value),
            dict: self._mapping,
            _ArrayState: self._array,
            _ScalarState: self._scalar,
        }

    def rebuilt(self, value: Any, depth: int) -> Any:
        if type(value) in _LEAVES:
            return value
        if depth > MAX_DEPTH:
            _refuse(f"containers nested more than {MAX_DEPTH} deep")
        key = id(value)
        if key not in self._done:
            kind = dict if isinstance(value, dict) else type(value)
            rule = self._rules.get(kind)
            if rule is None:
                _refuse(f"a value of type {type(value).__name__}")
            self._done[key] = rule(value, depth + 1)
        return self._done[key]

    def _mapping(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        if any(type(key) is not str for key in value):
            _refuse("a mapping whose keys are not text")
        return {key: self.rebuilt(item, depth) for key, item in value.items()}

    def _scalar(self, value: _ScalarState, depth: int) -> Any:
        dtype = self._dtype(value.dtype, 0)
        content = value.value
        if dtype.kind not in _SIMPLE_KINDS or not isinstance(content, bytes) or len(content) != dtype.itemsize:
            _refuse("a scalar that does not fit its type")
        return np.frombuffer(content, dtype)[0] if dtype.itemsize else dtype.type()

    def _array(self, value: _ArrayState, depth: int) -> np.ndarray:
        state = value.state
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            _refuse("an array without content")
        shape, stored_dtype, is_fortran, content = state[-4:]
        if not isinstance(shape, tuple) or not all(type(length) is int and length >= 0 for length in shape):
            _refuse("an array of an impossible shape")
        dtype, size = self._dtype(stored_dtype, 0), math.prod(shape)
        if dtype.hasobject:
            return self._objects(content, dtype, shape, size, depth)
        if not isinstance(content, bytes) or len(content) != size * dtype.itemsize:
            _refuse("an array whose content does not fit its shape")
        if not content:
            return np.zeros(shape, dtype)
        return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")

    def _objects(self, content: Any, dtype: np.dtype, shape: tuple[int, ...], size: int, depth: int) -> np.ndarray:
        if not isinstance(content, list) or len(content) != size:
            _refuse("an array whose content does not fit its shape")
        if not set(map(type, content)) <= set(_LEAVES):
            content = [self.rebuilt(item, depth) for item in content]
        # a list of objects is in C order, also where the array's flag says otherwise
        array = np.empty(size, dtype)
        if dtype.names is not None:
            if any(type(row) is not tuple or len(row) != len(dtype.names) for row in content):
                _refuse("a record whose fields do not fit its type")
            array[:] = content
        else:
            for position, item in enumerate(content):
                array[position] = item
        return array.reshape(shape)

    def _dtype(self, value: Any, depth: int) -> np.dtype:
        """Return the dtype that a stand-in describes, rebuilt from names and kinds alone."""
        if not isinstance(value, _DTypeState) or not value.arguments or type(value.arguments[0]) is not str:
            _refuse("an array of an unknown type")
        if depth > _MAX_RECORD_DEPTH:
            _refuse(f"records nested more than {_MAX_RECORD_DEPTH} deep")
        if id(value) not in self._types:
            self._types[id(value)] = self._new_dtype(value, depth)
        return self._types[id(value)]

    def _new_dtype(self, value: _DTypeState, depth: int) -> np.dtype:
        code, state = value.arguments[0], value.state if isinstance(value.state, tuple) else ()
        if not _TYPE_CODE.fullmatch(code):
            _refuse(f"an array of the type {code!r:.40}")
        if code.startswith("V") and len(state) >= 5 and state[3] is not None:
            return self._records(int(code[1:] or 0), state[3], state[4], depth)
        dtype = np.dtype(code)
        order = state[1] if len(state) > 1 and state[1] in ("<", ">") else None
        return dtype if dtype.kind == "O" or order is None else dtype.newbyteorder(order)

    def _records(self, item_size: int, names: Any, fields: Any, depth: int) -> np.dtype:
        if not isinstance(names, tuple) or not all(type(name) is str for name in names) or not isinstance(fields, dict):
            _refuse("a record type whose fields do not fit its names")
        if set(names) != set(fields):
            _refuse("a record type whose fields do not fit its names")
        formats, offsets = [], []
        for name in names:
            field = fields[name]
            if not isinstance(field, tuple) or len(field) < 2 or type(field[1]) is not int:
                _refuse("a record type with a field that is none")
            formats.append(self._dtype(field[0], depth + 1))
            offsets.append(field[1])
        if item_size > 64 + 2 * sum(max(8, kind.itemsize) for kind in formats):
            _refuse("a record type that is mostly empty")
        return np.dtype({"names": list(names), "formats": formats, "offsets": offsets, "itemsize": item_size})
