"""Which adapters there are and what they can do, as a table for people and as JSON for programs."""

from __future__ import annotations

import inspect
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text as Styled

from hdmf_store.adapter import Capabilities, Plugin

__all__ = ["capabilities_as_json", "plugin_as_json", "table_of", "words_of"]

_ABILITIES = {
    "writable": "writes",
    "remote": "also on other machines",
    "linkable": "can be linked to",
    "consolidates": "one document of all metadata",
    "transactional": "a write is one transaction",
    "atomic_changes": "failed changes leave no trace",
    "shards": "shards",
    "layouts": "chunks and codecs as asked for",
    "keeps_bytes": "keeps byte strings",
}
"""What the capabilities that are true or false are called, in the order in which they are shown."""


def table_of(plugins: list[Plugin]) -> Table:
    """Return a table of adapters, those that could not be loaded with the reason."""
    table = Table("name", "from", "can", "holds", box=box.SIMPLE, show_lines=False)
    for plugin in plugins:
        origin = f"{plugin.distribution or 'registered here'}\n{plugin.entry_point}"
        style = "red" if plugin.problem else ""
        table.add_row(*(Styled(cell, style=style) for cell in (plugin.name, origin, _can(plugin), _summary(plugin))))
    return table


def _can(plugin: Plugin) -> str:
    if plugin.problem:
        return "could not be loaded"
    if plugin.at_best is None:
        return "not said; depends on the place"
    return "\n".join(words_of(plugin.at_best))


def words_of(capabilities: Capabilities) -> list[str]:
    """Return what a store can do, in words."""
    can = [words for name, words in _ABILITIES.items() if getattr(capabilities, name)]
    links = [f"links to {', '.join(capabilities.links_to)}"] if capabilities.links_to else []
    return can + links or ["reads"]


def _summary(plugin: Plugin) -> str:
    """Return the reason for which an adapter could not be loaded, or the first line of its documentation."""
    return plugin.problem or (inspect.getdoc(plugin.adapter_class) or "").partition("\n")[0]


def plugin_as_json(plugin: Plugin) -> dict[str, Any]:
    """Return all that is known of an adapter; null for what it does not say."""
    return {
        "name": plugin.name,
        "entry_point": plugin.entry_point,
        "distribution": plugin.distribution or None,
        "summary": None if plugin.problem else _summary(plugin),
        "at_best": None if plugin.at_best is None else capabilities_as_json(plugin.at_best),
        "problem": plugin.problem or None,
    }


def capabilities_as_json(capabilities: Capabilities) -> dict[str, Any]:
    """Return what a store can do, by the names of the capabilities."""
    return {name: getattr(capabilities, name) for name in (*_ABILITIES, "links_to")}
