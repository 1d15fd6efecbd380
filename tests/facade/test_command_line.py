"""``hdmf-store``: what it prints, what it makes, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import h5py
import numpy as np
import pytest
from click import Context
from click.testing import CliRunner, Result
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO, ZarrIO, __version__
from hdmf_store.adapter import adapters
from hdmf_store.cli import main
from hdmf_store.cli.calls import command as guarded_command
from hdmf_store.cli.show import strict_json
from hdmf_store.nodes import Unreadable
from tests.facade.recordings import left_overs, new_recording, new_series
from tests.pages import blocks_of, run_page
from tests.translate.builder_files import dataset, group, root

PAGE = "docs/command-line.md"

CONTEXT = Context(main)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording in HDF5, in a folder of its own."""
    path = tmp_path_factory.mktemp("cli") / "recording.nwb"
    with NWBHDF5IO(path, "w") as io:
        io.write(new_recording())
    return path


@pytest.fixture
def converted(recording: Path, tmp_path: Path) -> Path:
    """The recording converted to Zarr."""
    path = tmp_path / "recording.nwb.zarr"
    assert _run("convert", recording, path, "--quiet").exit_code == 0
    return path


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_convert_makes_a_file_and_sums_it_up(recording: Path, tmp_path: Path) -> None:
    """HDF5 to Zarr: the summary names the new file and what it holds."""
    result = _run("convert", recording, tmp_path / "r.nwb.zarr")

    assert result.exit_code == 0
    assert f"{tmp_path / 'r.nwb.zarr'}: " in result.output
    assert "objects" in result.output
    with NWBZarrIO(tmp_path / "r.nwb.zarr", "r") as io:
        assert io.read().acquisition["voltage"].data[9].tolist() == [27, 28, 29]


@pytest.mark.parametrize("name", ["back.nwb", "copy.zarr"])
def test_convert_goes_in_every_direction(converted: Path, tmp_path: Path, name: str) -> None:
    """The ending of the new file says what it becomes."""
    result = _run("convert", converted, tmp_path / name)

    assert result.exit_code == 0
    assert (tmp_path / name).is_file() == name.endswith(".nwb")
    assert _run("verify", tmp_path / name, "--against", converted).exit_code == 0


def test_convert_sums_up_for_programs(recording: Path, tmp_path: Path) -> None:
    """With --json the summary is one JSON object, and nothing else is printed."""
    result = _run("convert", recording, tmp_path / "r.zarr", "--json")

    facts = json.loads(result.stdout)
    assert facts["source"] == str(recording)
    assert facts["destination"] == str(tmp_path / "r.zarr")
    assert facts["files"] == len([path for path in (tmp_path / "r.zarr").rglob("*") if path.is_file()])
    assert facts["bytes_stored"] > 0


def test_every_command_counts_the_same_objects(recording: Path, tmp_path: Path) -> None:
    """What convert stored is what verify reads and tree shows; cached specifications are not counted."""
    made = tmp_path / "r.zarr"
    stored = json.loads(_run("convert", recording, made, "--json").stdout)["objects"]

    assert stored > 40
    assert json.loads(_run("verify", made, "--json").stdout)["objects"] == stored
    assert json.loads(_run("verify", made, "--against", recording, "--json").stdout)["objects"] == stored
    assert len(json.loads(_run("tree", made, "--json").stdout)["objects"]) == stored


def test_convert_can_be_silent(recording: Path, tmp_path: Path) -> None:
    """With --quiet nothing is printed."""
    assert _run("convert", recording, tmp_path / "r.zarr", "--quiet").output == ""


def test_convert_refuses_a_file_that_exists(recording: Path, converted: Path) -> None:
    """It is kept, and the error says how to replace it."""
    before = (converted / "zarr.json").read_bytes()

    result = _run("convert", recording, converted)

    assert result.exit_code == 3
    assert f"{converted}: exists. Replace it with --overwrite" in result.stderr
    assert (converted / "zarr.json").read_bytes() == before


def test_convert_replaces_a_file_on_demand(recording: Path, tmp_path: Path) -> None:
    """With --overwrite the new file takes the old one's place, and nothing is left beside it."""
    with ZarrIO(tmp_path / "r.zarr", "w") as io:
        io.write_builder(root(dataset("old", [1])))

    result = _run("convert", recording, tmp_path / "r.zarr", "--overwrite")

    assert result.exit_code == 0
    assert not (tmp_path / "r.zarr" / "old").exists()
    assert left_overs(tmp_path) == ["r.zarr"]


def test_convert_of_a_missing_file_fails(tmp_path: Path) -> None:
    """The error names the path in one paragraph, without a traceback, and nothing is made."""
    result = _run("convert", tmp_path / "missing.nwb", tmp_path / "r.zarr")

    assert result.exit_code == 3
    assert "missing.nwb" in result.stderr
    assert "Traceback" not in result.output
    assert left_overs(tmp_path) == []


def test_convert_of_what_is_no_file_of_data_is_a_wrong_call(tmp_path: Path) -> None:
    """A text file has no adapter; the error says what names are understood."""
    (tmp_path / "notes.txt").write_text("x")

    result = _run("convert", tmp_path / "notes.txt", tmp_path / "r.zarr")

    assert result.exit_code == 2
    assert "notes.txt" in result.stderr


def test_convert_of_a_damaged_file_fails_and_leaves_nothing(recording: Path, tmp_path: Path) -> None:
    """A file that HDF5 cannot read to the end does not become a half file of Zarr."""
    damaged = tmp_path / "damaged.nwb"
    content = recording.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])

    result = _run("convert", damaged, tmp_path / "r.zarr")

    assert result.exit_code == 3
    assert "damaged.nwb" in result.stderr
    assert left_overs(tmp_path, "damaged.nwb") == []


def test_convert_can_make_a_file_that_stands_alone(tmp_path: Path) -> None:
    """With --copy-links what links lead to in other files comes along."""
    with NWBZarrIO(tmp_path / "raw.nwb.zarr", "w") as io:
        io.write(new_recording())
    with NWBZarrIO(tmp_path / "raw.nwb.zarr", "r") as raw, NWBZarrIO(tmp_path / "day.nwb.zarr", "w") as io:
        nwbfile = new_recording()
        nwbfile.add_acquisition(new_series("again", raw.read().acquisition["voltage"].data))
        io.write(nwbfile)

    assert _run("convert", tmp_path / "day.nwb.zarr", tmp_path / "linked.zarr").exit_code == 0
    assert _run("convert", tmp_path / "day.nwb.zarr", tmp_path / "alone.zarr", "--copy-links").exit_code == 0

    assert not (tmp_path / "linked.zarr/acquisition/again/data").exists()
    assert (tmp_path / "alone.zarr/acquisition/again/data").is_dir()
    assert _run("verify", tmp_path / "alone.zarr", "--against", tmp_path / "linked.zarr").exit_code == 0


def test_verify_finds_equal_files_equal(recording: Path, converted: Path) -> None:
    """Across backends; the last line sums up, and the exit code is 0."""
    result = _run("verify", converted, "--against", recording)

    assert result.exit_code == 0
    assert "no differences" in result.output


def _changed(folder: Path, number: int) -> Path:
    path = folder / f"{number}.zarr"
    values = [1, 2, 3] if number != 1 else [1, 2, 4]
    with ZarrIO(path, "w") as io:
        io.write_builder(
            root(
                group(
                    "g",
                    dataset("value", np.array(values)),
                    dataset("type", np.array([1, 2], "int16" if number != 2 else "int32")),
                    dataset("shape", [[1, 2]] if number != 3 else [[1], [2]]),
                    *([dataset("extra", [1])] if number == 5 else []),
                    note="a" if number != 4 else "b",
                )
            )
        )
    return path


@pytest.mark.parametrize(
    ("number", "path", "said"),
    [
        (1, "/g/value", "differs at (2,): "),
        (2, "/g/type", "int16"),
        (3, "/g/shape", "(1, 2)"),
        (4, "/g", "'note'"),
        (5, "/g/extra", "missing in"),
    ],
    ids=["value", "type", "shape", "attribute", "object"],
)
def test_verify_names_every_difference(tmp_path: Path, number: int, path: str, said: str) -> None:
    """The exit code is 1, and a line names the object and what differs; also for programs."""
    one, other = _changed(tmp_path, 0), _changed(tmp_path, number)

    result = _run("verify", one, "--against", other)
    for_programs = _run("verify", one, "--against", other, "--json")

    assert result.exit_code == 1
    assert any(line.startswith(f"{path}: ") and said in line for line in result.output.splitlines())
    assert for_programs.exit_code == 1
    assert [item["path"] for item in json.loads(for_programs.stdout)["differences"]] == [path]


def test_verify_finds_a_difference_between_backends(recording: Path, converted: Path) -> None:
    """One changed sample in Zarr is found against HDF5."""
    with ZarrIO(converted, "r+") as io:
        io.read_builder()["acquisition"]["voltage"]["data"].data[4, 1] = -1

    result = _run("verify", converted, "--against", recording, "--quiet")

    assert result.exit_code == 1
    assert result.output.strip().startswith("/acquisition/voltage/data: differs at (4, 1)")


def test_verify_of_one_file_reads_everything(converted: Path) -> None:
    """Without another file, every value is read and every reference followed."""
    result = _run("verify", converted, "--json")

    facts = json.loads(result.stdout)
    assert result.exit_code == 0
    assert facts["differences"] == []
    assert facts["values"] > 40


def test_verify_finds_a_missing_target_and_a_damaged_chunk(tmp_path: Path) -> None:
    """A reference that leads nowhere and bytes that cannot be decoded are named."""
    with NWBZarrIO(tmp_path / "r.zarr", "w") as io:
        io.write(new_recording())
    chunk = next(path for path in (tmp_path / "r.zarr/units/spike_times").iterdir() if path.name != "zarr.json")
    chunk = chunk if chunk.is_file() else next(path for path in chunk.rglob("*") if path.is_file())
    chunk.write_bytes(b"\x01")
    document = tmp_path / "r.zarr" / "zarr.json"
    content = json.loads(document.read_text())
    for path in list(content["consolidated_metadata"]["metadata"]):
        if path.startswith("general/extracellular_ephys/shank"):
            del content["consolidated_metadata"]["metadata"][path]
    document.write_text(json.dumps(content))

    result = _run("verify", tmp_path / "r.zarr", "--json")

    found = {item["path"] for item in json.loads(result.stdout)["differences"]}
    assert result.exit_code == 1
    assert "/units/spike_times" in found
    assert "/general/extracellular_ephys/electrodes/group" in found


def test_verify_of_a_missing_file_fails(tmp_path: Path) -> None:
    """The exit code tells a failure from a difference."""
    result = _run("verify", tmp_path / "missing.zarr")

    assert result.exit_code == 3
    assert "missing.zarr" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("kind", ["zarr", "hdf5"])
def test_tree_shows_what_a_file_holds(recording: Path, converted: Path, kind: str) -> None:
    """Names, types and shapes, links and references; cached specifications in one line."""
    result = _run("tree", converted if kind == "zarr" else recording)

    assert result.exit_code == 0
    assert "voltage  TimeSeries" in result.output
    assert "data  10 x 3  int16" in result.output
    assert "cached specifications: core" in result.output or "cached specifications: " in result.output
    assert result.output.count("hdmf-common") == 1


def test_tree_cuts_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long name is shown to its end, whatever the width of the screen, also in a pipe."""
    monkeypatch.setenv("COLUMNS", "40")
    name = "a_name_of_many_words_" * 8 + "end"
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(group(name, rate=1.0)))

    assert name in _run("tree", tmp_path / "f.zarr").output.splitlines()[-1]


def test_tree_shows_attributes_and_levels_on_demand(converted: Path) -> None:
    """With --attributes and --depth one sees more, or less."""
    full, short = _run("tree", converted, "--attributes"), _run("tree", converted, "--depth", "1")

    assert "unit = 'V'" in full.output
    assert "acquisition" in short.output
    assert "voltage" not in short.output


def test_tree_is_json_for_programs(converted: Path) -> None:
    """Every object by its path, with kind, type, shape and attributes."""
    facts = json.loads(_run("tree", converted, "--json").stdout)

    voltage = facts["objects"]["/acquisition/voltage/data"]
    assert voltage["kind"] == "dataset"
    assert voltage["type"] == "int16"
    assert voltage["shape"] == [10, 3]
    assert voltage["attributes"]["unit"] == "V"
    assert facts["objects"]["/acquisition"] == {"kind": "group", "attributes": {}}
    assert not [path for path in facts["objects"] if path.startswith("/specifications")]
    assert any(name.startswith("core ") for name in facts["specifications"])


def test_json_is_strict_where_values_are_no_numbers(tmp_path: Path) -> None:
    """Parsers other than Python's read what a program may read (NEEDS 51)."""
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(group("g", rate=float("nan"), most=float("inf"))))

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is no JSON")

    result = _run("tree", tmp_path / "f.zarr", "--json")

    assert result.exit_code == 0
    json.loads(result.stdout, parse_constant=refuse)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["convert"],
        ["convert", "a"],
        ["copy", "a"],
        ["repack"],
        ["repack", "a", "--shards", "some"],
        ["info"],
        ["consolidate"],
        ["verify"],
        ["tree", "a", "--depth", "-1"],
        ["no"],
    ],
)
def test_a_wrong_call_is_told_from_a_failure(arguments: list[str]) -> None:
    """Exit code 2, with the usage."""
    result = _run(*arguments)

    assert result.exit_code in ((0, 2) if not arguments else (2,))
    assert "Usage" in result.output


def test_help_explains_every_command() -> None:
    """Exit codes stand in the help."""
    commands = sorted(main.list_commands(CONTEXT))
    assert commands == [
        "adapters",
        "cat",
        "consolidate",
        "convert",
        "copy",
        "diff",
        "history",
        "info",
        "repack",
        "repair",
        "tree",
        "verify",
    ]
    for command in ([], *([name] for name in commands)):
        result = _run(*command, "--help")
        assert result.exit_code == 0
        assert "Exit codes" in result.output


def test_diff_names_what_differs(recording: Path, converted: Path, tmp_path: Path) -> None:
    """As `verify --against` does, with the same exit code; the same words, too."""
    same = _run("diff", converted, recording)
    shutil.copy(recording, tmp_path / "other.nwb")
    with h5py.File(tmp_path / "other.nwb", "r+") as file:
        file["acquisition/events/data"][0] = 99
    found = _run("diff", converted, tmp_path / "other.nwb")

    assert (same.exit_code, found.exit_code) == (0, 1)
    assert "no differences" in same.output
    assert "/acquisition/events/data" in found.output
    assert found.output == _run("verify", converted, "--against", tmp_path / "other.nwb").output
    told = json.loads(_run("diff", converted, tmp_path / "other.nwb", "--json").stdout)
    assert [difference["path"] for difference in told["differences"]] == ["/acquisition/events/data"]


def test_the_help_says_of_each_command_what_its_own_help_begins_with() -> None:
    """It knows without importing them, so that it is there at once."""
    told = " ".join(_run("--help").output.split())

    for name in main.list_commands(CONTEXT):
        command = main.get_command(CONTEXT, name)
        assert command is not None
        assert f"{name} {command.get_short_help_str(limit=200)}" in told
    assert _run("none").exit_code == 2


@pytest.mark.parametrize("arguments", [["-c", "import hdmf_store"], ["-m", "hdmf_store.cli", "--help"]], ids=str)
def test_what_needs_no_hdmf_does_not_wait_for_it(arguments: list[str]) -> None:
    """Its import takes a second: a worker that encodes chunks, and a question for help, need none of it."""
    found = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    ).stderr
    imported = {line.rpartition("|")[2].strip() for line in found.splitlines()}

    assert "hdmf_store" in imported
    assert not {"hdmf", "pynwb", "pandas", "zarr", "h5py"} & imported


def test_the_page_about_the_commands_is_run(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, as a reader would type it; every command is on it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(recording, "recording.nwb")

    run_page(PAGE, {})

    lines = [line for block in blocks_of(PAGE, "console") for line in block.code.splitlines()]
    assert {line.split()[1] for line in lines} == set(main.list_commands(CONTEXT))
    with h5py.File("events.h5") as events, h5py.File("part.h5") as part:
        assert sorted(part) == ["acquisition", "processing"]
        assert events["acquisition/events/data"][:].tolist() == [1.0, 2.0]


def test_adapters_lists_what_is_installed_and_what_it_can_do() -> None:
    """By name, with the package that brings it; capabilities in words, nothing cut off."""
    result = _run("adapters")

    assert result.exit_code == 0
    for word in ("hdf5", "icechunk", "zarr", "zip", f"hdmf-store {metadata.version('hdmf-store')}"):
        assert word in result.output
    assert "hdmf_store_adapters.icechunk_adapter:IcechunkAdapter" in result.output
    assert "One Zarr hierarchy in a zip archive." in result.output
    assert result.output.count("a write is one transaction") == 1, "of Icechunk"


def test_adapters_are_listed_for_programs() -> None:
    """With --json: capabilities by their names, as the classes of the adapters have them."""
    found = {entry["name"]: entry for entry in json.loads(_run("adapters", "--json").stdout)}

    assert list(found) == list(adapters())
    assert found["icechunk"]["at_best"]["transactional"] is True
    assert found["zarr"]["at_best"]["transactional"] is False
    assert found["hdf5"]["at_best"]["links_to"] == ["hdf5"]
    assert found["hdf5"]["entry_point"] == "hdmf_store_adapters.hdf5_adapter:HDF5Adapter"
    assert {entry["problem"] for entry in found.values()} == {None}


_VENDORS = {
    "broken": "raise RuntimeError('no licence')",
    "half": "class Adapter:\n    name = 'half'",
    "plain": "class Adapter:\n    'A vault.'\n    name = 'plain'\n    claims = recognise = staticmethod(bool)",
}
"""Modules of packages that bring an adapter: it fails, it is no adapter, it does not say what it can do."""


@pytest.fixture
def vendors(tmp_path: Path) -> dict[str, str]:
    """Put packages of vendors on the path; return the environment variables with which they are found."""
    for name, code in _VENDORS.items():
        (tmp_path / f"{name}_vendor.py").write_text(code)
        info = tmp_path / f"{name}_vendor-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-vendor\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[hdmf_store.adapters]\n{name} = {name}_vendor:Adapter\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)}


def test_an_adapter_that_cannot_be_loaded_is_listed_with_the_reason(vendors: dict[str, str]) -> None:
    """So is what is no adapter; one that does not say what it can do is not made out to do nothing."""
    command = [sys.executable, "-m", "hdmf_store.cli", "adapters"]

    done = subprocess.run(command, env=vendors, capture_output=True, text=True, check=True)
    listed = subprocess.run([*command, "--json"], env=vendors, capture_output=True, text=True, check=True)

    assert re.search(r"broken\s+broken-vendor 1\.0\s+could not be loaded\s+RuntimeError: no licence", done.stdout)
    assert "is no class of adapters: it has no claims, recognise" in done.stdout
    found = {entry["name"]: entry for entry in json.loads(listed.stdout)}
    assert found["broken"]["problem"] == "RuntimeError: no licence"
    assert found["broken"]["at_best"] is found["broken"]["summary"] is None
    assert (found["plain"]["summary"], found["plain"]["at_best"], found["plain"]["problem"]) == ("A vault.", None, None)
    assert re.search(r"plain\s+plain-vendor 1\.0\s+not said", done.stdout)


def test_the_version_is_told() -> None:
    """`--version` names it."""
    assert __version__ in _run("--version").output


def test_an_hdf5_file_is_converted_whatever_it_holds(tmp_path: Path) -> None:
    """What is no NWB file is converted as well: groups, datasets, attributes and links."""
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["g/d"] = np.arange(6).reshape(2, 3)
        file["g"].attrs["a"] = 1.5
        file["l"] = h5py.SoftLink("/g/d")
        file["t"] = ["a", "b"]

    assert _run("convert", tmp_path / "plain.h5", tmp_path / "plain.zarr").exit_code == 0

    assert _run("verify", tmp_path / "plain.zarr", "--against", tmp_path / "plain.h5").exit_code == 0
    with ZarrIO(tmp_path / "plain.zarr", "r") as io:
        found = io.read_builder()
        assert found.links["l"].builder is found["g"]["d"]
        assert found["g"].attributes == {"a": 1.5}


@pytest.mark.parametrize("place", ["a.nwb.zarr.zip", "icechunk://{folder}/repository"])
def test_convert_and_verify_take_archives_and_repositories(recording: Path, tmp_path: Path, place: str) -> None:
    """By name and by URL; a size is told where files can be counted (NEEDS 63, 64)."""
    destination = place.format(folder=tmp_path) if "://" in place else str(tmp_path / place)

    made = _run("convert", recording, destination)
    same = _run("verify", destination, "--against", recording)

    assert (made.exit_code, same.exit_code) == (0, 0)
    assert ("(1 file)" in made.output) == destination.endswith(".zip")
    assert "no differences" in same.output


STEERING = "T\x1b[2J\x9b\ud800x"
"""Clears the screen of a terminal, and has half of a character, which cannot be encoded."""


def test_what_json_has_no_word_for_is_told_in_json(tmp_path: Path) -> None:
    """Complex numbers, bytes, records and what cannot be read, in attributes of any file (NEEDS 51)."""
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.attrs["complex"] = 1 + 2j
        file.attrs["bytes"] = np.void(b"\xff")
        file.attrs["record"] = np.array((float("nan"), 2), dtype=[("a", "f8"), ("b", "i4")])

    result = _run("tree", tmp_path / "f.h5", "--json")

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["objects"]["/"]["attributes"]
    assert found["complex"] == [1.0, 2.0]
    assert found["record"] == ["NaN", 2]
    assert json.loads(strict_json([Unreadable("old"), b"a\xff", "\ud800é"])) == [
        {"unreadable": "old"},
        "a\\xff",
        "\ud800é",
    ]


@pytest.mark.parametrize("options", [[], ["--attributes"], ["--json"]])
def test_nothing_in_a_file_steers_the_terminal(tmp_path: Path, options: list[str]) -> None:
    """Types, names and values are the words of strangers."""
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(group("g\x1b]0;me\x07", data_type="T", word="w")))
    for document in tmp_path.rglob("zarr.json"):
        text = document.read_text().replace('"T"', json.dumps(STEERING)).replace('"w"', json.dumps(STEERING))
        document.write_text(text)

    for call in (["tree", *options], ["info", *(option for option in options if option == "--json")]):
        result = _run(call[0], tmp_path / "f.zarr", *call[1:])

        assert result.exit_code == 0, result.output
        assert result.output.replace("\n", "").isprintable()
        assert "[2J" in result.output


def test_an_error_about_a_file_does_not_steer_the_terminal() -> None:
    @guarded_command
    def failing() -> None:
        raise OSError("no\x1b[2J")

    assert "no\\x1b[2J" in CliRunner().invoke(failing, []).output


def test_cat_prints_what_would_steer_the_terminal_escaped(tmp_path: Path) -> None:
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(dataset("d", ["\x1b[2J", "\x9b2J", "plain"])))

    lines = _run("cat", tmp_path / "f.zarr", "d").output.splitlines()

    assert lines == ['"\\u001b[2J"', '"\\x9b2J"', "plain"]


def test_tree_shows_groups_nested_deeper_than_python_calls(tmp_path: Path) -> None:
    plain: dict[str, object] = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    nested = {"/".join(["g"] * depth): plain for depth in range(1, 1201)}
    (tmp_path / "f.zarr").mkdir()
    together = plain | {"consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": nested}}
    (tmp_path / "f.zarr" / "zarr.json").write_text(json.dumps(together))

    assert len(_run("tree", tmp_path / "f.zarr").output.splitlines()) == 1201


def test_what_is_nested_too_deep_is_an_error_and_no_traceback() -> None:
    @guarded_command
    def deep() -> None:
        deep.callback()

    result = CliRunner().invoke(deep, [])

    assert result.exit_code == 3
    assert "nested deeper" in result.output
