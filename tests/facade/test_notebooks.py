"""What people see in notebooks: the tree of a file, the table and the chunk grid of a dataset."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmf_store import NWBZarrIO, StoreIO, ZarrDataIO, ZarrIO
from hdmf_store.facade.thumbnail import grid_svg
from hdmf_store.facade.tree_html import hierarchy_html
from hdmf_store.facade.units import in_units
from hdmf_store.nodes import Group, Hierarchy
from tests.facade.recordings import new_recording
from tests.translate.builder_files import dataset, group, root

HOSTILE = "<img src=x onerror=alert(1)>"


class _Tags(HTMLParser):
    """Collects tags, and checks that they are closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _tags(page: str) -> list[str]:
    reader = _Tags()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader.seen


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notebooks") / "f.zarr"
    inner = group("a", dataset("x", np.zeros((1000, 4))), dataset(HOSTILE, ["a"]))
    big = ZarrDataIO(np.arange(5000.0).reshape(100, 50) + 1, chunks=(10, 25), shards=(20, 50))
    with ZarrIO(path, "w") as io:
        io.write_builder(root(inner, dataset("big", big), *(group(f"g{n}") for n in range(150)), data_type=HOSTILE))
    return path


def test_a_file_is_a_tree_that_can_be_folded(file: Path) -> None:
    """Groups with the size of what is below them; many equals are cut off and counted."""
    with StoreIO(file, "r") as io:
        page = io._repr_html_()

    tags = _tags(page)
    assert tags.count("details") == tags.count("summary") == 1, "of the one group that holds something"
    assert "(31.3 KiB)" in page, "of /a/x"
    assert "1000 × 4  float64" in page
    assert "… 52 more" in page
    assert "(0 B)" not in page


def test_nothing_in_a_file_becomes_a_part_of_the_page(file: Path) -> None:
    with ZarrIO(file, "r") as io:
        page = io._repr_html_()
        grid = ZarrIO.generate_dataset_html(io.read_builder()["a"][HOSTILE].data)

    assert "img" not in _tags(page)
    assert "img" not in _tags(grid)
    assert page.count("&lt;img") == 2, "the name of a dataset, and a type"


def test_a_file_that_cannot_be_read_now_shows_its_name(file: Path, tmp_path: Path) -> None:
    io = ZarrIO(file, "r")
    io.close()
    assert _tags(io._repr_html_()) == ["pre"]
    assert "closed" in io._repr_html_()
    with ZarrIO(tmp_path / "new.zarr", "w") as new:
        assert "new.zarr" in new._repr_html_()


def test_cached_specifications_are_one_line(tmp_path: Path) -> None:
    with NWBZarrIO(tmp_path / "r.zarr", "w") as io:
        io.write(new_recording())
    with NWBZarrIO(tmp_path / "r.zarr", "r") as io:
        page = io._repr_html_()
    assert re.search(r"cached specifications: core [\d.]+", page)
    assert "<strong>specifications</strong>" not in page
    assert "<em>NWBFile</em>" in page


def test_a_dataset_tells_what_it_takes_on_disk_and_shows_its_chunks(file: Path) -> None:
    with ZarrIO(file, "r") as io:
        builder = io.read_builder()
        page = ZarrIO.generate_dataset_html(builder["big"].data)
        stored = sum(path.stat().st_size for path in (file / "big" / "c").rglob("*") if path.is_file())

    assert in_units(stored) in page
    assert f'<td style="text-align: left">{40_000 / stored:.1f}</td>' in page
    assert "20 chunks" in page
    assert re.search(r"Compressors</th><td[^>]*>(blosc|zstd) \((\w+ \w+, )*\w+ \w+\)<", page), "by name and settings"
    (drawing,) = re.findall(r"<svg.*</svg>", page)
    lines = ElementTree.fromstring(drawing).findall("line")
    assert len(lines) == 9 + 1 + 4, "nine cuts down, one across, four between shards"


def test_a_scalar_and_an_empty_array_have_no_drawing() -> None:
    assert grid_svg((), ()) is None
    assert grid_svg((0, 3), (1, 3)) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)), min_size=1, max_size=5))
def test_a_drawing_of_any_array_is_small_and_within_its_frame(axes: list[tuple[int, int]]) -> None:
    shape, chunks = zip(*axes, strict=True)

    drawing = grid_svg(shape, chunks)

    assert drawing is not None
    assert len(drawing) < 30_000
    picture = ElementTree.fromstring(drawing)
    wide, high = float(picture.attrib["width"]), float(picture.attrib["height"])
    assert max(wide, high) < 300
    for line in picture.findall("line"):
        at = {name: float(line.attrib[name]) for name in ("x1", "x2", "y1", "y2")}
        assert 0 <= at["x1"] <= wide and 0 <= at["x2"] <= wide
        assert 0 <= at["y1"] <= high and 0 <= at["y2"] <= high


def test_groups_nested_deeper_than_python_calls_are_shown(tmp_path: Path) -> None:
    nodes: dict[str, Group] = {"/": Group()}
    for depth in range(1, 1201):
        nodes["/g" * depth] = Group()

    assert hierarchy_html(Hierarchy(nodes), "deep").count("<li>") == 1200


def test_a_dataset_whose_chunks_were_not_fetched_is_shown(tmp_path: Path) -> None:
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(dataset("d", np.arange(100))))
    (chunk,) = [path for path in (tmp_path / "f.zarr" / "d").rglob("*") if path.name.startswith("c") and path.is_file()]
    chunk.unlink()
    chunk.symlink_to("../not/fetched")

    with ZarrIO(tmp_path / "f.zarr", "r") as io:
        page = ZarrIO.generate_dataset_html(io.read_builder()["d"].data)

    assert "Stored size" in page
