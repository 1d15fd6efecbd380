"""Which files a link or reference makes us open: those within reach, and further ones when the caller says so."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hdmf_store import DanglingTargetWarning, RefusedTargetError, StoreIO, ZarrIO, open_adapter
from hdmf_store.cli import main
from hdmf_store.nodes import ROOT, Group, Link, Target
from hdmf_store.translate.convert import convert
from tests.adapters.references import entries_of
from tests.facade.linked_files import numbers, refers, store
from tests.servers import http_server
from tests.translate.builder_files import values


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Serve a folder of the test's own by name, each by a server of its own."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(http_server(tmp_path / name))


def leading(place: Path, source: str) -> Path:
    """Store a file with a link and a reference to ``/x`` of another one, and something of its own."""
    nodes = {ROOT: Group(), "/own": numbers(7), "/l": Link(Target("/x", source)), "/r": refers([Target("/x", source)])}
    return store(place, nodes)


def far(place: Path) -> Path:
    """Store the file that is led to."""
    return store(place, {ROOT: Group(), "/x": numbers(1, 2)})


def refusal(place: Any, **options: Any) -> str:
    """Return why neither link nor reference of a file is followed, while the rest of it is read."""
    with StoreIO(place, "r", **options) as io:
        with pytest.warns(DanglingTargetWarning):
            found = io.read_builder()
        assert values(found["own"]).tolist() == [7]
        assert "l" not in found.links
        with pytest.raises(RefusedTargetError) as caught:
            found["r"].data[0]
    return str(caught.value)


def follow(place: Any, **options: Any) -> None:
    """Assert that link and reference of a file are followed."""
    with StoreIO(place, "r", **options) as io:
        found = io.read_builder()
        assert values(found.links["l"].builder).tolist() == [1, 2]
        assert values(found["r"].data[0]).tolist() == [1, 2]


@pytest.mark.parametrize("spelling", ["{}", "file://{}", "local://{}", "../../../../../../../../../..{}"])
def test_a_file_on_a_server_does_not_lead_to_files_of_this_machine(
    tmp_path: Path, served: Callable[[str], str], spelling: str
) -> None:
    """Not even with the word of the caller, however it names them."""
    secret = far(tmp_path / "secret" / "b.zarr")
    leading(tmp_path / "www" / "a.zarr", spelling.format(secret))
    url = served("www")

    for word in ((), tmp_path, "/"):
        with StoreIO(f"{url}/a.zarr", "r", may_read=word) as io:
            with pytest.warns(DanglingTargetWarning):
                found = io.read_builder()
            assert values(found["own"]).tolist() == [7]
            assert "l" not in found.links


def test_a_file_on_a_server_leads_to_its_own_server(tmp_path: Path, served: Callable[[str], str]) -> None:
    """By relative names and by its whole address (NEEDS 3)."""
    far(tmp_path / "www" / "raw" / "b.zarr")
    url = served("www")
    leading(tmp_path / "www" / "a.zarr", "../raw/b.zarr")
    leading(tmp_path / "www" / "c.zarr", f"{url}/raw/b.zarr")

    follow(f"{url}/a.zarr")
    follow(f"{url}/c.zarr")


def test_a_file_on_a_server_leads_to_another_one_by_the_word_of_the_caller(
    tmp_path: Path, served: Callable[[str], str]
) -> None:
    """Without it, the other server is not even asked; the error says what to pass."""
    far(tmp_path / "other" / "b.zarr")
    other = served("other")
    leading(tmp_path / "www" / "a.zarr", f"{other}/b.zarr")
    url = served("www")

    assert f"may_read=['{other}']" in refusal(f"{url}/a.zarr")
    refusal(f"{url}/a.zarr", may_read=[other + "/elsewhere"])
    follow(f"{url}/a.zarr", may_read=[other])
    follow(f"{url}/a.zarr", may_read=f"{other}/b.zarr")


def test_a_file_of_this_machine_leads_to_a_server_without_a_proven_name_by_the_word_of_the_caller(
    tmp_path: Path, served: Callable[[str], str]
) -> None:
    """Plain HTTP could be any program of this machine or its network."""
    far(tmp_path / "other" / "b.zarr")
    other = served("other")
    place = leading(tmp_path / "a.zarr", f"{other}/b.zarr")

    assert f"may_read=['{other}']" in refusal(place)
    follow(place, may_read=other)


def test_a_file_of_this_machine_leads_to_its_neighbours_and_other_folders(tmp_path: Path) -> None:
    """As files of HDF5 and of hdmf-zarr always did."""
    far(tmp_path / "one" / "b.zarr")
    far(tmp_path / "two" / "b.zarr")

    follow(leading(tmp_path / "one" / "a.zarr", "../b.zarr"))
    follow(leading(tmp_path / "one" / "c.zarr", "../../two/b.zarr"))
    follow(leading(tmp_path / "one" / "d.zarr", str(tmp_path / "two" / "b.zarr")))


def test_what_a_neighbour_leads_to_is_judged_from_where_that_lies(tmp_path: Path, served: Callable[[str], str]) -> None:
    """A link to a server does not become a way back to this machine."""
    far(tmp_path / "secret" / "b.zarr")
    store(tmp_path / "www" / "middle.zarr", {ROOT: Group(), "/x": Link(Target("/x", str(tmp_path / "secret/b.zarr")))})
    url = served("www")
    place = leading(tmp_path / "a.zarr", f"{url}/middle.zarr")

    assert "no file from elsewhere" in refusal(place, may_read=[url])


def test_a_file_in_an_archive_leads_to_the_neighbours_of_the_archive(tmp_path: Path) -> None:
    """And members whose names climb out of it are read from nowhere."""
    far(tmp_path / "b.zarr")
    place = tmp_path / "a.zarr.zip"
    convert(open_adapter(leading(tmp_path / "a.zarr", "../b.zarr")), open_adapter(place, "w"))
    follow(place)

    (tmp_path / "outside").write_bytes(b"secret")
    with zipfile.ZipFile(place, "a") as archive:
        archive.writestr("../outside", b"from the archive")
    follow(place)
    assert (tmp_path / "outside").read_bytes() == b"secret"


def test_a_reference_file_system_leads_as_far_as_other_files(tmp_path: Path, served: Callable[[str], str]) -> None:
    """One word lets both be read: the pieces that it is made of, and what its links lead to."""
    far(tmp_path / "other" / "b.zarr")
    other = served("other")
    stored = leading(tmp_path / "other" / "a.zarr", f"{other}/b.zarr")
    place = tmp_path / "refs" / "a.json"
    place.parent.mkdir()
    entries = entries_of(stored, f"{tmp_path}/other/")
    place.write_text(json.dumps({"version": 1, "refs": entries}))
    assert any(isinstance(entry, list) for entry in entries.values())

    follow(place, may_read=[other, tmp_path / "other"])


@pytest.mark.parametrize("suffix", [".zarr", ".h5"])
def test_a_copy_is_made_of_what_the_caller_lets_be_read(
    tmp_path: Path, served: Callable[[str], str], suffix: str
) -> None:
    """By export, by conversion, and on the command line."""
    far(tmp_path / "other" / "b.zarr")
    other = served("other")
    place = leading(tmp_path / "a.zarr", f"{other}/b.zarr")

    with StoreIO(place, "r", may_read=other) as src, StoreIO(tmp_path / f"out{suffix}", "w") as io:
        io.export(src, write_args={"link_data": False})
    source, made = open_adapter(place), open_adapter(tmp_path / f"converted{suffix}", "w")
    with pytest.raises(RefusedTargetError):
        convert(source, made, links=False)
    convert(source, made, links=False, may_read=other)
    source.close()
    made.close()
    for command in ("convert", "copy"):
        arguments = [command, str(place), str(tmp_path / f"{command}{suffix}"), "--copy-links", "--quiet"]
        assert CliRunner().invoke(main, arguments).exit_code != 0
        assert CliRunner().invoke(main, [*arguments, "--may-read", other]).exit_code == 0
    for name in ("out", "converted", "convert", "copy"):
        with StoreIO(tmp_path / f"{name}{suffix}", "r") as io:
            assert values(io.read_builder()["l"]).tolist() == [1, 2]


def test_verify_names_what_it_may_not_read(tmp_path: Path, served: Callable[[str], str]) -> None:
    """As a problem of the file, until the caller says that it may."""
    far(tmp_path / "other" / "b.zarr")
    other = served("other")
    place = leading(tmp_path / "a.zarr", f"{other}/b.zarr")

    refused = CliRunner().invoke(main, ["verify", str(place)])
    assert refused.exit_code == 1 and "/l" in refused.output and "may_read" in refused.output
    assert CliRunner().invoke(main, ["verify", str(place), "--may-read", other]).exit_code == 0


def test_every_facade_takes_the_word(tmp_path: Path, served: Callable[[str], str]) -> None:
    """`ZarrIO` as `StoreIO`."""
    far(tmp_path / "other" / "b.zarr")
    other = served("other")
    place = leading(tmp_path / "a.zarr", f"{other}/b.zarr")

    with ZarrIO(place, "r", may_read=other) as io:
        assert values(io.read_builder().links["l"].builder).tolist() == [1, 2]
