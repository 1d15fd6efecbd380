"""Arrays that say to be far larger than what is stored of them: looked at, compared and copied in no time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import pytest
import zarr

from hdmf_store import open_adapter, verify
from hdmf_store.nodes import Dataset, stored_regions_of
from hdmf_store.translate.compare import compare
from hdmf_store.translate.convert import convert
from hdmf_store.translate.copying import copy
from hdmf_store.translate.examine import examine
from hdmf_store_adapters.sparse import MANY_CHUNKS

LENGTH = 2**60
"""Elements along the first axis; to go through them, chunk by chunk, would take longer than a life."""

ROWS = 2**14
"""Of a chunk."""

KINDS = ("HDF5", "Zarr 2", "Zarr 3")


def sparse(place: Path, kind: str, fill: int = 0) -> str:
    """Make a file with an array of three stored chunks: the first, one in the midst, the last."""
    path = str(place / f"sparse {kind}{'.h5' if kind == 'HDF5' else '.zarr'}")
    options: dict[str, Any] = {"shape": (LENGTH, 2), "chunks": (ROWS, 2), "dtype": "int16"}
    if kind == "HDF5":
        with h5py.File(path, "w") as file:
            fill_in(file.create_dataset("x", fillvalue=fill, maxshape=(None, 2), **options))
    else:
        group = zarr.open_group(path, mode="w", zarr_format=int(kind[-1]))
        fill_in(group.create_array("x", fill_value=fill, **options))
    return path


def fill_in(array: Any) -> None:
    """Assign values to few of very many elements."""
    array[1:3] = [[1, 2], [3, 4]]
    array[LENGTH // 2] = [5, 6]
    array[LENGTH - 1] = [7, 8]


def values_near(path: str) -> list[list[int]]:
    """Return the values that were assigned, and one beside each, as our reader gives them."""
    with closing(open_adapter(path, "r")) as adapter:
        source: Any = adapter.load()["/x"].values
        regions = (slice(0, 4), slice(LENGTH // 2 - 1, LENGTH // 2 + 1), slice(LENGTH - 2, LENGTH))
        return [row for rows in regions for row in source.read((rows, slice(0, 2))).tolist()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_regions_that_are_stored_are_known(tmp_path: Path, kind: str) -> None:
    """Whole chunks, in order; nothing lies between them."""
    with closing(open_adapter(sparse(tmp_path, kind), "r")) as adapter:
        regions = stored_regions_of(adapter.load()["/x"].values)

    assert regions is not None
    assert [(rows.start, rows.stop) for rows, _ in regions] == [
        (0, ROWS),
        (LENGTH // 2, LENGTH // 2 + ROWS),
        (LENGTH - ROWS, LENGTH),
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("deep", [True, False], ids=["deeply", "values alone"])
def test_a_sparse_array_is_verified(tmp_path: Path, kind: str, deep: bool) -> None:
    """What is stored is read; what is not, is not gone through."""
    path = sparse(tmp_path, kind)
    if deep:
        assert not verify(path)
        return
    with closing(open_adapter(path, "r")) as adapter:
        outcome = examine(adapter)
    assert outcome.values == 3 * ROWS * 2
    assert not outcome.differences


def test_a_broken_chunk_of_a_sparse_array_is_found(tmp_path: Path) -> None:
    """The one in the midst of nothing."""
    path = sparse(tmp_path, "Zarr 3")
    (chunk,) = (p for p in Path(path, "x", "c").glob(f"{LENGTH // 2 // ROWS}/0"))
    chunk.write_bytes(b"no chunk")

    with closing(open_adapter(path, "r")) as adapter:
        (found,) = examine(adapter).differences

    assert found.path == "/x"
    assert "cannot be decoded" in found.what


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_sparse_array_is_converted(tmp_path: Path, kind: str, to: str) -> None:
    """From each kind of file to each: the same values, and the files hold the same to who compares them."""
    source, made = sparse(tmp_path, kind, fill=9), str(tmp_path / ("made" + (".h5" if to == "HDF5" else ".zarr")))
    options = {} if to == "HDF5" else {"zarr_format": int(to[-1])}

    with closing(open_adapter(source, "r")) as one, closing(open_adapter(made, "w", **options)) as other:
        convert(one, other)

    assert values_near(made) == values_near(source)
    assert values_near(made)[:3] == [[9, 9], [1, 2], [3, 4]]
    with closing(open_adapter(source, "r")) as one, closing(open_adapter(made, "r")) as other:
        assert not compare(one, other).differences


def test_a_sparse_array_is_copied_as_it_is_stored(tmp_path: Path) -> None:
    """Three chunks, and the progress of all."""
    source, made, done = sparse(tmp_path, "Zarr 3"), tmp_path / "made.zarr", []

    with closing(open_adapter(source, "r")) as one, closing(open_adapter(str(made), "w")) as other:
        copy(one, other, progress=lambda size, _: done.append(size))

    assert len([p for p in made.glob("x/c/*/*") if p.is_file()]) == 3
    assert sum(done) == LENGTH * 2 * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("where", "value", "said"),
    [(LENGTH // 2, 55, f"differs at ({LENGTH // 2}, 0)"), (LENGTH // 4, 1, f"differs at ({LENGTH // 4}, 0)")],
    ids=["in a chunk of both", "in a chunk of one"],
)
def test_a_difference_between_sparse_arrays_is_found(
    tmp_path: Path, kind: str, where: int, value: int, said: str
) -> None:
    """Wherever only one of them has a chunk, too."""
    (tmp_path / "other").mkdir()
    one, other = sparse(tmp_path, kind), sparse(tmp_path / "other", kind)
    if kind == "HDF5":
        with h5py.File(other, "r+") as file:
            file["x"][where] = [value, 6 if value == 55 else 0]
    else:
        zarr.open_array(f"{other}/x", mode="r+")[where] = [value, 6 if value == 55 else 0]

    for first, second in ((one, other), (other, one)):
        with closing(open_adapter(first, "r")) as a, closing(open_adapter(second, "r")) as b:
            (found,) = compare(a, b).differences
        assert said in found.what


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_text_of_which_hardly_any_is_stored_is_read(tmp_path: Path, encoding: str) -> None:
    """HDF5 says that text is ASCII where nobody checked, so it is looked through: as far as there is any."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", (LENGTH,), h5py.string_dtype(encoding), chunks=(4,))
        made[LENGTH - 2] = "Zürich" if encoding == "utf-8" else "Bern"

    with closing(open_adapter(str(tmp_path / "a.h5"), "r")) as adapter:
        node = adapter.load()["/x"]
        assert isinstance(node, Dataset)
        assert node.values.read((slice(LENGTH - 2, LENGTH),)).tolist() == [  # type: ignore[union-attr]
            "Zürich" if encoding == "utf-8" else "Bern",
            "",
        ]
        assert not examine(adapter).differences


def test_nothing_is_stored_of_a_large_dataset_without_chunks(tmp_path: Path) -> None:
    """HDF5 gives it a place when the first value is assigned."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (LENGTH,), "int8")

    assert not verify(tmp_path / "a.h5")


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_of_which_most_is_stored_is_read_in_large_pieces(tmp_path: Path, kind: str) -> None:
    """Nobody lists the chunks of such an array to read each by itself."""
    path, length = str(tmp_path / ("a.h5" if kind == "HDF5" else "a.zarr")), MANY_CHUNKS - 1
    if kind == "HDF5":
        with h5py.File(path, "w") as file:
            file.create_dataset("x", (length,), "int8", chunks=(1,))
    else:
        zarr.open_group(path, mode="w", zarr_format=int(kind[-1])).create_array(
            "x", shape=(length,), chunks=(1,), dtype="int8"
        )

    with closing(open_adapter(path, "r")) as adapter:
        assert stored_regions_of(adapter.load()["/x"].values) is None
