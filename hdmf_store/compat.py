"""Scripts written for hdmf-zarr, run on this package.

`install_as_hdmf_zarr` puts modules under the names that such scripts, and HDMF and PyNWB themselves, import. Nothing of
hdmf-zarr needs to be installed; where it is, and was imported already, that is refused rather than mixed.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from hdmf_store._version import __version__
from hdmf_store.errors import ArgumentError

__all__ = ["install_as_hdmf_zarr"]

_MARK = "__provided_by__"
_OURS = "hdmf_store"


def install_as_hdmf_zarr() -> ModuleType:
    """Make ``import hdmf_zarr``, and its modules, mean this package from now on in this process.

    Returns
    -------
    module
        What ``import hdmf_zarr`` gives.

    Raises
    ------
    ArgumentError
        If the real hdmf-zarr was imported before: objects of both would get mixed.
    """
    present = sys.modules.get("hdmf_zarr")
    if present is not None and getattr(present, _MARK, None) != _OURS:
        raise ArgumentError("hdmf_zarr was imported already; call install_as_hdmf_zarr before anything imports it")
    if present is not None:
        return present
    package = _module("hdmf_zarr", _public())
    package.__path__ = []
    package.__version__ = __version__  # type: ignore[attr-defined]
    parts = {"backend": _backend(), "nwb": _nwb(), "utils": _utils(), "zarr_utils": _zarr_utils()}
    parts |= {"backend_zarrv2": _public(), "nwb_zarrv2": _public()}
    for name, content in parts.items():
        setattr(package, name, _module(f"hdmf_zarr.{name}", content))
    return package


def _module(name: str, content: dict[str, Any]) -> ModuleType:
    module = ModuleType(name, f"What scripts import from {name}, provided by {_OURS}.")
    module.__dict__.update(content)
    module.__dict__[_MARK] = _OURS
    sys.modules[name] = module
    return module


def _public() -> dict[str, Any]:
    from hdmf_store.facade import format_2
    from hdmf_store.facade.nwb import NWBZarrIO
    from hdmf_store.facade.zarr_io import ZarrIO
    from hdmf_store.translate.data_io import ZarrDataIO

    return {
        "ZarrIO": ZarrIO,
        "NWBZarrIO": NWBZarrIO,
        "ZarrDataIO": ZarrDataIO,
        "ZarrV2IO": format_2.ZarrV2IO,
        "NWBZarrV2IO": format_2.NWBZarrV2IO,
        "is_zarr_v2_file": format_2.is_zarr_v2_file,
        "IncompleteConversionError": format_2.IncompleteConversionError,
    }


def _backend() -> dict[str, Any]:
    from hdmf_store.translate.from_builders import ROOT_NAME
    from hdmf_store.translate.specs import DEFAULT_SPEC_LOC_DIR, SPEC_LOC_ATTR
    from hdmf_store_adapters.stores import SUPPORTED_ZARR_STORES

    constants = {"ROOT_NAME": ROOT_NAME, "SPEC_LOC_ATTR": SPEC_LOC_ATTR, "DEFAULT_SPEC_LOC_DIR": DEFAULT_SPEC_LOC_DIR}
    return {**_public(), **constants, "SUPPORTED_ZARR_STORES": SUPPORTED_ZARR_STORES}


def _nwb() -> dict[str, Any]:
    names = ("NWBZarrIO", "ZarrIO", "SUPPORTED_ZARR_STORES")
    return {name: value for name, value in _backend().items() if name in names}


def _utils() -> dict[str, Any]:
    from hdmf_store.facade.zarr_objects import ZarrReference

    return {"ZarrDataIO": _public()["ZarrDataIO"], "ZarrReference": ZarrReference}


def _zarr_utils() -> dict[str, Any]:
    from hdmf_store.translate import references

    to_builders, to_containers = references.ReferencesToBuilders, references.ReferencesToContainers
    return {
        "ZarrDataset": references.StoredReferences,
        "DatasetOfReferences": references.StoredReferences,
        "AbstractZarrTableDataset": references.StoredReferences,
        "AbstractZarrReferenceDataset": references.StoredReferences,
        "BuilderZarrTableDataset": to_builders,
        "BuilderZarrReferenceDataset": to_builders,
        "ContainerZarrTableDataset": to_containers,
        "ContainerZarrReferenceDataset": to_containers,
    }
