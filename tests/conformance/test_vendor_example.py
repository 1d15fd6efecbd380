"""The example of a vendor's package works as its reader would use it: installed with pip, beside this package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "examples" / "vendor-adapter"
RECORDING = ROOT / "examples" / "sub-healthy-simulated-beta_ses-162_ecephys.nwb"

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("vendor")]


class Fresh:
    """A new virtual environment."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / ("Scripts" if os.name == "nt" else "bin")
        self.variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))
        }

    def run(self, program: str, *words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.programs / program), *map(str, words)],
            cwd=cwd or self.programs,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def output(self, program: str, *words: str | Path, cwd: Path | None = None) -> str:
        done = self.run(program, *words, cwd=cwd)
        assert done.returncode == 0, f"{program} {words} failed:\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Return an environment in which this package and the vendor's are installed, not linked to their sources."""
    folder = tmp_path_factory.mktemp("vendor") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    made = Fresh(folder)
    installed = made.run("python", "-m", "pip", "install", "--quiet", f"{ROOT}[testing]", str(VENDOR))
    if installed.returncode != 0:
        reason = f"nothing can be installed here: {installed.stderr[-2000:]}"
        if os.environ.get("HDMF_STORE_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return made


def test_the_vendors_own_tests_pass_where_it_is_installed(fresh: Fresh) -> None:
    """The kit is found without this package's sources, and all of it runs."""
    said = fresh.output("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=VENDOR)

    assert " passed" in said
    assert int(said.rpartition(" passed")[0].split()[-1]) > 200


def test_the_vendors_adapter_is_listed(fresh: Fresh) -> None:
    """With the package that brings it, and what it can do."""
    found = {entry["name"]: entry for entry in json.loads(fresh.output("hdmf-store", "adapters", "--json"))}

    assert found["sqlite"]["distribution"] == "hdmf-store-sqlite 0.1"
    assert found["sqlite"]["at_best"]["transactional"] is True


def test_a_recording_goes_into_the_vendors_store_and_back(fresh: Fresh, tmp_path: Path) -> None:
    """By the command line: HDF5 to SQLite, and from there to HDF5 and to Zarr; each holds what the original holds."""
    stored = tmp_path / "x.sqlite"
    for source, made in ((RECORDING, stored), (stored, tmp_path / "x.nwb"), (stored, tmp_path / "x.zarr")):
        fresh.output("hdmf-store", "convert", source, made, "--quiet")

        outcome = json.loads(fresh.output("hdmf-store", "verify", made, "--against", RECORDING, "--json"))
        assert outcome["differences"] == []
        assert outcome["objects"] > 40

    assert stored.read_bytes().startswith(b"SQLite format 3\0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.nwb", "x.sqlite", "x.zarr"]
