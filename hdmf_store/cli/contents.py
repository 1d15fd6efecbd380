"""The commands that show what is in a file, and what was in it: `cat`, `history`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
import numpy as np

from hdmf_store.adapter import StoreAdapter
from hdmf_store.cli.calls import MAY_READ, WIDE, Opened, command, name_of
from hdmf_store.cli.completing import OBJECT, PLACE
from hdmf_store.cli.printable import printable
from hdmf_store.cli.servers import on_servers
from hdmf_store.cli.show import strict_json
from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import Dataset, Target
from hdmf_store.translate.relocate import Others, followed
from hdmf_store.translate.sliced import blocks_of, part_named

__all__ = ["cat", "history"]


@command
@on_servers
@click.argument("file", type=PLACE)
@click.argument("path", type=OBJECT)
@click.argument("part", default="", metavar="[PART]")
@click.option("--json", "as_json", is_flag=True, help="Print the values as JSON, with their type and shape.")
@MAY_READ
def cat(file: str, path: str, part: str, as_json: bool, may_read: tuple[str, ...]) -> None:
    """Print the values of the dataset at PATH in FILE, or a PART of them.

    PART is what stands between brackets in Python: 0:10 or 5,: or ...,-1 or ::1000. Each row along the last axis is a
    line, its values parted by tabs; a reference is shown as the path that it leads to. Links are followed. Only what
    is shown is read.
    """
    others: Others | None = None
    with Opened(file, "r", may_read=may_read) as adapter:
        try:
            others = Others((adapter,), may_read)
            dataset = _dataset_at(adapter, "/" + path.strip("/"), others)
            wanted = part_named(part, dataset.shape)
            if as_json:
                click.echo(_as_json(dataset, [block.tolist() for block in blocks_of(dataset, wanted)], part))
                return
            for block in blocks_of(dataset, wanted):
                for line in _lines(block):
                    click.echo(line)
        finally:
            if others is not None:
                others.close()


@command
@on_servers
@click.argument("file", type=PLACE)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def history(file: str, as_json: bool) -> None:
    """List the earlier states of FILE, the newest first, where the store keeps them.

    Icechunk does; each line is a commit: its name, when it was made, and its message. A state is opened by its name:
    icechunk:///folder?snapshot=NAME.
    """
    with Opened(file, "r") as adapter:
        if not hasattr(adapter, "history"):
            raise ArgumentError(
                f"{name_of(file)}: {adapter.name} keeps no earlier states; stores that do are listed by `adapters`"
            )
        states = adapter.history()
    if as_json:
        click.echo(strict_json([dict(state) for state in states]))
        return
    for state in states:
        WIDE.print(f"{state['name']}  {state['time']}  {state['message']}", markup=False)


def _dataset_at(adapter: StoreAdapter, path: str, others: Others) -> Dataset:
    found = adapter.load().resolve(path)
    holder, at = (adapter, found) if isinstance(found, str) else followed(found, adapter, path, others)
    node = holder.load()[at]
    if not isinstance(node, Dataset):
        raise ArgumentError(f"{holder.location}: {at} is a group and holds no values; `tree` shows what is in it")
    return node


def _lines(block: np.ndarray) -> Iterator[str]:
    """Yield a line for each row along the last axis; for records, one each."""
    if block.ndim == 0:
        yield _cells(block[()])
    elif block.ndim == 1:
        yield from map(_cells, block.tolist())
    else:
        for row in block.reshape(-1, block.shape[-1]).tolist():
            yield "\t".join(map(_cells, row))


def _cells(value: Any) -> str:
    """Return one value as text, the fields of a record parted by tabs; no value breaks its line."""
    if isinstance(value, np.void):
        value = value.item()
    if isinstance(value, tuple):
        return "\t".join(map(_cells, value))
    if isinstance(value, Target):
        return _one_line(value.path if value.is_internal else f"{value.path} in {value.source}")
    if isinstance(value, str):
        return _one_line(value)
    return "" if value is None else str(value)


def _one_line(text: str) -> str:
    return text if text.isprintable() else printable(json.dumps(text, ensure_ascii=False))


def _as_json(dataset: Dataset, blocks: list[Any], part: str) -> str:
    values = blocks[0] if len(blocks) == 1 else [row for block in blocks for row in block]
    facts = {"type": str(dataset.element), "shape": list(dataset.shape), "part": part or None}
    return strict_json({**facts, "values": values})
