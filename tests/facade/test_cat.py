"""`hdmf-store cat`: values of datasets; `history`: the states of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hdmf.build import ReferenceBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmf_store import ArgumentError, ZarrIO
from hdmf_store.cli import main
from hdmf_store.nodes import ArraySource, Dataset, Number
from hdmf_store.translate import sliced
from hdmf_store.translate.sliced import blocks_of, part_named
from tests.translate.builder_files import dataset, group, root

GRID = np.arange(60).reshape(5, 4, 3)


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def _lines(*arguments: object) -> list[str]:
    result = _run("cat", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cat") / "f.zarr"
    target = group("g")
    record = np.array([(1, "a"), (2, "two\nlines")], [("n", "i4"), ("t", "O")])
    with ZarrIO(path, "w") as target_io:
        target_io.write_builder(
            root(
                target,
                dataset("grid", GRID),
                dataset("scalar", 1.5),
                dataset("text", ["plain", "tab\there", ""]),
                dataset("flags", [True, False]),
                dataset("nothing", np.empty((0, 2))),
                dataset("references", [ReferenceBuilder(target)], dtype="object"),
                dataset("records", record),
            )
        )
    return path


def test_a_row_along_the_last_axis_is_a_line(file: Path) -> None:
    assert _lines(file, "/grid", "0")[0] == "0\t1\t2"
    assert [[int(word) for word in line.split("\t")] for line in _lines(file, "grid")] == GRID.reshape(-1, 3).tolist()


def test_each_kind_of_value_has_its_form(file: Path) -> None:
    """Numbers, text that keeps to its line, references as paths, records with tabs."""
    assert _lines(file, "scalar") == ["1.5"]
    assert _lines(file, "text") == ["plain", '"tab\\there"', ""]
    assert _lines(file, "flags") == ["True", "False"]
    assert _lines(file, "nothing") == []
    assert _lines(file, "references") == ["/g"]
    assert _lines(file, "records") == ["1\ta", '2\t"two\\nlines"']


def test_json_has_the_type_the_shape_and_the_values(file: Path) -> None:
    found = json.loads(_run("cat", file, "grid", "1:3,0,::2", "--json").stdout)
    assert found == {
        "type": "int64",
        "shape": [5, 4, 3],
        "part": "1:3,0,::2",
        "values": GRID[1:3, 0, ::2].tolist(),
    }
    references = json.loads(_run("cat", file, "references", "--json").stdout)["values"]
    assert references == [{"reference": "/g", "source": "."}]
    assert json.loads(_run("cat", file, "scalar", "--json").stdout)["values"] == 1.5


@pytest.mark.parametrize(
    ("path", "part", "named"),
    [
        ("g", "", "is a group"),
        ("grid", "0:2:-1", "steps"),
        ("grid", "5", "beyond"),
        ("grid", "0,0,0,0", "more axes"),
        ("grid", "..., ...", "more axes"),
        ("grid", "__import__('os')", "no part"),
        ("grid", "0:1:", None),
    ],
)
def test_what_is_no_part_of_a_dataset_is_a_wrong_call(file: Path, path: str, part: str, named: str | None) -> None:
    result = _run("cat", file, path, part)
    assert result.exit_code == (0 if named is None else 2)
    assert named is None or named in result.stderr


def test_an_object_that_is_not_there_is_a_failure(file: Path) -> None:
    result = _run("cat", file, "/none")
    assert result.exit_code == 3
    assert "/none" in result.stderr


def test_links_are_followed_into_other_files(file: Path, tmp_path: Path) -> None:
    (tmp_path / "b.h5").unlink(missing_ok=True)
    with h5py.File(tmp_path / "a.h5", "w") as held:
        held["x"] = [7, 8]
    with h5py.File(tmp_path / "b.h5", "w") as linking:
        linking["far"] = h5py.ExternalLink("a.h5", "/x")
    assert _lines(tmp_path / "b.h5", "far", "1") == ["8"]


class _Counting(ArraySource):
    """Remembers how much was read at once."""

    def read(self, region: Any) -> np.ndarray:
        found = super().read(region)
        most.append(found.nbytes)
        return found


most: list[int] = []


def test_only_the_part_is_read_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliced, "_BLOCK_BYTES", 800)
    values = np.arange(10_000).reshape(1000, 10)
    most.clear()

    found = np.concatenate(
        list(
            blocks_of(
                Dataset(Number("int64"), values.shape, _Counting(values)), part_named("10:500:3,2:4", values.shape)
            )
        )
    )

    assert found.tolist() == values[10:500:3, 2:4].tolist()
    assert max(most) <= 800
    assert sum(most) <= values[10:500, 2:4].nbytes


bounds = st.none() | st.integers(-8, 8)


@st.composite
def selections(draw: st.DrawFn) -> tuple[str, tuple[Any, ...]]:
    """Return what is typed, and the same for numpy."""
    words: list[str] = []
    numpy_form: list[Any] = []
    for length in GRID.shape[: draw(st.integers(0, 3))]:
        if draw(st.booleans()):
            index = draw(st.integers(-length, length - 1))
            words.append(str(index))
            numpy_form.append(index)
        else:
            start, stop, step = draw(bounds), draw(bounds), draw(st.none() | st.integers(1, 4))
            words.append(":".join("" if word is None else str(word) for word in (start, stop, step)))
            numpy_form.append(slice(start, stop, step))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(words)))
        if at == len(words) or len(words) == 3:
            words.insert(at, "...")
            numpy_form.insert(at, ...)
    return ",".join(words), tuple(numpy_form)


@settings(deadline=None)
@given(selections())
def test_a_part_is_what_numpy_makes_of_the_same_text(selection: tuple[str, tuple[Any, ...]]) -> None:
    text, numpy_form = selection
    wanted = part_named(text, GRID.shape)

    blocks = list(blocks_of(Dataset(Number("int64"), GRID.shape, ArraySource(GRID)), wanted))

    expected = GRID[numpy_form]
    found = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    assert found.tolist() == expected.tolist()
    assert found.shape == expected.shape or expected.size == 0


def test_a_store_without_states_says_so(file: Path) -> None:
    result = _run("history", file)
    assert result.exit_code == 2
    assert "keeps no earlier states" in result.stderr


def test_each_commit_of_a_repository_is_listed_and_can_be_opened_by_its_name(tmp_path: Path) -> None:
    place = f"icechunk://{tmp_path / 'repository'}"
    for value in (1, 2):
        with ZarrIO(place, "w") as target:
            target.write_builder(root(dataset("x", [value])))

    states = json.loads(_run("history", place, "--json").stdout)

    assert len(states) == 3, "two writes, and the empty repository before them"
    assert states[0]["time"] >= states[1]["time"]
    assert {state["message"] for state in states[:2]} == {"Written by hdmf-store"}
    assert _lines(f"{place}?snapshot={states[0]['name']}", "x") == ["2"]
    assert _lines(f"{place}?snapshot={states[1]['name']}", "x") == ["1"]
    shown = _run("history", place).stdout.splitlines()
    assert [line.split()[0] for line in shown] == [state["name"] for state in states]
    older = json.loads(_run("history", f"{place}?snapshot={states[1]['name']}", "--json").stdout)
    assert older == states[1:]


def test_a_session_that_knows_one_state_is_refused() -> None:
    icechunk = pytest.importorskip("icechunk")
    from hdmf_store.adapter import open_adapter

    session = icechunk.Repository.create(icechunk.in_memory_storage()).writable_session("main")
    with ZarrIO(session.store, "w") as target:
        target.write_builder(root(dataset("x", [1])))
    adapter: Any = open_adapter(session.store)
    with pytest.raises(ArgumentError, match="one state"):
        adapter.history()
    adapter.close()
