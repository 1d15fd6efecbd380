"""What people see in notebooks, laid out by a real browser: it fits, it folds, and no text of a file runs as a script.

Chromium runs without a screen. The page measures itself once it is laid out and writes what it found into the document,
which ``--dump-dom`` prints. Screenshots, light and dark, are kept in ``browser-output`` of the checkout, or where
``HDMF_STORE_SCREENSHOTS`` says. Without a browser these tests are skipped; ``nox -s browser`` wants one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmf_store import NWBZarrIO, ZarrDataIO, ZarrIO
from tests.facade.recordings import new_recording, new_series
from tests.translate.builder_files import dataset, group, root

pytestmark = [pytest.mark.browser, pytest.mark.once, pytest.mark.timeout(300)]

KEPT = Path(os.environ.get("HDMF_STORE_SCREENSHOTS", Path(__file__).parents[2] / "browser-output"))
NAME = "<img src=x onerror=document.title='run'>"
HOSTILE = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
LONG = "a_name_without_any_place_to_break_" * 7
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

# The styles of a cell as JupyterLab has them, in both of its themes.
PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>quiet</title><style>
body {{ margin: 0; background: {background}; color: {colour}; font: 14px/1.4 sans-serif; }}
.cell {{ width: 560px; margin: 10px; padding: 8px; border: 1px solid gray; overflow: visible; }}
.cell table {{ border-collapse: collapse; font-size: 12px; table-layout: auto; }}
.cell td, .cell th {{ padding: 3px 8px; white-space: normal; }}
</style></head><body>{cells}<pre id="found" hidden></pre><script>
const found = {{title: document.title, cells: []}};
found.scripts = document.querySelectorAll('.cell script, .cell img').length;
for (const details of document.querySelectorAll('details')) details.open = {open};
for (const cell of document.querySelectorAll('.cell')) {{
  const edge = cell.getBoundingClientRect().right;
  const beyond = [...cell.querySelectorAll('*')].filter(it => it.getBoundingClientRect().right > edge + 0.5);
  const drawings = [...cell.querySelectorAll('svg')].map(it => [it.clientWidth, it.clientHeight]);
  found.cells.push({{beyond: beyond.map(it => it.tagName + ': ' + it.textContent.slice(0, 60)), drawings,
    height: cell.getBoundingClientRect().height, text: cell.innerText}});
}}
document.getElementById('found').textContent = JSON.stringify(found);
</script></body></html>"""

THEMES = {"light": ("#ffffff", "#1a1a1a"), "dark": ("#111111", "#e0e0e0")}


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        reason = f"no browser is installed here; looked for {', '.join(NAMES)}"
        if os.environ.get("HDMF_STORE_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What stands in the cells of a notebook that looks at two files."""
    folder = tmp_path_factory.mktemp("browser") / LONG[:100]
    folder.mkdir()
    nwbfile = new_recording()
    values = np.random.default_rng(0).integers(0, 9, (3000, 64), "int16")
    nwbfile.add_acquisition(new_series("large", ZarrDataIO(values, chunks=(500, 16), shards=(1500, 64))))
    with NWBZarrIO(folder / "recording.nwb.zarr", "w") as io:
        io.write(nwbfile)
    inner = group(LONG, dataset(NAME, [HOSTILE]), dataset("deep", np.zeros((40, 30, 20))), data_type=HOSTILE)
    with ZarrIO(folder / "hostile.zarr", "w") as io:
        io.write_builder(root(inner, data_type=HOSTILE))
    made = {}
    with NWBZarrIO(folder / "recording.nwb.zarr", "r") as io:
        read = io.read()
        made["a file"] = io._repr_html_()
        made["a dataset"] = ZarrIO.generate_dataset_html(read.acquisition["large"].data)
        made["a container"] = read.acquisition["large"]._repr_html_()
        made["references"] = ZarrIO.generate_dataset_html(read.electrodes["group"].data)
    with ZarrIO(folder / "hostile.zarr", "r") as io:
        held = io.read_builder()[LONG]
        made["a hostile file"] = io._repr_html_()
        made["a hostile dataset"] = ZarrIO.generate_dataset_html(held[NAME].data)
        made["three axes"] = ZarrIO.generate_dataset_html(held["deep"].data)
    return made


def _run(browser: str, *words: str) -> str:
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    done = subprocess.run([browser, *quiet, *words], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def _shown(browser: str, folder: Path, cells: dict[str, str], theme: str, *, unfolded: bool) -> dict[str, Any]:
    """Lay the cells out; return what the page found of itself, and keep what it looks like."""
    background, colour = THEMES[theme]
    body = "".join(f'<div class="cell">{cell}</div>' for cell in cells.values())
    page = folder / f"{theme}.html"
    page.write_text(
        PAGE.format(background=background, colour=colour, cells=body, open=str(unfolded).lower()), encoding="utf-8"
    )
    document = _run(browser, "--dump-dom", page.as_uri())
    (found,) = re.findall(r'<pre id="found" hidden="">(.*?)</pre>', document, re.DOTALL)
    KEPT.mkdir(parents=True, exist_ok=True)
    kind = "notebook" if len(cells) > 1 else next(iter(cells)).replace(" ", "-")
    picture = KEPT / f"{kind}-{theme}{'-unfolded' if unfolded else ''}.png"
    _run(browser, f"--screenshot={picture}", "--window-size=620,3000", page.as_uri())
    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (620, 3000), "a picture of that size"
    answer: dict[str, Any] = json.loads(unescape(found))
    assert len(answer["cells"]) == len(cells)
    return answer


@pytest.mark.parametrize(("theme", "unfolded"), [("light", False), ("dark", True)])
def test_cells_of_a_notebook_fit_and_run_nothing(
    browser: str, tmp_path: Path, cells: dict[str, str], theme: str, unfolded: bool
) -> None:
    """Ours do: nothing is wider than its cell, however long names are, and text of files stays text."""
    ours = {name: cell for name, cell in cells.items() if name != "a container"}

    found = _shown(browser, tmp_path, ours, theme, unfolded=unfolded)

    assert (found["title"], found["scripts"]) == ("quiet", 0)
    of = dict(zip(ours, found["cells"], strict=True))
    assert {name: cell["beyond"] for name, cell in of.items()} == {name: [] for name in ours}
    assert "<img src=x onerror=" in of["a hostile dataset"]["text"]
    for fact in (
        "Chunk shape",
        "Shard shape",
        "Compressors",
        "Stored size",
        "Ratio",
        "Array size",
        "File",
        "24 chunks",
    ):
        assert fact in of["a dataset"]["text"]
    for name in ("a dataset", "three axes"):
        ((wide, high),) = of[name]["drawings"]
        assert 20 < wide < 250 and 20 < high < 250


def test_groups_can_be_folded(browser: str, tmp_path: Path, cells: dict[str, str]) -> None:
    """A file takes a few lines until somebody looks closer."""
    one = {"a file": cells["a file"]}

    (folded,) = _shown(browser, tmp_path, one, "light", unfolded=False)["cells"]
    (unfolded,) = _shown(browser, tmp_path, one, "light", unfolded=True)["cells"]

    assert "voltage" not in folded["text"]
    assert "voltage" in unfolded["text"]
    assert folded["height"] < unfolded["height"] / 2


def test_the_tables_of_datasets_stand_within_containers(browser: str, tmp_path: Path, cells: dict[str, str]) -> None:
    """HDMF draws containers itself, and asks us for their datasets; with a name of ordinary length all of it fits."""
    found = _shown(browser, tmp_path, {"a container": cells["a container"]}, "light", unfolded=True)

    (cell,) = found["cells"]
    assert "Chunk shape" in cell["text"]
    assert len(cell["drawings"]) == 1
