"""Reference file systems: what is read through them, and what is not, whatever the file asks for."""

from __future__ import annotations

import http.server
import json
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from hdmf_store import StoreIO, ZarrIO
from hdmf_store.adapter import Location, Plan, Reach, adapter_class_for, open_adapter
from hdmf_store.errors import (
    ArgumentError,
    FormatError,
    LocationError,
    MissingHierarchyError,
    ModeError,
    UnreadableError,
)
from hdmf_store.nodes import Group, ReferenceTo, Target, Text
from hdmf_store_adapters.reference_adapter import ReferenceAdapter
from tests.adapters.references import entries_of, referring
from tests.adapters.samples import numbers, texts
from tests.servers import http_server

HALF = 400
"""Bytes of each of the two chunks of ``/a``."""

VALUES = np.arange(100)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with references in ``a.json`` to the array ``/a`` in ``stored.zarr``; what lies outside is beside it."""
    folder = tmp_path / "home"
    stored = folder / "stored.zarr"
    adapter = open_adapter(stored, "w")
    chunked = numbers(VALUES, "int64", chunks=(50,), compressors=())
    adapter.write(Plan(nodes={"/": Group({"x": 1}), "/a": chunked, "/b": texts(["one", "two"])}))
    adapter.close()
    referring(folder / "a.json", stored)
    (folder / "copy.bin").write_bytes(VALUES[50:].tobytes())
    (tmp_path / "outside.bin").write_bytes(VALUES[50:].tobytes())
    return folder


def changed(place: Path, *, key: str = "a/c/1", entry: Any, **document: Any) -> Path:
    """Put another entry under a key of references, by default that of the second chunk of ``/a``."""
    stored = json.loads(place.read_text())
    stored["refs"][key] = entry
    place.write_text(json.dumps({**stored, **document}))
    return place


def value(place: Any, path: str = "/a", **options: Any) -> list:
    """Return the values of a dataset, read by a new adapter."""
    adapter = open_adapter(place, "r", **options)
    try:
        return adapter.fetch([path])[path].tolist()
    finally:
        adapter.close()


def refusal(place: Any, target: str, **options: Any) -> str:
    """Return why a file does not give ``/a``: an error that names key and target, while ``/b`` is read."""
    adapter = open_adapter(place, "r", **options)
    with pytest.raises(UnreadableError) as caught:
        adapter.array("/a")[:]
    assert adapter.array("/a")[:50].tolist() == list(range(50))
    assert adapter.fetch(["/b"])["/b"].tolist() == ["one", "two"]
    adapter.close()
    assert (caught.value.location, caught.value.path) == (adapter.location.address, "/a")
    assert f"/a/c/1 refers to {target!r}" in str(caught.value)
    assert "Is the file complete" not in str(caught.value)
    return str(caught.value)


# what is read


@pytest.mark.parametrize("io_class", [ZarrIO, StoreIO])
def test_references_are_read_from_their_own_folder(home: Path, io_class: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the program runs, and however the file is named (NEEDS 30)."""
    monkeypatch.chdir(home.parent)

    with io_class("home/a.json", "r") as io:
        assert io.adapter.name == "references"
        assert io.read_builder()["a"].data[:].tolist() == VALUES.tolist()


FORMS: dict[str, Callable[[dict], dict]] = {
    "version 0": lambda entries: entries,
    "version 1": lambda entries: {"version": 1, "refs": entries},
    "no version": lambda entries: {"refs": entries, "generationMetadata": {}},
    "objects": lambda entries: {"version": 1, "refs": {**entries, "zarr.json": json.loads(entries["zarr.json"])}},
    "template": lambda entries: (
        {
            "version": 1,
            "templates": {"u": "stored.zarr", "n": "1"},
            "gen": [],
            "refs": {**entries, "a/c/1": ["{{u}}/a/c/{{ n }}", 0, HALF]},
        }
        | {"templates": {"u": "stored.zarr", "n": "1"}}
    ),
    "whole file": lambda entries: {"version": 1, "refs": {**entries, "a/c/1": ["copy.bin"]}},
    "part of a file": lambda entries: {
        "version": 1,
        "refs": {**entries, "a/c/0": ["all.bin", 8, HALF], "a/c/1": ["./all.bin", 8 + HALF, HALF]},
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_file_is_read(home: Path, form: str) -> None:
    (home / "all.bin").write_bytes(b"12345678" + VALUES.tobytes() + b"more")
    place = home / "form.json"
    place.write_text(json.dumps(FORMS[form](entries_of(home / "stored.zarr"))))

    assert value(place) == VALUES.tolist()
    assert value(place, "/b") == ["one", "two"]


def test_what_has_no_entry_has_the_fill_value(home: Path) -> None:
    """As in every Zarr store."""
    stored = json.loads((home / "a.json").read_text())
    del stored["refs"]["a/c/1"]
    (home / "a.json").write_text(json.dumps(stored))

    assert value(home / "a.json") == [*range(50), *[0] * 50]


@pytest.mark.parametrize("mode", ["w", "a", "r+"])
def test_modes_that_write_are_refused(home: Path, mode: str) -> None:
    """And the file is as it was."""
    before = (home / "a.json").read_bytes()

    with pytest.raises(ModeError, match=r"a\.json"):
        open_adapter(home / "a.json", mode)

    assert (home / "a.json").read_bytes() == before


def test_arrays_travel_to_other_processes(home: Path) -> None:
    """With the caller's word, pickled or forked; so does the adapter."""
    place = changed(home / "a.json", entry=[str(home.parent / "outside.bin"), 0, HALF])
    adapter = open_adapter(place, "r", may_read=home.parent)
    array = adapter.array("/a")

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(np.sum, (array,)) == VALUES.sum()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(np.sum, (array,)) == VALUES.sum()
    again = pickle.loads(pickle.dumps(adapter))
    assert type(again) is ReferenceAdapter
    assert again.fetch(["/a"])["/a"].tolist() == VALUES.tolist()


def test_zarr_reads_through_the_adapter(home: Path) -> None:
    """Its own group lists what there is, and its arrays have the values."""
    with ZarrIO(home / "a.json", "r") as io:
        group = io.file
        assert sorted(group.keys()) == ["a", "b"]
        assert group["a"][40:60].tolist() == list(range(40, 60))


def test_references_in_memory_are_read() -> None:
    """From the JSON and from what it names."""
    memory = fsspec.filesystem("memory")
    document = {
        ".zgroup": '{"zarr_format": 2}',
        "a/.zarray": json.dumps(
            {"zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "<i2", "order": "C", "fill_value": 0}
            | {"filters": None, "compressor": None}
        ),
        "a/0": ["sub/a.bin", 1, 4],
    }
    memory.pipe("/references/a.json", json.dumps(document).encode())
    memory.pipe("/references/sub/a.bin", b"\0\1\0\2\0")

    assert value("memory://references/a.json") == [1, 2]


# where references may lead


def hostile(home: Path) -> dict[str, str]:
    """Return targets that hold the right bytes and must not be read, by what is wrong with them."""
    outside = home.parent / "outside.bin"
    (home / "link.bin").symlink_to(outside)
    (home / "out").symlink_to(home.parent)
    os.mkfifo(home / "pipe")
    return {
        "absolute path": str(outside),
        "path of this folder as URL": (home / "copy.bin").as_uri(),
        "file URL": outside.as_uri(),
        "local URL": f"local://{outside}",
        "parent": "../outside.bin",
        "detour": "stored.zarr/../../outside.bin",
        "symbolic link": "link.bin",
        "linked folder": "out/outside.bin",
        "pipe": "pipe",
        "folder": "stored.zarr",
        "chain": f"https://elsewhere.invalid/x::file://{outside}",
        "chain from a file": f"simplecache::file://{outside}",
        "other scheme": "ftp://bucket/outside.bin",
        "insecure": "http://127.0.0.1:9/outside.bin",
        "references of references": "reference://outside.bin",
        "detour in a URL": "https://elsewhere.invalid/%2e%2e/x",
        "nothing": "",
        "null": "copy.bin\0",
    }


WAYS_OUT = [
    *("absolute path", "path of this folder as URL", "file URL", "local URL", "parent", "detour", "symbolic link"),
    *("linked folder", "pipe", "folder", "chain", "chain from a file", "other scheme", "insecure"),
    *("references of references", "detour in a URL", "nothing", "null"),
]


@pytest.mark.parametrize("way", WAYS_OUT)
def test_what_a_reference_may_not_name_is_refused_and_the_rest_is_read(home: Path, way: str) -> None:
    """Before anything of it is read, with an error that names the key and the target."""
    target = hostile(home)[way]

    refusal(changed(home / "a.json", entry=[target, 0, HALF]), target)


def test_every_way_out_is_tried(home: Path) -> None:
    assert list(hostile(home)) == WAYS_OUT


@pytest.mark.parametrize("way", ["absolute path", "file URL", "parent", "detour", "symbolic link", "linked folder"])
def test_the_caller_may_allow_other_folders(home: Path, way: str) -> None:
    """That folder and all below it, and no other whose name begins alike."""
    target = hostile(home)[way]
    place = changed(home / "a.json", entry=[target, 0, HALF])

    assert value(place, may_read=home.parent) == VALUES.tolist()
    assert value(place, may_read=[home.parent / "outside.bin"]) == VALUES.tolist()
    assert "may_read" in refusal(place, target, may_read=[str(home.parent / "out"), "https://elsewhere.invalid"])


def test_a_template_is_checked_as_what_it_stands_for(home: Path) -> None:
    target = "../outside.bin"
    place = changed(home / "a.json", entry=["{{u}}/outside.bin", 0, HALF], templates={"u": ".."})

    assert value(place, may_read=home.parent) == VALUES.tolist()
    refusal(place, target)


def test_a_file_of_this_machine_may_name_urls_of_archives() -> None:
    """Over https and in object stores; they take no credentials with them. The rest takes the caller's word."""
    reach = Reach(Location("/data/a.json"), {"token": "secret"}, {"s3://lab/open": {"anon": True}})

    assert reach.find("https://archive.org/a.nwb").address == "https://archive.org/a.nwb"
    assert reach.find("HTTPS://archive.org/a.nwb").options == {}
    assert reach.find("s3://lab/open/a.nwb").options == {"anon": True}
    assert reach.find("s3://lab/opened/a.nwb").options == {}
    for target in ("s3://lab/open/../a.nwb", "http://archive.org/a", "ftp://archive.org/a", "icechunk+http://a/b"):
        with pytest.raises(LocationError):
            reach.find(target)


def test_a_file_from_elsewhere_reaches_its_own_server_alone() -> None:
    """No file of this machine whatever the caller says, and no other server unless the caller says so."""
    reach = Reach(Location("https://lab.org/x/a.json"), {"token": "t"}, {"/": {}, "https://other.org/open": {}})

    assert reach.find("b.nwb").address == "https://lab.org/x/b.nwb"
    assert reach.find("https://lab.org/y/b.nwb").options == {"token": "t"}
    assert reach.find("https://other.org/open/b.nwb").options == {}
    for target in (
        "/etc/passwd",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "../b.nwb",
        "%2e%2e/b.nwb",
        "..\\b.nwb",
        "https://other.org/b.nwb",
        "https://lab.org.evil.org/b.nwb",
        "https://lab.org@evil.org/b.nwb",
        "http://lab.org/x/b.nwb",
    ):
        with pytest.raises(LocationError):
            reach.find(target)


# over a network


def test_references_are_read_over_http(home: Path) -> None:
    """JSON and parts of files."""
    with http_server(home) as url:
        assert value(f"{url}/a.json") == VALUES.tolist()
        assert value(f"{url}/a.json", "/b") == ["one", "two"]
        with pytest.raises(MissingHierarchyError):
            value(f"{url}/none.json")


def test_references_to_another_server_take_the_word_of_the_caller(home: Path) -> None:
    """From this machine and from a server, and then they are read."""
    with http_server(home.parent) as other, http_server(home) as url:
        target = f"{other}/outside.bin"
        place = changed(home / "a.json", entry=[target, 0, HALF])

        for opened in (place, f"{url}/a.json"):
            assert "may_read" in refusal(opened, target)
            assert value(opened, may_read=[other]) == VALUES.tolist()


@pytest.mark.parametrize("way", ["absolute path", "file URL", "local URL"])
def test_references_from_a_server_never_reach_files_of_this_machine(home: Path, way: str) -> None:
    """Not even with the word of the caller."""
    target = hostile(home)[way]
    changed(home / "a.json", entry=[target, 0, HALF])

    with http_server(home) as url:
        refusal(f"{url}/a.json", target, may_read=home.parent)


@contextmanager
def sending_on(to: str) -> Iterator[str]:
    """Run a server that sends every reader on to an address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", to)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_server_cannot_send_readers_on_to_another_one(home: Path) -> None:
    """Unless that speaks https, as the stores behind archives do."""
    with http_server(home.parent) as hidden, sending_on(f"{hidden}/outside.bin") as url:
        target = f"{url}/x"
        place = changed(home / "a.json", entry=[target, 0, HALF])

        assert f"{hidden}/outside.bin" in refusal(place, target, may_read=url)


# damage


BAD_ENTRIES: dict[str, tuple[Any, str]] = {
    "missing": (["none.bin", 0, HALF], "is not there"),
    "truncated": (["copy.bin", 8, HALF], f"{HALF - 8} bytes"),
    "beyond its end": (["copy.bin", 10**15, HALF], "0 bytes"),
    "too long": (["copy.bin", 0, 10**18], "more than one piece"),
}


@pytest.mark.parametrize("damage", BAD_ENTRIES)
def test_bytes_that_are_not_there_are_named(home: Path, damage: str) -> None:
    """Never fewer bytes than meant, and no more memory than the file has."""
    entry, reason = BAD_ENTRIES[damage]

    assert reason in refusal(changed(home / "a.json", entry=entry), entry[0])


@pytest.mark.parametrize("damage", ["missing", "truncated", "beyond its end"])
def test_bytes_that_a_server_does_not_have_are_named(home: Path, damage: str) -> None:
    entry = BAD_ENTRIES[damage][0]
    changed(home / "a.json", entry=entry)

    with http_server(home) as url:
        refusal(f"{url}/a.json", entry[0])


@pytest.mark.parametrize(
    "entry",
    [
        *(None, 3, [], "base64:*", "\ud800"),
        *(["copy.bin", 0], ["copy.bin", -1, HALF], ["copy.bin", 0, -1], ["copy.bin", 0.0, 8.0], ["copy.bin", True, 8]),
        *([3, 0, 1], [None, 0, 8], ["{{none}}", 0, 8], ["{{f(x='copy.bin')}}", 0, 8]),
    ],
    ids=repr,
)
def test_an_entry_that_is_none_spoils_its_own_array_alone(home: Path, entry: Any) -> None:
    """Nothing in it is run."""
    adapter = open_adapter(changed(home / "a.json", entry=entry), "r")

    with pytest.raises(UnreadableError, match="/a/c/1"):
        adapter.array("/a")[:]
    assert adapter.array("/a")[:50].tolist() == list(range(50))
    adapter.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no JSON"),
        ("{" + '"a":[' * 100_000, "is no JSON"),
        ("[]", "a list"),
        ("{}", "no reference file system"),
        ('{"version": 1, "refs": []}', "no reference file system"),
        ('{"version": 1, "refs": {"a/.zarray": "{}"}}', "no reference file system"),
        ('{"version": 2, "refs": {".zgroup": "{}"}}', "version 2"),
        ('{"version": "1", "refs": {".zgroup": "{}"}}', "version '1'"),
        ('{"version": 1, "gen": [{"key": "x"}], "refs": {".zgroup": "{}"}}', "'gen'"),
        ('{"version": 1, "templates": {"u": 1}, "refs": {".zgroup": "{}"}}', "templates"),
    ],
    ids=lambda text: text[:60],
)
def test_a_file_that_is_no_reference_file_system_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """With an error that names it and says what is wrong."""
    place = tmp_path / "a.json"
    place.write_text(text)

    with pytest.raises(FormatError, match=reason) as caught:
        ReferenceAdapter(place).open("r")
    assert str(place) in str(caught.value)


# LINDI's dialect


@pytest.fixture
def lindi(tmp_path: Path) -> Callable[..., Path]:
    """Write an array of JSON values ``/a`` with attributes, in a file beside a group ``/g``."""

    def written(values: list, **attributes: Any) -> Path:
        array = {"zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "|O", "order": "C", "fill_value": 0}
        entries = {
            ".zgroup": {"zarr_format": 2},
            "g/.zgroup": {"zarr_format": 2},
            "a/.zarray": {**array, "filters": [{"id": "json2"}], "compressor": None},
            "a/.zattrs": attributes,
            "a/0": json.dumps([*values, "|O", [2]]),
        }
        place = tmp_path / "a.lindi.json"
        place.write_text(json.dumps({"version": 1, "refs": entries}))
        return place

    return written


TO_G = {"_REFERENCE": {"source": ".", "path": "/g", "object_id": None, "source_object_id": None}}


@pytest.mark.parametrize(
    ("values", "element", "expected"),
    [
        ([TO_G, TO_G], ReferenceTo(), [Target("/g"), Target("/g")]),
        ([None, TO_G], ReferenceTo(), [None, Target("/g")]),
        (["/g", "x"], Text(), ["/g", "x"]),
        (["", "x"], Text(), ["", "x"]),
    ],
)
def test_references_are_told_from_text_by_their_values(
    lindi: Callable[..., Path], values: list, element: Any, expected: list
) -> None:
    """Where no attribute says what an array holds."""
    adapter = open_adapter(lindi(values), "r")

    assert adapter.load()["/a"].element == element
    assert adapter.fetch(["/a"])["/a"].tolist() == expected
    adapter.close()


def test_text_whose_bytes_may_not_be_read_does_not_keep_the_file_from_opening(lindi: Callable[..., Path]) -> None:
    place = changed(lindi([TO_G, TO_G]), key="a/0", entry=["/etc/passwd", 0, 4])

    adapter = open_adapter(place, "r")
    assert sorted(adapter.load().nodes) == ["/", "/a", "/g"]
    with pytest.raises(UnreadableError, match="/etc/passwd"):
        adapter.fetch(["/a"])
    adapter.close()


def test_values_left_in_an_hdf5_file_are_no_fill_values(lindi: Callable[..., Path]) -> None:
    """The error names that file; the rest is read."""
    link = {"link_type": "hdf5_dataset", "url": "raw.nwb", "name": "/acquisition/data"}
    adapter = open_adapter(lindi(["", ""], _EXTERNAL_ARRAY_LINK=link), "r")

    assert adapter.load()["/g"] == Group()
    with pytest.raises(UnreadableError, match=r"raw\.nwb"):
        adapter.array("/a")
    adapter.close()


def test_cached_specifications_behind_a_reference_are_not_among_the_objects(lindi: Callable[..., Path]) -> None:
    place = lindi(["a", "b"])
    changed(place, key=".zattrs", entry={".specloc": {"_REFERENCE": {"source": ".", "path": "/g"}}})

    with ZarrIO(place, "r") as io:
        assert list(io.read_builder().groups) == []
        assert list(io.read_builder().datasets) == ["a"]


# which places are its own


def test_json_is_its_own_and_nothing_else(home: Path) -> None:
    """By the name where nothing is there, and by what a file begins with."""
    (home / "text.json").write_text("no JSON")
    (home / "folder.json").mkdir()
    for place in (
        home / "a.json",
        home / "new.lindi.json",
        "https://lab.org/a.zindi.json?version=1",
        "s3://lab/a.json",
    ):
        assert adapter_class_for(place) is ReferenceAdapter
    for place in (home / "text.json", home / "folder.json", home / "stored.zarr", home / "a.zip", 3, None):
        assert not ReferenceAdapter.claims(place)


@pytest.mark.parametrize("place", [3, b"a.json", "simplecache::https://lab.org/a.json"])
def test_what_is_no_single_file_is_refused(place: Any) -> None:
    with pytest.raises(ArgumentError):
        ReferenceAdapter(place)


@pytest.mark.parametrize("may_read", [3, [3], {3: {}}, None])
def test_a_word_that_names_no_places_is_refused(home: Path, may_read: Any) -> None:
    with pytest.raises(ArgumentError, match="may_read"):
        ReferenceAdapter(home / "a.json", may_read=may_read)
