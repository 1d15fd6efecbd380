"""hdmf-store: the storage layer for HDMF data. Zarr, HDF5, and whatever store an adapter serves."""

from hdmf_store._version import __version__
from hdmf_store.adapter import (
    Capabilities,
    Location,
    Plan,
    StoreAdapter,
    open_adapter,
    register_adapter,
)
from hdmf_store.errors import (
    ArgumentError,
    ClosedError,
    ConflictError,
    DanglingTargetError,
    DanglingTargetWarning,
    FormatError,
    HDMFStoreError,
    HierarchyExistsError,
    LinkCycleError,
    LocationError,
    MissingExtraError,
    MissingHierarchyError,
    MissingNodeError,
    ModeError,
    NameNotAllowedError,
    UnreadableError,
    UnsupportedValueError,
)
from hdmf_store.facade.nwb import NWBZarrIO
from hdmf_store.facade.store_io import StoreIO, UnsupportedModeError
from hdmf_store.facade.zarr_io import BadLinkError, ZarrIO
from hdmf_store.facade.zarr_objects import ZarrReference
from hdmf_store.translate.data_io import ZarrDataIO
from hdmf_store.translate.specs import DEFAULT_SPEC_LOC_DIR, SPEC_LOC_ATTR
from hdmf_store.translate.to_builders import ROOT_NAME
from hdmf_store_adapters.stores import SUPPORTED_ZARR_STORES, DirectoryStore, NestedDirectoryStore, TempStore

__all__ = [
    "DEFAULT_SPEC_LOC_DIR",
    "ROOT_NAME",
    "SPEC_LOC_ATTR",
    "SUPPORTED_ZARR_STORES",
    "ArgumentError",
    "BadLinkError",
    "Capabilities",
    "ClosedError",
    "ConflictError",
    "DanglingTargetError",
    "DanglingTargetWarning",
    "DirectoryStore",
    "FormatError",
    "HDMFStoreError",
    "HierarchyExistsError",
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
    "Plan",
    "StoreAdapter",
    "StoreIO",
    "TempStore",
    "UnreadableError",
    "UnsupportedModeError",
    "UnsupportedValueError",
    "ZarrDataIO",
    "ZarrIO",
    "ZarrReference",
    "__version__",
    "open_adapter",
    "register_adapter",
]
