"""Libraries written for hdmf-zarr do their work on this package: they import ``hdmf_zarr``, which is not installed.

They pin releases of zarr and hdmf-zarr that this package does not go with, so ``nox -s libraries`` installs them into
an environment of its own; elsewhere these tests are skipped. Each runs a script in a process of its own, through
``python -m hdmf_store.compat`` (NEEDS 67).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO
from tests.facade.recordings import new_recording, new_series

pytestmark = [pytest.mark.libraries, pytest.mark.timeout(300)]


def _needs(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        reason = f"{library} is not installed; nox -s libraries does that"
        if os.environ.get("HDMF_STORE_REQUIRE_LIBRARIES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def _answer(tmp_path: Path, script: str, *words: str | Path) -> Any:
    """Run a script on this package in place of hdmf-zarr; return the JSON of its last line."""
    place = tmp_path / "script.py"
    place.write_text(textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "hdmf_store.compat", str(place), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(params=[2, 3])
def recording(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A recording in one of the formats, and the same in HDF5 beside it."""
    with NWBZarrIO(tmp_path / "recording.nwb.zarr", "w", zarr_format=request.param) as io:
        io.write(new_recording())
    with NWBHDF5IO(tmp_path / "recording.nwb", "w") as io:
        io.write(new_recording())
    return tmp_path / "recording.nwb.zarr"


def test_neuroconv_configures_and_writes(tmp_path: Path) -> None:
    """Its choice of chunks and compressors is what the file has."""
    _needs("neuroconv")
    chosen = _answer(
        tmp_path,
        """
        import json, sys
        import numpy as np
        from neuroconv.tools.nwb_helpers import configure_and_write_nwbfile, get_default_backend_configuration
        from pynwb import TimeSeries
        from pynwb.testing.mock.file import mock_NWBFile

        nwbfile = mock_NWBFile()
        nwbfile.add_acquisition(TimeSeries(name="s", data=np.arange(60000).reshape(-1, 6), unit="V", rate=1.0))
        wishes = get_default_backend_configuration(nwbfile=nwbfile, backend="zarr")
        wish = wishes.dataset_configurations["acquisition/s/data"]
        wish.chunk_shape, wish.buffer_shape = (500, 6), (10000, 6)
        wish.compressors, wish.compressor_options = ["zstd"], [{"level": 7}]
        configure_and_write_nwbfile(nwbfile=nwbfile, nwbfile_path=sys.argv[1], backend_configuration=wishes)
        print(json.dumps(wish.compressors))
        """,
        tmp_path / "made.nwb.zarr",
    )

    assert chosen == ["zstd"]
    with NWBZarrIO(tmp_path / "made.nwb.zarr", "r") as io:
        data = io.read().acquisition["s"].data
        assert data.chunks == (500, 6)
        assert data.compressor.get_config() == {"id": "zstd", "level": 7, "checksum": False}
        assert np.array_equal(data[:], np.arange(60000).reshape(-1, 6))


def test_neuroconv_appends(recording: Path, tmp_path: Path) -> None:
    """It tells what is new from what the file holds already, and configures the new alone."""
    _needs("neuroconv")
    configured = _answer(
        tmp_path,
        """
        import json, sys
        import numpy as np
        from hdmf_zarr import NWBZarrIO
        from neuroconv.tools.nwb_helpers import configure_backend, get_default_backend_configuration
        from pynwb import TimeSeries

        with NWBZarrIO(sys.argv[1], "r+") as io:
            nwbfile = io.read()
            nwbfile.add_acquisition(TimeSeries(name="new", data=np.arange(500.0), unit="V", rate=1.0))
            wishes = get_default_backend_configuration(nwbfile=nwbfile, backend="zarr")
            configure_backend(nwbfile=nwbfile, backend_configuration=wishes)
            io.write(nwbfile)
        print(json.dumps(list(wishes.dataset_configurations)))
        """,
        recording,
    )

    assert configured == ["acquisition/new/data"]
    with NWBZarrIO(recording, "r") as io:
        found = io.read().acquisition
        assert found["new"].data[:].tolist() == list(range(500))
        assert found["voltage"].data[9].tolist() == [27, 28, 29]


def test_neuroconv_tells_how_a_file_is_laid_out(recording: Path, tmp_path: Path) -> None:
    """Chunks and compressors of what is stored become a configuration for other files."""
    _needs("neuroconv")
    with NWBZarrIO(recording, "r+") as io:
        nwbfile = io.read()
        nwbfile.add_acquisition(new_series("long", np.arange(5000, dtype="int16")))
        io.write(nwbfile)

    found = _answer(
        tmp_path,
        """
        import json, sys
        from hdmf_zarr import NWBZarrIO
        from neuroconv.tools.nwb_helpers import get_existing_backend_configuration

        with NWBZarrIO(sys.argv[1], "r") as io:
            wishes = get_existing_backend_configuration(nwbfile=io.read())
            wish = wishes.dataset_configurations["acquisition/long/data"]
            print(json.dumps([list(wish.chunk_shape), [codec.get_config()["cname"] for codec in wish.compressors]]))
        """,
        recording,
    )

    assert found == [[5000], ["lz4"]]


def test_nwbinspector_finds_what_it_finds_in_hdf5(recording: Path, tmp_path: Path) -> None:
    """The same recording gives the same messages, whichever backend holds it."""
    _needs("nwbinspector")
    script = """
        import json, sys
        from nwbinspector import inspect_nwbfile

        found = [(m.check_function_name, m.object_type, m.location) for m in inspect_nwbfile(nwbfile_path=sys.argv[1])]
        print(json.dumps(sorted(found, key=str)))
        """
    in_zarr = _answer(tmp_path, script, recording)

    assert len(in_zarr) > 3
    assert not [message for message in in_zarr if "error" in message[0].lower()]
    assert in_zarr == _answer(tmp_path, script, recording.with_suffix(""))


@pytest.mark.parametrize("way", ["use_pynwb=True", "stream_mode=None"])
def test_spikeinterface_reads_traces_and_spikes(tmp_path: Path, way: str) -> None:
    """Through PyNWB, and through zarr itself, which its fast way opens."""
    _needs("spikeinterface")
    found = _answer(
        tmp_path,
        f"""
        import json, sys
        import numpy as np
        from hdmf_zarr import NWBZarrIO
        from pynwb.ecephys import ElectricalSeries
        from pynwb.testing.mock.file import mock_NWBFile
        from spikeinterface.extractors import read_nwb_recording, read_nwb_sorting

        nwbfile = mock_NWBFile()
        shank = nwbfile.create_electrode_group("shank", "-", "CA1", nwbfile.create_device("probe"))
        for site in range(4):
            nwbfile.add_electrode(group=shank, location="CA1", rel_x=0.0, rel_y=20.0 * site)
        everywhere = nwbfile.create_electrode_table_region([0, 1, 2, 3], "all")
        nwbfile.add_acquisition(
            ElectricalSeries("raw", np.arange(4000, dtype="int16").reshape(-1, 4), everywhere, rate=1000.0)
        )
        nwbfile.add_unit(spike_times=[0.1, 0.2])
        nwbfile.add_unit(spike_times=[0.3])
        with NWBZarrIO(sys.argv[1], "w") as io:
            io.write(nwbfile)
        where = dict(electrical_series_path="acquisition/raw", {way})
        traces = read_nwb_recording(sys.argv[1], **where)
        spikes = read_nwb_sorting(sys.argv[1], **where)
        train = spikes.get_unit_spike_train(spikes.get_unit_ids()[0])
        print(json.dumps([traces.get_traces(0, 10, 12).tolist(), train.tolist()]))
        """,
        tmp_path / "ephys.nwb.zarr",
    )

    assert found == [[[40, 41, 42, 43], [44, 45, 46, 47]], [100, 200]]
