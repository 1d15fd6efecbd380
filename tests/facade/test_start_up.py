"""What is imported to read and write a local file: nothing that only other places need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, sys
import numpy as np
from hdmf_store import ZarrIO
from tests.facade.small_files import check, content
with ZarrIO(sys.argv[1], "w") as io:
    io.write_builder(content())
with ZarrIO(sys.argv[1], "r") as io:
    check(io)
json.dump(sorted({name.partition(".")[0] for name in sys.modules}), sys.stdout)
"""

ELSEWHERE = {"aiohttp", "boto3", "botocore", "dask", "icechunk", "obstore", "requests", "s3fs", "xarray"}


def test_a_local_file_needs_no_library_for_other_places(tmp_path: Path) -> None:
    """All adapters are asked whose file it is, and none of them needs its engine to answer."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "file.zarr")], check=True, capture_output=True, text=True
    )

    imported = set(json.loads(ran.stdout))
    assert {"hdmf_store", "hdmf_store_adapters", "zarr"} <= imported
    assert imported & ELSEWHERE == set()
