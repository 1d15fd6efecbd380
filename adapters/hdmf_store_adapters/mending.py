"""How a Zarr hierarchy is mended: what would be done is found out first, and then done step by step.

Nothing that anybody could want is destroyed. A document that is lost or broken comes back from the consolidated copy,
the copy is made anew from the documents, and only what no reader has ever seen is removed: unfinished files that our
writers mark by their names, and chunks of arrays that have no document. What else is wrong is told and left alone.
Each step leaves a hierarchy that can be read, and what a step would do is no step any more once it is done: a repair
that was killed is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import UnsupportedOperation
from typing import Any

import attrs

from hdmf_store.adapter import Repair
from hdmf_store.errors import HDMFStoreError
from hdmf_store.nodes import ROOT, parent
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.leftovers import is_temporary, leftovers_beside, removed
from hdmf_store_adapters.local_files import TEMPORARY
from hdmf_store_adapters.replacing import looks_like_chunk
from hdmf_store_adapters.sound_storage import Copies, chunk_of, copies, is_document
from hdmf_store_adapters.zarr_format import Document

__all__ = ["Step", "steps"]


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
        Seconds for which a leftover beside the file must not have changed; what did may belong to a writer at work.
    """
    known = copies(held)
    lost = _lost(known)
    for path, document in lost.items():
        what = "its document comes back from the consolidated metadata"
        yield Step(Repair(path, "restore", what), _put(held, path, document))
    for finding in known.findings:
        if finding.kind == "document" and finding.path not in lost:
            yield Step(Repair(finding.path, "tell", finding.message))
    if _is_stale(known, lost):
        what = "the consolidated metadata is made anew from the documents of all objects"
        yield Step(Repair(ROOT, "consolidate", what), lambda: _consolidate(held))
    documents = {**(known.together or {}), **(known.own or {})}
    yield from _inside(held, documents)
    yield from _beside(held, idle)


def _lost(known: Copies) -> dict[str, Document]:
    """Return the documents that only the consolidated copy still has as a whole."""
    if known.own is None or known.together is None:
        return {}
    return {
        path: document
        for path, document in sorted(known.together.items())
        if path not in known.own or path in known.broken
    }


def _is_stale(known: Copies, lost: dict[str, Document]) -> bool:
    """Return whether the copy lacks something; not while a document cannot be read, which would fall out of it."""
    is_readable = not known.broken - set(lost) and ROOT in {*(known.own or ()), *lost}
    return is_readable and bool(set(known.differing) - set(lost))


def _put(held: HeldDocuments, path: str, document: Document) -> Callable[[], None]:
    return lambda: held.medium.write_many(held.format.files(path, document))


def _consolidate(held: HeldDocuments) -> None:
    held.reread_all()
    held.store_root(True)


# --------------------------------------------------------------------------------------------------------- leftovers


def _inside(held: HeldDocuments, documents: dict[str, Document]) -> Iterator[Step]:
    """Yield what to do with keys that are neither a document nor a chunk of an array that has one."""
    records = _records(held, documents)
    try:
        keys = list(held.medium.list_keys())
    except UnsupportedOperation as problem:
        yield Step(Repair(ROOT, "tell", f"what lies there cannot be listed ({problem}), so nothing is removed"))
        return
    arrays = {path for path, document in documents.items() if document.get("node_type") == "array"}
    there = set(keys)
    for key in keys:
        path = "/" + key.rpartition("/")[0]
        if is_temporary(key):
            yield _unfinished(held, key, there, documents)
        elif is_document(key):
            if path not in documents:
                yield _told(path, key, "is a document in no group")
        elif chunk_of(key, records) is not None:
            continue
        elif _below(arrays, path):
            yield _told(path, key, "is no chunk that the document of its array names")
        elif held.format.SHARDS and looks_like_chunk(key, documents):  # in format 2 keys of chunks are mere numbers
            yield Step(Repair(path, "remove", f"{key!r} is a chunk of no array"), _drop(held, key))
        else:
            yield _told(path, key, "belongs to no object")


def _told(path: str, key: str, what: str) -> Step:
    return Step(Repair(path, "tell", f"{key!r} {what}; it is left alone"))


def _unfinished(held: HeldDocuments, key: str, there: set[str], documents: dict[str, Document]) -> Step:
    """Remove an unfinished file; but not one in a folder that was moved aside and never replaced."""
    name = key[: key.index(TEMPORARY)]
    path = "/" + name.rpartition("/")[0]
    in_folder = "/" in key[len(name) :]
    if in_folder and f"/{name}" not in documents and not any(other.startswith(name + "/") for other in there):
        return _told("/" + name, key, "may be all that is left of this object")
    return Step(Repair(path, "remove", f"{key!r} is unfinished"), _drop(held, key))


def _drop(held: HeldDocuments, key: str) -> Callable[[], None]:
    return lambda: held.medium.remove_files([key])


def _below(paths: set[str], path: str) -> bool:
    while path != ROOT:
        if path in paths:
            return True
        path = parent(path)
    return ROOT in paths


def _records(held: HeldDocuments, documents: dict[str, Document]) -> dict[str, Any]:
    found = {}
    for path, document in documents.items():
        if document.get("node_type") == "array":
            try:
                found[path] = held.format.decode_array(document, held.address, path, held.itself)[1]
            except HDMFStoreError:
                continue  # it has been told already, and nothing below it is touched
    return found


def _beside(held: HeldDocuments, idle: float) -> Iterator[Step]:
    for leftover in leftovers_beside(held.location):
        if leftover.is_whole:
            what = "holds a whole file, an old state or a new one; look at it, and delete it yourself"
            yield Step(Repair(ROOT, "tell", f"{leftover.path} {what}"))
        elif leftover.idle < idle:
            what = f"changed {leftover.idle:.0f} s ago and may belong to a writer at work; --idle says how long to wait"
            yield Step(Repair(ROOT, "tell", f"{leftover.path} {what}"))
        else:
            path = leftover.path
            yield Step(Repair(ROOT, "remove", f"{path} is unfinished"), lambda path=path: removed(path))  # type: ignore[misc]
