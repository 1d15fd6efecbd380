"""What one file may make us read: decided by who opens it, never by who wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmf_store.adapter import Location, Reach, prefixes
from hdmf_store.errors import ArgumentError, LocationError

HERE, SERVED = "/data/lab/a.zarr", "https://lab.org/day1/a.zarr"


def admitted(base: str, place: str, may_read: object = ()) -> bool:
    """Return whether a link in the file at one place may lead to another."""
    try:
        Reach(Location(base), {}, prefixes(may_read)).admit(Location.of(place))
    except LocationError:
        return False
    return True


@pytest.mark.parametrize(
    ("base", "place"),
    [
        (HERE, "/data/lab/b.zarr"),
        (HERE, "/data/raw/b.h5"),
        (HERE, "https://archive.org/b.zarr"),
        (HERE, "s3://archive/b.zarr"),
        (HERE, "gs://archive/b.zarr"),
        (HERE, "icechunk:///data/lab/repository"),
        (HERE, "memory://b.zarr"),
        (SERVED, "https://lab.org/raw/b.zarr"),
        ("s3://lab/day1/a.zarr", "s3://lab/raw/b.zarr"),
        ("s3://lab/day1/a.zarr", "icechunk+s3://lab/raw"),
        ("icechunk+s3://lab/day1", "icechunk+s3://lab/raw"),
        ("icechunk:///data/a", "icechunk:///data/b"),
        ("memory://a.zarr", "memory://deep/b.zarr"),
    ],
)
def test_a_link_may_lead_to_what_is_as_near_as_its_file(base: str, place: str) -> None:
    """Or to servers that prove who they are, from a file of this machine (NEEDS 3)."""
    assert admitted(base, place)


@pytest.mark.parametrize(
    ("base", "place", "word"),
    [
        (HERE, "http://127.0.0.1:8080/b.zarr", "http://127.0.0.1:8080"),
        (HERE, "http://169.254.169.254/latest/meta-data", "http://169.254.169.254"),
        (HERE, "ftp://lab.org/b.zarr", "ftp://lab.org"),
        (HERE, "ssh://lab.org/b.zarr", "ssh://lab.org"),
        (SERVED, "https://elsewhere.org/b.zarr", "https://elsewhere.org"),
        (SERVED, "https://lab.org:8443/b.zarr", "https://lab.org:8443"),
        (SERVED, "http://lab.org/day1/b.zarr", "http://lab.org"),
        (SERVED, "s3://lab.org/b.zarr", "s3://lab.org"),
        (SERVED, "memory://b.zarr", "memory://"),
        ("s3://lab/a.zarr", "s3://other/b.zarr", "s3://other"),
        ("s3://lab/a.zarr", "icechunk+s3://other/b", "icechunk+s3://other"),
        ("memory://a.zarr", "https://lab.org/b.zarr", "https://lab.org"),
    ],
)
def test_what_lies_further_takes_the_word_of_the_caller(base: str, place: str, word: str) -> None:
    """For that place and what is below it, and for nothing else."""
    assert not admitted(base, place)
    assert admitted(base, place, [word])
    assert not admitted(base, place, [word + ".evil.org"])
    assert not admitted(base, place, place + "x")


@pytest.mark.parametrize("place", ["/etc/b.zarr", "file:///etc/b.zarr", "local:///etc/b.zarr", "icechunk:///etc/b"])
@pytest.mark.parametrize("base", [SERVED, "s3://lab/a.zarr", "icechunk+s3://lab/a", "memory://a.zarr"])
def test_no_file_from_elsewhere_leads_to_files_of_this_machine(base: str, place: str) -> None:
    """Whatever the caller says."""
    assert not admitted(base, place)
    assert not admitted(base, place, ["/", "/etc", "file:///etc", place]) or place.startswith("icechunk")


def test_what_lives_in_this_process_alone_is_led_to_from_nowhere() -> None:
    """Its name is a number that another object can have tomorrow."""
    with pytest.raises(LocationError, match="one process"):
        Reach(Location(HERE)).admit(Location.of_object(object()))


def test_credentials_stay_with_the_server_that_they_are_for() -> None:
    """Files of the same origin are opened with them; others with what the caller gave for those."""
    secret, other = {"token": "secret"}, {"anon": True}
    reach = Reach(Location(SERVED), secret, prefixes({"https://other.org/open": other, "https://other.org": {}}))

    assert reach.admit(Location("https://lab.org/b.zarr")) == secret
    assert reach.admit(Location("https://other.org/open/b.zarr")) == other
    assert reach.admit(Location("https://other.org/b.zarr")) == {}
    assert "secret" not in repr(reach)


@given(st.text(max_size=30), st.sampled_from(["s3://lab/x/a.zarr", SERVED, "memory://x/a.zarr"]))
def test_no_text_in_a_file_leads_from_elsewhere_to_this_machine(source: str, base: str) -> None:
    """Neither as a source of links nor as a name of pieces."""
    reach = Reach(Location(base), {}, prefixes(["/"]))
    for place in Location(base).resolve(source):
        if place.is_local:
            with pytest.raises(LocationError):
                reach.admit(place)
    try:
        found = reach.find(source)
    except LocationError:
        return
    assert found.scheme != "file"
    assert not Location(found.address).is_local


@given(st.lists(st.sampled_from(["..", ".", "b", "b.h5", "%2e%2e", "a b", "\\..", ""]), min_size=1, max_size=6))
def test_no_piece_comes_from_outside_of_the_folder(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    """However its name climbs."""
    folder = tmp_path_factory.getbasetemp() / "lab"
    try:
        found = Reach(Location(str(folder / "a.json"))).find("/".join(parts))
    except LocationError:
        return
    assert Path(found.address).is_relative_to(folder.resolve())


@pytest.mark.parametrize("word", [3, [3], {"https://lab.org", 3}, None])
def test_a_word_that_names_no_places_is_an_error(word: object) -> None:
    """Before anything is opened."""
    with pytest.raises(ArgumentError, match="may_read"):
        prefixes(word)
