"""The commands that store something: `convert`, `copy`, `repack`, `consolidate`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from hdmf_store.adapter import StoreAdapter
from hdmf_store.cli.calls import MAY_READ, OUT, Opened, command, name_of
from hdmf_store.cli.completing import OBJECT, PLACE
from hdmf_store.cli.servers import on_servers
from hdmf_store.cli.show import strict_json
from hdmf_store.errors import ArgumentError
from hdmf_store.facade.bars import Bars
from hdmf_store.facade.units import in_units
from hdmf_store.facade.workers import Workers
from hdmf_store.nodes import ROOT, Dataset, Link
from hdmf_store.translate.convert import convert as convert_file
from hdmf_store.translate.copying import copy as copy_nodes
from hdmf_store.translate.copying import kept_options
from hdmf_store.translate.repacking import NewLayout
from hdmf_store.translate.repacking import repack as repack_file
from hdmf_store.translate.specs import without_specs
from hdmf_store.translate.summary import size_of, stored_size

__all__ = ["consolidate", "convert", "copy", "repack"]

_OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Replace DST if it exists; it survives until the new file is complete."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
_DURABLE = click.option("--durable", is_flag=True, help="Wait until the disk has what was written.")
_QUIET = click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")


@command
@on_servers
@click.argument("src", type=PLACE)
@click.argument("dst", type=PLACE)
@_OVERWRITE
@click.option(
    "--zarr-format", type=click.Choice(["2", "3"]), help="The Zarr format of DST; 3 by default. Only for Zarr."
)
@click.option("--copy-links", is_flag=True, help="Copy what links lead to in other files, so that DST stands alone.")
@_DURABLE
@MAY_READ
@_JSON
@_QUIET
def convert(
    src: str,
    dst: str,
    overwrite: bool,
    zarr_format: str | None,
    copy_links: bool,
    durable: bool,
    may_read: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Store everything that SRC holds in DST.

    The ending of DST says what it becomes: .zarr is Zarr, .nwb, .h5 and .hdf5 are HDF5. Whatever SRC links to in
    files of another kind is copied.
    """
    options = {"zarr_format": int(zarr_format)} if zarr_format else {}
    with (
        Opened(src, "r", may_read=may_read) as source,
        Opened(dst, "w" if overwrite else "w-", **options, **_waiting(durable)) as destination,
    ):
        store = partial(convert_file, source, destination, links=not copy_links, may_read=may_read)
        _run("Converting", store, source, destination, ROOT, as_json, quiet)


@command
@on_servers
@click.argument("src", type=PLACE)
@click.argument("dst", type=PLACE)
@click.option("--path", default=ROOT, type=OBJECT, metavar="PATH", help="Copy this object alone, with all below it.")
@_OVERWRITE
@click.option("--copy-links", is_flag=True, help="Copy what links lead to outside of what is copied.")
@_DURABLE
@MAY_READ
@_JSON
@_QUIET
def copy(
    src: str,
    dst: str,
    path: str,
    overwrite: bool,
    copy_links: bool,
    durable: bool,
    may_read: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Store SRC in DST as it is stored: any hierarchy, whether HDMF knows what it means or not.

    Chunks, codecs and the Zarr format are kept where DST is of the same kind; `convert` is for another format.

    With --path, the object keeps its path. If DST exists, the object is added to it; what is there is never replaced
    without --overwrite.
    """
    path = "/" + path.strip("/")
    mode = "w" if overwrite else "w-" if path == ROOT else "a"
    with (
        Opened(src, "r", may_read=may_read) as source,
        Opened(dst, mode, **kept_options(source, dst), **_waiting(durable)) as destination,
    ):
        store = partial(copy_nodes, source, destination, path=path, links=not copy_links, may_read=may_read)
        _run("Copying", store, source, destination, path, as_json, quiet)


@command
@on_servers
@click.argument("src", type=PLACE)
@click.argument("dst", type=PLACE, required=False)
@_OVERWRITE
@click.option(
    "--chunks",
    multiple=True,
    metavar="WISH",
    help="auto, keep, or PATH=N,N,… for one dataset. Repeatable. By default chosen as for a new file.",
)
@click.option("--target-chunk-bytes", type=int, metavar="BYTES", help="Most bytes of values in a chunk that is chosen.")
@click.option(
    "--shards",
    type=click.Choice(["none", "auto", "keep"]),
    default="none",
    help="Pack chunks in shards; none by default.",
)
@click.option(
    "--codec",
    default="auto",
    metavar="WISH",
    help="auto, keep, none, the name of a codec, or a codec as JSON. By default chosen as for a new file.",
)
@click.option(
    "--zarr-format", type=click.Choice(["2", "3"]), help="The Zarr format of the result; that of SRC by default."
)
@click.option("--jobs", type=int, default=1, metavar="N", help="Processes that read and encode large datasets.")
@click.option("--copy-links", is_flag=True, help="Copy what links lead to in other files.")
@_DURABLE
@MAY_READ
@_JSON
@_QUIET
def repack(
    src: str,
    dst: str | None,
    overwrite: bool,
    chunks: tuple[str, ...],
    target_chunk_bytes: int | None,
    shards: str,
    codec: str,
    zarr_format: str | None,
    jobs: int,
    copy_links: bool,
    durable: bool,
    may_read: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Store SRC in DST with other chunks, shards or codecs, or in another Zarr format.

    Without DST, the new file takes the place of SRC when it is complete. Values, attributes, links and references stay.
    What is not asked for is chosen as for a new file; keep leaves it as it is.
    """
    layout = _new_layout(chunks, target_chunk_bytes, shards, codec)
    team = Workers(jobs, None, None, None)
    with Opened(src, "r", may_read=may_read) as source:
        place, mode = (src, "w") if dst is None else (dst, "w" if overwrite else "w-")
        options = {"zarr_format": int(zarr_format)} if zarr_format else kept_options(source, place)
        with Opened(place, mode, **options, **_waiting(durable)) as destination, team.pool() as pool:
            store = partial(
                repack_file,
                source,
                destination,
                layout,
                links=not copy_links,
                may_read=may_read,
                executor=pool,
            )
            _run("Repacking", store, source, destination, ROOT, as_json, quiet)


def _waiting(durable: bool) -> dict[str, Any]:
    """Return the option for adapters that are to wait for the disk; none where adapters need not know of it."""
    return {"durable": True} if durable else {}


def _new_layout(chunks: tuple[str, ...], chunk_bytes: int | None, shards: str, codec: str) -> NewLayout:
    """Return the layout that the options of `repack` ask for."""
    shapes: dict[str, tuple[int, ...]] = {}
    of_others = "auto"
    for wish in chunks:
        path, _, lengths = wish.rpartition("=")
        if not path:
            of_others = lengths
            continue
        try:
            shapes[path] = tuple(int(length) for length in lengths.split(","))
        except ValueError:
            raise ArgumentError(
                f"--chunks {wish}: write the path of a dataset and a length for each axis, PATH=N,N"
            ) from None
    return NewLayout(
        chunks=of_others,
        chunks_of=shapes,
        chunk_bytes=chunk_bytes,
        shards=None if shards == "none" else shards,
        codecs=None if codec == "none" else _codec(codec),
    )


def _codec(wish: str) -> Any:
    """Return a codec from its name, or from JSON."""
    if not wish.startswith("{"):
        return wish
    try:
        return json.loads(wish)
    except ValueError as problem:
        raise ArgumentError(f"--codec {wish} is no JSON ({problem})") from None


@command
@on_servers
@click.argument("file", type=PLACE)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@_QUIET
def consolidate(file: str, as_json: bool, quiet: bool) -> None:
    """Bring the consolidated metadata of FILE up to date, or make it where there is none.

    It is one document of the metadata of all objects, with which FILE opens at once. Zarr in folders, archives and
    store objects keeps it; other stores need none, and nothing is changed there.
    """
    with Opened(file, "r+") as adapter:
        keeps = adapter.capabilities.consolidates
        if keeps:
            adapter.consolidate()
        objects, store = len(without_specs(adapter.load().nodes)), adapter.name
    if as_json:
        click.echo(strict_json({"file": name_of(file), "store": store, "consolidated": keeps, "objects": objects}))
    elif not quiet:
        done = f"metadata of {objects} objects consolidated"
        nothing = f"{store} keeps no consolidated metadata and needs none; nothing was changed"
        OUT.print(f"{name_of(file)}: {done if keeps else nothing}", markup=False)


def _run(
    what: str,
    store: Callable[..., int],
    source: StoreAdapter,
    destination: StoreAdapter,
    path: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Store with progress bars over the values at a path and below, and sum up."""
    started = time.monotonic()
    nodes = source.load().nodes
    inside = [node for at, node in nodes.items() if f"{at}/".startswith(f"{path.rstrip('/')}/")]
    total = sum(size_of(node) for node in inside if isinstance(node, Dataset))
    with Bars(f"{what} {source.location.name}", hidden=quiet or as_json) as bars:
        bars.begin(total, sum(not isinstance(node, Link) for node in inside) - (path == ROOT))  # which is the commit
        count = store(progress=bars)
    stored = stored_size(destination.location)
    seconds = time.monotonic() - started
    facts = {
        "source": str(source.location),
        "destination": str(destination.location),
        "objects": count,
        "bytes_of_values": total,
        "bytes_stored": None if stored is None else stored.size,
        "files": None if stored is None else stored.files,
        "seconds": round(seconds, 3),
    }
    if as_json:
        click.echo(strict_json(facts))
    elif not quiet:
        taken = "" if stored is None else f" in {in_units(stored.size)} ({stored.files} {_files(stored.files)})"
        made = f"{destination.location}: {count} objects, {in_units(total)} of values"
        OUT.print(f"{made}{taken}, {seconds:.1f} s", markup=False)


def _files(count: int) -> str:
    return "file" if count == 1 else "files"
