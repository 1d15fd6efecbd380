"""Which files of documents only the consolidated copy still has, and what may become of that copy.

A file that can be read is never put back, whatever the copy says: it may be newer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import attrs

from hdmf_store.nodes import ROOT, parent
from hdmf_store_adapters.careful_reading import read_each
from hdmf_store_adapters.document_copies import Copies, differences, gathered, keys_of, why_unsound
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.leftovers import is_temporary, through_link
from hdmf_store_adapters.zarr_format import Document

__all__ = ["Lost", "is_cut_short", "lost_documents"]


@attrs.frozen(eq=False)
class Lost:
    """What became of the documents that the copy names.

    Parameters
    ----------
    restored : dict of str to dict
        By path, the files to be put back by key: the bytes that are there now, if any, and those to take their place.
    told : dict of str to str
        By path, why something is not put back that the copy has and the files do not.
    files : dict of str to bytes
        All files of documents as they will be, by key.
    """

    restored: dict[str, dict[str, tuple[bytes | None, bytes]]]
    told: dict[str, str]
    files: dict[str, bytes]

    def stale(self, held: HeldDocuments, known: Copies) -> list[str]:
        """Return where the copy will still differ from the documents."""
        return [] if known.together is None else differences(gathered(held, self.files), known.together)

    def can_be_consolidated(self, held: HeldDocuments, known: Copies) -> bool:
        """Return whether a copy that is made anew names all that is there, and all that the old copy names."""
        if not known.is_listed or known.refused or self.told or set(known.broken) - set(self.files):
            return False
        own = gathered(held, self.files)
        return ROOT in own and all(_is_found(path, own) for path in known.together or ())


def lost_documents(held: HeldDocuments, known: Copies) -> Lost:
    """Return what can be put back from the consolidated copy, and what cannot."""
    lost = Lost({}, {}, dict(known.files))
    if known.own is None or known.together is None:
        return lost
    for path, document in sorted(known.together.items()):
        if is_temporary(path):
            lost.told[path] = "was moved aside and never replaced"
        elif path != ROOT and path not in known.own and through_link(held.location, path[1:]):
            lost.told[path] = "lies behind a link of the file system, where objects are not looked for"
        else:
            _look(held, known, lost, path, document)
    return lost


def _look(held: HeldDocuments, known: Copies, lost: Lost, path: str, document: Document) -> None:
    """Find out which files of one document are lost."""
    there = _there(held, known, path)
    sound = {key: data for key, data in there.items() if isinstance(data, bytes) and not why_unsound(key, data)}
    lost.files.update(sound)
    own = gathered(held, sound).get(path)
    if own is not None and own["node_type"] != document["node_type"]:
        return  # something else has taken its place since
    wanted = dict(held.format.files(path, document))
    lacking = {key: data for key, data in wanted.items() if key not in sound}
    if own is not None and not document["attributes"]:
        lacking = {key: data for key, data in lacking.items() if key in there}  # none is how some say that
    reason = _obstacle(held, there, wanted, lacking)
    if not reason and own is not None and lacking and not there.keys() & lacking.keys() and _differ(own, document):
        reason = "is another one than the copy names, which has attributes that this one has not"
    if reason:
        lost.told[path] = reason
    elif lacking:
        lost.restored[path] = {key: (there.get(key), data) for key, data in lacking.items()}  # type: ignore[misc]
        lost.files.update(lacking)


def _there(held: HeldDocuments, known: Copies, path: str) -> dict[str, bytes | Exception | None]:
    """Return the files of a document that are there now; None for those that could not be read."""
    keys = keys_of(held, path)
    if path in (known.own or {}):
        seen: Mapping[str, bytes | Exception | None] = {**known.files, **known.broken}
        return {key: seen[key] for key in keys if key in seen}
    found = zip(keys, read_each(held.medium, keys), strict=True)
    return {key: data for key, data in found if data is not None}


def _obstacle(
    held: HeldDocuments,
    there: Mapping[str, bytes | Exception | None],
    wanted: Mapping[str, bytes],
    lacking: Mapping[str, bytes],
) -> str:
    """Return why files cannot be put back; nothing if they can."""
    for key, data in there.items():
        if not isinstance(data, bytes):
            return f"has the file {key!r}, which cannot be read"
        if key not in wanted and why_unsound(key, data):
            return f"has the file {key!r}, which is broken, and which the copy does not have"
    linked = [key for key in lacking if through_link(held.location, key)]
    return f"has the link {linked[0]!r} in the place of a file, which is not overwritten" if linked else ""


def _differ(own: Document, document: Document) -> bool:
    return {**own, "attributes": None} != {**document, "attributes": None}


def _is_found(path: str, own: Mapping[str, Document]) -> bool:
    """Return whether a crawl comes to a path: each group on the way has a document."""
    if path not in own:
        return False
    while path != ROOT:
        path = parent(path)
        if own.get(path, {}).get("node_type") != "group":
            return False
    return True


def is_cut_short(held: HeldDocuments, known: Copies) -> bool:
    """Return whether the copy is a file of its own that is no JSON, and every document whose name is in it is there."""
    data = None if held.format.COPY is None or known.together is not None else held.medium.read(held.format.COPY)
    if data is None or _is_json(data):
        return False
    names = "|".join(map(re.escape, held.format.DOCUMENTS))
    named = re.findall(rf'"((?:[^"\\\n]|\\.)*?(?:{names}))"', data.decode("utf-8", "replace"))
    return all(json.loads(f'"{name}"', strict=False) in known.files for name in named)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
