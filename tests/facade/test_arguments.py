"""The arguments of a file: in which order they come, what they do, and what is refused before anything is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numcodecs
import pytest
from hdmf.common import get_manager
from zarr.storage import FsspecStore

from hdmf_store import (
    DEFAULT_SPEC_LOC_DIR,
    ROOT_NAME,
    SPEC_LOC_ATTR,
    ArgumentError,
    ArgumentTypeError,
    FormatError,
    HierarchyExistsError,
    NWBZarrIO,
    ProcessSynchronizer,
    StoreIO,
    ThreadSynchronizer,
    ZarrIO,
    open_adapter,
)
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.facade.recordings import new_table
from tests.translate.builder_files import dataset, group, reference, root


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A Zarr file with one dataset."""
    with ZarrIO(tmp_path / "file.zarr", "w") as io:
        io.write_builder(root(dataset("x", [1, 2, 3])))
    return tmp_path / "file.zarr"


# ---------------------------------------------------------------------------------------------------------------- order


@pytest.mark.parametrize("kind", [ZarrIO, StoreIO, NWBZarrIO])
def test_a_file_is_opened_for_reading_unless_told_otherwise(path: Path, kind: type[StoreIO]) -> None:
    """As `HDF5IO` does it."""
    with kind(path) as io:
        assert io.mode == "r"
        assert io.read_builder()["x"].data[:].tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", [ZarrIO, NWBZarrIO])
def test_arguments_stand_in_the_order_of_the_documentation(tmp_path: Path, kind: type[ZarrIO]) -> None:
    """Path, mode, manager, synchronizer, codec, options and force can come without names."""
    manager, locks = get_manager(), ThreadSynchronizer()
    (tmp_path / "file.zarr").write_text("in the way")

    with kind(str(tmp_path / "file.zarr"), "w", manager, locks, numcodecs.JSON, {}, True, zarr_format=2) as io:
        io.write_builder(root(dataset("t", ["a"])))
        assert io.manager is manager
        assert io.synchronizer is locks
        assert io.object_codec_class is numcodecs.JSON

    assert _filters(tmp_path / "file.zarr", "t") == ["json2"]


def test_the_order_of_hdmf_zarr_0_14_is_understood(tmp_path: Path) -> None:
    """It has storage options and force in the place of a synchronizer and a codec."""
    (tmp_path / "file.zarr").write_text("in the way")

    with ZarrIO(tmp_path / "file.zarr", "w", None, {"auto_mkdir": True}, True) as io:
        io.write_builder(root(dataset("x", [1])))
        assert io.synchronizer is None

    assert ZarrIO.can_read(tmp_path / "file.zarr")


# --------------------------------------------------------------------------------------------------------- wrong types


@pytest.mark.parametrize("kind", [ZarrIO, NWBZarrIO])
@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"manager": "a manager"}, "manager"),
        ({"synchronizer": "yes"}, "synchronizer"),
        ({"object_codec_class": int}, "object_codec_class"),
        ({"object_codec_class": "json"}, "object_codec_class"),
        ({"storage_options": "anon"}, "storage_options"),
        ({"force_overwrite": "no"}, "force_overwrite"),
        ({"zarr_format": 4}, "zarr_format must be one of 2, 3"),
        ({"zarr_format": "3"}, "zarr_format"),
        ({"herd_path": 3}, "herd_path"),
    ],
)
def test_an_argument_that_means_nothing_is_refused_by_name(
    tmp_path: Path, kind: type[ZarrIO], named: dict[str, Any], said: str
) -> None:
    """`ValueError` whatever is wrong, `TypeError` too where it is the type; nothing was made."""
    with pytest.raises(ValueError, match=said):
        kind(tmp_path / "file.zarr", "w", **named)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", [{"manager": 1}, {"storage_options": "anon"}, {"force_overwrite": "no"}])
def test_a_wrong_type_is_a_type_error(tmp_path: Path, named: dict[str, Any]) -> None:
    """So callers catch it that know HDMF's own checks."""
    with pytest.raises(TypeError) as caught:
        ZarrIO(tmp_path / "file.zarr", "w", **named)

    assert isinstance(caught.value, ArgumentTypeError)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (None, "None is no path"),
        (3, "3 is no path"),
        (b"file.zarr", "is no path"),
        ("", "'' is no path"),
        ("tar::memory://a.zarr", "'tar::' is no cache"),
    ],
)
def test_a_place_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Any, said: str
) -> None:
    """An empty path is not the working directory, and no chain of URLs is taken for the name of a folder."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ArgumentError, match=said):
        ZarrIO(place, "w", force_overwrite=True)

    assert list(tmp_path.iterdir()) == []


def test_an_adapter_comes_with_its_own_options(path: Path) -> None:
    """Options beside an adapter would be without effect, so they are refused."""
    adapter = open_adapter(path, "r")

    with pytest.raises(ArgumentError, match=r"an adapter has its options already.*synchronizer"):
        ZarrIO(adapter, "r", synchronizer=ThreadSynchronizer())
    with ZarrIO(adapter, "r") as io:
        assert io.path is adapter
        assert io.adapter is adapter


def test_storage_options_come_back_as_they_went_in() -> None:
    """They are read, not kept or changed."""
    options = MappingProxyType({"anon": True})

    with ZarrIO("memory://options/file.zarr", "w", storage_options=options) as io:
        io.write_builder(root(dataset("x", [1])))

    assert dict(options) == {"anon": True}


# ------------------------------------------------------------------------------------------------- object codec classes


def _filters(path: Path, name: str) -> list[str]:
    return [codec["id"] for codec in json.loads((path / name / ".zarray").read_text())["filters"]]


def _of_every_kind() -> Any:
    target = group("g")
    fields = [{"name": "number", "dtype": "int"}, {"name": "text", "dtype": "text"}]
    return root(
        target,
        dataset("texts", ["a", "b"]),
        dataset("text", "a scalar"),
        dataset("rows", [(1, "x")], fields),
        dataset("references", [reference(target)], "object"),
        dataset("numbers", [1, 2]),
    )


@pytest.mark.parametrize("codec", [numcodecs.Pickle, numcodecs.JSON, numcodecs.Pickle()], ids=["Pickle", "JSON", "one"])
def test_a_codec_that_is_given_encodes_every_object_array(tmp_path: Path, codec: Any) -> None:
    """Texts, scalars, records and references alike, and never numbers; and they are read back."""
    name = codec.codec_id
    path = tmp_path / "file.zarr"

    with ZarrIO(path, "w", object_codec_class=codec, zarr_format=2) as io:
        io.write_builder(_of_every_kind())
        assert io.object_codec_class is codec

    for object_array in ("texts", "text", "rows", "references"):
        assert _filters(path, object_array) == [name]
    assert json.loads((path / "numbers/.zarray").read_text())["filters"] is None
    with ZarrIO(path) as io:
        found = io.read_builder()
        assert found["texts"].data[:].tolist() == ["a", "b"]
        assert found["text"].data == "a scalar"
        assert found["rows"].data[0].tolist() == (1, "x")
        assert found["references"].data[0] is found["g"]


def test_without_a_codec_nothing_is_pickled(tmp_path: Path) -> None:
    """The documented default is named, and used for nothing that a safe codec holds."""
    path = tmp_path / "file.zarr"

    with ZarrIO(path, "w", zarr_format=2) as io:
        io.write_builder(_of_every_kind())
        assert io.object_codec_class is numcodecs.Pickle

    used = {name: _filters(path, name) for name in ("texts", "text", "rows", "references")}
    assert used == {"texts": ["vlen-utf8"], "text": ["vlen-utf8"], "rows": ["json2"], "references": ["json2"]}


def test_a_codec_for_objects_makes_no_sense_in_format_3(tmp_path: Path) -> None:
    """It is an error that says so, and nothing is made."""
    with (
        ZarrIO(tmp_path / "file.zarr", "w", object_codec_class=numcodecs.JSON) as io,
        pytest.raises(ArgumentError, match="format 3 has no object arrays"),
    ):
        io.write_builder(root(dataset("x", [1])))

    assert not (tmp_path / "file.zarr").exists()


# -------------------------------------------------------------------------------------------------------- synchronizers


def test_true_is_a_synchronizer_for_processes(path: Path) -> None:
    """Its locks lie beside the file, not in it."""
    with ZarrIO(path, "r+", synchronizer=True) as io:
        assert isinstance(io.synchronizer, ProcessSynchronizer)
        assert Path(io.synchronizer.path).parent == path.parent.resolve()
        assert Path(io.synchronizer.path) != path


@pytest.mark.parametrize("off", [None, False])
def test_without_a_synchronizer_there_is_none(path: Path, off: Any) -> None:
    """Neither is one made where it is said not to be wanted."""
    with ZarrIO(path, "r+", synchronizer=off) as io:
        assert io.synchronizer is None


class Recorded:
    """A synchronizer that remembers which locks were taken."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self._locks = ThreadSynchronizer()

    def __getitem__(self, key: str) -> Any:
        self.taken.append(key)
        return self._locks[key]


def test_arrays_of_a_file_take_the_locks_of_its_synchronizer(path: Path) -> None:
    """Also those that a user got from it and assigns into."""
    locks = Recorded()

    with ZarrIO(path, "r+", synchronizer=locks) as io:
        array = io.read_builder()["x"].data
        locks.taken.clear()
        array[1] = 7

    assert any(key.startswith("x") for key in locks.taken)
    with ZarrIO(path) as io:
        assert io.read_builder()["x"].data[:].tolist() == [1, 7, 3]


# ------------------------------------------------------------------------------------------- what else a file is told


def test_force_is_what_lets_a_plain_file_be_replaced(tmp_path: Path) -> None:
    """Without it, and in modes that only create, what is there stays."""
    place = tmp_path / "file.zarr"
    place.write_text("in the way")

    with pytest.raises(HierarchyExistsError, match="force_overwrite=True"):
        ZarrIO(place, "w")
    assert place.read_text() == "in the way"
    with ZarrIO(place, "w", force_overwrite=True) as io:
        io.write_builder(root(dataset("x", [1])))
    assert place.is_dir()


def test_what_a_file_caches_is_loaded_unless_told_otherwise(tmp_path: Path) -> None:
    """`load_namespaces=False` does not look at it, so that a damaged cache does no harm."""
    path = tmp_path / "file.zarr"
    damaged = group("specifications", group("ndx", group("1.0.0", dataset("namespace", "no JSON"))))
    with ZarrIO(path, "w") as io:
        io.write_builder(root(damaged, dataset("x", [1]), **{".specloc": "specifications"}))

    with pytest.raises(FormatError, match="no JSON"):
        NWBZarrIO(path, "r")
    with NWBZarrIO(path, "r", load_namespaces=False) as io:
        assert io.read_builder()["x"].data[0] == 1
        assert "core" in io.manager.namespace_catalog.namespaces
    with pytest.raises(ArgumentTypeError, match="load_namespaces"):
        NWBZarrIO(path, "r", load_namespaces="no")  # type: ignore[arg-type]


@pytest.mark.parametrize("option", [{"driver": "ros3"}, {"aws_region": "us-east-2"}])
def test_options_of_hdf5_are_refused_with_the_way_out(path: Path, option: dict[str, Any]) -> None:
    """None is let through, since callers of several backends pass it."""
    with pytest.raises(ArgumentError, match="storage_options"):
        NWBZarrIO(path, "r", **option)
    NWBZarrIO(path, "r", **dict.fromkeys(option)).close()


def test_an_unknown_argument_is_refused(path: Path) -> None:
    """A typing error does not go unnoticed."""
    for kind in (ZarrIO, NWBZarrIO, StoreIO):
        with pytest.raises(TypeError, match="sychronizer"):
            kind(path, "r", sychronizer=True)


def test_the_names_in_a_file_are_those_of_the_constants(tmp_path: Path) -> None:
    """They have the documented values, and files are written by them."""
    assert (ROOT_NAME, SPEC_LOC_ATTR, DEFAULT_SPEC_LOC_DIR) == ("root", ".specloc", "specifications")

    with ZarrIO(tmp_path / "file.zarr", "w", get_manager()) as io:
        io.write(new_table())
    with ZarrIO(tmp_path / "file.zarr", "r") as io:
        assert io.read_builder().name == ROOT_NAME
        assert io.file.attrs[SPEC_LOC_ATTR] == DEFAULT_SPEC_LOC_DIR
        assert "hdmf-common" in io.file[DEFAULT_SPEC_LOC_DIR]


@pytest.mark.parametrize(
    ("make", "remote"),
    [
        (lambda path: str(path), False),
        (lambda path: "memory://remote/file.zarr", False),
        (lambda path: "http://127.0.0.1:9/file.zarr", True),
        (lambda path: FsspecStore.from_url("memory://remote/file.zarr"), False),
        (lambda path: FsspecStore.from_url("http://127.0.0.1:9/file.zarr"), True),
    ],
    ids=["path", "memory", "URL", "store in memory", "store over HTTP"],
)
def test_a_file_knows_whether_it_lies_on_another_machine(
    tmp_path: Path, make: Callable[[Path], Any], remote: bool
) -> None:
    """By its URL, or by the file system of the store that was given."""
    assert ZarrAdapter(make(tmp_path / "file.zarr")).capabilities.remote is remote


def test_the_manager_of_a_file_without_one_knows_no_type(path: Path) -> None:
    """It is an empty one, and each file has its own."""
    with ZarrIO(path) as one, ZarrIO(path) as other:
        assert one.manager.namespace_catalog.namespaces == ()
        assert one.manager is not other.manager
