"""Pickled chunks are decoded as pickle would, and whatever else a pickle can do does not happen.

Holds what users asked for (NEEDS 44, 45).
"""

from __future__ import annotations

import copyreg
import importlib
import math
import os
import pickle
import pickletools
import resource
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdmf_store_adapters.safe_pickle import MAX_DEPTH, UnsafePickleError, safe_loads
from tests.adapters.samples import objects
from tests.effort import examples

PROTOCOLS = [0, 1, 2, 3, 4, 5]
CORE = "numpy._core" if hasattr(np, "_core") else "numpy.core"
_MULTIARRAY = importlib.import_module(f"{CORE}.multiarray")
REFERENCE = {"source": ".", "path": "/a b/ü", "object_id": None, "source_object_id": "x"}
RECORD = [("i", "<i4"), ("label", "O"), ("to", "O")]


def same(found: Any, expected: Any) -> bool:
    """Tell whether two unpickled values are equal in type, shape, element type and content, in either byte order."""
    if isinstance(expected, np.ndarray):
        if not isinstance(found, np.ndarray) or found.shape != expected.shape:
            return False
        if found.dtype.newbyteorder("=") != expected.dtype.newbyteorder("="):
            return False
        return same(found.reshape(-1).tolist(), expected.reshape(-1).tolist())
    if isinstance(expected, dict):
        return type(found) is dict and list(found) == list(expected) and same([*found.values()], [*expected.values()])
    if type(found) is not type(expected):
        return False
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    return bool(found == expected) or (found != found and expected != expected)


# ---------------------------------------------------------------------------------- accepted

VALUES: dict[str, Any] = {
    "texts": objects(["", "é", "🐭" * 300]),
    "references": objects([REFERENCE, {**REFERENCE, "path": "/b"}, REFERENCE]),
    "references without ids": objects([{"source": ".", "path": "/a"}]),
    "records": np.array([(1, "a", REFERENCE), (-2, "", REFERENCE)], RECORD),
    "records with room between fields": np.array(
        [(1, "a")], np.dtype({"names": ["n", "s"], "formats": ["<i2", "O"], "offsets": [2, 8], "itemsize": 24})
    ),
    "records of numbers": np.array([(1, 2.5), (3, np.nan)], [("i", ">i2"), ("f", "<f8")]),
    "records in records": np.array([(1, (2, "x"))], [("i", "<i2"), ("in", [("j", "<i4"), ("s", "O")])]),
    "no records": np.array([], RECORD),
    "rows as lists": objects([[1, 0.5, "a", REFERENCE], [2, math.inf, "", REFERENCE]]),
    "matrix of objects": objects([REFERENCE, "x", None, 1, 2.5, True], (2, 3)),
    "no objects": np.empty((0, 3), object),
    "one object without axes": objects(["only"], ()),
    "numbers": np.arange(6, dtype="<f4").reshape(2, 3),
    "numbers of the other byte order": np.arange(6, dtype=">i4"),
    "numbers in columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "no numbers": np.empty((3, 0), "u1"),
    "truth values": np.array([True, False]),
    "complex numbers": np.array([1 + 2j], "c8"),
    "text of one width": np.array(["abc", "ü", ""]),
    "bytes of one width": np.array([b"abc", b"\xff", b""]),
    "numpy scalars": objects([np.float64(1.5), np.int8(-3), np.bool_(True), np.float64("nan"), np.uint16(7)]),
    "numpy texts": objects([np.str_("é"), np.bytes_(b"ab")]),
    "empty numpy texts": objects([np.str_(""), np.bytes_(b"")]),
    "arrays in an array": objects([np.arange(3), objects(["a"])]),
    "nested containers": {"a": [1, (2, "x", {"b": None}), []], "": (), "c": {"d": [[[b"\0"]]]}},
    "shared parts": [[REFERENCE] * 3] * 2,
    "a number": 2**80,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_what_chunks_are_made_of_is_decoded_as_pickle_does(value: Any, protocol: int) -> None:
    """Arrays, records, scalars and containers come out equal in type, shape and content."""
    data = pickle.dumps(value, protocol)

    assert same(safe_loads(data), pickle.loads(data))


def respelled(data: bytes, old: str, new: str) -> bytes:
    """Replace a module's name in a pickle of protocol 4, whose frames, being optional, are left out."""
    frames = [place for op, _, place in pickletools.genops(data) if op.name == "FRAME"]
    for place in reversed(frames):
        data = data[:place] + data[place + 9 :]
    spelled = [b"\x8c" + bytes([len(name)]) + name.encode() for name in (old, new)]
    assert spelled[0] in data
    return data.replace(*spelled)


@pytest.mark.parametrize("spelling", ["numpy.core", "numpy._core"])
@pytest.mark.parametrize("what", ["references", "records", "numbers", "numpy scalars"])
def test_modules_of_old_and_new_numpy_are_known(what: str, spelling: str) -> None:
    """A chunk is decoded whichever numpy pickled it, 1 or 2, and whichever is installed."""
    data = respelled(pickle.dumps(VALUES[what], 4), f"{CORE}.multiarray", f"{spelling}.multiarray")

    assert same(safe_loads(data), VALUES[what])


@pytest.mark.parametrize("spelling", ["numpy.core", "numpy._core"])
def test_arrays_of_the_fifth_protocol_are_known_in_both_spellings(spelling: str) -> None:
    """Numbers that were pickled as a buffer are decoded whichever numpy did it."""
    array = np.arange(6, dtype="<i4").reshape(2, 3)
    data = respelled(pickle.dumps(array, 5), f"{CORE}.numeric", f"{spelling}.numeric")

    assert same(safe_loads(data), array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_references_of_hdmf_zarr_are_mappings(monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    """The class that hdmf-zarr pickled is not looked for; what it held is a plain dictionary."""
    module = types.ModuleType("hdmf_zarr.utils")
    kind = type("ZarrReference", (dict,), {"__module__": "hdmf_zarr.utils"})
    module.ZarrReference = kind  # type: ignore[attr-defined]
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "hdmf_zarr", types.ModuleType("hdmf_zarr"))
        patched.setitem(sys.modules, "hdmf_zarr.utils", module)
        data = pickle.dumps(objects([kind(REFERENCE), kind(REFERENCE)]), protocol)

    found = safe_loads(data)

    assert same(found, objects([REFERENCE, REFERENCE]))
    assert "hdmf_zarr.utils" not in sys.modules


# ---------------------------------------------------------------------------------- refused: what it names


class Calls:
    """Pickles as a call of something."""

    def __init__(self, what: Callable[..., Any], *arguments: Any) -> None:
        self.what, self.arguments = what, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.what, self.arguments


def running(command: str) -> dict[str, bytes]:
    """Return pickles that run a command when they are loaded, one for each way that the protocol has."""
    system, text = os.system.__module__.encode(), command.encode()
    quoted = b"S'" + text + b"'\n"
    named = b"\x8c" + bytes([len(system)]) + system + b"\x8c\x06system\x93"
    long = b"X" + len(text).to_bytes(4, "little") + text
    by_call = {f"a call in protocol {n}": pickle.dumps(Calls(os.system, command), n) for n in range(6)}
    return {
        **by_call,
        "REDUCE": b"c" + system + b"\nsystem\n(" + quoted + b"tR.",
        "INST": b"(" + quoted + b"i" + system + b"\nsystem\n.",
        "OBJ": b"(c" + system + b"\nsystem\n" + quoted + b"o.",
        "NEWOBJ": b"\x80\x02c" + system + b"\nsystem\n(" + quoted + b"t\x81.",
        "NEWOBJ_EX": b"\x80\x04" + named + long + b"\x85}\x92.",
        "STACK_GLOBAL": b"\x80\x04" + named + long + b"\x85R.",
        "an element": pickle.dumps(objects([REFERENCE, Calls(os.system, command)]), 4),
        "a field": pickle.dumps(np.array([(1, "a", Calls(os.system, command))], RECORD), 4),
        "a value in a mapping": pickle.dumps({"path": "/a", "source": Calls(os.system, command)}, 4),
        "what is thrown away": b"c" + system + b"\nsystem\n(" + quoted + b"tR0N.",
        "part of an array's state": pickle.dumps(forged_array(Calls(os.system, command)), 4),
        "part of a dtype": pickle.dumps(Calls(np.dtype, Calls(os.system, command)), 4),
    }


class forged_array:
    """Pickles as a numpy array of any state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        return _MULTIARRAY._reconstruct, (np.ndarray, (0,), b"b"), self.state


class forged_dtype:
    """Pickles as a numpy dtype of any code and state."""

    def __init__(self, code: Any, state: Any = None) -> None:
        self.code, self.state = code, state

    def __reduce__(self) -> tuple[Any, ...]:
        return np.dtype, (self.code, False, True), self.state


@pytest.mark.parametrize("way", running("").keys())
def test_nothing_is_run(way: str, tmp_path: Path) -> None:
    """Whichever way a pickle calls for a command, it is refused by the name of what it calls, and nothing ran."""
    ran = tmp_path / "ran"
    data = running(f"touch {ran}")[way]

    with pytest.raises(UnsafePickleError, match=rf"{os.system.__module__}\.system"):
        safe_loads(data)
    assert not ran.exists()


def test_these_pickles_are_dangerous(tmp_path: Path) -> None:
    """Plain unpickling would run the command, so that the tests above test something."""
    pickle.loads(running(f"touch {tmp_path / 'ran'}")["STACK_GLOBAL"])

    assert (tmp_path / "ran").exists()


NAMES = [
    *(("builtins", name) for name in ("eval", "exec", "compile", "open", "getattr", "__import__", "object", "list")),
    *(("__builtin__", "eval"), ("os", "system"), ("nt", "system"), ("subprocess", "Popen"), ("pickle", "loads")),
    *(("functools", "partial"), ("operator", "attrgetter"), ("codecs", "encode"), ("copyreg", "_reconstructor")),
    *(("numpy", "load"), ("numpy", "fromfile"), ("numpy", "memmap"), ("numpy", "array"), ("numpy", "frombuffer")),
    *(("numpy", "ndarray.tofile"), ("numpy", "dtype.type"), ("numpy.testing", "rundocs"), ("numpy", "vectorize")),
    *((f"{core}.multiarray", "fromfile") for core in ("numpy.core", "numpy._core")),
    *((f"{core}._multiarray_umath", "_reconstruct") for core in ("numpy.core", "numpy._core")),
    *(("hdmf_zarr.utils", "ZarrReference.__init__"), ("hdmf_zarr", "ZarrIO"), ("hdmf_store", "ZarrIO")),
    *(("numpy ", "dtype"), ("NumPy", "dtype"), ("numpy", "Dtype"), ("", "eval"), ("numpy", "")),
]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_unknown_names_are_refused(module: str, name: str) -> None:
    """A name that chunks have no use for is refused as soon as it is read, also where nothing would call it."""
    written = [b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)]

    with pytest.raises(UnsafePickleError) as caught:
        safe_loads(b"\x80\x04" + b"".join(written) + b"\x93.")
    assert f"{module}.{name}" in str(caught.value)


@pytest.mark.parametrize(
    "value", [np.ndarray, np.dtype, np.dtype("f8"), _MULTIARRAY._reconstruct, [np.ndarray]], ids=repr
)
def test_known_names_are_no_values(value: Any) -> None:
    """What helps to build an array is not itself a value of a chunk."""
    with pytest.raises(UnsafePickleError):
        safe_loads(pickle.dumps(value, 4))


KNOWN_CALLED_WRONGLY = {
    "ndarray": Calls(np.ndarray, (2,)),
    "ndarray of a buffer": Calls(np.ndarray, (2,), "u1", b"ab"),
    "an array of another class": Calls(_MULTIARRAY._reconstruct, dict, (0,), b"b"),
    "an array without state": Calls(_MULTIARRAY._reconstruct, np.ndarray, (0,), b"b"),
    "an array from nothing": Calls(_MULTIARRAY._reconstruct),
    "a scalar of objects": Calls(_MULTIARRAY.scalar, np.dtype("O"), b"\0" * 8),
    "a scalar of no dtype": Calls(_MULTIARRAY.scalar, "f8", b"\0" * 8),
    "a scalar that is too short": Calls(_MULTIARRAY.scalar, np.dtype("f8"), b"\0"),
}


@pytest.mark.parametrize("value", KNOWN_CALLED_WRONGLY.values(), ids=KNOWN_CALLED_WRONGLY.keys())
def test_known_names_are_called_in_the_known_way_only(value: Calls) -> None:
    """A known name does nothing but what chunks use it for."""
    with pytest.raises(UnsafePickleError):
        safe_loads(pickle.dumps(value, 4))


EXTENSION_CODES = {"one byte": b"\x82\xf1", "two bytes": b"\x83\xf1\x00", "four bytes": b"\x84\xf1\x00\x00\x00"}


@pytest.mark.parametrize("code", EXTENSION_CODES.values(), ids=EXTENSION_CODES.keys())
@pytest.mark.parametrize("state", ["unknown", "registered", "used before"])
def test_extension_codes_are_refused(code: bytes, state: str, tmp_path: Path) -> None:
    """A number that stands for a name is refused, also when the process knows that number."""
    data = b"\x80\x02" + code + b"(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
    if state != "unknown":
        copyreg.add_extension("os", "system", 0xF1)
    try:
        if state == "used before":
            assert pickle.loads(b"\x80\x02" + code + b".") is os.system
        with pytest.raises(UnsafePickleError):
            safe_loads(data)
    finally:
        if state != "unknown":
            copyreg.remove_extension("os", "system", 0xF1)
    assert not (tmp_path / "ran").exists()


def test_plain_pickles_are_read_while_codes_are_registered() -> None:
    """A package that registers extension codes does not keep chunks from being read."""
    copyreg.add_extension("os", "system", 0xF2)
    try:
        assert same(safe_loads(pickle.dumps(VALUES["references"], 4)), VALUES["references"])
    finally:
        copyreg.remove_extension("os", "system", 0xF2)


@pytest.mark.parametrize("data", [b"Pname\n.", b"\x80\x03X\x04\0\0\0nameQ."], ids=["PERSID", "BINPERSID"])
def test_persistent_ids_are_refused(data: bytes) -> None:
    """Objects outside of the pickle are not asked for."""
    with pytest.raises(UnsafePickleError, match="persistent"):
        safe_loads(data)


def outcome_elsewhere(code: str, data: bytes, *, seconds: int = 60) -> str:
    """Run code on `data` in a process of its own that may take two GiB; return what it prints, or how it ended.

    The seconds are those of the processor, so that a busy machine takes no longer.
    """
    program = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
data = sys.stdin.buffer.read()
{code}"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=data, capture_output=True, env=environment, check=False)
    if done.returncode == -signal.SIGKILL:
        return f"no end within {seconds} s"
    return (done.stdout.decode() or done.stderr.decode()[-200:]).strip()


CHANGES = {
    "references": b"chdmf_zarr.utils\nZarrReference\n(N}X\x05\0\0\0itemschdmf_zarr.utils\nZarrReference\nstb.",
    "array class": b"cnumpy\nndarray\n(N}X\x07\0\0\0__new__cnumpy._core.multiarray\n_reconstruct\nstb.",
    "dtypes": b"cnumpy\ndtype\n(N}X\x07\0\0\0changedI1\nstb.",
    "functions": b"cnumpy._core.multiarray\n_reconstruct\n(N}X\x0c\0\0\0__defaults__)stb.",
    "attributes of functions": b"cnumpy._core.multiarray\n_reconstruct\n}X\x07\0\0\0changedI1\nsb.",
}


@pytest.mark.parametrize("data", CHANGES.values(), ids=CHANGES.keys())
def test_no_pickle_changes_how_others_are_read(data: bytes) -> None:
    """A refused pickle leaves nothing behind in the process: what stands for known names cannot be given a state."""
    code = """
from hdmf_store_adapters import safe_pickle
def state():
    own = safe_pickle.__name__
    things = [thing for thing in vars(safe_pickle).values() if getattr(thing, "__module__", None) == own]
    return [sorted((k, repr(v)) for k, v in vars(thing).items()) + [repr(getattr(thing, "__defaults__", None))]
            for thing in things]
before = state()
try:
    safe_pickle.safe_loads(data)
except safe_pickle.UnsafePickleError:
    print("refused", state() == before)
"""
    assert outcome_elsewhere(code, data) == "refused True"


# ---------------------------------------------------------------------------------- refused: what it is made of


def dtype_state(names: Any, fields: Any, size: Any = 8) -> tuple[Any, ...]:
    return (3, "|", None, names, fields, size, 1, 16)


F8, OBJECT = np.dtype("<f8"), np.dtype("O")
FORGED = {
    "raw bytes as objects": forged_array((1, (2,), OBJECT, False, b"\1" * 16)),
    "raw bytes as records of objects": forged_array((1, (1,), np.dtype(RECORD), False, b"\1" * 20)),
    "too few bytes": forged_array((1, (3,), F8, False, b"\0" * 8)),
    "too many bytes": forged_array((1, (3,), F8, False, b"\0" * 32)),
    "text for bytes": forged_array((1, (1,), F8, False, "12345678")),
    "too few objects": forged_array((1, (3,), OBJECT, False, ["a"])),
    "objects in a tuple": forged_array((1, (1,), OBJECT, False, ("a",))),
    "objects as numbers": forged_array((1, (1,), F8, False, ["a"])),
    "no shape": forged_array((1, None, F8, False, b"")),
    "a negative length": forged_array((1, (-1,), F8, False, b"")),
    "two negative lengths": forged_array((1, (-2, -1), OBJECT, False, ["a", "b"])),
    "a length that is no integer": forged_array((1, (1.0,), F8, False, b"\0" * 8)),
    "a length that is a truth value": forged_array((1, (True,), F8, False, b"\0" * 8)),
    "a huge shape": forged_array((1, (2**62,), F8, False, b"")),
    "a shape beyond all numbers": forged_array((1, (2**200, 2**200), OBJECT, False, [])),
    "a huge shape of nothing": forged_array((1, (2**62, 2**62, 0), F8, False, b"")),
    "a huge shape of no objects": forged_array((1, (2**62, 2**62, 0), OBJECT, False, [])),
    "a shape of nothing beyond all numbers": forged_array((1, (2**200, 0), F8, False, b"")),
    "too many axes": forged_array((1, (1,) * 200, F8, False, b"\0" * 8)),
    "a short state": forged_array((1, (1,))),
    "a state that is a mapping": forged_array({"shape": (1,)}),
    "no dtype": forged_array((1, (1,), "f8", False, b"\0" * 8)),
    "dates": forged_array((1, (1,), np.dtype("M8[s]"), False, b"\0" * 8)),
    "a dtype of no code": forged_array((1, (1,), forged_dtype(8), False, b"\0" * 8)),
    "a dtype of another code": forged_array((1, (1,), forged_dtype("m8"), False, b"\0" * 8)),
    "a dtype that is none": forged_array((1, (1,), forged_dtype("f3"), False, b"\0" * 3)),
    "a dtype with a list that is none": forged_array((1, (1,), forged_dtype("f8,{"), False, b"\0" * 8)),
    "a dtype with an unfinished list": forged_array((1, (1,), forged_dtype("f8,("), False, b"\0" * 8)),
    "a dtype of a size beyond all numbers": forged_array((1, (0,), forged_dtype("S" + "9" * 30), False, b"")),
    "a dtype of a negative size": forged_array((1, (1,), forged_dtype("S-1"), False, b"\0")),
    "records of hidden objects": forged_array(
        (1, (1,), forged_dtype("V8", dtype_state(("a",), {"a": (OBJECT, 0)})), False, b"\1" * 8)
    ),
    "overlapping objects": forged_array(
        (1, (1,), forged_dtype("V8", dtype_state(("a", "b"), {"a": (OBJECT, 0), "b": (F8, 0)})), False, [("a", 1.0)])
    ),
    "a field outside": forged_array(
        (1, (1,), forged_dtype("V8", dtype_state(("a",), {"a": (F8, 4)})), False, b"\0" * 8)
    ),
    "a field before": forged_array(
        (1, (1,), forged_dtype("V8", dtype_state(("a",), {"a": (F8, -4)})), False, b"\0" * 8)
    ),
    "a field without place": forged_array((1, (1,), forged_dtype("V8", dtype_state(("a",), {"a": (F8,)})), False, b"")),
    "a field without anything": forged_array((1, (1,), forged_dtype("V8", dtype_state(("a",), {"a": ()})), False, b"")),
    "fields of other names": forged_array(
        (1, (1,), forged_dtype("V8", dtype_state(("b",), {"a": (F8, 0)})), False, b"")
    ),
    "names that are lists": forged_array((1, (1,), forged_dtype("V8", dtype_state(([],), {"a": (F8, 0)})), False, b"")),
    "names that are numbers": forged_array((1, (1,), forged_dtype("V8", dtype_state((1,), {1: (F8, 0)})), False, b"")),
    "records of a huge size": forged_array(
        (1, (4,), forged_dtype("V2147483647", dtype_state(("a",), {"a": (OBJECT, 0)}, 2**31 - 1)), False, [("a",)] * 4)
    ),
    "records of a size beyond all numbers": forged_array(
        (1, (0,), forged_dtype("V" + "9" * 30, dtype_state(("a",), {"a": (F8, 0)})), False, b"")
    ),
    "too short a row": forged_array((1, (1,), np.dtype(RECORD), False, [(1, "a")])),
    "a row of a wrong kind": forged_array((1, (1,), np.dtype(RECORD), False, [("not a number", "a", REFERENCE)])),
    "a number beyond its field": forged_array((1, (1,), np.dtype(RECORD), False, [(2**40, "a", REFERENCE)])),
    "a set": {1, 2},
    "an array of bytes that can change": bytearray(b"ab"),
    "a mapping with numbers for keys": {1: "a"},
}


@contextmanager
def limited_memory(more: int = 2**30) -> Iterator[None]:
    """Let the process have no more than so many bytes more than it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set the way Linux has them")


@on_linux
@pytest.mark.parametrize("value", FORGED.values(), ids=FORGED.keys())
def test_forged_arrays_are_refused(value: Any) -> None:
    """An array whose parts do not fit each other is an error of one kind, and no memory is read or taken for it."""
    data = pickle.dumps(value, 4)

    with limited_memory(), pytest.raises(UnsafePickleError):
        safe_loads(data)


def test_arrays_do_not_share_memory_with_their_pickle() -> None:
    """An array that was decoded can be changed without changing anything else; arrays within others cannot."""
    data = pickle.dumps(np.arange(4), 4)
    first = safe_loads(data)

    first[0] = 9

    assert safe_loads(data).tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        safe_loads(pickle.dumps([np.arange(4)], 4))[0][0] = 9


# ---------------------------------------------------------------------------------- refused: what it would take


def test_shared_parts_are_decoded_once() -> None:
    """Ten lists that each hold the next ten times over take no more than ten lists."""
    value: Any = ["ha"] * 10
    for _ in range(12):
        value = [value] * 10

    found = safe_loads(pickle.dumps(value, 4))

    assert found[0] is found[9]


@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 1_000, 300_000])
@pytest.mark.parametrize(
    ("begin", "end"), [(b"]", b"a"), (b"(", b"t"), (b"}X\x01\0\0\0a", b"s")], ids=["lists", "tuples", "mappings"]
)
def test_deep_nesting_is_refused(begin: bytes, end: bytes, depth: int) -> None:
    """However deep containers are nested, the answer is an error and not the end of the stack."""
    data = b"\x80\x03" + begin * depth + b"N" + end * depth + b"."

    with pytest.raises(UnsafePickleError):
        safe_loads(data)


def test_lists_that_hold_themselves_are_refused() -> None:
    """A circle has no end to decode to."""
    value: list[Any] = []
    value.append(value)

    with pytest.raises(UnsafePickleError):
        safe_loads(pickle.dumps(value, 4))


def nested_dtypes(depth: int, times: int) -> bytes:
    """Return the pickle of an array of records within records; each has the next as its field so many times."""
    names = b"".join(b"X\x01\0\0\0" + bytes([ord("a") + number]) for number in range(times))
    begin = b"cnumpy\ndtype\n(X\x02\0\0\0V8\x89\x88tR(K\x03X\x01\0\0\0|N(" + names + b"t}("
    field = b"X\x01\0\0\0%c(h\x01K\0t"
    inner = b"cnumpy\ndtype\n(X\x02\0\0\0f8\x89\x88tR(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbq\x010"
    level = begin + b"".join(field % (ord("a") + number) for number in range(times)) + b"uK\x08K\x01K\x10tbq\x010"
    whole = b"c" + f"{CORE}.multiarray".encode() + b"\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR"
    return b"\x80\x03" + inner + level * depth + whole + b"(K\x01K\x01\x85h\x01\x89C\x08" + b"\0" * 8 + b"tb."


def test_records_in_records_are_read_that_far() -> None:
    """Two levels of records are an array that numpy itself unpickles to the same."""
    data = nested_dtypes(2, 1)

    assert same(safe_loads(data), pickle.loads(data))


HUNGRY = {
    "records in records a thousand deep": nested_dtypes(2_000, 1),
    "records that double with each level": nested_dtypes(60, 2),
    "a record type that holds itself": (
        b"\x80\x03c" + f"{CORE}.multiarray".encode() + b"\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR"
        b"(K\x01K\x01\x85cnumpy\ndtype\n(X\x02\0\0\0V8\x89\x88tRq\x01(K\x03X\x01\0\0\0|NX\x01\0\0\0a\x85"
        b"}X\x01\0\0\0a(h\x01K\0tsK\x08K\x01K\x10tb\x89C\x08" + b"\0" * 8 + b"tb."
    ),
    "a memo of many places": b"\x80\x03Nr\xff\xff\xff\x03.",
    "bytes of a length beyond the pickle": b"\x80\x04\x8e" + (2**33).to_bytes(8, "little") + b"abc.",
    "text of a length beyond the pickle": b"\x80\x04\x8d" + (2**40).to_bytes(8, "little") + b"abc.",
    "a frame of a length beyond the pickle": b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b"N.",
}


@on_linux
@pytest.mark.parametrize("data", HUNGRY.values(), ids=HUNGRY.keys())
def test_small_pickles_take_little(data: bytes) -> None:
    """What a few bytes ask for in time and memory is refused before it is taken."""
    code = """
from hdmf_store_adapters.safe_pickle import UnsafePickleError, safe_loads
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    safe_loads(data)
    result = "read"
except UnsafePickleError:
    result = "refused"
print(result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000)
"""
    assert outcome_elsewhere(code, data, seconds=10) == "refused True"


@on_linux
def test_arrays_of_the_same_bytes_do_not_multiply_them() -> None:
    """A thousand arrays over one and the same megabyte are refused, or take no thousand megabytes."""
    shared = b"\0" * 2**20
    data = pickle.dumps([forged_array((1, (2**20,), np.dtype("u1"), False, shared)) for _ in range(1_000)], 4)

    with limited_memory(2**28):
        try:
            found = safe_loads(data)
        except UnsafePickleError:
            return
    assert len(found) == 1_000


def keyed(keys: bytes) -> bytes:
    """Return a pickle of a mapping from keys, given as opcodes, to nothing."""
    return b"\x80\x04}(" + keys + b"u."


KEYS = {
    "a tuple that is too deep to be hashed": keyed(b")" + b"\x85" * 1_000_000 + b"N"),
    "the same from the memo": b"\x80\x04)" + b"\x85" * 1_000_000 + b"\x940}h\0Ns.",
    "numbers that all have one hash": keyed(
        b"".join(b"\x8a\x0c" + ((2**61 - 1) * n).to_bytes(12, "little") + b"N" for n in range(1, 100_000))
    ),
    "a set of such numbers": b"\x80\x04\x8f("
    + b"".join(b"\x8a\x0c" + ((2**61 - 1) * n).to_bytes(12, "little") for n in range(1, 100_000))
    + b"\x90.",
    "numbers of an older protocol": b"(" + b"".join(b"I%d\nN" % n for n in range(10)) + b"d.",
}


@pytest.mark.parametrize("data", KEYS.values(), ids=KEYS.keys())
def test_keys_are_looked_at_before_they_are_hashed(data: bytes) -> None:
    """Only text is a key: to hash anything else may end the process, or never end."""
    code = """
from hdmf_store_adapters.safe_pickle import UnsafePickleError, safe_loads
try:
    print("read", safe_loads(data))
except UnsafePickleError as error:
    print("refused", "text" in str(error) or "opcode" in str(error))
"""
    assert outcome_elsewhere(code, data, seconds=10) == "refused True"


def many(times: int, once: bytes, again: bytes) -> bytes:
    """Return the pickle of a list of what is made once, remembered, and then taken up again so many times."""
    return b"\x80\x04" + once + b"\x940](" + again * times + b"e."


OBJECT_DTYPE = b"cnumpy\ndtype\n(X\x02\0\0\0O8\x89\x88tR"
NEW_ARRAY = b"c" + f"{CORE}.multiarray".encode() + b"\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR"
MULTIPLIED = {
    "one list of objects in many arrays": many(
        20_000,
        b"](" + b"N" * 20_000 + b"e",
        NEW_ARRAY + b"(K\x01M\x20\x4e\x85" + OBJECT_DTYPE + b"\x89h\0tb",
    ),
    "one text in many bytes": many(
        20_000, b"X\x20\x4e\0\0" + b"x" * 20_000, b"c_codecs\nencode\n(h\0X\x06\0\0\0latin1tR"
    ),
    "a wide field of few letters": pickle.dumps(
        forged_array((1, (4,), np.dtype([("a", "O"), ("b", "U20000000")]), False, [("a", "b")] * 4)), 4
    ),
}


@on_linux
@pytest.mark.parametrize("data", MULTIPLIED.values(), ids=MULTIPLIED.keys())
def test_parts_that_are_named_often_take_no_memory_each_time(data: bytes) -> None:
    """A pickle cannot ask for far more memory than it has bytes."""
    with limited_memory(2**28), pytest.raises(UnsafePickleError, match="far more data than it has bytes"):
        safe_loads(data)


@on_linux
def test_references_are_filled_and_not_copied() -> None:
    """A reference that a pickle makes of one large mapping, again and again, is refused."""
    large = b"}(" + b"".join(b"X\x05\0\0\0%05dN" % n for n in range(20_000)) + b"u"
    data = many(20_000, large, b"chdmf_zarr.utils\nZarrReference\nh\0\x85R")

    with limited_memory(2**28), pytest.raises(UnsafePickleError):
        safe_loads(data)


def test_no_class_can_be_changed() -> None:
    """What a reference is made by cannot be given another way to be made."""
    data = b"\x80\x04chdmf_zarr.utils\nZarrReference\nN}X\x07\0\0\0__new__cnumpy\ndtype\ns\x86b."

    with pytest.raises(UnsafePickleError, match="a change of what a class calls '__new__'"):
        safe_loads(data)


# ---------------------------------------------------------------------------------- damaged input


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_cut_pickles_are_refused(protocol: int) -> None:
    """Wherever a pickle is cut off, also before its first byte, it is damaged and not half an array."""
    data = pickle.dumps(VALUES["records"], protocol)

    for length in range(len(data)):
        with pytest.raises(UnsafePickleError):
            safe_loads(data[:length])


@pytest.mark.parametrize("rest", [b"\0", b"garbage", pickle.dumps(1)], ids=["a zero", "garbage", "another pickle"])
def test_what_follows_a_pickle_is_refused(rest: bytes) -> None:
    """A chunk is one pickle to its last byte; a longer one is damaged."""
    with pytest.raises(UnsafePickleError):
        safe_loads(pickle.dumps(VALUES["references"], 4) + rest)


def test_later_protocols_are_refused() -> None:
    """A protocol that is not known yet is an error, not a guess."""
    with pytest.raises(UnsafePickleError):
        safe_loads(b"\x80\x63N.")


SEEDS = [pickle.dumps(value, protocol) for value in VALUES.values() for protocol in PROTOCOLS]
SEEDS = sorted({data for data in SEEDS if len(data) < 600}, key=lambda data: (len(data), data))
OPCODES = sorted(ord(op.code) for op in pickletools.opcodes)

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.binary(), st.text(st.characters(codec="utf-8"))
)
KINDS = ["?", "<i1", "<u8", ">i4", "<f2", ">f8", "<c8", "<S3", ">U2"]
FIELDS = st.lists(st.sampled_from(KINDS), min_size=1, max_size=3).map(
    lambda kinds: [(f"f{position}", kind) for position, kind in enumerate(kinds)]
)
ARRAYS = hnp.arrays(
    st.one_of(st.sampled_from(KINDS), FIELDS, FIELDS.map(lambda fields: [("outer", fields), ("n", "<i2")])).map(
        np.dtype
    ),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
CONTAINERS = st.recursive(
    st.one_of(LEAVES, ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3),
        st.lists(inner, max_size=3).map(objects),
    ),
    max_leaves=8,
)


@settings(max_examples=examples(150), deadline=None)
@given(value=CONTAINERS, protocol=st.sampled_from(PROTOCOLS))
def test_values_of_known_kinds_are_decoded_as_pickle_does(value: Any, protocol: int) -> None:
    """Any combination of arrays, containers and plain values comes out of every protocol as it went in."""
    data = pickle.dumps(value, protocol)

    assert same(safe_loads(data), pickle.loads(data))


SOON = 30_000
"""Milliseconds in which the slowest machine is done with what takes one; what never ends takes longer."""


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a valid pickle with some bytes replaced, inserted, removed or repeated."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 8))
        new = draw(st.one_of(st.binary(max_size=8), st.lists(st.sampled_from(OPCODES), max_size=4).map(bytes)))
        data[place : place + length] = new
    return bytes(data)


@on_linux
@settings(max_examples=examples(800), deadline=SOON)
@given(data=mutated())
def test_damage_is_an_error_of_one_kind(data: bytes) -> None:
    """Whatever bytes of a pickle are changed, the outcome is a value or the error for unsafe pickles, soon."""
    with limited_memory(), suppress(UnsafePickleError):
        safe_loads(data)


@on_linux
@settings(max_examples=examples(300), deadline=SOON)
@given(data=st.lists(st.one_of(st.sampled_from(OPCODES), st.integers(0, 255)), max_size=60).map(bytes))
def test_noise_is_an_error_of_one_kind(data: bytes) -> None:
    """Bytes that never were a pickle are a value or the error for unsafe pickles."""
    with limited_memory(), suppress(UnsafePickleError):
        safe_loads(data)
