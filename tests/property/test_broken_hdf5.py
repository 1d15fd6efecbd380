"""HDF5 files that are broken at random are read, or refused by an error that says what is wrong with what.

The HDF5 library itself may crash on them, which nothing here can keep it from; that is counted, and rare.
"""

from __future__ import annotations

import pytest

from tests.property.broken_hdf5 import started


def test_broken_hdf5_files_are_read_or_refused_by_name() -> None:
    """Never another error, a hang, much memory, or values of files outside."""
    said = started(100, 15)

    assert said["findings"] == []
    assert said["endings"].keys() >= {"read", "object refused", "file refused"}


@pytest.mark.faults
@pytest.mark.timeout(2_000)
def test_many_broken_hdf5_files_are_read_or_refused_by_name() -> None:
    """The same for thousands of files."""
    said = started(1_000, 3_000)

    assert said["findings"] == []
    assert len(said["crashed"]) < 90
