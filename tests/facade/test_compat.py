"""Scripts written for hdmf-zarr, run in processes of their own, in which hdmf-zarr is not installed.

Holds what users asked for (NEEDS 59).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pynwb import TimeSeries
from pynwb.testing.mock.file import mock_NWBFile

from hdmf_store import ArgumentError, NWBZarrIO, ZarrIO, compat, drop_in
from hdmf_store.facade.format_2 import IncompleteConversionError, NWBZarrV2IO, ZarrV2IO

from .recordings import new_recording


def _run(script: str, *words: str | Path) -> str:
    """Run a script after the one line that it needs; return what it prints."""
    code = "import hdmf_store.compat; hdmf_store.compat.install_as_hdmf_zarr()\n" + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(params=[2, 3])
def recording(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A recording in one of the formats."""
    with NWBZarrIO(tmp_path / "recording.nwb.zarr", "w", zarr_format=request.param) as io:
        io.write(new_recording())
    return tmp_path / "recording.nwb.zarr"


def test_the_usual_script_runs(tmp_path: Path) -> None:
    """What the tutorials of hdmf-zarr do: wrap data, write, read, look."""
    printed = _run(
        """
        import sys
        from datetime import datetime, timezone
        import numpy as np
        from numcodecs import Blosc, Delta
        from pynwb import NWBFile, TimeSeries
        from hdmf_zarr.nwb import NWBZarrIO
        from hdmf_zarr.utils import ZarrDataIO
        from hdmf_zarr import ZarrDataIO as same

        assert same is ZarrDataIO
        nwbfile = NWBFile("a", "b", datetime.now(timezone.utc))
        data = ZarrDataIO(np.arange(1000), chunks=(100,), compressor=Blosc(cname="zstd"), filters=[Delta(dtype="i8")])
        nwbfile.add_acquisition(TimeSeries(name="series", data=data, unit="V", rate=1.0))
        with NWBZarrIO(path=sys.argv[1], mode="w") as io:
            io.write(nwbfile)
        with NWBZarrIO(path=sys.argv[1], mode="r") as io:
            found = io.read().acquisition["series"].data
            print(found[-1], found.chunks)
        """,
        tmp_path / "written.nwb.zarr",
    )

    assert printed == "999 (100,)"


def test_pynwb_reads_through_it(recording: Path) -> None:
    """`pynwb.read_nwb` imports hdmf-zarr by name, and gets this package."""
    assert _run("import sys, pynwb; print(pynwb.read_nwb(sys.argv[1]).identifier)", recording) == "session-1"


def test_every_module_of_the_peer_is_there() -> None:
    """The modules and names that scripts and libraries import from hdmf-zarr 0.13 and 0.14 exist (NEEDS 67)."""
    printed = _run(
        """
        import importlib.util
        import hdmf_store, hdmf_zarr
        from hdmf_zarr import NWBZarrIO, ZarrIO, ZarrDataIO, ZarrV2IO, NWBZarrV2IO, is_zarr_v2_file
        from hdmf_zarr.backend import ROOT_NAME, SPEC_LOC_ATTR, DEFAULT_SPEC_LOC_DIR, SUPPORTED_ZARR_STORES
        from hdmf_zarr.backend import ZarrDataIO as wrapper
        from hdmf_zarr.backend_zarrv2 import IncompleteConversionError, UnsafePickleCodecError
        from hdmf_zarr.nwb import NWBZarrIO as again
        from hdmf_zarr.utils import HDMFZarrArray, ZarrReference
        from hdmf_zarr.zarr_utils import BuilderZarrTableDataset, ContainerZarrReferenceDataset
        from hdmf_zarr import *

        assert NWBZarrIO is again is hdmf_store.NWBZarrIO
        assert wrapper is hdmf_store.ZarrDataIO
        assert issubclass(NWBZarrV2IO, ZarrV2IO) and issubclass(NWBZarrV2IO, NWBZarrIO)
        assert importlib.util.find_spec("hdmf_zarr.utils") and importlib.util.find_spec("hdmf_zarr")
        print(ROOT_NAME, SPEC_LOC_ATTR, DEFAULT_SPEC_LOC_DIR, hdmf_zarr.__version__)
        """
    )

    assert printed == "root .specloc specifications 0.14.0"


def test_what_scripts_for_0_13_take_from_zarr_2_is_there(tmp_path: Path) -> None:
    """Its stores, locks and table of codecs, which zarr 3 has no more, can be passed as before (NEEDS 67)."""
    printed = _run(
        """
        import sys, zarr
        from zarr import DirectoryStore, ProcessSynchronizer, ThreadSynchronizer
        from zarr.storage import LocalStore, NestedDirectoryStore, TempStore
        from hdmf.common import DynamicTable, VectorData, get_manager
        from hdmf_zarr import ZarrDataIO, ZarrIO

        codec = zarr.codec_registry["gzip"](level=3)
        data = ZarrDataIO(list(range(8)), chunks=(2,), compressor=codec, fillvalue=-1)
        columns = [VectorData(name="n", description="-", data=data)]
        store = NestedDirectoryStore(sys.argv[1])
        with ZarrIO(store, mode="w", manager=get_manager(), synchronizer=ThreadSynchronizer()) as io:
            io.write(DynamicTable(name="root", description="-", columns=columns))
        with ZarrIO(DirectoryStore(sys.argv[1]), mode="r", manager=get_manager()) as io:
            found = io.read()["n"].data
            print(store.path == sys.argv[1], found.compressor == codec, found.fill_value, found[-1])
        """,
        tmp_path / "table.zarr",
    )

    assert printed == "True True -1 7"


def test_private_names_that_libraries_read_say_what_public_ones_say(recording: Path) -> None:
    """The mode, the path, the root group, and of an array the path of its store (NEEDS 67)."""
    printed = _run(
        """
        import os, sys, zarr
        from hdmf_zarr import NWBZarrIO

        io = NWBZarrIO(path=sys.argv[1], mode="r+")
        root, data = io._ZarrIO__file, io.read().acquisition["voltage"].data
        assert isinstance(root, zarr.Group) and root.attrs["neurodata_type"] == "NWBFile"
        assert io._file["acquisition/voltage/data"].shape == data.shape
        assert os.path.samefile(data.store.path, io.source)
        print(io._ZarrIO__mode, io._ZarrIO__path == sys.argv[1])
        io.close()
        print(io._ZarrIO__file)
        """,
        recording,
    )

    assert printed.splitlines() == ["r+ True", "None"]


def test_pynwb_validates_by_path(recording: Path) -> None:
    """PyNWB finds the class that reads the file, asks it for the cached schema, and finds nothing wrong (NEEDS 61)."""
    assert _run("import sys, pynwb; print(pynwb.validate(path=sys.argv[1]))", recording) == "[]"


def _with_compat(*words: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start ``python -m hdmf_store.compat`` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "hdmf_store.compat", *map(str, words)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


_IN_A_PROCESS = """
import multiprocessing, subprocess, sys
import beside
from hdmf_zarr import NWBZarrIO

def where(_):
    return NWBZarrIO.__module__

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        spawned = pool.map(where, [0])[0]
    child = subprocess.run([sys.executable, "-c", "import hdmf_zarr.nwb as m; print(m.NWBZarrIO.__module__)"],
                           capture_output=True, text=True)
    print(sys.argv, beside.NAME, NWBZarrIO.__module__, spawned, child.stdout.strip())
    sys.exit(7)
"""


def test_a_script_runs_unchanged_on_the_command_line(tmp_path: Path) -> None:
    """Its arguments, neighbours and exit code are its own; processes that it starts import this package, too."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "script.py").write_text(_IN_A_PROCESS)
    (tmp_path / "work" / "beside.py").write_text("NAME = 'neighbour'")

    done = _with_compat("work/script.py", "a", "-m", folder=tmp_path)

    ours = "hdmf_store.facade.nwb"
    assert (done.stdout.strip(), done.returncode) == (
        f"['work/script.py', 'a', '-m'] neighbour {ours} {ours} {ours}",
        7,
    ), done.stderr


def test_a_module_runs_unchanged_on_the_command_line(tmp_path: Path) -> None:
    """As with Python's own -m: found from the working folder, run as main."""
    (tmp_path / "tool.py").write_text("import sys, hdmf_zarr; print(__name__, sys.argv[1:], hdmf_zarr.__provided_by__)")

    done = _with_compat("-m", "tool", "x", folder=tmp_path)

    assert done.stdout.strip() == "__main__ ['x'] hdmf_store", done.stderr


@pytest.mark.parametrize("words", [[], ["-m"], ["--help"]], ids=repr)
def test_without_a_script_the_usage_is_shown(words: list[str]) -> None:
    """Nothing is run, and nothing installed."""
    with pytest.raises(SystemExit, match=r"usage: python -m hdmf_store\.compat \[script\.py \| -m module\]"):
        compat.main(words)


def test_a_folder_on_the_path_is_enough() -> None:
    """For programs that are not started by us."""
    folder = str(Path(drop_in.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", "import hdmf_zarr.nwb as m; import hdmf_store as s; print(m.NWBZarrIO is s.NWBZarrIO)"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([folder, *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize("recording", [2], indirect=True)
@pytest.mark.parametrize("way", ["convert_to_v3", "export_to_v3"])
def test_old_files_are_converted(recording: Path, tmp_path: Path, way: str) -> None:
    """A file in format 2 becomes one in format 3 that holds the same, and stays."""
    script = {
        "convert_to_v3": "NWBZarrV2IO.convert_to_v3(source, target)",
        "export_to_v3": "with NWBZarrV2IO(source, 'r') as io: io.export_to_v3(target)",
    }[way]
    printed = _run(
        "import sys\nfrom hdmf_zarr import NWBZarrV2IO, is_zarr_v2_file\nsource, target = sys.argv[1:]\n"
        + script
        + "\nprint(is_zarr_v2_file(source), is_zarr_v2_file(target))",
        recording,
        tmp_path / "new.nwb.zarr",
    )

    assert printed == "True False"
    with NWBZarrIO(recording, "r") as old, NWBZarrIO(tmp_path / "new.nwb.zarr", "r") as new:
        before, after = old.read(), new.read()
        assert after.identifier == before.identifier
        assert after.units.to_dataframe().drop(columns="electrodes", errors="ignore").shape[0] == len(before.units)
        assert after.object_id == before.object_id


@pytest.mark.parametrize("link_data", [False, True])
def test_a_conversion_stands_alone_unless_links_are_asked_for(tmp_path: Path, link_data: bool) -> None:
    """What lies in other files is copied by default; `write_args` can keep the links."""
    raw, old, new = (tmp_path / f"{name}.nwb.zarr" for name in ("raw", "old", "new"))
    with NWBZarrIO(raw, "w", zarr_format=2) as io:
        io.write(new_recording())
    with NWBZarrIO(raw, "r") as source, NWBZarrIO(old, "w", zarr_format=2) as io:
        recording = mock_NWBFile()
        data = source.read().acquisition["voltage"].data
        expected = data[:].tolist()
        recording.add_acquisition(TimeSeries(name="linked", data=data, unit="V", rate=1.0))
        io.write(recording)

    NWBZarrV2IO.convert_to_v3(old, new, write_args={"link_data": True} if link_data else None)

    with ZarrIO(new, "r") as io:
        series = io.read_builder()["acquisition"]["linked"]
        assert ("data" in series.links) == link_data
    if not link_data:
        shutil.rmtree(raw)
    assert NWBZarrIO.read_nwb(new).acquisition["linked"].data[:].tolist() == expected


def test_a_conversion_that_would_lose_something_is_refused(tmp_path: Path) -> None:
    """The error names the dataset that cannot be read, and there is no new file."""
    old, new = tmp_path / "old.nwb.zarr", tmp_path / "new.nwb.zarr"
    with NWBZarrIO(old, "w", zarr_format=2) as io:
        io.write(new_recording())
    document = old / "acquisition" / "voltage" / "data" / ".zarray"
    document.write_text(json.dumps({**json.loads(document.read_text()), "compressor": {"id": "unheard-of"}}))
    (old / ".zmetadata").unlink()

    with pytest.raises(IncompleteConversionError, match="/acquisition/voltage/data"):
        NWBZarrV2IO.convert_to_v3(old, new)

    assert not new.exists()


@pytest.mark.parametrize("recording", [2], indirect=True)
def test_the_names_for_format_2_read_only(recording: Path) -> None:
    """They take what is passed to them in hdmf-zarr, and refuse to write."""
    with NWBZarrV2IO(recording, allow_pickle=True) as io:
        assert (io.mode, io.allow_pickle, io.skipped_entries, io.zarr_format) == ("r", True, [], 2)
    assert NWBZarrV2IO.read_nwb(recording, allow_pickle=False).identifier == "session-1"
    for kind in (ZarrV2IO, NWBZarrV2IO):
        with pytest.raises(ArgumentError, match="reads only"):
            kind(recording, "r+")
        with pytest.raises(ArgumentError, match="allow_pickle must be True or False"):
            kind(recording, allow_pickle="no")


def test_the_real_one_is_not_mixed_with_ours() -> None:
    """If hdmf-zarr was imported before, that is said."""
    code = """
    import sys, types
    sys.modules["hdmf_zarr"] = types.ModuleType("hdmf_zarr")
    from hdmf_store import compat, errors
    try:
        compat.install_as_hdmf_zarr()
    except errors.ArgumentError as problem:
        print(problem)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)

    assert "imported already" in done.stdout, done.stderr
