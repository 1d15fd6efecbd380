"""Pickled chunks of older Zarr files, decoded without running anything that the file names.

hdmf-zarr up to 0.13 keeps references, and records that hold them, as pickled numpy arrays. A pickle is a program; this
decoder lets it name exactly the few things such chunks are made of, and gives it a stand-in for each: no function or
class of numpy or of any other package is ever called by a file. Arrays are then rebuilt here from what the stand-ins
recorded, after it was checked. Whatever else a pickle names is refused by name before anything happens.

Sources: the pickle protocol as Python documents it (module ``pickletools``); chunks written by hdmf-zarr 0.3 to 0.13.
"""

from __future__ import annotations

import copyreg
import io
import math
import pickle
import pickletools
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

__all__ = ["MAX_DEPTH", "UnsafePickleError", "safe_loads"]

MAX_DEPTH = 16
"""How deep containers may be nested; what is written in practice needs three levels."""

_LEAVES = (type(None), bool, int, float, complex, str, bytes)
_SIMPLE_KINDS = "biufcSU"


class UnsafePickleError(ValueError):
    """A pickle that names, or is made of, something that no chunk of such files holds."""


class _DType:
    """Stands for a numpy dtype: remembers what it was made of."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Array:
    """Stands for a numpy array."""

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Scalar:
    """Stands for a numpy scalar."""

    def __init__(self, dtype: Any, value: Any) -> None:
        self.dtype = dtype
        self.value = value


class _ArrayType:
    """Stands for the class of numpy arrays, which a pickle names but must not call."""

    def __new__(cls, *arguments: Any) -> NoReturn:
        _refuse("a call of numpy.ndarray")


class _Reference(dict):
    """Stands for hdmf-zarr's reference, a mapping."""


def _refuse(what: str) -> NoReturn:
    raise UnsafePickleError(f"the pickle holds {what}, which no data of these files needs; it was not executed")


def _new_array(kind: Any, shape: Any, typecode: Any) -> _Array:
    if kind is not _ArrayType:
        _refuse("an array of an unknown class")
    return _Array()


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> _Array:
    array = _Array()
    array.state = (1, shape, dtype, order == "F", bytes(data) if isinstance(data, bytes | bytearray) else data)
    return array


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _DType,
    ("hdmf_zarr.utils", "ZarrReference"): _Reference,
}
for _module in ("numpy.core", "numpy._core"):
    _KNOWN[f"{_module}.multiarray", "_reconstruct"] = _new_array
    _KNOWN[f"{_module}.multiarray", "scalar"] = _Scalar
    _KNOWN[f"{_module}.numeric", "_frombuffer"] = _from_buffer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _KNOWN.get((module, name))
        if found is None:
            _refuse(f"the name {module}.{name}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        _refuse("a persistent id")


def safe_loads(data: bytes) -> Any:
    """Return what a pickled chunk holds: an array, or plain containers and values.

    Parameters
    ----------
    data : bytes
        One pickle, of any protocol.

    Returns
    -------
    object
        References are plain dictionaries.

    Raises
    ------
    UnsafePickleError
        If the pickle is damaged, or names anything but what such chunks are made of. Nothing was executed then.
    """
    _refuse_extension_codes(data)
    try:
        loaded = _Unpickler(io.BytesIO(data)).load()
    except UnsafePickleError:
        raise
    except Exception as problem:
        raise UnsafePickleError(f"the pickle is damaged ({type(problem).__name__}: {problem})") from problem
    return _Rebuilder().rebuilt(loaded, 0)


def _refuse_extension_codes(data: bytes) -> None:
    # Codes are looked up in a registry of the process before `find_class` is asked. It is empty unless some package
    # filled it, and only then is it worth reading the pickle twice.
    if copyreg._extension_registry:  # type: ignore[attr-defined]
        try:
            codes = [op.name for op, _, _ in pickletools.genops(data) if op.name.startswith("EXT")]
        except Exception as problem:
            raise UnsafePickleError(f"the pickle is damaged ({problem})") from problem
        if codes:
            _refuse("an extension code")


class _Rebuilder:
    """Turns stand-ins into arrays and mappings. What is shared is rebuilt once, so that sharing cannot be a bomb."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._rules: dict[type, Callable[[Any, int], Any]] = {
            list: lambda value, depth: [self.rebuilt(item, depth) for item in value],
            tuple: lambda value, depth: tuple(self.rebuilt(item, depth) for item in value),
            dict: self._mapping,
            _Reference: self._mapping,
            _Array: self._array,
            _Scalar: self._scalar,
        }

    def rebuilt(self, value: Any, depth: int) -> Any:
        if type(value) in _LEAVES:
            return value
        if depth > MAX_DEPTH:
            _refuse(f"containers nested more than {MAX_DEPTH} deep")
        key = id(value)
        if key not in self._done:
            rule = self._rules.get(type(value))
            if rule is None:
                _refuse(f"a value of type {type(value).__name__}")
            self._done[key] = rule(value, depth + 1)
        return self._done[key]

    def _mapping(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        if any(type(key) is not str for key in value):
            _refuse("a mapping whose keys are not text")
        return {key: self.rebuilt(item, depth) for key, item in value.items()}

    def _scalar(self, value: _Scalar, depth: int) -> Any:
        dtype = _dtype(value.dtype)
        if dtype.kind not in _SIMPLE_KINDS or not isinstance(value.value, bytes) or len(value.value) != dtype.itemsize:
            _refuse("a scalar that does not fit its type")
        return np.frombuffer(value.value, dtype)[0]

    def _array(self, value: _Array, depth: int) -> np.ndarray:
        state = value.state
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            _refuse("an array without content")
        shape, stored_dtype, is_fortran, content = state[-4:]
        if not isinstance(shape, tuple) or not all(type(length) is int and length >= 0 for length in shape):
            _refuse("an array of an impossible shape")
        dtype, size = _dtype(stored_dtype), math.prod(shape)
        if dtype.hasobject:
            return self._objects(content, dtype, shape, size, depth)
        if not isinstance(content, bytes) or len(content) != size * dtype.itemsize:
            _refuse("an array whose content does not fit its shape")
        flat = np.frombuffer(content, dtype)
        return flat.reshape(shape, order="F" if is_fortran else "C").copy()

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


def _dtype(value: Any) -> np.dtype:
    """Return the dtype that a stand-in describes, rebuilt from names and kinds alone."""
    if not isinstance(value, _DType) or not value.arguments or type(value.arguments[0]) is not str:
        _refuse("an array of an unknown type")
    code, state = value.arguments[0], value.state if isinstance(value.state, tuple) else ()
    order = state[1] if len(state) > 1 and state[1] in ("<", ">", "=", "|") else "|"
    if code.startswith("V") and len(state) >= 5 and state[3] is not None:
        return _records(code, state)
    if code.lstrip("<>=|")[:1] not in (*_SIMPLE_KINDS, "O", "V"):
        _refuse(f"an array of the type {code!r}")
    try:
        dtype = np.dtype(code)
    except TypeError:
        _refuse(f"an array of the type {code!r}")
    if dtype.kind == "O" or order not in ("<", ">"):
        return dtype
    return dtype.newbyteorder("<" if order == "<" else ">")


def _records(code: str, state: tuple[Any, ...]) -> np.dtype:
    names, fields = state[3], state[4]
    if not isinstance(names, tuple) or not isinstance(fields, dict) or set(names) != set(fields):
        _refuse("a record type whose fields do not fit its names")
    described = []
    for name in names:
        field = fields[name]
        if type(name) is not str or not isinstance(field, tuple) or type(field[1]) is not int:
            _refuse("a record type with a field that is none")
        described.append((name, _dtype(field[0]), field[1]))
    try:
        return np.dtype(
            {
                "names": list(names),
                "formats": [kind for _, kind, _ in described],
                "offsets": [offset for _, _, offset in described],
                "itemsize": int(code[1:]),
            }
        )
    except (TypeError, ValueError) as problem:
        raise UnsafePickleError(f"the pickle describes an impossible record type ({problem})") from problem
