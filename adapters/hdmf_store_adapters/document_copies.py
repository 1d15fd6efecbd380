"""The documents of a hierarchy as they are stored one by one, beside their consolidated copy."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from io import UnsupportedOperation
from typing import Any

import attrs

from hdmf_store.adapter import Finding
from hdmf_store.errors import FormatError
from hdmf_store.nodes import ROOT
from hdmf_store_adapters.careful_reading import NOT_READ, read_each
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.leftovers import is_temporary
from hdmf_store_adapters.well_formed import well_formed
from hdmf_store_adapters.zarr_format import FORMATS, Document
from hdmf_store_adapters.zarr_places import check_path

__all__ = ["Copies", "copies", "differences", "gathered", "is_document", "keys_of", "why_unsound"]


@attrs.frozen(eq=False)
class Copies:
    """Both copies of all documents.

    Parameters
    ----------
    own : dict of str to dict, optional
        By path, those that could be read; None where there is no telling which there are.
    together : dict of str to dict, optional
        None where nothing is consolidated, or that cannot be read.
    findings : list of Finding
        What is wrong with them.
    files : dict of str to bytes
        The files of `own`, by key.
    broken : dict of str to bytes or None
        The files that are no documents, by key; None for those that could not be read.
    refused : set of str
        Paths in either that no object can have.
    is_listed : bool
        Whether all documents were looked for, not only those that the copy names.
    """

    own: dict[str, Document] | None
    together: dict[str, Document] | None
    findings: list[Finding]
    files: dict[str, bytes]
    broken: dict[str, bytes | None]
    refused: set[str]
    is_listed: bool


def copies(held: HeldDocuments) -> Copies:
    """Return both copies of all documents, with what is wrong with each."""
    findings: list[Finding] = []
    refused: set[str] = set()
    together = _together(held, findings)
    if together is not None:
        together = _possible(held, together, findings, refused)
    stored, is_listed = _stored(held, together, findings)
    if stored is None:
        return Copies(None, together, findings, {}, {}, refused, is_listed)
    files: dict[str, bytes] = {}
    broken: dict[str, bytes | None] = {}
    for key, data in stored.items():
        why = str(data) if isinstance(data, Exception) else why_unsound(key, data)
        if why:
            findings.append(Finding(_path_of(key), "document", f"{key} cannot be read ({why})"))
            broken[key] = None if isinstance(data, Exception) else data
        elif not isinstance(data, Exception):
            files[key] = data
            findings.extend(_said_twice(key, data))
    own = _possible(held, gathered(held, files), findings, refused)
    findings.extend(_differing(held, own, together))
    return Copies(own, together, findings, files, broken, refused, is_listed)


def _together(held: HeldDocuments, findings: list[Finding]) -> dict[str, Document] | None:
    try:
        return held.format.consolidated(held.medium.read, held.address)
    except NOT_READ as problem:
        findings.append(Finding(ROOT, "consolidated", str(problem)))
        return None


def _stored(
    held: HeldDocuments, together: Mapping[str, Document] | None, findings: list[Finding]
) -> tuple[Mapping[str, bytes | Exception] | None, bool]:
    """Return the files of documents by key, and whether these are all."""
    try:
        return held.document_files(), True
    except UnsupportedOperation as problem:
        what = f"objects cannot be listed there ({problem}), so that only their consolidated copy was checked"
        findings.append(Finding(ROOT, "document", what, "warning"))
        return None, False
    except NOT_READ as problem:
        what = f"not all documents can be looked for ({problem}), only those that the consolidated copy names"
        findings.append(Finding(ROOT, "document", what))
        keys = [key for path in together or () for key in keys_of(held, path)]
        found = zip(keys, read_each(held.medium, keys), strict=True)
        return {key: data for key, data in found if data is not None}, False


def _possible(
    held: HeldDocuments, documents: dict[str, Document], findings: list[Finding], refused: set[str]
) -> dict[str, Document]:
    """Leave out what has a path that no object can have, and that would lead out of the hierarchy."""
    kept = {}
    for path, document in documents.items():
        try:
            check_path(path, held.address)
        except FormatError as problem:
            if path not in refused:
                findings.append(Finding(path, "document", str(problem)))
            refused.add(path)
        else:
            kept[path] = document
    return kept


def keys_of(held: HeldDocuments, path: str) -> list[str]:
    """Return the keys at which files of a node's document can be."""
    folder = "" if path == ROOT else f"{path[1:]}/"
    return [folder + name for name in held.format.DOCUMENTS]


def gathered(held: HeldDocuments, files: Mapping[str, bytes]) -> dict[str, Document]:
    """Return the documents, by path, that sound files make; each for itself, so that none depends on the root's."""
    by_path: dict[str, dict[str, bytes]] = {}
    for key, data in files.items():
        by_path.setdefault(_path_of(key), {})[key.rpartition("/")[2]] = data
    found = {}
    for path, named in by_path.items():
        try:
            found[path] = held.format.gathered(named, held.address)[ROOT]
        except FormatError:  # attributes of format 2, of which nothing says what they belong to
            continue
    return found


def why_unsound(key: str, data: bytes) -> str:
    """Return why a file is no document; nothing if it is one."""
    try:
        parsed = well_formed(json.loads(data), "", _path_of(key))
        if key.endswith("zarr.json") and parsed.get("zarr_format") != 3:
            return "it is not that of a Zarr v3 node"
        if key.endswith("zarr.json") and parsed.get("node_type") not in ("group", "array"):
            return f"its node_type is {parsed.get('node_type')!r:.80}"
    except FormatError as problem:
        return problem.reason
    except (ValueError, RecursionError) as problem:
        return str(problem)
    return ""


def _said_twice(key: str, data: bytes) -> Iterable[Finding]:
    """Yield a finding for a document that has a name twice, of which readers would take either."""
    twice: set[str] = set()

    def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.update(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    json.loads(data, object_pairs_hook=noted)
    if twice:
        yield Finding(_path_of(key), "document", f"{key} says more than once: {', '.join(sorted(twice))}")


def is_document(key: str) -> bool:
    """Return whether a key is that of a document of some format, and not of a chunk."""
    name = key.rpartition("/")[2]
    return any(name in (*known.DOCUMENTS, known.COPY) for known in FORMATS.values())


def _path_of(key: str) -> str:
    return "/" + key.rpartition("/")[0]


# ------------------------------------------------------------------------------------------------------- differences


def differences(own: Mapping[str, Document], together: Mapping[str, Document]) -> list[str]:
    """Return the paths at which two copies are not the same; what was moved aside is no object."""
    both = dict.fromkeys([*own, *together])
    return [path for path in both if not is_temporary(path) and _text(own.get(path)) != _text(together.get(path))]


def _differing(
    held: HeldDocuments, own: Mapping[str, Document], together: Mapping[str, Document] | None
) -> Iterable[Finding]:
    """Yield where the copies differ: errors, unless readers know this copy for one that was made too early."""
    if together is None:
        return
    severity = "error" if _is_current(held, together) else "warning"
    for path in differences(own, together):
        if path not in own:
            what = "its document is in the consolidated metadata only"
        elif path not in together:
            what = "its document is not in the consolidated metadata"
        else:
            what = "its document is another one than in the consolidated metadata"
        yield Finding(path, "consolidated", f"{what}: hdmf-store repair --dry-run says what can be done", severity)


def _is_current(held: HeldDocuments, together: Mapping[str, Document]) -> bool:
    try:
        return ROOT not in together or held.format.is_current(together, held.medium.read, held.address)
    except NOT_READ:
        return True


def _text(document: Document | None) -> str:
    """Return a document as text, without what only some writers put into it and what says nothing."""
    silent = ("storage_transformers", "configuration")
    bare = document and {name: value for name, value in document.items() if value or name not in silent}
    return json.dumps(bare, sort_keys=True)
