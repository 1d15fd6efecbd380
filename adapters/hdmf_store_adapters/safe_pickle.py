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
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from hdmf_store_adapters.pickle_opcodes import UnsafePickleError, check_opcodes, refuse

__all__ = ["MAX_DEPTH", "UnsafePickleError", "safe_loads"]

MAX_DEPTH = 16
"""How deep containers may be nested; what is written in practice needs three levels."""

_MAX_RECORD_DEPTH = 4
_LEAVES = (type(None), bool, int, float, complex, str, bytes)
_SIMPLE_KINDS = "biufcSU"
_TYPE_CODE = re.compile(r"[<>=|]?[biufcSUOV][0-9]{0,9}")


_FREE_BYTES = 2**24
_BYTES_FOR_EACH = 64
_MOST_AXES = 32
_LONGEST = 2**62


class _Allowance:
    """How much more memory than it has bytes itself a pickle may take: parts that are named often are made anew."""

    def __init__(self, size: int) -> None:
        self._left = size

    def spend(self, size: int) -> None:
        """Take so many bytes, or refuse."""
        self._left -= size
        if self._left < 0:
            refuse("far more data than it has bytes")


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
            refuse("an array of an unknown class")
        return _ArrayState()


class _FromBuffer:
    """Stands for the function that makes an array of bytes."""

    __slots__ = ()

    def __call__(self, data: Any, dtype: Any, shape: Any, order: Any = "C") -> _ArrayState:
        return _ArrayState((1, shape, dtype, order == "F", data))


class _Scalar:
    """Stands for the function that makes a scalar."""

    __slots__ = ()

    def __call__(self, dtype: Any, value: Any = None) -> _ScalarState:
        return _ScalarState(dtype, value)


class _Bytes:
    """Stands for the type of bytes, which the first protocols call for none."""

    __slots__ = ()

    def __call__(self) -> bytes:
        return b""


class _Encode:
    """Stands for the function by which the first protocols, which have no bytes, make them of text."""

    def __init__(self, allowance: _Allowance) -> None:
        self._allowance = allowance

    def __call__(self, text: Any, charset: Any) -> bytes:
        if type(text) is not str or charset != "latin1":
            refuse("bytes in an unknown encoding")
        self._allowance.spend(len(text))
        return text.encode("latin1")


class _MappingType:
    """Stands for ``dict``, which the first protocols name and do not call."""

    __slots__ = ()


class _Reference(dict[str, Any]):
    """A mapping that is filled, not copied."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()


class _NewReference:
    """Stands for the function by which the first protocols make an object of a class that they name."""

    __slots__ = ()

    def __call__(self, kind: Any, base: Any, content: Any) -> dict[str, Any]:
        if not (isinstance(kind, type) and issubclass(kind, _Reference)) or type(base) is not _MappingType:
            refuse("an object of an unknown class")
        if type(content) is not dict:
            refuse("a reference that is no mapping")
        return content


class _Fixed(type):
    """Of classes whose attributes no pickle can set."""

    def __setattr__(cls, name: str, value: Any) -> None:
        refuse(f"a change of what a class calls {name[:40]!r}")


def _stand_ins(allowance: _Allowance) -> dict[tuple[str, str], Any]:
    known: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _ArrayType(),
        ("numpy", "dtype"): _DType(),
        ("hdmf_zarr.utils", "ZarrReference"): _Fixed("Reference", (_Reference,), {}),
        ("_codecs", "encode"): _Encode(allowance),
        ("__builtin__", "bytes"): _Bytes(),
        ("__builtin__", "dict"): _MappingType(),
        ("copy_reg", "_reconstructor"): _NewReference(),
    }
    for module in ("numpy.core", "numpy._core"):
        known[f"{module}.multiarray", "_reconstruct"] = _NewArray()
        known[f"{module}.multiarray", "scalar"] = _Scalar()
        known[f"{module}.numeric", "_frombuffer"] = _FromBuffer()
    return known


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, allowance: _Allowance) -> None:
        super().__init__(io.BytesIO(data))
        self._known = _stand_ins(allowance)

    def find_class(self, module: str, name: str) -> Any:
        found = self._known.get((module, name))
        if found is None:
            refuse(f"the name {module:.100}.{name:.100}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        refuse("a persistent id")


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
        check_opcodes(data)
        allowance = _Allowance(_FREE_BYTES + _BYTES_FOR_EACH * len(data))
        loaded = _Unpickler(data, allowance).load()
        value = _Rebuilder(allowance).rebuilt(loaded, 0)
        # arrays inside share the pickle's memory, so that many of the same bytes take no more; the outermost does not
        return value.copy() if isinstance(value, np.ndarray) and not value.flags.writeable else value
    except UnsafePickleError:
        raise
    except Exception as problem:
        raise UnsafePickleError(f"the pickle is damaged ({type(problem).__name__}: {problem})") from problem


# -------------------------------------------------------------------------------------------------------- rebuilding


class _Rebuilder:
    """Turns stand-ins into arrays and mappings. What is shared is rebuilt once, so that sharing cannot be a bomb."""

    def __init__(self, allowance: _Allowance) -> None:
        self._allowance = allowance
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
            refuse(f"containers nested more than {MAX_DEPTH} deep")
        key = id(value)
        if key not in self._done:
            kind = dict if isinstance(value, dict) else type(value)
            rule = self._rules.get(kind)
            if rule is None:
                refuse(f"a value of type {type(value).__name__}")
            self._done[key] = rule(value, depth + 1)
        return self._done[key]

    def _mapping(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        if any(type(key) is not str for key in value):
            refuse("a mapping whose keys are not text")
        return {key: self.rebuilt(item, depth) for key, item in dict.items(value)}

    def _scalar(self, value: _ScalarState, depth: int) -> Any:
        dtype = self._dtype(value.dtype, 0)
        content = value.value
        if dtype.kind not in _SIMPLE_KINDS or not isinstance(content, bytes) or len(content) != dtype.itemsize:
            refuse("a scalar that does not fit its type")
        return np.frombuffer(content, dtype)[0] if dtype.itemsize else dtype.type()

    def _array(self, value: _ArrayState, depth: int) -> np.ndarray:
        state = value.state
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            refuse("an array without content")
        shape, stored_dtype, is_fortran, content = state[-4:]
        if not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
            refuse("an array of an impossible shape")
        if not all(type(length) is int and 0 <= length <= _LONGEST for length in shape):
            refuse("an array of an impossible shape")
        dtype, size = self._dtype(stored_dtype, 0), math.prod(shape)
        if dtype.hasobject:
            return self._objects(content, dtype, shape, size, depth)
        if not isinstance(content, bytes | bytearray) or len(content) != size * dtype.itemsize:
            refuse("an array whose content does not fit its shape")
        if not content:
            self._allowance.spend(size)
            return np.zeros(shape, dtype)
        flat = np.frombuffer(content, dtype)
        flat.flags.writeable = False
        return flat.reshape(shape, order="F" if is_fortran else "C")

    def _objects(self, content: Any, dtype: np.dtype, shape: tuple[int, ...], size: int, depth: int) -> np.ndarray:
        if not isinstance(content, list) or len(content) != size:
            refuse("an array whose content does not fit its shape")
        if not set(map(type, content)) <= set(_LEAVES):
            content = [self.rebuilt(item, depth) for item in content]
        self._allowance.spend(size * dtype.itemsize)
        # a list of objects is in C order, also where the array's flag says otherwise
        array = np.empty(size, dtype)
        if dtype.names is not None:
            if any(type(row) is not tuple or len(row) != len(dtype.names) for row in content):
                refuse("a record whose fields do not fit its type")
            array[:] = content
        else:
            for position, item in enumerate(content):
                array[position] = item
        return array.reshape(shape)

    def _dtype(self, value: Any, depth: int) -> np.dtype:
        """Return the dtype that a stand-in describes, rebuilt from names and kinds alone."""
        if not isinstance(value, _DTypeState) or not value.arguments or type(value.arguments[0]) is not str:
            refuse("an array of an unknown type")
        if depth > _MAX_RECORD_DEPTH:
            refuse(f"records nested more than {_MAX_RECORD_DEPTH} deep")
        if id(value) not in self._types:
            self._types[id(value)] = self._new_dtype(value, depth)
        return self._types[id(value)]

    def _new_dtype(self, value: _DTypeState, depth: int) -> np.dtype:
        code, state = value.arguments[0], value.state if isinstance(value.state, tuple) else ()
        if not _TYPE_CODE.fullmatch(code):
            refuse(f"an array of the type {code!r:.40}")
        if code.startswith("V") and len(state) >= 5 and state[3] is not None:
            return self._records(int(code[1:] or 0), state[3], state[4], depth)
        dtype = np.dtype(code)
        order = state[1] if len(state) > 1 and state[1] in ("<", ">") else None
        return dtype if dtype.kind == "O" or order is None else dtype.newbyteorder(order)

    def _records(self, item_size: int, names: Any, fields: Any, depth: int) -> np.dtype:
        if not isinstance(names, tuple) or not all(type(name) is str for name in names) or not isinstance(fields, dict):
            refuse("a record type whose fields do not fit its names")
        if set(names) != set(fields):
            refuse("a record type whose fields do not fit its names")
        formats, offsets = [], []
        for name in names:
            field = fields[name]
            if not isinstance(field, tuple) or len(field) < 2 or type(field[1]) is not int:
                refuse("a record type with a field that is none")
            formats.append(self._dtype(field[0], depth + 1))
            offsets.append(field[1])
        if item_size > 64 + 2 * sum(max(8, kind.itemsize) for kind in formats):
            refuse("a record type that is mostly empty")
        return np.dtype({"names": list(names), "formats": formats, "offsets": offsets, "itemsize": item_size})
