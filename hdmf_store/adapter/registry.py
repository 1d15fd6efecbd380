"""Which adapters there are, and which one serves a place.

Adapters are found by the entry-point group ``hdmf_store.adapters``: what ships with this distribution is
found in the same way as what a vendor's package brings.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import attrs

from hdmf_store.adapter.protocol import AdapterClass, Capabilities, StoreAdapter
from hdmf_store.adapter.urls import shown, url_parts
from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import Dataset

__all__ = [
    "ENTRY_POINT_GROUP",
    "Plugin",
    "adapter_class_for",
    "adapter_named",
    "adapters",
    "connect",
    "most_specific",
    "open_adapter",
    "plugins",
    "recognise",
    "register_adapter",
    "remember_open",
    "remembered",
]

ENTRY_POINT_GROUP = "hdmf_store.adapters"

_registered: dict[str, AdapterClass] = {}


def register_adapter(adapter_class: AdapterClass) -> AdapterClass:
    """Make an adapter class known in this process, ahead of those that are installed; usable as a decorator."""
    _registered[adapter_class.name] = adapter_class
    return adapter_class


@attrs.frozen(kw_only=True)
class Plugin:
    """An adapter class, or what should have been one, and where it comes from.

    Parameters
    ----------
    name : str
    entry_point : str
        The module and the object in it; of a class that was registered, where it was defined.
    distribution : str
        The installed package and its version; empty for a class that was registered.
    adapter_class : AdapterClass, optional
        None if it could not be loaded.
    problem : str
        Why it could not be loaded.
    """

    name: str
    entry_point: str
    distribution: str = ""
    adapter_class: AdapterClass | None = None
    problem: str = ""

    @property
    def at_best(self) -> Capabilities | None:
        """What no place of this adapter exceeds, if its class says so; what one place can do, its adapter says."""
        for name in ("at_best", "capabilities"):  # the latter, where all places are alike
            found = getattr(self.adapter_class, name, None)
            if isinstance(found, Capabilities):
                return found
        return None


def plugins() -> list[Plugin]:
    """Return all adapters that are registered or installed, those that cannot be loaded too, in the order of asking."""
    registered = [
        Plugin(name=name, entry_point=f"{cls.__module__}:{getattr(cls, '__qualname__', cls)}", adapter_class=cls)
        for name, cls in _registered.items()
    ]
    return registered + [plugin for plugin in _installed() if plugin.name not in _registered]


@cache
def _installed() -> list[Plugin]:
    return [_loaded(entry) for entry in entry_points(group=ENTRY_POINT_GROUP)]


def _loaded(entry: EntryPoint) -> Plugin:
    found, problem = None, ""
    try:
        found = entry.load()
    except Exception as error:  # noqa: BLE001 - another package's import can fail in any way
        problem = f"{type(error).__name__}: {error}"
    missing = [name for name in ("name", "claims", "recognise") if found is not None and not hasattr(found, name)]
    if missing:
        found, problem = None, f"is no class of adapters: it has no {', '.join(missing)}"
    distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return Plugin(
        name=entry.name, entry_point=entry.value, distribution=distribution, adapter_class=found, problem=problem
    )


@cache
def _usable() -> dict[str, AdapterClass]:
    """Return the installed adapters that could be loaded; a warning names each of the others, once."""
    for plugin in _installed():
        if plugin.adapter_class is None:
            warnings.warn(
                f"the storage adapter {plugin.name!r} ({plugin.entry_point}) could not be loaded and is left out: "
                f"{plugin.problem}",
                RuntimeWarning,
                stacklevel=3,
            )
    return {plugin.name: plugin.adapter_class for plugin in _installed() if plugin.adapter_class is not None}


def adapters() -> dict[str, AdapterClass]:
    """Return the known adapter classes by name, in the order in which they are asked."""
    return {**_registered, **{name: cls for name, cls in _usable().items() if name not in _registered}}


def adapter_class_for(place: Any) -> AdapterClass:
    """Return the adapter class that serves a place.

    Raises
    ------
    ArgumentError
        If none does; the message lists those that were asked.
    """
    known = adapters()
    found = most_specific(place, known.values())
    if found is not None:
        return found
    advice = "Does it exist? For a new file, end its name with .zarr, .nwb or .h5."
    if isinstance(place, str) and url_parts(place) is not None:
        advice = (
            "On other machines, Zarr is read and written. An HDF5 file is downloaded first, or opened with fsspec or "
            "remfile and passed to pynwb: NWBHDF5IO(file=h5py.File(remfile.File(url)))."
        )
    asked = ", ".join(known) or "none is installed"
    raise ArgumentError(f"no storage adapter serves {shown(place)} (asked: {asked}). {advice}")


def most_specific(place: Any, kinds: Iterable[AdapterClass]) -> AdapterClass | None:
    """Return the adapter class that claims a place; of several the first, or one that is derived from it.

    So an adapter for one kind of zarr store, derived from that for all of them, is found whatever its name is.
    """
    claiming = [kind for kind in kinds if kind.claims(place)]
    for kind in claiming:
        if not any(other is not kind and _is_derived(other, kind) for other in claiming):
            return kind
    return None


def _is_derived(kind: Any, base: Any) -> bool:
    return isinstance(kind, type) and isinstance(base, type) and issubclass(kind, base)


def adapter_named(name: str) -> AdapterClass:
    """Return the adapter class of a name.

    Raises
    ------
    ArgumentError
        If it is not installed, or could not be loaded; a warning said why.
    """
    known = adapters()
    if name not in known:
        raise ArgumentError(f"the storage adapter {name!r} is not there; there are: {', '.join(known) or 'none'}")
    return known[name]


def connect(place: Any, kind: AdapterClass, may_read: Any = (), **options: Any) -> StoreAdapter:
    """Return an adapter for a place, unopened.

    Parameters
    ----------
    place : str, Path or store object
    kind : AdapterClass
    may_read : str, Path, list or dict, optional
        The word of the caller, as `prefixes` takes it; for adapters whose data can lie in other files.
    **options
        Passed to the adapter class.
    """
    if may_read and getattr(kind, "reads_other_files", False):
        options["may_read"] = may_read
    return kind(place, **options)


def open_adapter(place: Any, mode: str = "r", may_read: Any = (), **options: Any) -> StoreAdapter:
    """Open the hierarchy at a place with the adapter that serves it.

    Parameters
    ----------
    place : str, Path, store object or StoreAdapter
        An adapter is opened as it is.
    mode : str
        As for `StoreAdapter.open`.
    may_read : str, Path, list or dict, optional
        Folders and URLs, with all below them, in which data of the file may lie as well; see `Reach`.
    **options
        Passed to the adapter class.
    """
    adapter = (
        place if isinstance(place, StoreAdapter) else connect(place, adapter_class_for(place), may_read, **options)
    )
    adapter.open(mode)
    return adapter


_open: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def remember_open(adapter: StoreAdapter) -> None:
    """Remember an open hierarchy that has no address by which it could be opened again."""
    if not adapter.location.can_be_linked:
        _open[adapter.location.identity] = adapter


def remembered(identity: str) -> StoreAdapter | None:
    """Return the hierarchy that is open under an identity, if it was remembered and still is open."""
    found: StoreAdapter | None = _open.get(identity)
    return found if found is not None and found.mode else None


def recognise(value: Any) -> Dataset | None:
    """Return the dataset that an array object of any known engine stands for, or None."""
    for adapter_class in adapters().values():
        dataset = adapter_class.recognise(value)
        if dataset is not None:
            return dataset
    return None
