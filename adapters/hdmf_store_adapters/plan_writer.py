"""One plan carried out on an open hierarchy: chunks, then documents, the root's last; or all of it taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import attrs

from hdmf_store.adapter import Plan, Progress
from hdmf_store.nodes import ROOT, Dataset, Group, Layout, Link, parent
from hdmf_store_adapters.dataset_writer import DatasetWriter
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.hierarchy_documents import group_documents, with_specification_codec
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.replacing import left_behind
from hdmf_store_adapters.zarr_format import Document
from hdmf_store_adapters.zarr_places import check_names

__all__ = ["PlanWriter"]


@attrs.frozen(eq=False, kw_only=True)
class PlanWriter:
    """Stores plans in a hierarchy.

    Parameters
    ----------
    medium : Medium
    held : HeldDocuments
        Open for writing.
    wishes : Layout
        What datasets leave open.
    transactional : bool
        Whether the store takes back by itself what is not committed.
    consolidates : bool
        Whether it can keep all documents in one.
    """

    medium: Medium
    held: HeldDocuments
    wishes: Layout
    transactional: bool
    consolidates: bool

    def write(self, plan: Plan, progress: Progress | None) -> None:
        """Store everything in a plan, or nothing; see `StoreAdapter.write`."""
        known = {} if self.held.is_new else dict(self.held.documents)
        address, zarr_format = self.held.address, self.held.format
        check_names(plan.nodes, known, address, self.held.reserved_names, self.medium.system)
        documents = group_documents(plan.nodes, known, zarr_format, address, self.held.itself)
        former = self._begin(plan, known)
        writer = DatasetWriter(self.medium, zarr_format, address, self.wishes, progress, former)
        try:
            fresh = {path: node for path, node in plan.nodes.items() if isinstance(node, Dataset)}
            for path in [path for path in fresh if path in known]:
                documents[path] = zarr_format.with_attributes(known[path], fresh.pop(path), address, path)
            root = documents.get(ROOT) or known.get(ROOT) or {"attributes": {}}
            fresh = with_specification_codec(fresh, root, zarr_format)
            documents |= writer.write(fresh, interleave=plan.interleave, executor=plan.executor)
            self._commit(known, documents, plan.consolidate, progress)
        except BaseException:
            if not self.held.may_be_committed():
                self._undo(known, plan, documents)
            raise

    def _begin(self, plan: Plan, known: Mapping[str, Document]) -> Mapping[str, Document]:
        """Prepare the medium; return the documents of what lies beside the new ones until the commit.

        A write that was killed may have left chunks in the places of new arrays. They go first.
        """
        arrays = [path for path, node in plan.nodes.items() if isinstance(node, Dataset) and path not in known]
        if not self.held.is_new:
            self.held.check_not_overtaken()
            self.medium.begin_changes()
            if not self.transactional:
                self.medium.remove([path[1:] for path in arrays])
            return {}
        beside = self.medium.begin_replacement()  # which takes note of folders that are not there yet
        try:
            self.held.lease.take(self.held.mode, makes_folder=True)
        except BaseException:
            self.medium.discard()
            raise
        former = self.held.former() if beside else {}
        self.medium.remove_files(left_behind(beside, arrays, former))
        return former

    def _commit(
        self,
        known: dict[str, Document],
        documents: Mapping[str, Document],
        consolidate: bool,
        progress: Progress | None,
    ) -> None:
        zarr_format = self.held.format
        below = [path for path in reversed(list(documents)) if path != ROOT]
        below.sort(key=lambda path: -path.count("/"))
        self.medium.write_many(_counted((zarr_format.files(p, documents[p]) for p in below), progress))
        complete = {ROOT: zarr_format.group_document(Group(), {}, "", ROOT), **known, **documents}
        self.held.check_not_overtaken()
        self.held.store_root(consolidate and self.consolidates, complete)
        self.medium.publish()
        self.held.adopt(complete)

    def _undo(self, known: Mapping[str, Document], plan: Plan, documents: Mapping[str, Document]) -> None:
        """Take back what a failed write has done, as far as the medium still answers."""
        if self.medium.discard() or self.held.is_new:
            return
        with suppress(Exception):  # the failure that is being reported matters more than one of the clean-up
            self.medium.remove(_new_folders(plan, known))
            changed = [path for path in documents if path in known and path != ROOT]
            self.medium.write_many(item for path in changed for item in self.held.format.files(path, known[path]))


def _new_folders(plan: Plan, known: Mapping[str, Document]) -> list[str]:
    """Return the keys of new objects in groups that are there, which hold all that a plan adds."""
    new = [path for path in plan.nodes if path not in known and parent(path) in known]
    return [path[1:] for path in new if not isinstance(plan.nodes[path], Link)]


def _counted(nodes: Iterable[list[tuple[str, bytes]]], progress: Progress | None) -> Iterator[tuple[str, bytes]]:
    for files in nodes:
        yield from files
        if progress is not None:
            progress(0, 1)
