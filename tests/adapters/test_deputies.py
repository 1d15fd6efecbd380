"""Those who store chunks in place of a medium, in other processes: only while they may, only where they see it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from zarr.storage import LocalStore, MemoryStore

from hdmf_store.nodes import Dataset, Layout, Number, whole
from hdmf_store_adapters.json_forms import ITSELF
from hdmf_store_adapters.local_files import LocalFiles
from hdmf_store_adapters.media import Shadow
from hdmf_store_adapters.parallel import Job, work
from hdmf_store_adapters.store_objects import StoreObject
from hdmf_store_adapters.zarr_format import FORMATS


class Numbers:
    """The numbers of the elements."""

    origin = None

    def read(self, region: tuple[slice, ...]) -> np.ndarray:
        return np.arange(region[0].start, region[0].stop, dtype="int64")


def _job(files: LocalFiles) -> bytes:
    """Return a dataset of three chunks as a task carries it."""
    dataset = Dataset(Number("int64"), (30,), Numbers(), {}, Layout(chunks=(10,)))
    document = FORMATS[3].array_document(dataset, {}, "file", "/data")
    record = FORMATS[3].decode_array(document, "file", "/data", ITSELF)[1]
    assert record.codec is not None
    return pickle.dumps(("once", Job("/data", record, dataset.values, record.codec, files.deputy("data"))))


def test_who_sees_the_folder_stores_there(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "new.zarr")
    files.begin_replacement()

    assert work(_job(files), whole((30,))) is None
    files.publish()
    assert sorted(path.name for path in (tmp_path / "new.zarr").rglob("*") if path.is_file()) == ["0", "1", "2"]
    assert [path.name for path in (tmp_path / "new.zarr").iterdir()] == ["data"]


def test_who_does_not_see_the_folder_sends_bytes_back(tmp_path: Path) -> None:
    """On a machine that does not share the file system there may be another folder of that name."""
    files = LocalFiles(tmp_path / "here" / "new.zarr")
    files.begin_replacement()
    job = _job(files)
    (tmp_path / "here").rename(tmp_path / "there")
    (tmp_path / "here").mkdir()

    found = work(job, whole((30,)))
    assert found is not None
    assert [key.rpartition("/")[2] for key, _ in found] == ["0", "1", "2"]
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("end", ["publish", "discard"])
def test_who_is_late_stores_nothing(tmp_path: Path, end: str) -> None:
    """A worker that was given up for lost may still be at work when the write is over."""
    files = LocalFiles(tmp_path / "new.zarr")
    files.begin_replacement()
    files.write_many([("zarr.json", b"{}")])
    deputy = files.deputy("data")
    getattr(files, end)()
    before = sorted(tmp_path.rglob("*"))

    assert not deputy.is_there()
    with pytest.raises(FileNotFoundError):
        deputy.write_many([("data/c/0", b"late")])
    assert sorted(tmp_path.rglob("*")) == before


def test_places_that_only_this_process_reaches_have_no_deputies(tmp_path: Path) -> None:
    """What another process would store there would not be found here."""
    assert StoreObject(MemoryStore()).deputy("data") is None
    assert StoreObject(LocalStore(tmp_path)).deputy("data") is None
    assert Shadow(LocalFiles(tmp_path)).deputy("data") is None
