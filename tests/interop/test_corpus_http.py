"""Stores of other programs are read by URL from a plain HTTP server as they are read from a disk."""

from __future__ import annotations

import pytest

from hdmf_store import UnlistableError, ZarrIO
from tests.conftest import Website

from . import corpus, manifest
from .corpus import Case, Kind
from .test_corpus_format2 import expressible, inexpressible

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3:UserWarning"),
    pytest.mark.filterwarnings("ignore:left out a link"),
]


def names_its_objects(case: Case) -> bool:
    """Tell whether a store holds consolidated metadata."""
    if case.kind is Kind.FORMAT_2:
        return case.holds(".zmetadata")
    return b'"consolidated_metadata"' in case.content("zarr.json")


def names_its_specifications(case: Case) -> bool:
    """Tell whether the consolidated metadata of a store is as new as the specifications that it caches."""
    where = b'".specloc"'
    return case.kind is Kind.FORMAT_3 or where not in case.content(".zattrs") or where in case.content(".zmetadata")


BOTH = (Kind.FORMAT_3, Kind.FORMAT_2)
COMPLETE = [
    p
    for kind in BOTH
    for p in corpus.parameters(kind, lambda case: names_its_objects(case) and names_its_specifications(case))
]
OUTDATED = corpus.parameters(Kind.FORMAT_2, lambda case: names_its_objects(case) and not names_its_specifications(case))
SILENT = [p for kind in BOTH for p in corpus.parameters(kind, lambda case: not names_its_objects(case))]


def url_of(case: Case, http: Website) -> str:
    """Serve a store and what lies beside it."""
    return f"{http.url}/{case.unpack(http.folder).relative_to(http.folder).as_posix()}"


def found_at(url: str) -> manifest.Objects:
    with ZarrIO(url, "r") as io:
        return manifest.objects_of(io.read_builder())


@pytest.mark.parametrize("case", COMPLETE)
def test_stores_read_as_recorded(case: Case, http: Website) -> None:
    """Every object, value, attribute, link and reference that the writer stored is in the builders."""
    found = found_at(url_of(case, http))

    manifest.must_agree(expressible(case), {path: found[path] for path in found.keys() - inexpressible(case)})


@pytest.mark.parametrize("case", OUTDATED)
def test_of_outdated_documents_the_objects_are_read(case: Case, http: Website) -> None:
    """With a warning that says what is missing; links may lead where they led when the documents were copied."""
    with pytest.warns(UserWarning, match=r"consolidate_metadata\(path\)"):
        found = found_at(url_of(case, http))

    expected = {path: entry for path, entry in case.objects().items() if entry["type"] != "link"}
    assert expected
    manifest.must_agree(expected, {path: found[path] for path in found.keys() & expected.keys()})


@pytest.mark.parametrize("case", SILENT)
def test_a_store_that_nothing_lists_is_an_error_that_names_the_remedy(case: Case, http: Website) -> None:
    """Never an empty file."""
    url = url_of(case, http)

    with pytest.raises(UnlistableError, match=r"consolidate_metadata\(path\)") as raised:
        found_at(url)

    assert raised.value.location == url
