"""Servers on this machine that speak real protocols, note what they were asked, and fail when they are told to."""

from tests.servers.files import file_server, http_server
from tests.servers.front import Server
from tests.servers.traffic import Dropped, Late, Refused, Request, Traffic

__all__ = ["Dropped", "Late", "Refused", "Request", "Server", "Traffic", "file_server", "http_server"]
