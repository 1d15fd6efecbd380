"""HDMF data in one SQLite file: nodes as JSON in one table, values a block of rows at a time in another."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import attrs
import numpy as np

from hdmf_store import errors, nodes
from hdmf_store.adapter import CREATING_MODES, READING_MODES, Capabilities, Location, check_mode
from hdmf_store.nodes import ROOT, Blocks, Dataset, Group, Hierarchy, Origin, Unreadable

TABLES = """
CREATE TABLE nodes (path PRIMARY KEY, node);
CREATE TABLE blocks (path, start, shape, data, PRIMARY KEY (path, start));
"""


class SQLiteAdapter:
    """One hierarchy in one SQLite file."""

    name = "sqlite"

    def __init__(self, place):
        self.location, self.mode, self._creates = Location.of(place), "", False
        self._base, self._hierarchy = None, None

    @staticmethod
    def claims(place):
        """Return whether a place is an SQLite file, or to become one."""
        return isinstance(place, str | os.PathLike) and Location.of(place).name.endswith(".sqlite")

    @staticmethod
    def recognise(value):
        """Return the dataset that an array from here stands for."""
        return Dataset(value.element, value.shape, value) if isinstance(value, Blocks) else None

    capabilities = Capabilities(
        writable=True, linkable=True, transactional=True, atomic_changes=True, keeps_bytes=True, links_to=("sqlite",)
    )

    def open(self, mode):
        """Open in a mode; SQLite makes the file when something is written."""
        check_mode(mode)
        address, exists = self.location.address, os.path.exists(self.location.address)
        if mode in (*READING_MODES, "r+") and not exists:
            raise errors.MissingHierarchyError(address, "does not exist")
        if mode in ("w-", "x") and exists:
            raise errors.HierarchyExistsError(address, f"exists, and mode {mode!r} only creates")
        self.mode, self._creates = mode, mode in CREATING_MODES or not exists

    def close(self):
        """Close the file."""
        if self._base is not None:
            self._base.close()
        self.mode, self._base, self._hierarchy = "", None, None

    def asked(self, query, *values):
        """Return the rows that answer a query."""
        if not self.mode:
            raise errors.ClosedError(self.location.address, "read")
        if self._base is None:
            self._base = sqlite3.connect(self.location.address, isolation_level=None)
        return self._base.execute(query, values).fetchall()

    def load(self):
        """Return all nodes, by one query."""
        if self.mode and self._creates:
            raise errors.MissingHierarchyError(self.location.address, "nothing has been written yet")
        if self._hierarchy is None or not self.mode:
            rows = self.asked("SELECT path, node FROM nodes ORDER BY rowid")
            found = {p: nodes.node_from_json(text, lambda *kind, p=p: self._values(p, *kind)) for p, text in rows}
            self._hierarchy = Hierarchy(found, self.location.address)
        return self._hierarchy

    def _values(self, path, element, shape):
        def block(start):
            rows = self.asked("SELECT shape, data FROM blocks WHERE path = ? AND start = ?", path, start)
            return nodes.unpack(rows[0][1], element, json.loads(rows[0][0])) if rows else None

        return Blocks(element, shape, block, Origin(self.location.identity, path))

    def fetch(self, paths):
        """Return the values of datasets."""
        return {path: np.asarray(self.array(path)) for path in paths}

    def array(self, path):
        """Return the lazy array of a dataset."""
        if not isinstance(self.load()[path], Dataset):
            raise errors.MissingNodeError(self.location.address, path)
        return self.load()[path].values

    def write(self, plan, progress=None):
        """Store a plan in one transaction; a new file under another name until it is complete."""
        if not self.mode:
            raise errors.ClosedError(self.location.address, "write")
        if self.mode in READING_MODES:
            raise errors.ModeError(self.location.address, "write", self.mode, "mode 'w', 'a' or 'r+'")
        known = {} if self._creates else dict(self.load().nodes)
        place = Path(f"{self.location.address}.new" if self._creates else self.location.address)
        base = sqlite3.connect(place, isolation_level=None)
        try:
            base.executescript(f"BEGIN; {TABLES if self._creates else ''}")
            for path, node in {**({ROOT: Group()} if self._creates else {}), **plan.nodes}.items():
                self._put(base, path, node, known.get(path), progress or (lambda size, objects: None))
            base.execute("COMMIT")
        except BaseException:
            base.close()  # which takes back what was not committed
            if self._creates:
                place.unlink()
            raise
        base.close()
        if self._creates:
            place.replace(self.location.address)
        self._creates, self._hierarchy = False, None

    def _put(self, base, path, node, known, progress):
        if isinstance(known, Dataset) and isinstance(node, Dataset):
            node = attrs.evolve(known, attributes=node.attributes)  # its values stay
        elif isinstance(node, Dataset):
            if isinstance(node.element, Unreadable):
                raise errors.UnreadableError(self.location.address, path, node.element.reason)
            node = nodes.settled(node)
            for start, block in nodes.blocks_of(node):
                row = (path, start, json.dumps(block.shape), nodes.pack(block, node.element))
                base.execute("INSERT INTO blocks VALUES (?, ?, ?, ?)", row)
                progress(block.nbytes, 0)
        query = "INSERT INTO nodes VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET node = excluded.node"
        base.execute(query, (path, nodes.node_to_json(node)))
        progress(0, 1)

    def consolidate(self):
        """Do nothing: there is one copy of the metadata."""

    def reference(self, other):
        """Return how links in this file name another one."""
        return other.source_from(self.location)

    def resolve(self, source):
        """Return the places that a recorded name may mean."""
        return self.location.resolve(source)
