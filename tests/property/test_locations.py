"""Naming one hierarchy from another, and finding it again by that name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hdmf_store.adapter import Location

NAME = st.text("ab.- _%:é", min_size=1, max_size=4).filter(lambda name: name.strip(".") and name == name.strip())
PARTS = st.lists(NAME, min_size=1, max_size=4)
SCHEMES = st.sampled_from(["s3://bucket", "https://host.org:8080", "gs://other", "memory://lab"])


def is_within(parts: list[str], others: list[str]) -> bool:
    """Hierarchies do not lie in one another."""
    short = min(len(parts), len(others))
    return parts[:short] == others[:short]


@given(base=PARTS, other=PARTS)
def test_a_local_hierarchy_is_found_by_the_name_it_has_in_another(base: list[str], other: list[str]) -> None:
    """The first place that a recorded source may mean is the one that was recorded."""
    if is_within(base, other) and base != other:
        return
    here, there = Location("/no-such/" + "/".join(base)), Location("/no-such/" + "/".join(other))

    found = here.resolve(there.source_from(here))

    assert found[:1] == ((there,) if base != other else ())


@given(origin=SCHEMES, base=PARTS, other=PARTS)
def test_a_url_is_found_by_the_name_it_has_in_another(origin: str, base: list[str], other: list[str]) -> None:
    """On one origin the name is relative, and the first place it may mean is the one that was recorded."""
    if is_within(base, other) and base != other:
        return
    here, there = Location(f"{origin}/{'/'.join(base)}"), Location(f"{origin}/{'/'.join(other)}")

    source = there.source_from(here)

    assert "://" not in source
    assert here.resolve(source)[:1] == ((there,) if base != other else ())


@given(base=PARTS, other=PARTS, folder=PARTS)
def test_a_folder_of_files_can_be_moved(base: list[str], other: list[str], folder: list[str]) -> None:
    """Both files moved together, the name recorded before leads to the new place."""
    if is_within(base, other):
        return
    old, new = "/no-such/old/", "/no-such/" + "/".join(folder) + "/"
    source = Location(old + "/".join(other)).source_from(Location(old + "/".join(base)))

    found = Location(new + "/".join(base)).resolve(source)

    assert found[0].address == new + "/".join(other)


@given(base=PARTS, other=PARTS, left=SCHEMES, right=SCHEMES)
def test_across_origins_the_name_is_absolute(base: list[str], other: list[str], left: str, right: str) -> None:
    """Where nothing is shared, the whole address is recorded and found."""
    if left == right:
        return
    here, there = Location(f"{left}/{'/'.join(base)}"), Location(f"{right}/{'/'.join(other)}")

    assert there.source_from(here) == there.address
    assert here.resolve(there.address)[0] == there
