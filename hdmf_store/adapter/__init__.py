"""The protocol between translation and stores. Knows nodes; knows no engine and no HDMF."""

from hdmf_store.adapter.findings import Finding, Repair
from hdmf_store.adapter.location import Location
from hdmf_store.adapter.modes import CREATING_MODES, MODES, READING_MODES, check_mode
from hdmf_store.adapter.protocol import AdapterClass, Capabilities, Plan, Progress, StoreAdapter
from hdmf_store.adapter.reach import Admitted, Reach, prefixes
from hdmf_store.adapter.registry import (
    ENTRY_POINT_GROUP,
    Plugin,
    adapter_class_for,
    adapter_named,
    adapters,
    connect,
    most_specific,
    open_adapter,
    plugins,
    recognise,
    register_adapter,
    remember_open,
    remembered,
)
from hdmf_store.adapter.urls import CACHES, UrlParts, shown, url_parts

__all__ = [
    "CACHES",
    "CREATING_MODES",
    "ENTRY_POINT_GROUP",
    "MODES",
    "READING_MODES",
    "AdapterClass",
    "Admitted",
    "Capabilities",
    "Finding",
    "Location",
    "Plan",
    "Plugin",
    "Progress",
    "Reach",
    "Repair",
    "StoreAdapter",
    "UrlParts",
    "adapter_class_for",
    "adapter_named",
    "adapters",
    "check_mode",
    "connect",
    "most_specific",
    "open_adapter",
    "plugins",
    "prefixes",
    "recognise",
    "register_adapter",
    "remember_open",
    "remembered",
    "shown",
    "url_parts",
]
