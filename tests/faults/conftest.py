"""The exhaustive tests are left out, unless their marker is asked for."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what takes minutes."""
    if "faults" in config.option.markexpr:
        return
    exhaustive = [item for item in items if item.get_closest_marker("faults")]
    if exhaustive:
        config.hook.pytest_deselected(items=exhaustive)
        items[:] = [item for item in items if not item.get_closest_marker("faults")]
