"""The pages of this project: their code runs, and their links lead somewhere.

Tutorials are run by Sphinx, which puts what they print into the page (`nox -s docs`); all other code is run here or,
where it needs a server or a cluster, by the test that `ELSEWHERE` names.
"""

from __future__ import annotations

import copy
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from hdmf.common import get_manager

import hdmf_store
import hdmf_store.testing
from benchmarks.targets import TARGETS, Against
from hdmf_store import adapter, errors, nodes
from hdmf_store.cli import main
from tests.facade.recordings import new_table
from tests.pages import ROOT, blocks_of, run_commands, run_page

RECORDING = next((ROOT / "examples").glob("*.nwb"))
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "docs/adapters", "docs/tutorials", "examples", "examples/vendor-adapter", "benchmarks")
    for path in (ROOT / folder).glob("*.md")
)
ELSEWHERE = {
    "docs/command-line.md": "tests/facade/test_command_line.py",
    "docs/parallel.md": "tests/facade/test_clusters.py",
    "docs/remote.md": "tests/facade/test_remote_places.py",
    "docs/tables-and-arrays.md": "tests/facade/test_ecosystem.py",
    "docs/adapters/write-an-adapter.md": "tests/test_adapter_pages.py",
}
"""Pages whose code another test runs, by the same functions."""


def convert(*names: str) -> Callable[[], dict[str, Any]]:
    """Return a preparation: the example recording under these names."""

    def prepare() -> dict[str, Any]:
        for name in names:
            done = CliRunner().invoke(main, ["convert", str(RECORDING), name, "--quiet"])
            assert done.exit_code == 0, done.output
        return {}

    return prepare


def a_table() -> dict[str, Any]:
    """Prepare what the pages about stores write."""
    table = new_table()
    fresh = copy.deepcopy(table)
    return {"table": table, "manager": get_manager(), "copy_of": partial(_copied, fresh)}


def _copied(fresh: Any, _table: Any) -> Any:
    """Return a copy of a table that was not written to any file."""
    return copy.deepcopy(fresh)


def the_examples() -> dict[str, Any]:
    """Prepare the folder of examples, where a checkout has it."""
    shutil.copytree(ROOT / "examples", "examples")
    return {}


HERE: dict[str, Callable[[], dict[str, Any]]] = {
    "README.md": the_examples,
    "docs/index.md": dict,
    "docs/architecture.md": dict,
    "docs/coming-from-hdf5io.md": dict,
    "docs/coming-from-hdmf-zarr.md": convert("old.nwb.zarr"),
    "docs/formats.md": dict,
    "docs/reliability.md": dict,
    "docs/links.md": convert("session.nwb.zarr"),
    "docs/synchronizers.md": convert("recording.nwb.zarr"),
    "docs/test-your-types.md": dict,
    "docs/adapters/folder.md": a_table,
    "docs/adapters/hdf5.md": a_table,
    "docs/adapters/icechunk.md": a_table,
    "docs/adapters/memory.md": a_table,
    "docs/adapters/zarr-store.md": a_table,
    "docs/adapters/zip.md": a_table,
}
"""Pages whose code runs here, and what lies there before; `recording.nwb` always does."""
ALONE = {"docs/coming-from-hdmf-zarr.md", "docs/architecture.md"}
"""Pages that change the process: they give hdmf-zarr's name away, or register an adapter."""


@pytest.mark.parametrize("page", sorted(HERE))
def test_the_code_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first block to the last, as a reader would type it."""
    if page == "docs/adapters/zarr-store.md":
        pytest.importorskip("obstore")
    monkeypatch.chdir(tmp_path)
    shutil.copy(RECORDING, "recording.nwb")
    names = HERE[page]()
    if page not in ALONE:
        run_page(page, {"__name__": "__main__", **names})
        return

    code = f"from tests.pages import run_page; run_page({page!r}, {{}})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


def test_every_page_with_code_is_run_somewhere() -> None:
    """Here, elsewhere by the same functions, or by Sphinx; a block that is not says why."""
    assert len(PAGES) > 40
    for page in PAGES:
        if "file_format: mystnb" in (ROOT / page).read_text():
            assert page.startswith("docs/tutorials/"), page
            assert [block for block in blocks_of(page) if block.is_run] == [], (
                f"{page}: blocks that Sphinx does not run"
            )
            continue
        run = [block for block in blocks_of(page) if block.is_run]
        assert bool(run) == (page in HERE or page in ELSEWHERE), f"{page}: {[block.line for block in run]}"
    for page, test in ELSEWHERE.items():
        assert f'"{page}"' in (ROOT / test).read_text(), f"{test} does not name {page}"


def test_the_tutorials_are_all_in_their_list() -> None:
    """What Sphinx runs can be found."""
    index = (ROOT / "docs/tutorials/index.md").read_text()
    found = [path.stem for path in (ROOT / "docs/tutorials").glob("*.md") if path.stem != "index"]

    assert len(found) == 9
    assert [name for name in found if f"\n{name}\n" not in index or f"]({name}.md)" not in index] == []


LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCED = re.compile(r"^(`{3,}).*?^\1$", re.MULTILINE | re.DOTALL)
DRAWN = re.compile(r"docs/benchmarks/(\w+)\.svg")


def anchors_of(page: Path) -> set[str]:
    """Return what a link may name on a page, as GitHub and MyST spell headings."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_each_relative_link_leads_to_a_file_and_a_heading(page: str) -> None:
    """On GitHub as on the site; plots of the benchmarks are there once the suite has drawn them."""
    text = FENCED.sub("", (ROOT / page).read_text())
    for link in LINK.findall(text):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        plot = DRAWN.fullmatch(target.relative_to(ROOT).as_posix())
        if plot:
            assert _is_scenario(plot[1]), link
            continue
        assert target.is_file(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("module", [hdmf_store, adapter, nodes, hdmf_store.testing], ids=lambda module: module.__name__)
def test_the_reference_has_every_public_name(module: ModuleType) -> None:
    """From its docstring, or in the table of names; errors come as a whole."""
    page = (ROOT / "docs/reference.md").read_text() + (ROOT / "docs/test-your-types.md").read_text()
    listed = set(re.findall(r"auto\w+:: (?:[\w.]+\.)?(\w+)$", page, re.MULTILINE))
    table = set(re.findall(r"`(?:[a-z]+\.)?(\w+)`", page.partition("## Names")[2]))

    assert ".. automodule:: hdmf_store.errors\n   :members:" in page
    assert sorted(set(module.__all__) - listed - table - set(errors.__all__)) == []


def test_the_page_of_the_first_minutes_has_what_its_program_types() -> None:
    """Who changes the program runs it again: `nox -s newcomer` needs a package index and minutes."""
    program = runpy.run_path(str(ROOT / "docs/newcomer.py"))
    page = (ROOT / "docs/first-fifteen-minutes.md").read_text()

    assert page.startswith(program["HEAD"])
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [title for title, _, _ in program["STEPS"]]
    for _, words, commands in program["STEPS"]:
        assert words in page
        for command in program["commands_in"](commands):
            assert f"$ {command}\n" in page


def test_the_first_page_shows_numbers_that_the_report_has() -> None:
    """Each line names a step that the suite compares with HDF5, so that every report has it; each is in this one."""
    (shown,) = (block.code for block in blocks_of("docs/index.md") if block.language == "{measured}")
    wanted = {tuple(part.strip() for part in line.split(":")[:2]) for line in shown.splitlines()}
    (plots,) = (block.code for block in blocks_of("docs/index.md") if block.language == "{plots}")
    report = (ROOT / "docs/benchmarks.md").read_text()
    found = runpy.run_path(str(ROOT / "docs/_ext/ratios.py"))["ratios"](report)

    assert len(wanted) == 6
    assert wanted <= {(target.scenario, target.of) for target in TARGETS if target.against is Against.HDF5}
    assert wanted <= set(found)
    for (scenario, step), measured in found.items():
        for subject, ratio in measured.items():
            assert re.search(rf"\| {scenario} \| {re.escape(step)} \| {subject} \| [^|]+\| {ratio:.2f} \|", report)
    assert [name for name in re.findall(r"^(\w+):", plots, re.M) if not _is_scenario(name)] == []


def _is_scenario(name: str) -> bool:
    return (ROOT / "benchmarks/scenarios" / f"{name}.py").is_file()


def test_a_block_says_why_it_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment that gives a reason excuses the block behind it, no other; a word is no reason."""
    monkeypatch.setattr("tests.pages.ROOT", tmp_path)
    page = "```python\n1 / 0\n```\n<!-- not run: {} -->\n```console\nrm *\n```\n```text\nx\n```\n"
    (tmp_path / "a.md").write_text(page.format("it would remove files"))
    (tmp_path / "b.md").write_text(page.format("no"))

    assert [block.is_run for block in blocks_of("a.md")] == [True, False, False]
    assert [block.line for block in blocks_of("a.md")] == [2, 6, 9]
    assert [block.is_run for block in blocks_of("b.md")] == [True, True, False]
    with pytest.raises(ZeroDivisionError):
        run_page("a.md", {})
    with pytest.raises(AssertionError, match="only our own commands"):
        run_commands(blocks_of("b.md", "console")[0])
