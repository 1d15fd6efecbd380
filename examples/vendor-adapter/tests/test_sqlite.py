"""The tests that every adapter passes, for this one."""

import uuid

from hdmf_store_sqlite import SQLiteAdapter

from hdmf_store.testing import AdapterConformance


class TestSQLite(AdapterConformance):
    """One place is one file."""

    adapter_class = SQLiteAdapter

    def new_place(self, folder):
        """Return the path of a file that does not exist."""
        return folder / f"{uuid.uuid4().hex}.sqlite"
