"""Remote, write: the file of `remote_session` to a server that speaks S3 and is 30 ms away.

The server is moto's, in a process of its own on this machine; each answer comes 30 ms after it was asked for. moto is
written in Python and handles one request at a time, so what it needs itself is a part of all numbers. Only this package
takes part. ``PUTs`` counts the objects that were put, ``at once`` the most requests that were under way at one moment.

``write, s3fs``
    Constructor in mode ``w`` with a URL and an option that only s3fs has, ``write``, ``close``.
``write, obstore``
    The same with a store of obstore.
``write, folder``
    The same to a local folder: what the next step begins with.
``upload, s3fs``
    ``put(recursive=True)`` of that finished folder, with the defaults of s3fs.
``upload, s3fs, 64 at once``
    The same with ``batch_size`` and the pool of connections set to 64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.measure import Bench, run_stages
from benchmarks.network import Remote, far_away
from benchmarks.scenarios.many_small_objects import wide_file
from benchmarks.scenarios.remote_session import SIZES

_AT_ONCE = 64


def write(bench: Bench) -> None:
    """Write the file by each library, then upload one that is finished."""
    folder = bench.path("wide")
    with far_away() as remote:
        bucket = _bucket(remote)
        _write(bench, "s3fs", lambda key: f"{bucket.url}/{key}", remote, storage_options=_for_s3fs(bucket))
        _write(bench, "obstore", lambda key: _obstore_at(bucket, key), remote)

        nwb = wide_file(bench.size)
        with bench.step("write, folder"), bench.open_io(folder, mode="w") as io:
            io.write(nwb)
        bench.count_stored(folder)

        _upload(bench, "upload, s3fs", bucket, remote, {}, {})
        pool = {"config_kwargs": {"max_pool_connections": _AT_ONCE}}
        _upload(bench, f"upload, s3fs, {_AT_ONCE} at once", bucket, remote, pool, {"batch_size": _AT_ONCE})

        for name in ("s3fs", "obstore"):
            with bench.open_io(_obstore_at(bucket, f"{name}{bench.suffix}"), mode="r") as io:
                bench.check("time series", len(io.read().acquisition), bench.size.series)


def _write(bench: Bench, name: str, place: Callable[[str], Any], remote: Remote, **options: Any) -> None:
    with bench.open_io(place("first" + bench.suffix), mode="w", **options) as io:
        io.write(wide_file(SIZES["tiny"]))  # what libraries set up on first use is not measured here
    nwb, target = wide_file(bench.size), place(name + bench.suffix)
    remote.asked()
    with bench.step(f"write, {name}"), bench.open_io(target, mode="w", **options) as io:
        io.write(nwb)
    _count(bench, name, remote)


def _upload(bench: Bench, step: str, bucket: Any, remote: Remote, options: dict[str, Any], how: dict[str, Any]) -> None:
    import fsspec

    target = f"{bucket.name}/{step}"
    files = fsspec.filesystem("s3", **bucket.storage_options, **options)
    files.exists(target)
    remote.asked()
    with bench.step(step):
        files.put(bench.path("wide"), target, recursive=True, **how)
    _count(bench, step, remote)
    files.invalidate_cache()
    bench.check("objects uploaded", len(files.find(target)), bench.counts["files"])


def _count(bench: Bench, name: str, remote: Remote) -> None:
    asked = remote.asked()
    bench.count(f"requests ({name})", asked.requests)
    bench.count(f"PUTs ({name})", asked.by_method.get("PUT", 0))
    bench.count(f"at once ({name})", asked.at_once)


def _bucket(remote: Remote) -> Any:
    from tests.servers.s3 import Bucket
    from tests.servers.traffic import Traffic

    return Bucket(remote.bucket, remote.url, Traffic())


def _for_s3fs(bucket: Any) -> dict[str, Any]:
    return {**bucket.storage_options, "config_kwargs": {"retries": {"max_attempts": 5}}}


def _obstore_at(bucket: Any, key: str) -> Any:
    from zarr.storage import ObjectStore

    return ObjectStore(bucket.obstore(key))


if __name__ == "__main__":
    run_stages(others={"hdmf-store": (write,)}, sizes=SIZES)
