"""Scripts written for hdmf-zarr, run in processes of their own, in which hdmf-zarr is not installed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hdmf_store import NWBZarrIO

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
    """The modules and names that scripts and libraries import from hdmf-zarr 0.13 and 0.14 exist."""
    printed = _run(
        """
        import hdmf_store
        from hdmf_zarr import NWBZarrIO, ZarrIO, ZarrDataIO, ZarrV2IO, NWBZarrV2IO, is_zarr_v2_file
        from hdmf_zarr.backend import ROOT_NAME, SPEC_LOC_ATTR, DEFAULT_SPEC_LOC_DIR, SUPPORTED_ZARR_STORES
        from hdmf_zarr.nwb import NWBZarrIO as again
        from hdmf_zarr.utils import ZarrReference
        from hdmf_zarr.zarr_utils import BuilderZarrTableDataset, ContainerZarrReferenceDataset

        assert NWBZarrIO is again is hdmf_store.NWBZarrIO
        print(ROOT_NAME, SPEC_LOC_ATTR, DEFAULT_SPEC_LOC_DIR)
        """
    )

    assert printed == "root .specloc specifications"


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
