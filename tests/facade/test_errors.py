"""Errors: of types that users catch, with the facts as fields, alive after a journey through a process pool."""

from __future__ import annotations

import builtins
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import attrs
import pytest
from hdmf.backends.errors import UnsupportedOperation

import hdmf_store
from hdmf_store import HDMFStoreError, ZarrIO

EXAMPLES: list[tuple[HDMFStoreError, type[Exception], list[str]]] = [
    (hdmf_store.ArgumentError("no such mode"), ValueError, ["no such mode"]),
    (hdmf_store.ArgumentTypeError("mode must be text"), TypeError, ["mode must be text"]),
    (
        hdmf_store.ConflictError("/a.zarr", "another writer was faster"),
        RuntimeError,
        ["/a.zarr", "Open the file again"],
    ),
    (hdmf_store.ClosedError("/a.zarr", "read"), ValueError, ["/a.zarr", "read", "Open it again"]),
    (
        hdmf_store.UnsupportedModeError("/a.zarr", "write", "r", "mode 'w'"),
        UnsupportedOperation,
        ["/a.zarr", "write", "'r'", "Open the file with mode 'w'"],
    ),
    (hdmf_store.MissingExtraError("pynwb", "nwb", "reading"), ImportError, ["pynwb", "pip install 'hdmf-store[nwb]'"]),
    (hdmf_store.LocationError("object://x", "has no name"), ValueError, ["object://x", "has no name"]),
    (hdmf_store.MissingHierarchyError("/a.zarr", "does not exist"), FileNotFoundError, ["/a.zarr", "does not exist"]),
    (hdmf_store.AccessError("s3://b/a.zarr", "is denied"), PermissionError, ["s3://b/a.zarr", "is denied"]),
    (hdmf_store.UnreachableError("s3://b/a.zarr", "no answer"), ConnectionError, ["s3://b/a.zarr", "no answer"]),
    (hdmf_store.StorageFailureError("/a.zarr", "the disk is full", 28), OSError, ["/a.zarr", "the disk is full"]),
    (hdmf_store.UnlistableError("http://h/a.zarr", "405"), OSError, ["http://h/a.zarr", "405", "Consolidate"]),
    (hdmf_store.HierarchyExistsError("/a.zarr", "exists"), FileExistsError, ["/a.zarr", "exists"]),
    (
        hdmf_store.HierarchyInUseError("/a.zarr", 12, "lab", "r+", "2026-01-02T03:04:05+00:00"),
        BlockingIOError,
        ["/a.zarr", "process 12 on lab", "Close the file there"],
    ),
    (hdmf_store.ReplacedError("/a.zarr"), RuntimeError, ["/a.zarr", "Open it again"]),
    (hdmf_store.WorkerLostError("/a.zarr", "/x", "no answer"), RuntimeError, ["/a.zarr", "/x", "fewer workers"]),
    (hdmf_store.FormatError("/a.zarr", "/x", "is no array"), ValueError, ["/a.zarr", "/x", "is no array"]),
    (hdmf_store.UnreadableError("/a.zarr", "/x", "is damaged"), ValueError, ["/a.zarr", "/x", "is damaged"]),
    (hdmf_store.UnsupportedValueError("/a.zarr", "/x", "no form"), TypeError, ["/a.zarr", "/x", "no form"]),
    (
        hdmf_store.NameNotAllowedError("/a.zarr", ("/a:b", "/c:d"), "no such names"),
        ValueError,
        ["/a.zarr", "'/a:b'", "'/c:d'", "nothing was written"],
    ),
    (hdmf_store.MissingNodeError("/a.zarr", "/x"), KeyError, ["/a.zarr", "'/x'", "hdmf-store tree"]),
    (
        hdmf_store.DanglingTargetError("/a.zarr", "/l", "../b.zarr", "/x", ("/b.zarr", "/c/b.zarr")),
        LookupError,
        ["/a.zarr", "'/l'", "'/x'", "'../b.zarr'", "/b.zarr, /c/b.zarr", "Put it back"],
    ),
    (
        hdmf_store.RefusedTargetError("/a.zarr", "/l", "http://h/b", "/x", ("http://h/b: lies elsewhere",)),
        LookupError,
        ["/a.zarr", "'/l'", "'/x'", "http://h/b: lies elsewhere"],
    ),
    (hdmf_store.BadLinkError("/a.zarr", "/r", ".", "/x"), ValueError, ["/a.zarr", "'/r'", "'/x'"]),
    (hdmf_store.LinkCycleError("/a.zarr", "/l", ("/l", "/m", "/l")), LookupError, ["/a.zarr", "/l -> /m -> /l"]),
]

_ids = [type(error).__name__ for error, _, _ in EXAMPLES]


def test_every_error_of_the_package_has_an_example_here() -> None:
    """A new error is not forgotten: the table holds all that are public."""
    public = {
        name
        for name in hdmf_store.__all__
        if isinstance(getattr(hdmf_store, name), type) and issubclass(getattr(hdmf_store, name), HDMFStoreError)
    }

    assert public - {type(error).__name__ for error, _, _ in EXAMPLES} == {
        "HDMFStoreError",
        "HierarchyError",
        "ModeError",
    }


@pytest.mark.parametrize(("error", "caught_as", "_said"), EXAMPLES, ids=_ids)
def test_an_error_is_of_the_type_that_users_catch(
    error: HDMFStoreError, caught_as: type[Exception], _said: list[str]
) -> None:
    """Who caught the exceptions of Python, h5py or HDMF goes on doing so; one base catches all of ours."""
    with pytest.raises(caught_as):
        raise error
    with pytest.raises(HDMFStoreError):
        raise error


@pytest.mark.parametrize(("error", "_caught_as", "said"), EXAMPLES, ids=_ids)
def test_an_error_says_where_and_what_to_do(
    error: HDMFStoreError, _caught_as: type[Exception], said: list[str]
) -> None:
    """File, path and way out stand in one message."""
    text = str(error)

    assert all(part in text for part in said), text
    assert "\n" not in text


@pytest.mark.parametrize(("error", "_caught_as", "_said"), EXAMPLES, ids=_ids)
def test_an_error_survives_pickling(error: HDMFStoreError, _caught_as: type[Exception], _said: list[str]) -> None:
    """Type, message and every field are as they were."""
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert attrs.asdict(copy) == attrs.asdict(error)


def test_notes_on_an_error_survive_pickling() -> None:
    """What was added on the way up is not lost."""
    error = hdmf_store.MissingHierarchyError("/a.zarr", "does not exist")
    error.add_note("while exporting /b.zarr")

    copy = pickle.loads(pickle.dumps(error))

    assert getattr(copy, "__notes__", []) == ["while exporting /b.zarr"]


def test_an_error_crosses_a_process_pool(tmp_path: Path) -> None:
    """A worker's error arrives as itself."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        problem = pool.submit(ZarrIO, str(tmp_path / "missing.zarr"), "r").exception(timeout=60)

    assert isinstance(problem, hdmf_store.MissingHierarchyError)
    assert problem.location == str(tmp_path / "missing.zarr")


def test_an_error_keeps_its_cause() -> None:
    """Where another error lies behind it, that is not hidden."""
    with pytest.raises(hdmf_store.FormatError) as caught:
        try:
            raise builtins.ValueError("bad bytes")
        except ValueError as problem:
            raise hdmf_store.FormatError("/a.zarr", "/x", "is no JSON") from problem

    assert isinstance(caught.value.__cause__, ValueError)
