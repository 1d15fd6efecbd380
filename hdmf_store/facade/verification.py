"""A file checked by itself, and mended: what `hdmf-store verify --deep` and `hdmf-store repair` do, for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hdmf.build import BuildManager, TypeMap
from hdmf.common import get_type_map, validate

from hdmf_store.adapter import Finding, Repair, StoreAdapter, open_adapter
from hdmf_store.errors import HDMFStoreError
from hdmf_store.facade.namespaces import load_from_open
from hdmf_store.facade.store_io import StoreIO
from hdmf_store.nodes import ROOT
from hdmf_store.translate.relink import relink as relinked
from hdmf_store.translate.soundness import flaws
from hdmf_store.translate.specs import spec_root

__all__ = ["flaws_of", "repair", "verify"]

_NWB = "core"
_COMMON = ("hdmf-common", "hdmf-experimental")


def verify(
    place: Any,
    *,
    storage_options: Mapping[str, Any] | None = None,
    may_read: Any = (),
    schema: bool = True,
    progress: Callable[[int], None] | None = None,
) -> list[Finding]:
    """Check a file by itself and return what is wrong with it; nothing is changed.

    Documents are well formed and agree with the consolidated metadata; every chunk is there, or may be absent, can be
    decoded and has its size, and the checksum of those that have one is right; links and references lead to objects;
    cached specifications can be loaded; the content follows them.

    Parameters
    ----------
    place : str, Path, store or StoreAdapter
        A path or URL, or an adapter that is open for reading.
    storage_options : dict, optional
        For a URL.
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.
    schema : bool, default True
        Whether to check the content against the specifications that the file caches, by the validator of PyNWB or
        of HDMF. It takes longest for files of many objects.
    progress : callable, optional
        Called with the number of objects that were checked since the last call; each dataset may count twice.

    Returns
    -------
    list of Finding
        Empty if all is well.

    Examples
    --------
    >>> from hdmf_store import verify
    >>> errors = [f for f in verify("recording.nwb.zarr") if f.severity == "error"]  # doctest: +SKIP
    """
    if isinstance(place, StoreAdapter):
        return list(flaws_of(place, schema=schema, may_read=may_read, progress=progress))
    options: dict[str, Any] = {"storage_options": storage_options} if storage_options else {}
    if may_read:
        options["may_read"] = may_read
    try:
        adapter = open_adapter(place, "r", **options)
    except HDMFStoreError as problem:
        if not hasattr(problem, "path"):  # it is no file, which is not the same as a broken one
            raise
        return [Finding(problem.path, "document", str(problem))]
    try:
        return list(flaws_of(adapter, schema=schema, may_read=may_read, progress=progress))
    finally:
        adapter.close()


def repair(
    place: Any,
    *,
    dry_run: bool = False,
    relink: Mapping[str, str] | None = None,
    idle: float = 600.0,
    storage_options: Mapping[str, Any] | None = None,
    may_read: Any = (),
) -> list[Repair]:
    """Mend a file as far as that destroys nothing, and return what was done and what is left to you.

    Files of documents that are lost or broken come back from the consolidated metadata; that is made anew where it
    disagrees with the documents, unless something that it names would fall out of it; unfinished files that our writers
    marked are removed once what they were made for is there. All else is told of and left alone: chunks of no array,
    too. A repair that is interrupted can be made again.

    Parameters
    ----------
    place : str, Path or store
        Which nobody else writes to meanwhile.
    dry_run : bool, default False
        Whether only to say what would be done.
    relink : dict of str to str, optional
        Files that were moved: as links name them, or where they were, and where they are now. Links and attributes
        are re-pointed if the object is found there, all at once: files may have changed places.
    idle : float, default 600
        Seconds for which an unfinished file, in this one or beside it, must not have changed to be removed; what did
        change may belong to a writer at work.
    storage_options : dict, optional
        For a URL.
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.

    Returns
    -------
    list of Repair
    """
    options: dict[str, Any] = {"storage_options": storage_options} if storage_options else {}
    adapter: Any = open_adapter(place, "r" if dry_run else "r+", **options)
    try:
        done = list(adapter.mend(dry_run, idle)) if hasattr(adapter, "mend") else []
        if relink:
            done += relinked(adapter, relink, dry_run=dry_run, may_read=may_read)
    finally:
        adapter.close()
    return done


def flaws_of(
    adapter: StoreAdapter, *, schema: bool = True, may_read: Any = (), progress: Callable[[int], None] | None = None
) -> Iterator[Finding]:
    """Yield what is wrong with an open file as it is found; see `verify`."""
    broken = False
    for finding in flaws(adapter, progress, may_read):
        broken = broken or (finding.severity == "error" and finding.kind in ("document", "specification"))
        yield finding
    if schema and not broken:
        yield from _against_schema(adapter, may_read)


def _against_schema(adapter: StoreAdapter, may_read: Any) -> Iterator[Finding]:
    """Yield what a validator finds, where the file caches specifications and their validator is installed."""
    base = spec_root(adapter.load())
    children = adapter.load().children.get(base or "", ())
    cached = [path.rpartition("/")[2] for path in children]
    if not cached:
        return
    try:
        type_map, validate = _validator(cached)
        load_from_open(type_map, adapter, None, None)
    except ImportError as problem:
        yield Finding(ROOT, "schema", f"was not checked, because {problem.name} is not installed", "warning")
        return
    except Exception as problem:  # noqa: BLE001 - HDMF has no type of error for specifications that make no sense
        yield Finding(base or ROOT, "specification", f"cannot be loaded ({problem!r:.300})")
        return
    try:
        found = validate(StoreIO(adapter, adapter.mode, BuildManager(type_map), may_read=may_read))
    except Exception as problem:  # noqa: BLE001 - validators meet content that they were not made for
        yield Finding(ROOT, "schema", f"the validator gave up ({problem!r:.300})")
        return
    for error in found:
        place = str(error.location or "").partition(" ")[0].removeprefix("root").strip("/")
        yield Finding(f"/{place}", "schema", f"{error.name}: {error.reason}")


def _validator(cached: Sequence[str]) -> tuple[TypeMap, Callable[[StoreIO], list[Any]]]:
    """Return what knows the types of a file that caches these namespaces, and what validates it."""
    if _NWB in cached:
        import pynwb

        return pynwb.get_type_map(), lambda io: pynwb.validate(io=io)
    extensions = [name for name in cached if name not in _COMMON] or [*_COMMON[:1]]
    return get_type_map(), lambda io: [error for name in extensions for error in validate(io=io, namespace=name)]
