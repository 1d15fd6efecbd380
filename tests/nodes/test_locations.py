"""Places: every spelling of one place is one place.

Holds what users asked for (NEEDS 3, 25).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hdmf_store.adapter import Location
from hdmf_store.errors import LocationError


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("/data/a.zarr", "/data/a.zarr"),
        ("/data/a.zarr/", "/data/a.zarr"),
        ("/data/x/../a.zarr", "/data/a.zarr"),
        ("/data/with space/é.zarr", "/data/with space/é.zarr"),
        (Path("/data/a.zarr"), "/data/a.zarr"),
        ("file:///data/a.zarr", "/data/a.zarr"),
        ("s3://bucket/a.zarr", "s3://bucket/a.zarr"),
        ("s3://bucket/a.zarr/", "s3://bucket/a.zarr"),
        ("https://host.org/a.zarr", "https://host.org/a.zarr"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="absolute paths begin with a drive there")
def test_a_place_has_one_spelling(place: str, address: str) -> None:
    """Trailing slashes, dots and the file scheme make no difference."""
    assert Location.of(place).address == address


def test_a_relative_path_is_taken_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, when the location is made: later changes of the directory do not move it."""
    monkeypatch.chdir(tmp_path)
    location = Location.of("a.zarr")
    monkeypatch.chdir("/")

    assert location.address == str(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("address", "scheme", "local", "remote"),
    [
        ("/data/a", "file", True, False),
        ("s3://b/a", "s3", False, True),
        ("HTTPS://h/a", "https", False, True),
        ("memory://a", "memory", False, False),
    ],
)
def test_a_location_knows_whether_it_is_near(address: str, scheme: str, local: bool, remote: bool) -> None:
    """By its scheme."""
    location = Location(address)

    assert (location.scheme, location.is_local, location.is_remote) == (scheme, local, remote)


def test_a_symbolic_link_is_the_place_that_it_leads_to(tmp_path: Path) -> None:
    """Two spellings of one place are recognised, and name each other as themselves."""
    (tmp_path / "real.zarr").mkdir()
    (tmp_path / "link.zarr").symlink_to(tmp_path / "real.zarr")
    real, link = Location.of(tmp_path / "real.zarr"), Location.of(tmp_path / "link.zarr")

    assert real.identity == link.identity
    assert real.source_from(link) == "."
    assert link.resolve("../real.zarr") == ()


@pytest.mark.parametrize("source", ["", ".", "a.zarr", "/data/a.zarr", "../a.zarr"])
def test_a_hierarchy_has_several_names_for_itself(source: str) -> None:
    """Nothing, a dot, its own name, its own address, and the way out and in again."""
    assert Location("/data/a.zarr").resolve(source) == ()


def test_old_spellings_are_tried_in_turn() -> None:
    """Relative to this root, then to its folder, then a sibling of that name."""
    found = Location("/data/x/a.zarr").resolve("../b.zarr")

    assert [place.address for place in found] == ["/data/x/b.zarr", "/data/b.zarr"]
    absolute = Location("/data/x/a.zarr").resolve("/home/me/b.zarr")
    assert [place.address for place in absolute] == ["/home/me/b.zarr", "/data/x/b.zarr"]


def test_the_working_directory_has_no_say_in_what_a_source_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorded source leads to the same place from wherever the program was started."""
    (tmp_path / "x" / "y").mkdir(parents=True)
    here, other = Location.of(tmp_path / "x" / "b.zarr"), Location.of(tmp_path / "b.zarr")
    source = other.source_from(here)
    assert source == "../../b.zarr"
    for folder in (tmp_path, tmp_path / "x", tmp_path / "x" / "y"):
        (folder / "deep" / "er").mkdir(parents=True, exist_ok=True)
        for start in (folder, folder / "deep", folder / "deep" / "er"):
            monkeypatch.chdir(start)
            assert here.resolve(source)[:1] == (other,)


@pytest.mark.parametrize("name", ["a#1.zarr", "a?b.zarr", "a;b.zarr", "100%.zarr"])
def test_odd_characters_in_keys_of_buckets_are_kept(name: str) -> None:
    """A key is not a web address: what follows a hash is part of the name."""
    here, there = Location("s3://lab/x/here.zarr"), Location(f"s3://lab/{name}")

    source = there.source_from(here)

    assert source == f"../../{name}"
    assert here.resolve(source)[0] == there


def test_the_root_of_a_bucket_can_be_named() -> None:
    """From a hierarchy below it to the bucket itself, and back."""
    bucket, inner = Location("s3://lab"), Location("s3://lab/a.zarr")

    assert inner.resolve(bucket.source_from(inner))[0] == bucket
    assert bucket.resolve("../lab")[:1] != (inner,)


def test_what_lives_in_this_process_has_no_name_elsewhere() -> None:
    """A link to it could not be followed by anybody."""
    here = Location.of_object(object())

    assert not here.can_be_linked
    with pytest.raises(LocationError, match="this process"):
        here.source_from(Location("/data/a.zarr"))
    assert here.source_from(here) == "."


@pytest.mark.skipif(os.name == "nt", reason="there are no such roots")
def test_hierarchies_are_named_relative_to_the_root_of_the_other() -> None:
    """Beside, below the folder, and above."""
    here = Location("/data/x/a.zarr")

    assert Location("/data/x/b.zarr").source_from(here) == "../b.zarr"
    assert Location("/data/x/y/b.zarr").source_from(here) == "../y/b.zarr"
    assert Location("/data/b.zarr").source_from(here) == "../../b.zarr"
    assert Location("s3://lab/b.zarr").source_from(here) == "s3://lab/b.zarr"


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("https://me:secret@host.org/a.zarr", "https://host.org/a.zarr"),
        ("https://token@host.org/a.zarr", "https://host.org/a.zarr"),
        ("https://host.org/zarr/1234/?X-Amz-Signature=secret", "https://host.org/zarr/1234"),
        ("HTTPS://host.org/a.zarr", "https://host.org/a.zarr"),
        ("s3://me:secret@lab/a.zarr", "s3://lab/a.zarr"),
        ("s3a://lab/a.zarr", "s3://lab/a.zarr"),
        ("gcs://lab/a.zarr", "gs://lab/a.zarr"),
        ("s3://lab/who?.zarr", "s3://lab/who?.zarr"),
        ("s3://lab/me@home/a.zarr", "s3://lab/me@home/a.zarr"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("simplecache::s3://lab/a.zarr", "s3://lab/a.zarr"),
        ("zip::filecache::https://me:secret@host.org/a.zip", "https://host.org/a.zip"),
        ("https://", "https://"),
    ],
)
def test_a_location_shows_nothing_secret_and_no_cache(place: str, address: str) -> None:
    """Everything that is shown, or stored in files, is made from locations."""
    location = Location.of(place)

    assert location.address == str(location) == address
    assert not location.is_local


def test_a_path_with_colons_is_a_path() -> None:
    """Only what begins like a chain of file systems is one."""
    for path in ("/data/a::b.zarr", "/data/s3://lab", "/data/me@host:x"):
        assert Location.of(path).address == os.path.normpath(path)
