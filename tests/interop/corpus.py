"""Files that other software wrote, each with a manifest of what it holds: where they are and how to take one.

The corpus lies outside the project. ``HDMF_STORE_CORPUS`` names its folder; otherwise it is looked for in
``../shared/corpus`` beside the checkout. Which files there are is read from the manifests: none is named here.
"""

from __future__ import annotations

import functools
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

_ENDING = ".manifest.json"
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHECKOUT = Path(__file__).resolve().parents[2]


class Kind(Enum):
    """What a file of the corpus is, told by what lies in it."""

    HDF5 = "HDF5 file"
    FORMAT_3 = "Zarr format 3 store"
    FORMAT_2 = "Zarr format 2 store"
    REFERENCES = "reference file system"


@dataclass(frozen=True)
class Case:
    """One file or store of the corpus.

    Attributes
    ----------
    id : str
        Where its manifest lies in the corpus, without the ending.
    manifest : Path
        Says what it holds.
    archive : Path
        The zip it is packed in, maybe beside others that it links to.
    inside : PurePosixPath
        Where it lies in the archive.
    kind : Kind
        What it is.
    """

    id: str
    manifest: Path
    archive: Path
    inside: PurePosixPath
    kind: Kind

    def unpack(self, folder: Path) -> Path:
        """Unpack the whole archive into an empty folder and return where the file or store is then."""
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(self.archive) as packed:
            packed.extractall(folder)
        return folder / self.inside

    def holds(self, name: str) -> bool:
        """Tell whether a store has a file of that name at its top."""
        with zipfile.ZipFile(self.archive) as packed:
            return f"{self.inside}/{name}" in packed.namelist()

    def content(self, name: str) -> bytes:
        """Return the file of that name at the top of a store."""
        with zipfile.ZipFile(self.archive) as packed:
            return packed.read(f"{self.inside}/{name}")

    def recorded(self) -> dict[str, Any]:
        """Return the manifest: `objects`, `cached_specs` and where both come from."""
        return json.loads(self.manifest.read_text(encoding="utf-8"))

    def objects(self) -> dict[str, dict[str, Any]]:
        """Return what the file holds: the entry of each object by its path."""
        return self.recorded()["objects"]

    def cached_specs(self) -> dict[str, Any]:
        """Return the digests of the cached specifications; empty where there are none or none are recorded."""
        return self.recorded()["cached_specs"]

    def is_nwb(self) -> bool:
        """Tell whether the file holds an NWB session."""
        return self.objects()["/"].get("data_type") == "NWBFile"

    def beside(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what the other files of the archive hold, by their base names."""
        others = [case for case in cases() if case.archive == self.archive and case != self]
        return {case.inside.name: case.objects() for case in others}


def folder() -> Path:
    """Return where the corpus is, or would be."""
    named = os.environ.get("HDMF_STORE_CORPUS")
    return Path(named) if named else _CHECKOUT.parent / "shared" / "corpus"


def is_required() -> bool:
    """Tell whether a run without corpus is to fail, as ``HDMF_STORE_REQUIRE_CORPUS=1`` asks."""
    return os.environ.get("HDMF_STORE_REQUIRE_CORPUS") == "1"


def cases(kind: Kind | None = None) -> list[Case]:
    """List what lies in the corpus, in order of the names.

    Parameters
    ----------
    kind : Kind, optional
        Only what is of this kind.

    Returns
    -------
    list of Case
        Empty where there is no corpus.

    Raises
    ------
    LookupError
        If a manifest has no file.
    """
    return [case for case in _cases_in(folder()) if kind in (None, case.kind)]


def parameters(kind: Kind, where: Callable[[Case], Any] = lambda case: True) -> list[Any]:
    """List the cases of one kind as parameters of a test; a single one that is skipped where there are none.

    Parameters
    ----------
    kind : Kind
        What the test can read.
    where : callable, optional
        Tells of a case whether the test can take it; all by default.

    Returns
    -------
    list
        Of ``pytest.param``, each with the name of its case.
    """
    found = [case for case in cases(kind) if where(case)]
    if not found:
        reason = f"no {kind.value} in {folder()}; HDMF_STORE_CORPUS names another folder"
        return [pytest.param(None, id="no-corpus", marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(case, id=case.id) for case in found]


@functools.cache
def _cases_in(place: Path) -> tuple[Case, ...]:
    return tuple(_case(place, manifest) for manifest in sorted(place.rglob(f"*{_ENDING}")))


def _case(place: Path, manifest: Path) -> Case:
    name = manifest.name.removesuffix(_ENDING)
    file = json.loads(manifest.read_text(encoding="utf-8"))["file"]
    archives = [zipped for zipped in manifest.parent.glob("*.zip") if f"{name}.".startswith(f"{zipped.stem}.")]
    for archive in sorted(archives, key=lambda zipped: len(zipped.stem), reverse=True):
        with zipfile.ZipFile(archive) as packed:
            inside = _where(packed, file)
            if inside is not None:
                relative = manifest.parent.relative_to(place) / name
                return Case(relative.as_posix(), manifest, archive, inside, _kind(packed, inside))
    raise LookupError(f"{manifest}: no zip beside it holds {file!r}; looked in {[zipped.name for zipped in archives]}")


def _where(packed: zipfile.ZipFile, file: str) -> PurePosixPath | None:
    """Find a file or folder at the top of an archive or one folder down."""
    for member in packed.namelist():
        parts = PurePosixPath(member).parts
        for depth in (1, 2):
            if len(parts) >= depth and parts[depth - 1] == file:
                return PurePosixPath(*parts[:depth])
    return None


def _kind(packed: zipfile.ZipFile, inside: PurePosixPath) -> Kind:
    members = set(packed.namelist())
    if f"{inside}/zarr.json" in members:
        return Kind.FORMAT_3
    if f"{inside}/.zgroup" in members:
        return Kind.FORMAT_2
    with packed.open(str(inside)) as content:
        return Kind.HDF5 if content.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE else Kind.REFERENCES
