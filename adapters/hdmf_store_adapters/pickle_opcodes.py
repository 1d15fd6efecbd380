"""A look through the opcodes of a pickle before any of them is carried out.

The interpreter of pickles is not to be trusted with every opcode, even where none can name anything. A place far out in
the memo takes that much memory. A tuple as a key is hashed by recursion, through all that it holds, until the stack
ends and the process with it. Numbers as keys can be chosen so that a mapping takes forever. So the stack is followed
here, with one thing known of each value on it: whether it is text. Text is all that data of these files has as keys.

Source: the pickle protocol as Python documents it (module ``pickletools``).
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import NoReturn

__all__ = ["UnsafePickleError", "check_opcodes", "refuse"]


class UnsafePickleError(ValueError):
    """A pickle that names, or is made of, something that no chunk of such files holds."""


def refuse(what: str) -> NoReturn:
    """Raise the error for something that no data of these files needs."""
    raise UnsafePickleError(f"the pickle holds {what}, which no data of these files needs; it was not executed")


class _Stack:
    """The stack and the memo of an interpreter, as far as it is known of each value whether it is text."""

    def __init__(self) -> None:
        self.is_text: list[bool] = []
        self.marks: list[int] = []
        self.memo: dict[int, bool] = {}
        self.steps = 0

    def take(self, count: int) -> list[bool]:
        """Remove so many values, none of them from below the last mark."""
        floor = self.marks[-1] if self.marks else 0
        if len(self.is_text) - count < floor:
            raise UnsafePickleError("the pickle is damaged (it takes more from its stack than there is)")
        taken = self.is_text[len(self.is_text) - count :]
        del self.is_text[len(self.is_text) - count :]
        return taken

    def take_to_mark(self) -> list[bool]:
        """Remove the values above the last mark, and the mark."""
        if not self.marks:
            raise UnsafePickleError("the pickle is damaged (it takes more from its stack than there is)")
        taken = self.is_text[self.marks[-1] :]
        del self.is_text[self.marks.pop() :]
        return taken

    def put(self, place: int) -> None:
        """Remember the value on top; the interpreter makes room for all places before, so there must be few."""
        if place > self.steps:
            refuse("a memo with gaps")
        self.memo[place] = self.take(1)[0]
        self.is_text.append(self.memo[place])

    def get(self, place: int) -> None:
        """Put a remembered value on top."""
        if place not in self.memo:
            raise UnsafePickleError("the pickle is damaged (it recalls what it never stored)")
        self.is_text.append(self.memo[place])

    def pop(self) -> None:
        """Remove the value on top, or the mark there."""
        if self.marks and self.marks[-1] == len(self.is_text):
            self.marks.pop()
        else:
            self.take(1)

    def check_keys(self, items: list[bool]) -> None:
        """Check keys and values in turn."""
        if len(items) % 2 or not all(items[::2]):
            refuse("a mapping whose keys are not text")


_Effect = Callable[[_Stack, bytes], object]


def _number(argument: bytes) -> int:
    return int.from_bytes(argument, "little")


def _digits(argument: bytes) -> int:
    digits = argument[:-1]
    if len(digits) > 11 or not digits.isdigit():
        refuse("a memo with gaps")
    return int(digits)


def _replaces(count: int) -> _Effect:
    def effect(stack: _Stack, _: bytes) -> None:
        stack.take(count)
        stack.is_text.append(False)

    return effect


def _collects(stack: _Stack, _: bytes) -> None:
    stack.take_to_mark()
    stack.is_text.append(False)


def _makes_mapping(stack: _Stack, _: bytes) -> None:
    stack.check_keys(stack.take_to_mark())
    stack.is_text.append(False)


def _duplicates(stack: _Stack, _: bytes) -> None:
    stack.is_text += stack.take(1) * 2


_EFFECTS: dict[str, _Effect] = {
    **dict.fromkeys(["PROTO", "FRAME", "STOP"], lambda stack, _: None),
    **dict.fromkeys(
        ["STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"],
        lambda stack, _: stack.is_text.append(True),
    ),
    **dict.fromkeys(
        (
            *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
            *("FLOAT", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "GLOBAL"),
            *("EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_DICT"),
        ),
        lambda stack, _: stack.is_text.append(False),
    ),
    **{"TUPLE1": _replaces(1), "TUPLE2": _replaces(2), "TUPLE3": _replaces(3), "STACK_GLOBAL": _replaces(2)},
    **{"REDUCE": _replaces(2), "NEWOBJ": _replaces(2), "NEWOBJ_EX": _replaces(3)},
    **dict.fromkeys(["LIST", "TUPLE", "INST", "OBJ"], _collects),
    "DICT": _makes_mapping,
    "MARK": lambda stack, _: stack.marks.append(len(stack.is_text)),
    "POP": lambda stack, _: stack.pop(),
    "POP_MARK": lambda stack, _: stack.take_to_mark(),
    "DUP": _duplicates,
    "APPEND": lambda stack, _: stack.take(1),
    "BUILD": lambda stack, _: stack.take(1),
    "APPENDS": lambda stack, _: stack.take_to_mark(),
    "SETITEM": lambda stack, _: stack.check_keys(stack.take(2)),
    "SETITEMS": lambda stack, _: stack.check_keys(stack.take_to_mark()),
    "PUT": lambda stack, argument: stack.put(_digits(argument)),
    "MEMOIZE": lambda stack, _: stack.put(len(stack.memo)),
    "GET": lambda stack, argument: stack.get(_digits(argument)),
    **dict.fromkeys(["BINPUT", "LONG_BINPUT"], lambda stack, argument: stack.put(_number(argument))),
    **dict.fromkeys(["BINGET", "LONG_BINGET"], lambda stack, argument: stack.get(_number(argument))),
}
"""What each opcode does to the stack. One that is not here is refused: what reaches outside the pickle, and sets."""

_NEWLINES = {"GLOBAL": 2, "INST": 2}
_PREFIXES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


def _table() -> list[tuple[str, int, int, int, _Effect | None] | None]:
    """Return, for each opcode byte: name; fixed bytes, bytes of a length, or lines of its argument; and effect."""
    table: list[tuple[str, int, int, int, _Effect | None] | None] = [None] * 256
    for op in pickletools.opcodes:
        fixed = prefix = lines = 0
        if op.arg is not None:
            if op.arg.n >= 0:
                fixed = op.arg.n
            elif op.arg.n == pickletools.UP_TO_NEWLINE:
                lines = _NEWLINES.get(op.name, 1)
            else:
                prefix = _PREFIXES[op.arg.n]
        table[ord(op.code)] = (op.name, fixed, prefix, lines, _EFFECTS.get(op.name))
    return table


_TABLE = _table()
_PERSISTENT = ("PERSID", "BINPERSID")


def check_opcodes(data: bytes) -> None:
    """Check that a pickle is whole and that none of its opcodes can do harm.

    Raises
    ------
    UnsafePickleError
        If not. Names are not looked at here.
    """
    position, stack = 0, _Stack()
    while True:
        known = _TABLE[data[position]] if position < len(data) else None
        if known is None:
            raise UnsafePickleError("the pickle is damaged (it ends early, or has an unknown opcode)")
        name, fixed, prefix, lines, effect = known
        if effect is None:
            refuse("a persistent id" if name in _PERSISTENT else f"the opcode {name}")
        start = position + 1
        position = start + fixed
        if prefix:
            position = start + prefix + int.from_bytes(data[start : start + prefix], "little")
        for _ in range(lines):
            position = data.find(b"\n", position) + 1 or len(data) + 1
        stack.steps += 1
        effect(stack, data[start : start + fixed] if not lines else data[start:position])
        if name == "STOP":
            break
    if position != len(data):
        refuse("bytes after its end")
