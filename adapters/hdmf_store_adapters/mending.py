"""How a Zarr hierarchy is mended: what would be done is found out first, and then done step by step.

Little is done, and much is told. A file of a document comes back from the consolidated copy only where it is lost or
broken now; the copy is made anew only if nothing that it names would fall out of it; an unfinished file is removed only
if our writers marked it, nobody has changed it lately, and what it was made for is there. Nothing else is removed.
Each step leaves a hierarchy that can be read, and what a step would do is no step any more once it is done: a repair
that was killed is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import UnsupportedOperation
from typing import Any

import attrs

from hdmf_store.adapter import Location, Repair
from hdmf_store.errors import HDMFStoreError
from hdmf_store.nodes import ROOT
from hdmf_store_adapters.careful_reading import NOT_READ
from hdmf_store_adapters.chunk_keys import chunk_of
from hdmf_store_adapters.document_copies import Copies, copies, is_document
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.leftovers import (
    is_file,
    is_temporary,
    leftovers_beside,
    parts,
    removed,
    seconds_idle,
    through_link,
)
from hdmf_store_adapters.lost_documents import Lost, is_cut_short, lost_documents
from hdmf_store_adapters.zarr_format import Document

__all__ = ["Step", "beside", "steps"]


@attrs.frozen
class Step:
    """Something that a repair does, or only tells of.

    Parameters
    ----------
    repair : Repair
    carry_out : callable, optional
        Does it; None where it is only told.
    """

    repair: Repair
    carry_out: Callable[[], Any] | None = None


def steps(held: HeldDocuments, idle: float) -> Iterator[Step]:
    """Yield what there is to be done, in the order in which it has to be done.

    Parameters
    ----------
    held : HeldDocuments
        Open for writing, or for reading where nothing will be carried out.
    idle : float
        Seconds for which a leftover must not have changed; what did may belong to a writer at work.
    """
    known = copies(held)
    lost = lost_documents(held, known)
    for path, files in lost.restored.items():
        names = ", ".join(repr(key) for key in files)
        yield Step(Repair(path, "restore", f"{names} from the consolidated metadata"), _restore(held, files))
    for path, reason in lost.told.items():
        yield Step(Repair(path, "tell", f"{reason}; it is left alone"))
    for finding in known.findings:
        is_mended = finding.path in lost.restored or finding.path in lost.told
        if finding.kind == "document" and not is_mended:
            yield Step(Repair(finding.path, "tell", finding.message))
    yield from _copy(held, known, lost)
    yield from _inside(held, known, lost, idle)
    yield from beside(held.location, idle)


# --------------------------------------------------------------------------------------------------------- documents


def _restore(held: HeldDocuments, files: Mapping[str, tuple[bytes | None, bytes]]) -> Callable[[], None]:
    """Return what puts files back, each unless it has changed meanwhile."""

    def restore() -> None:
        for key, (seen, data) in files.items():
            if held.medium.read(key) == seen:
                held.medium.write_many([(key, data)])

    return restore


def _copy(held: HeldDocuments, known: Copies, lost: Lost) -> Iterator[Step]:
    """Yield what becomes of the consolidated copy."""
    unreadable = [finding for finding in known.findings if finding.kind == "consolidated" and known.together is None]
    stale = lost.stale(held, known)
    if not unreadable and not stale:
        return
    is_safe = lost.can_be_consolidated(held, known) and (not unreadable or is_cut_short(held, known))
    if is_safe:
        what = "the consolidated metadata is made anew from the documents of all objects"
        yield Step(Repair(ROOT, "consolidate", what), lambda: _consolidate(held))
    elif unreadable:
        yield Step(Repair(ROOT, "tell", f"the consolidated metadata cannot be read: {unreadable[0].message}"))
    else:
        what = f"the consolidated metadata differs from the documents of {', '.join(stale[:3])}"
        more = f" and {len(stale) - 3} more" if len(stale) > 3 else ""
        why = "it is left alone, because something that it names, or that it lacks, cannot be read or reached"
        yield Step(Repair(ROOT, "tell", f"{what}{more}; {why}"))


def _consolidate(held: HeldDocuments) -> None:
    held.reread_all()
    held.store_root(True)


# --------------------------------------------------------------------------------------------------------- leftovers


def _inside(held: HeldDocuments, known: Copies, lost: Lost, idle: float) -> Iterator[Step]:
    """Yield what to do with keys that are neither a document nor a chunk of an array that has one."""
    try:
        keys = list(held.medium.list_keys())
    except (UnsupportedOperation, *NOT_READ) as problem:
        yield Step(Repair(ROOT, "tell", f"what lies there cannot be listed ({problem}), so nothing is removed"))
        return
    documents = {**(known.together or {}), **(known.own or {})}
    records = _records(held, documents)
    unfinished: dict[str, list[str]] = {}
    strangers: dict[str, list[str]] = {}
    for key in keys:
        if is_temporary(key):
            unfinished.setdefault(parts(key)[1], []).append(key)
        elif is_document(key):
            if "/" + key.rpartition("/")[0] not in documents and key not in known.broken:
                strangers.setdefault(_home(key, documents), []).append(key)
        elif chunk_of(key, records) is None:
            strangers.setdefault(_home(key, documents), []).append(key)
    whole = (set(keys) - {*known.broken}) | {*lost.files}
    for inside in unfinished.values():
        yield _unfinished(held, inside, whole, idle)
    for path, found in strangers.items():
        others = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield Step(Repair(path, "tell", f"{found[0]!r}{others}: in no document; left alone"))


def _unfinished(held: HeldDocuments, keys: Sequence[str], whole: set[str], idle: float) -> Step:
    """Remove an unfinished file or folder, if all that it was made for is there, and has been for long enough."""
    name, own, _ = parts(keys[0])
    path = "/" + name.rpartition("/")[0]
    made_for = [name + parts(key)[2] for key in keys]
    ages = [age for key in keys if (age := seconds_idle(held.location, key)) is not None]
    if len(ages) < len(keys):
        reason = f"{own!r} is unfinished, but nobody knows for how long"
    elif not whole.issuperset(made_for) or not all(is_file(held.location, key) for key in made_for):
        reason = f"{own!r} may hold what is nowhere else"
    elif any(through_link(held.location, key) for key in keys):
        reason = f"{own!r} is a link"
    elif min(ages) < idle:
        reason = f"{own!r} changed {min(ages):.0f} s ago and may belong to a writer at work (--idle)"
    else:
        return Step(Repair(path, "remove", f"{own!r} is unfinished"), lambda: held.medium.remove_files(keys))
    return Step(Repair(path, "tell", f"{reason}; it is left alone"))


def _home(key: str, documents: Mapping[str, Document]) -> str:
    """Return the first folder on the way to a key that no document names, or the array below which it lies."""
    path = ""
    for name in key.split("/")[:-1]:
        path = f"{path}/{name}"
        if path not in documents or documents[path].get("node_type") == "array":
            return path
    return path or ROOT


def _records(held: HeldDocuments, documents: Mapping[str, Document]) -> dict[str, Any]:
    found = {}
    for path, document in documents.items():
        if document.get("node_type") == "array":
            try:
                found[path] = held.format.decode_array(document, held.address, path, held.itself)[1]
            except HDMFStoreError:
                continue  # it has been told already, and nothing below it is touched
    return found


def beside(location: Location, idle: float) -> Iterator[Step]:
    """Yield what to do with what writers left beside a hierarchy; see `steps`."""
    for leftover in leftovers_beside(location):
        if leftover.is_whole:
            what = "holds a whole file, an old state or a new one; look at it, and delete it yourself"
            yield Step(Repair(ROOT, "tell", f"{leftover.path} {what}"))
        elif leftover.idle < idle:
            what = f"changed {leftover.idle:.0f} s ago and may belong to a writer at work; --idle says how long to wait"
            yield Step(Repair(ROOT, "tell", f"{leftover.path} {what}"))
        else:
            path = leftover.path
            yield Step(Repair(ROOT, "remove", f"{path} is unfinished"), lambda path=path: removed(path))  # type: ignore[misc]
