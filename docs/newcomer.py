"""The first fifteen minutes of a newcomer, really typed: ``python docs/newcomer.py docs/first-fifteen-minutes.md``.

Makes an empty environment, installs the project from this checkout, runs each command of `STEPS` in an empty folder,
and writes the page with what was printed. A command that fails ends it. An S3 server of moto, in an environment of its
own, stands for the one of the newcomer's laboratory; it listens on this machine alone. Needs a package index.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORDING = next((ROOT / "examples").glob("*.nwb"))
ENDPOINT = "http://127.0.0.1:{port}"

STEPS: list[tuple[str, str, str]] = [
    (
        "Install",
        "A new environment, and in it hdmf-store with what it needs for NWB and S3. This takes a minute or two, most of"
        " it downloads.",
        "python -m pip install --quiet './hdmf-store[nwb,s3]' matplotlib\nhdmf-store --version",
    ),
    (
        "Convert",
        "A recording in HDF5, copied from `examples/`. The ending of the new name says what it becomes.",
        "hdmf-store convert recording.nwb recording.nwb.zarr",
    ),
    (
        "Look",
        "What it is, and what is in it.",
        "hdmf-store info recording.nwb.zarr\nhdmf-store tree recording.nwb.zarr --depth 2",
    ),
    (
        "Verify",
        "Every value of the one file against every value of the other.",
        "hdmf-store verify recording.nwb.zarr --against recording.nwb",
    ),
    (
        "Read in Python",
        "As with pynwb's `NWBHDF5IO`; values are read when they are indexed.",
        """python - <<'END'
from hdmf_store import NWBZarrIO

with NWBZarrIO("recording.nwb.zarr", "r") as io:
    lfp = io.read().processing["ecephys"]["LFP"]["Beta_Band_Voltage"]
    print(lfp.data.shape, lfp.unit)
    print(lfp.data[:3])
END""",
    ),
    (
        "Plot",
        "",
        """python - <<'END'
import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from hdmf_store import NWBZarrIO

with NWBZarrIO("recording.nwb.zarr", "r") as io:
    lfp = io.read().processing["ecephys"]["LFP"]["Beta_Band_Voltage"]
    figure, axes = plt.subplots(figsize=(7, 2.2), layout="constrained")
    axes.plot(lfp.timestamps[:], lfp.data[:] * 1e6, linewidth=0.8)
    axes.set(xlabel="seconds", ylabel="µV", title=lfp.name)
    figure.savefig("lfp.svg", metadata={"Date": None})
END""",
    ),
    (
        "Append",
        "One more series, in the file that is there.",
        """python - <<'END'
import numpy as np
from hdmf_store import NWBZarrIO
from pynwb import TimeSeries

with NWBZarrIO("recording.nwb.zarr", "r+") as io:
    nwbfile = io.read()
    nwbfile.add_acquisition(TimeSeries(name="speed", data=np.arange(5.0), unit="m/s", rate=10.0))
    io.write(nwbfile)
END
hdmf-store cat recording.nwb.zarr /acquisition/speed/data""",
    ),
    (
        "Push it to S3",
        "The server and the credentials of the laboratory are in the environment: `AWS_ENDPOINT_URL`,"
        " `AWS_ACCESS_KEY_ID` and the others that every program for S3 knows.",
        "hdmf-store copy recording.nwb.zarr s3://lab/day1/recording.nwb.zarr",
    ),
    (
        "Open it there",
        "Nothing is downloaded first. The three values come from one chunk.",
        """hdmf-store verify s3://lab/day1/recording.nwb.zarr --against recording.nwb.zarr
python - <<'END'
from hdmf_store import NWBZarrIO

with NWBZarrIO("s3://lab/day1/recording.nwb.zarr", "r") as io:
    nwbfile = io.read()
    print(nwbfile.processing["ecephys"]["LFP"]["Beta_Band_Voltage"].data[:3])
    print(nwbfile.acquisition["speed"].data[:])
END""",
    ),
]

HEAD = """\
# The first fifteen minutes

What somebody types who has never used hdmf-store, and all that is printed. `python docs/newcomer.py` did so, in an
environment that had nothing but Python; an S3 server on the same machine stood for one of a laboratory. Written by that
program; do not edit it.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="the page to write; the plot goes beside it")
    page = parser.parse_args().page.resolve()
    with tempfile.TemporaryDirectory(prefix="newcomer-") as made, _server(Path(made)) as endpoint:
        folder = Path(made, "work")
        folder.mkdir()
        (folder / "hdmf-store").symlink_to(ROOT)
        (folder / "recording.nwb").write_bytes(RECORDING.read_bytes())
        variables = _newcomer(Path(made), endpoint)
        written = [HEAD]
        started = time.monotonic()
        for title, words, commands in STEPS:
            written.append(_section(title, words, _typed(commands, folder, variables)))
        minutes = (time.monotonic() - started) / 60
        written.append(f"\nAll of it ran in {max(1, round(minutes))} min, without the time to type and to read.\n")
        (page.parent / "_static").mkdir(exist_ok=True)
        (page.parent / "_static/first-plot.svg").write_text(_tidy((folder / "lfp.svg").read_text()))
    page.write_text("".join(written))


def _section(title: str, words: str, transcript: str) -> str:
    told = f"\n{words}\n" if words else ""
    picture = "\n![The LFP of the recording over the seconds](_static/first-plot.svg)\n" if title == "Plot" else ""
    return f"\n## {title}\n{told}\n```text\n{transcript}```\n{picture}"


def _typed(commands: str, folder: Path, variables: dict[str, str]) -> str:
    """Run each command, and return it with what it printed, as a terminal shows them."""
    shown = ""
    for command in commands_in(commands):
        print(f"$ {command.splitlines()[0]}", flush=True)
        words = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(command, shell=True, cwd=folder, env=variables, check=False, **words)
        if done.returncode:
            sys.exit(f"{done.stdout}\nThis command failed with exit code {done.returncode}.")
        shown += f"$ {command}\n" + _tidy(done.stdout.replace(f"{folder}/", ""))
    return shown


def commands_in(commands: str) -> list[str]:
    """Return the commands one by one; each begins a line and may be followed by what it reads."""
    return re.split(r"\n(?=hdmf-store|python)", commands)


def _tidy(text: str) -> str:
    return re.sub(r"[ \t]+\n", "\n", text)


def _newcomer(made: Path, endpoint: str) -> dict[str, str]:
    """Make the environment, and return the variables of who works in it; nothing of ours is among them."""
    subprocess.run([sys.executable, "-m", "venv", str(made / "env")], check=True)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LANG", "TMP"))}
    path = os.pathsep.join([str(made / "env/bin"), os.environ.get("PATH", os.defpath)])
    return {
        **kept,
        "PATH": path,
        "HOME": str(made),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "newcomer",
        "AWS_SECRET_ACCESS_KEY": "no-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def _server(made: Path) -> Iterator[str]:
    """Run an S3 server with a bucket ``lab`` in an environment of its own."""
    subprocess.run([sys.executable, "-m", "venv", str(made / "server")], check=True)
    python = str(made / "server/bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "moto[s3,server]>=5.1"], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = ENDPOINT.format(port=port)
    command = [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        bucket = (
            f"import boto3; boto3.client('s3', endpoint_url={endpoint!r}, region_name='us-east-1',"
            " aws_access_key_id='a', aws_secret_access_key='b').create_bucket(Bucket='lab')"
        )
        for _ in range(60):
            if subprocess.run([python, "-c", bucket], check=False, stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(1)
        else:
            sys.exit("the S3 server did not start")
        yield endpoint
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
