"""hdmf-store: the storage layer for HDMF data. Zarr, HDF5, and whatever store an adapter serves.

What needs HDMF is imported when it is first asked for: a worker that encodes chunks, or a command that says what can be
typed, would wait a second for it and not use it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hdmf_store._version import __version__
from hdmf_store.adapter import (
    Capabilities,
    Finding,
    Location,
    Plan,
    Repair,
    StoreAdapter,
    open_adapter,
    register_adapter,
)
from hdmf_store.errors import (
    AccessError,
    ArgumentError,
    ArgumentTypeError,
    ClosedError,
    ConflictError,
    DanglingTargetError,
    DanglingTargetWarning,
    FormatError,
    HDMFStoreError,
    HierarchyError,
    HierarchyExistsError,
    HierarchyInUseError,
    LinkCycleError,
    LocationError,
    MissingExtraError,
    MissingHierarchyError,
    MissingNodeError,
    ModeError,
    NameNotAllowedError,
    RefusedTargetError,
    ReplacedError,
    StorageFailureError,
    UnlistableError,
    UnreachableError,
    UnreadableError,
    UnsupportedValueError,
    WorkerLostError,
)
from hdmf_store.nodes import (
    Bytes,
    Codec,
    Compound,
    Dataset,
    Field,
    Group,
    Hierarchy,
    Layout,
    Link,
    Number,
    ReferenceTo,
    Target,
    Text,
    Unreadable,
)

if TYPE_CHECKING:
    from hdmf_store.facade.inspecting import inspect
    from hdmf_store.facade.nwb import NWBZarrIO
    from hdmf_store.facade.pieces import iter_chunks
    from hdmf_store.facade.store_io import StoreIO, UnsupportedModeError
    from hdmf_store.facade.tables import read_table
    from hdmf_store.facade.verification import repair, verify
    from hdmf_store.facade.zarr_io import BadLinkError, ZarrIO
    from hdmf_store.facade.zarr_objects import ZarrReference
    from hdmf_store.translate.data_io import ZarrDataIO
    from hdmf_store.translate.from_builders import ROOT_NAME
    from hdmf_store.translate.repacking import NewLayout, repack
    from hdmf_store.translate.specs import DEFAULT_SPEC_LOC_DIR, SPEC_LOC_ATTR
    from hdmf_store.translate.summary import Summary
    from hdmf_store_adapters.stores import SUPPORTED_ZARR_STORES, DirectoryStore, NestedDirectoryStore, TempStore
    from hdmf_store_adapters.synchronizers import ProcessSynchronizer, ThreadSynchronizer

__all__ = [
    "DEFAULT_SPEC_LOC_DIR",
    "ROOT_NAME",
    "SPEC_LOC_ATTR",
    "SUPPORTED_ZARR_STORES",
    "AccessError",
    "ArgumentError",
    "ArgumentTypeError",
    "BadLinkError",
    "Bytes",
    "Capabilities",
    "ClosedError",
    "Codec",
    "Compound",
    "ConflictError",
    "DanglingTargetError",
    "DanglingTargetWarning",
    "Dataset",
    "DirectoryStore",
    "Field",
    "Finding",
    "FormatError",
    "Group",
    "HDMFStoreError",
    "Hierarchy",
    "HierarchyError",
    "HierarchyExistsError",
    "HierarchyInUseError",
    "Layout",
    "Link",
    "LinkCycleError",
    "Location",
    "LocationError",
    "MissingExtraError",
    "MissingHierarchyError",
    "MissingNodeError",
    "ModeError",
    "NWBZarrIO",
    "NameNotAllowedError",
    "NestedDirectoryStore",
    "NewLayout",
    "Number",
    "Plan",
    "ProcessSynchronizer",
    "ReferenceTo",
    "RefusedTargetError",
    "Repair",
    "ReplacedError",
    "StorageFailureError",
    "StoreAdapter",
    "StoreIO",
    "Summary",
    "Target",
    "TempStore",
    "Text",
    "ThreadSynchronizer",
    "UnlistableError",
    "UnreachableError",
    "Unreadable",
    "UnreadableError",
    "UnsupportedModeError",
    "UnsupportedValueError",
    "WorkerLostError",
    "ZarrDataIO",
    "ZarrIO",
    "ZarrReference",
    "__version__",
    "inspect",
    "iter_chunks",
    "open_adapter",
    "read_table",
    "register_adapter",
    "repack",
    "repair",
    "verify",
]

_HOMES = {
    "hdmf_store.facade.inspecting": ("inspect",),
    "hdmf_store.facade.nwb": ("NWBZarrIO",),
    "hdmf_store.facade.pieces": ("iter_chunks",),
    "hdmf_store.facade.store_io": ("StoreIO", "UnsupportedModeError"),
    "hdmf_store.facade.tables": ("read_table",),
    "hdmf_store.facade.verification": ("repair", "verify"),
    "hdmf_store.facade.zarr_io": ("BadLinkError", "ZarrIO"),
    "hdmf_store.facade.zarr_objects": ("ZarrReference",),
    "hdmf_store.translate.data_io": ("ZarrDataIO",),
    "hdmf_store.translate.from_builders": ("ROOT_NAME",),
    "hdmf_store.translate.repacking": ("NewLayout", "repack"),
    "hdmf_store.translate.specs": ("DEFAULT_SPEC_LOC_DIR", "SPEC_LOC_ATTR"),
    "hdmf_store.translate.summary": ("Summary",),
    "hdmf_store_adapters.stores": ("SUPPORTED_ZARR_STORES", "DirectoryStore", "NestedDirectoryStore", "TempStore"),
    "hdmf_store_adapters.synchronizers": ("ProcessSynchronizer", "ThreadSynchronizer"),
}

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what was not needed until now."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    if home.startswith("hdmf_store.facade."):
        from hdmf_store.adapter import plugins

        plugins()  # who asks for one of these opens a file next, and need not wait for the adapters then
    return value


def __dir__() -> list[str]:
    """Return the public names, whether they were needed yet or not."""
    return sorted({*globals(), *__all__})
