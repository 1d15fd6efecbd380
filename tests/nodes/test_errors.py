"""Errors keep their facts, say where and what to do, and can be caught as what callers know."""

from __future__ import annotations

import concurrent.futures
import io
import multiprocessing
import pickle
import traceback

import attrs
import pytest

from hdmf_store import errors
from hdmf_store.errors import HDMFStoreError, HierarchyError

FILE, PATH = "/data/a.zarr", "/acquisition/x"

CASES = [
    (errors.ArgumentError("mode 'q' is no mode"), [ValueError], ["mode 'q'"]),
    (errors.ArgumentTypeError("mode must be text"), [TypeError, errors.ArgumentError], ["mode must be text"]),
    (errors.ClosedError(FILE, "read"), [ValueError], [FILE, "read", "closed"]),
    (errors.ConflictError(FILE, "another writer was faster"), [RuntimeError], [FILE, "faster", "Open the file again"]),
    (errors.ModeError(FILE, "write", "r", "mode 'a'"), [], [FILE, "write", "'r'", "mode 'a'"]),
    (
        errors.MissingExtraError("s3fs", "s3", "Reading from S3"),
        [ImportError],
        ["Reading from S3", "pip install 'hdmf-store[s3]'"],
    ),
    (errors.UnlistableError(FILE, "405"), [OSError], [FILE, "405", "consolidate_metadata"]),
    (errors.LocationError(FILE, "cannot be named"), [ValueError], [FILE, "cannot be named"]),
    (errors.MissingHierarchyError(FILE, "does not exist"), [FileNotFoundError, OSError], [FILE, "does not exist"]),
    (errors.AccessError(FILE, "is not to be had"), [PermissionError, OSError], [FILE, "is not to be had"]),
    (errors.UnreachableError(FILE, "no answer"), [ConnectionError, OSError], [FILE, "no answer"]),
    (errors.AccessError(FILE, "is read-only", 30), [PermissionError, OSError], [FILE, "is read-only"]),
    (errors.StorageFailureError(FILE, "the disk is full", 28), [OSError], [FILE, "the disk is full"]),
    (errors.UnlistableError(FILE, "no lists"), [OSError], [FILE, "no lists", "Consolidate"]),
    (errors.HierarchyExistsError(FILE, "exists"), [FileExistsError, OSError], [FILE, "exists"]),
    (
        errors.HierarchyInUseError(FILE, 12, "lab", "r+", "2026-01-02T03:04:05+00:00"),
        [BlockingIOError, OSError],
        [FILE, "process 12 on lab", "'r+'", "2026-01-02T03:04:05", "Nothing was changed", "Close", "synchronizer"],
    ),
    (errors.ReplacedError(FILE), [RuntimeError], [FILE, "another writer", "Open it again"]),
    (errors.WorkerLostError(FILE, PATH, "BrokenProcessPool"), [RuntimeError], [FILE, PATH, "BrokenProcess", "fewer"]),
    (errors.FormatError(FILE, PATH, "no JSON"), [ValueError], [FILE, PATH, "no JSON"]),
    (errors.UnreadableError(FILE, PATH, "broken chunk"), [ValueError, errors.FormatError], [FILE, PATH, "broken"]),
    (errors.UnsupportedValueError(FILE, PATH, "complex"), [TypeError], [FILE, PATH, "complex"]),
    (errors.NameNotAllowedError(FILE, ("/a", "/b"), "bad"), [ValueError], [FILE, "'/a', '/b'", "nothing was written"]),
    (errors.MissingNodeError(FILE, PATH), [KeyError, LookupError, HierarchyError], [FILE, PATH, "hdmf-store tree"]),
    (
        errors.DanglingTargetError(FILE, PATH, "../b.zarr", "/y", ("/data/b.zarr",)),
        [LookupError, HierarchyError],
        [FILE, PATH, "../b.zarr", "/y", "/data/b.zarr", "moved"],
    ),
    (
        errors.RefusedTargetError(FILE, PATH, "http://host/b.zarr", "/y", ("http://host/b.zarr: pass may_read",)),
        [errors.DanglingTargetError, LookupError],
        [FILE, PATH, "/y", "http://host/b.zarr: pass may_read"],
    ),
    (
        errors.LinkCycleError(FILE, PATH, ("/a", "/b", "/a")),
        [LookupError, HierarchyError],
        [FILE, PATH, "/a -> /b -> /a"],
    ),
]
IDS = [type(case[0]).__name__ for case in CASES]


def facts(error: HDMFStoreError) -> dict:
    return {field.name: getattr(error, field.name) for field in attrs.fields(type(error))}


def test_every_error_has_a_case() -> None:
    """Whoever adds an error adds what it promises."""
    leaves = {name for name in errors.__all__ if name.endswith("Error")} - {"HDMFStoreError", "HierarchyError"}

    assert set(IDS) == leaves


@pytest.mark.parametrize(("error", "bases", "parts"), CASES, ids=IDS)
def test_an_error_is_what_callers_already_catch(error: HDMFStoreError, bases: list[type], parts: list[str]) -> None:
    """Each is one of ours and one that Python's callers know."""
    assert isinstance(error, HDMFStoreError)
    for base in bases:
        assert isinstance(error, base)


@pytest.mark.parametrize(("error", "bases", "parts"), CASES, ids=IDS)
def test_the_message_says_where_and_what(error: HDMFStoreError, bases: list[type], parts: list[str]) -> None:
    """File, path, reason and way out, in one line without a repr of the error's own."""
    for part in parts:
        assert part in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(("error", "bases", "parts"), CASES, ids=IDS)
def test_an_error_survives_pickling(error: HDMFStoreError, bases: list[type], parts: list[str], protocol: int) -> None:
    """Type, facts and message are the same afterwards."""
    again = pickle.loads(pickle.dumps(error, protocol))

    assert type(again) is type(error)
    assert facts(again) == facts(error)
    assert str(again) == str(error)


def test_notes_and_facts_survive_pickling() -> None:
    """What was added on the way up is still there."""
    error = errors.FormatError(FILE, PATH, "no JSON")
    error.add_note("while exporting b.zarr")

    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while exporting b.zarr"]


def test_an_error_crosses_a_process_pool() -> None:
    """A worker's error arrives as itself."""
    failing = f"from hdmf_store import errors; raise errors.DanglingTargetError({FILE!r}, {PATH!r}, '.', '/y')"
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(exec, failing).exception()

    assert type(found) is errors.DanglingTargetError
    assert facts(found) == {"location": FILE, "path": PATH, "source": ".", "target": "/y", "tried": ()}


def test_a_dangling_target_within_the_file_gives_other_advice() -> None:
    """There is no other file to put back."""
    message = str(errors.DanglingTargetError(FILE, PATH, ".", "/y"))

    assert "this file" in message
    assert "Put it back" not in message


@pytest.mark.parametrize(("error", "bases", "parts"), CASES, ids=IDS)
def test_an_error_that_is_not_caught_prints_its_message(
    error: HDMFStoreError, bases: list[type], parts: list[str]
) -> None:
    """A traceback ends with the class and the message, as Python's own do."""
    out = io.StringIO()
    traceback.print_exception(error, file=out)

    assert out.getvalue().strip() == f"hdmf_store.errors.{type(error).__name__}: {error}"


def test_a_warning_about_a_link_is_for_users() -> None:
    """It is shown by default."""
    assert issubclass(errors.DanglingTargetWarning, UserWarning)
