"""Kill a process at its nth call of the system that changes something in a folder, whatever library makes the call.

HDF5 writes from C and Icechunk from threads in Rust, where Python sees nothing. So the process is traced, as a debugger
does: it stops at each call of the system, in every thread. A write counts twice: before it, and when half of its bytes
are with the system.

For Linux on x86-64: `IS_POSSIBLE` says whether this is one, and lets processes be traced.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["IS_POSSIBLE", "watched"]

_TRACEME, _POKE_USER, _SYSCALL, _SET_OPTIONS, _SYSCALL_INFO = 0, 6, 24, 0x4200, 0x420E
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x100000  # good system calls, fork, vfork, clone; who traces takes the others along
_ALL_THREADS = 0x40000000
_ENTRY = 1
_INFO = struct.Struct("<B3xIQQQ6Q")
_THIRD_ARGUMENT = 12 * 8  # rdx in the structure that holds a stopped process
_CWD = 2**64 - 100
_TO_WRITE = os.O_CREAT | os.O_TRUNC

_WRITES = {1: "write", 18: "write", 20: "writev", 296: "writev", 328: "writev"}
_BY_HANDLE = {74: "sync", 75: "sync", 77: "truncate", 285: "allocate", 326: "copy"}
_BY_PATH = {82: "rename", 83: "mkdir", 84: "rmdir", 87: "remove", 86: "link", 88: "symlink", 76: "truncate"}
_BELOW = {264: "rename", 316: "rename", 258: "mkdir", 263: "remove", 265: "link"}
_RENAMES = {82: (None, 1), 264: (2, 3), 316: (2, 3)}
_EXCHANGE = 0x2
_OPENS = {2: (None, 0, 1), 257: (0, 1, 2)}
_COUNTED_BY_BYTES = (1, 18)

_libc = ctypes.CDLL(None, use_errno=True)
if hasattr(_libc, "ptrace"):
    _libc.ptrace.restype = ctypes.c_long
    _libc.ptrace.argtypes = [ctypes.c_long] * 4


def _can_trace() -> bool:
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return False
    victim = os.fork()
    if victim == 0:
        os._exit(0 if _libc.ptrace(_TRACEME, 0, 0, 0) == 0 else 1)
    return os.waitpid(victim, 0)[1] == 0


IS_POSSIBLE = _can_trace()


def watched(told: Any, operation: int, folder: str, work: Callable[..., None], arguments: Any) -> None:
    """Do work in a child that is killed at an operation, tell of each, and end as the child does."""
    victim = os.fork()
    if victim == 0:
        _suffer(work, arguments)
    os.waitpid(victim, _ALL_THREADS)
    _libc.ptrace(_SET_OPTIONS, victim, 0, _OPTIONS)
    _libc.ptrace(_SYSCALL, victim, 0, 0)
    left, halved = operation, 0
    while True:
        thread, status = os.waitpid(-1, _ALL_THREADS)
        if not os.WIFSTOPPED(status):
            if thread == victim:
                break
            continue
        stopped_by, passed_on = os.WSTOPSIG(status), 0
        if thread == halved:  # half of the bytes are written
            os.kill(victim, signal.SIGKILL)
        elif stopped_by == signal.SIGTRAP | 0x80:
            for what in _operations(thread, folder):
                told.send(what)
                if left == 0 and what[0].startswith("write half"):
                    halved = _halve(thread)
                elif left == 0:
                    os.kill(victim, signal.SIGKILL)
                left -= 1
        elif stopped_by not in (signal.SIGTRAP, signal.SIGSTOP):
            passed_on = stopped_by
        _libc.ptrace(_SYSCALL, thread, 0, passed_on)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.WEXITSTATUS(status))


def _suffer(work: Callable[..., None], arguments: Any) -> None:
    _libc.ptrace(_TRACEME, 0, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        work(*arguments)
    except BaseException:  # noqa: BLE001 - the process ends here, and says why
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _operations(thread: int, folder: str) -> list[tuple[str, str, str]]:
    """Return what a thread is about to change in a folder: nothing, one step, or the two of a write.

    Each in words, with the path, and with the new path of what is renamed.
    """
    info = ctypes.create_string_buffer(_INFO.size)
    _libc.ptrace(_SYSCALL_INFO, thread, _INFO.size, ctypes.addressof(info))
    kind, _, _, _, call, *arguments = _INFO.unpack(info.raw)
    if kind != _ENTRY:
        return []
    name, path = _named(thread, call, arguments)
    if not path.startswith(folder):
        return []
    short, new = os.path.basename(path), ""
    if call in _RENAMES:
        below, address = _RENAMES[call]
        new = _path(thread, _CWD if below is None else arguments[below], arguments[address])
        name = "exchange" if call == 316 and arguments[4] & _EXCHANGE else name
    steps = [f"{name} {short}", f"write half of {short}"] if call in _COUNTED_BY_BYTES else [f"{name} {short}"]
    return [(step, path, new) for step in steps]


def _halve(thread: int) -> int:
    """Let the write that a thread is about to make be half as long."""
    info = ctypes.create_string_buffer(_INFO.size)
    _libc.ptrace(_SYSCALL_INFO, thread, _INFO.size, ctypes.addressof(info))
    count = _INFO.unpack(info.raw)[7]
    _libc.ptrace(_POKE_USER, thread, _THIRD_ARGUMENT, count // 2)
    return thread


def _named(thread: int, call: int, arguments: list[int]) -> tuple[str, str]:
    """Return what a call of the system is, and the path that it changes; empty if it changes nothing."""
    if call in _WRITES or call in _BY_HANDLE:
        handle = arguments[2] if call == 326 else arguments[0]
        return {**_WRITES, **_BY_HANDLE}[call], _opened(thread, handle)
    if call in _BY_PATH:
        return _BY_PATH[call], _path(thread, _CWD, arguments[0])
    if call in _BELOW:
        return _BELOW[call], _path(thread, arguments[0], arguments[1])
    if call in _OPENS:
        below, path, flags = _OPENS[call]
        if arguments[flags] & _TO_WRITE:
            return "open", _path(thread, _CWD if below is None else arguments[below], arguments[path])
    return "", ""


def _opened(thread: int, handle: int) -> str:
    try:
        return os.readlink(f"/proc/{thread}/fd/{handle}")
    except OSError:
        return ""


def _path(thread: int, below: int, address: int) -> str:
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        data = memory.read(256)
        while data and b"\0" not in data and len(data) < 4096:
            data += memory.read(256)
    path = os.fsdecode(data.partition(b"\0")[0])
    if os.path.isabs(path):
        return path
    is_here = below & 0xFFFFFFFF == _CWD & 0xFFFFFFFF
    return os.path.join(os.readlink(f"/proc/{thread}/cwd") if is_here else _opened(thread, below), path)
