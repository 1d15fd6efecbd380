"""`verify` names what is wrong with one file, whatever was done to it, and nothing where all is well."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from hdmf.build import DatasetBuilder, GroupBuilder
from hdmf.common import DynamicTable, SimpleMultiContainer, get_manager
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store import (
    Codec,
    Finding,
    HDMFStoreError,
    Link,
    MissingHierarchyError,
    NWBZarrIO,
    Target,
    UnreadableError,
    ZarrDataIO,
    ZarrIO,
    repair,
    verify,
)
from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.cli.commands import main
from hdmf_store.nodes import Group
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import dataset, numbers, objects, table, texts
from tests.adapters.stores import read
from tests.facade.recordings import new_recording

VALUES = np.arange(1, 61, dtype="int16").reshape(6, 10)
NODES = {
    "/": Group({"note": "x"}),
    "/g": Group({"to": Target("/a")}),
    "/a": numbers(VALUES, "int16", chunks=(2, 5)),
    "/gzip": numbers(VALUES, "int16", chunks=(3, 5), compressors=[Codec("gzip", {"level": 1})]),
    "/checked": numbers(VALUES, "int16", chunks=(3, 5), compressors=[Codec("crc32c")]),
    "/words": texts(["a", "b", "c"], chunks=(2,)),
    "/g/link": Link(Target("/a")),
    "/rows": table([(1, "a", b"x", Target("/a"))]),
}


def write(place: Any, nodes: dict[str, Any] | None = None, **options: Any) -> Any:
    adapter = open_adapter(place, "w", **options) if not isinstance(place, MemoryStore) else ZarrAdapter(place)
    if isinstance(place, MemoryStore):
        adapter.open("w")
    adapter.write(Plan(nodes=NODES if nodes is None else nodes))
    adapter.close()
    return place


def seen(found: list[Finding]) -> set[tuple[str, str, str]]:
    return {(finding.path, finding.kind, finding.severity) for finding in found}


@pytest.mark.parametrize("name", ["a.zarr", "a.zarr.zip", "a.h5"])
def test_a_sound_file_has_no_findings(tmp_path: Path, name: str) -> None:
    """Folders, archives and HDF5."""
    nodes = {path: node for path, node in NODES.items() if path not in ("/gzip", "/checked")}
    write(str(tmp_path / name), NODES if "zarr" in name else nodes)

    assert verify(tmp_path / name) == []


def test_a_sound_file_of_format_2_has_no_findings(tmp_path: Path) -> None:
    """The older format too."""
    nodes = {path: node for path, node in NODES.items() if path != "/checked"}
    write(str(tmp_path / "a.zarr"), nodes, zarr_format=2)

    assert verify(tmp_path / "a.zarr") == []


def test_a_sound_store_object_and_an_open_adapter_have_no_findings() -> None:
    """What is open is not closed by being checked."""
    store = write(MemoryStore())
    adapter = ZarrAdapter(store)
    adapter.open("r")

    assert verify(store) == []
    assert verify(adapter) == []
    assert adapter.mode == "r"


def test_a_damaged_chunk_is_named_with_its_index_and_key(tmp_path: Path) -> None:
    """One finding for each chunk, and none for the others of the array."""
    write(str(tmp_path / "a.zarr"))
    (tmp_path / "a.zarr/gzip/c/1/0").write_bytes(b"garbage")
    (tmp_path / "a.zarr/a/c/0/1").write_bytes(b"")

    found = verify(tmp_path / "a.zarr")

    assert seen(found) == {("/gzip", "chunk", "error"), ("/a", "chunk", "error")}
    assert any("(1, 0) at 'gzip/c/1/0'" in finding.message for finding in found)


def test_a_checksum_finds_one_bit_that_changed(tmp_path: Path) -> None:
    """The chunk has the right length and decodes to numbers; only its sum tells that they are others."""
    write(str(tmp_path / "a.zarr"))
    chunk = tmp_path / "a.zarr/checked/c/0/0"
    data = bytearray(chunk.read_bytes())
    data[3] ^= 1
    chunk.write_bytes(bytes(data))

    (found,) = verify(tmp_path / "a.zarr")

    assert (found.path, found.kind) == ("/checked", "chunk")
    assert "checksum" in found.message


def test_a_chunk_of_numbers_may_be_absent_and_one_of_text_may_not(tmp_path: Path) -> None:
    """Chunks of the fill value are left out by every writer; text never is, nor all of an array."""
    write(str(tmp_path / "a.zarr"))
    for key in ("a/c/0/0", "words/c/1", *(f"gzip/c/{i}/{j}" for i in range(2) for j in range(2))):
        os.unlink(tmp_path / "a.zarr" / key)

    assert seen(verify(tmp_path / "a.zarr")) == {("/words", "chunk", "warning"), ("/gzip", "chunk", "warning")}


def test_documents_that_differ_from_their_consolidated_copy_are_named(tmp_path: Path) -> None:
    """Changed, missing, and added by another program."""
    root = Path(write(str(tmp_path / "a.zarr")))
    document = json.loads((root / "a/zarr.json").read_bytes())
    (root / "a/zarr.json").write_text(json.dumps({**document, "attributes": {"changed": 1}}))
    os.unlink(root / "gzip/zarr.json")
    (root / "new").mkdir()
    (root / "new/zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}}))

    found = verify(root)

    assert seen(found) == {(path, "consolidated", "error") for path in ("/a", "/gzip", "/new")}


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"zarr_format": 3, "node_type": "array", "shape": [1], "shape": [2]}'])
def test_a_document_that_is_none_is_named(tmp_path: Path, data: bytes) -> None:
    """No JSON, another kind of JSON, and JSON that says a thing twice."""
    root = Path(write(str(tmp_path / "a.zarr")))
    (root / "a/zarr.json").write_bytes(data)

    assert ("/a", "document", "error") in seen(verify(root))


def test_links_and_references_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    """Links, attributes, and values in rows."""
    nodes = {
        "/": Group(),
        "/g": Group({"to": Target("/nothing")}),
        "/g/link": Link(Target("/x", "../nowhere.zarr")),
        "/rows": table([(1, "a", b"x", Target("/nothing")), (1, "a", b"x", Target("/g"))]),
    }
    write(str(tmp_path / "a.zarr"), nodes)

    found = verify(tmp_path / "a.zarr")

    expected = [("/g", "attribute"), ("/g/link", "link"), ("/rows", "reference")]
    assert seen(found) == {(path, kind, "error") for path, kind in expected}


def test_what_a_killed_writer_left_is_a_warning(tmp_path: Path) -> None:
    """It does no harm, and `repair` removes it."""
    root = Path(write(str(tmp_path / "a.zarr")))
    (root / f"a/c/0/0.hdmf-store-tmp-{'0' * 32}").write_bytes(b"half")
    (root / "gone/c/0").mkdir(parents=True)
    (root / "gone/c/0/0").write_bytes(b"x")

    found = verify(root)

    assert {(finding.kind, finding.severity) for finding in found} == {("leftover", "warning")}
    assert len(found) == 2


def test_an_archive_that_is_damaged_is_named(tmp_path: Path) -> None:
    """A member whose bytes changed is found by the archive's own sum."""
    place = tmp_path / "a.zarr.zip"
    write(str(place))
    with zipfile.ZipFile(place) as archive:
        at = archive.getinfo("a/c/0/0").header_offset + 30 + len("a/c/0/0")
    data = bytearray(place.read_bytes())
    data[at] ^= 1
    place.write_bytes(bytes(data))

    assert seen(verify(place)) == {("/a", "chunk", "error")}


def test_an_absurd_shape_is_checked_in_no_time_and_no_memory() -> None:
    """Only chunks that are there are looked at."""
    store = write(MemoryStore())
    document = json.loads(store._store_dict["a/zarr.json"].to_bytes())
    document["shape"] = [2**50, 2**50]
    store._store_dict["a/zarr.json"] = Buffer.from_bytes(json.dumps(document).encode())

    assert seen(verify(store)) == {("/a", "consolidated", "error")}


def test_a_file_that_is_none_is_an_error_and_no_finding(tmp_path: Path) -> None:
    """Nothing to check is not the same as nothing wrong."""
    with pytest.raises(MissingHierarchyError):
        verify(tmp_path / "nothing.zarr")


def test_content_that_does_not_follow_its_specification_is_named(tmp_path: Path) -> None:
    """A recording is sound; without a required attribute the validator's finding is among ours."""
    place = tmp_path / "a.nwb.zarr"
    with NWBZarrIO(place, "w") as io:
        io.write(new_recording())
    assert verify(place) == []
    document = json.loads((place / "zarr.json").read_bytes())
    copy = document["consolidated_metadata"]["metadata"]
    for path in [path for path, held in copy.items() if held["attributes"].get("neurodata_type") == "TimeSeries"]:
        del copy[path + "/data"]["attributes"]["unit"]
        (place / path / "data/zarr.json").write_text(json.dumps(copy[path + "/data"]))
    (place / "zarr.json").write_text(json.dumps(document))

    found = verify(place)

    assert {finding.kind for finding in found} == {"schema"}
    assert any("unit" in finding.message for finding in found)
    assert verify(place, schema=False) == []


def test_lists_of_integers_follow_their_specification(tmp_path: Path) -> None:
    """JSON has no unsigned numbers; a list is as wide as is specified, unless a value does not fit."""
    with ZarrIO(tmp_path / "a.zarr", "w", manager=get_manager()) as io:
        io.write(SimpleMultiContainer(name="root", containers=[DynamicTable(name="t", description="x")]))
    adapter = open_adapter(str(tmp_path / "a.zarr"), "r+")
    numbers_of = {
        "data": numbers([1.0], "float64"),
        "indices": numbers([0], "uint64"),
        "indptr": numbers([0], "uint64"),
    }
    for name, shape in (("good", [2, 3]), ("bad", [-2, 3])):
        kind = {"namespace": "hdmf-common", "data_type": "CSRMatrix", "object_id": name, "shape": shape}
        plan = {f"/{name}": Group(kind), **{f"/{name}/{key}": node for key, node in numbers_of.items()}}
        adapter.write(Plan(nodes=plan))
    adapter.close()

    (found,) = verify(tmp_path / "a.zarr")

    assert (found.path, found.kind) == ("/bad.shape", "schema")
    assert "uint" in found.message


def test_a_cached_specification_that_is_none_is_named(tmp_path: Path) -> None:
    """It is the schema by which others read the file."""
    place = tmp_path / "a.zarr"
    spec = dataset(texts([""]).element, objects(["{"], ()))
    nodes = {"/": Group({".specloc": "s"}), "/s": Group(), "/s/x": Group(), "/s/x/1": Group(), "/s/x/1/namespace": spec}
    write(str(place), nodes)

    assert ("/s/x/1/namespace", "specification", "error") in seen(verify(place))


def test_a_copy_that_zarr_made_has_no_findings(tmp_path: Path) -> None:
    """zarr puts an empty copy into the documents of groups, in the root's copy and in what it stores of them."""
    root = write(str(tmp_path / "a.zarr"), {"/": Group(), "/g": Group({"x": 1}), "/g/h": Group(), "/a": NODES["/a"]})
    zarr.consolidate_metadata(root)
    inner = json.loads((tmp_path / "a.zarr/zarr.json").read_bytes())["consolidated_metadata"]["metadata"]["g"]
    assert "consolidated_metadata" in inner

    assert verify(root) == []
    os.unlink(tmp_path / "a.zarr/g/zarr.json")
    repair(root)
    assert "consolidated_metadata" not in json.loads((tmp_path / "a.zarr/g/zarr.json").read_bytes())
    assert verify(root) == []


def test_what_cannot_be_read_is_named_and_the_rest_is_checked(tmp_path: Path) -> None:
    """A link in a circle stands for every error of a disk: of a chunk, and of a document."""
    root = Path(write(str(tmp_path / "a.zarr")))
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    os.unlink(root / "a/c/0/0")
    (root / "a/c/0/0").symlink_to(circle)
    os.unlink(root / "rows/zarr.json")
    (root / "rows/zarr.json").symlink_to(circle)
    (root / "gzip/c/1/0").write_bytes(b"garbage")

    found = seen(verify(root, schema=False))

    assert found >= {("/a", "chunk", "error"), ("/rows", "document", "error"), ("/gzip", "chunk", "error")}
    assert {step.action for step in repair(root)} == {"tell"}
    assert (root / "rows/zarr.json").is_symlink()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read every folder")
def test_a_folder_that_cannot_be_read_is_no_folder_of_fill_values(tmp_path: Path) -> None:
    """What is not listed is asked for."""
    root = Path(write(str(tmp_path / "a.zarr")))
    (root / "a/c/1").chmod(0)

    found = [finding for finding in verify(root) if finding.severity == "error"]

    (root / "a/c/1").chmod(0o700)
    assert seen(found) == {("/a", "chunk", "error")}
    assert any("(1, 0) at 'a/c/1/0'" in finding.message for finding in found)


@pytest.mark.parametrize("kind", ["arrray", None, ["group"]])
def test_a_document_of_no_kind_of_node_is_named(tmp_path: Path, kind: Any) -> None:
    """It would be taken for a group."""
    root = Path(write(str(tmp_path / "a.zarr")))
    document = json.loads((root / "a/zarr.json").read_bytes())
    (root / "a/zarr.json").write_text(json.dumps({**document, "node_type": kind}))

    assert ("/a", "document", "error") in seen(verify(root))
    with pytest.raises(HDMFStoreError, match="/a: its node_type"):
        read(root, "r-").load()


@pytest.mark.parametrize("folder", ["a", "a/c", "a/c/1", "g"])
def test_a_damaged_chunk_behind_a_link_to_a_folder_is_named(tmp_path: Path, folder: str) -> None:
    """Readers follow such links, so the check does; the chunks beside it are checked once."""
    nodes = {**NODES, "/g/b": NODES["/a"]}
    root = Path(write(str(tmp_path / "a.zarr"), nodes))
    for path in ("a", "g/b"):
        (root / path / "c/1/0").write_bytes(b"")
    (root / folder).rename(tmp_path / "elsewhere")
    (root / folder).symlink_to(tmp_path / "elsewhere", target_is_directory=True)

    found = [finding for finding in verify(root) if finding.kind == "chunk"]

    assert sorted(finding.path for finding in found) == ["/a", "/g/b"]


def test_absent_chunks_are_not_asked_for_where_all_keys_are_listed() -> None:
    """A large array of fill values would take a million requests."""
    asked: list[str] = []

    class Counted(MemoryStore):
        async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
            asked.append(key)
            return await super().get(key, prototype, byte_range)

        def get_sync(self, key: str, **options: Any) -> Any:
            asked.append(key)
            return super().get_sync(key, **options)

    store = Counted()
    write(store, {"/": Group(), "/a": numbers(VALUES * 0, "int16", chunks=(2, 5))})
    asked.clear()

    found = verify(store)

    assert [finding.severity for finding in found] in ([], ["warning"])
    assert asked
    assert not [key for key in asked if key.startswith("a/c")]


def test_a_key_with_an_absurd_index_is_a_stranger(tmp_path: Path) -> None:
    """Python refuses to read numbers of so many digits."""
    root = Path(write(str(tmp_path / "a.zarr.zip")))
    with zipfile.ZipFile(root, "a") as archive:
        archive.writestr(f"a/c/{'9' * 5000}/0", b"x")

    assert seen(verify(root)) == {(f"/a/c/{'9' * 5000}", "leftover", "warning")}
    assert {step.action for step in repair(root, dry_run=True)} == {"tell"}


def test_a_copy_that_some_releases_made_too_early_is_a_warning(tmp_path: Path) -> None:
    """Readers know it for one that lacks the specifications, and read the documents themselves."""
    nodes = {"/": Group({".specloc": "s"}), "/s": Group(), "/s/x": Group()}
    root = Path(write(str(tmp_path / "a.zarr"), nodes, zarr_format=2))
    copy = json.loads((root / ".zmetadata").read_bytes())
    copy["metadata"][".zattrs"] = {}
    copy["metadata"] = {key: value for key, value in copy["metadata"].items() if not key.startswith("s/")}
    (root / ".zmetadata").write_text(json.dumps(copy))

    assert seen(verify(root, schema=False)) == {(path, "consolidated", "warning") for path in ("/", "/s", "/s/x")}


def test_the_command_tells_findings_as_json_and_by_its_exit_code(tmp_path: Path) -> None:
    """0 for a sound file and one with warnings only, 1 for errors, 2 for a call that means nothing."""
    root = Path(write(str(tmp_path / "a.zarr")))
    words = ["verify", "--deep", "--json", str(root)]
    assert json.loads(CliRunner().invoke(main, words).stdout)["findings"] == []
    os.unlink(root / "words/c/1")
    warned = CliRunner().invoke(main, words)
    (root / "a/c/0/0").write_bytes(b"")

    done = CliRunner().invoke(main, words)

    assert (warned.exit_code, done.exit_code) == (0, 1)
    facts = json.loads(done.stdout)
    assert (facts["errors"], facts["warnings"]) == (1, 1)
    assert {"path", "kind", "message", "severity"} == set(facts["findings"][0])
    assert CliRunner().invoke(main, ["verify", "--deep", "--against", str(root), str(root)]).exit_code == 2
    assert "1 error, 1 warning" in CliRunner().invoke(main, ["verify", "--deep", str(root)]).stdout


def test_errors_of_this_package_are_not_mistaken_for_findings(tmp_path: Path) -> None:
    """A place that no adapter serves is an error of the call."""
    with pytest.raises(HDMFStoreError):
        verify(tmp_path / "a.unknown")


@pytest.mark.parametrize("spelling", ["by name", "zarr's codec"])
def test_checksums_that_an_author_asks_for_are_stored_and_verified(tmp_path: Path, spelling: str) -> None:
    """`ZarrDataIO` takes the codec after any compressor; zarr reads it, and one changed bit is found."""
    checksum = {"name": "crc32c"} if spelling == "by name" else zarr.codecs.Crc32cCodec()
    data = ZarrDataIO(np.arange(100), chunks=(50,), compressors=[zarr.codecs.GzipCodec(level=1), checksum])
    with ZarrIO(tmp_path / "a.zarr", "w") as io:
        io.write_builder(GroupBuilder("root", datasets=[DatasetBuilder("a", data)]))
    assert [codec["name"] for codec in json.loads((tmp_path / "a.zarr/a/zarr.json").read_bytes())["codecs"]] == [
        *("bytes", "gzip", "crc32c")
    ]
    assert zarr.open_group(tmp_path / "a.zarr", mode="r")["a"][...].tolist() == list(range(100))
    assert verify(tmp_path / "a.zarr") == []
    chunk = tmp_path / "a.zarr/a/c/1"
    changed = bytearray(chunk.read_bytes())
    changed[5] ^= 1  # the clock in gzip's header, which says nothing of values
    chunk.write_bytes(bytes(changed))

    (found,) = verify(tmp_path / "a.zarr")

    assert "checksum" in found.message
    with ZarrIO(tmp_path / "a.zarr", "r") as io, pytest.raises(UnreadableError, match="checksum"):
        io.read_builder()["a"].data[60:70]
