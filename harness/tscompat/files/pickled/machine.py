"""Runs the opcodes of a pickle, of all protocols, without looking anything up or calling what the pickle names.

Time and memory are linear in the pickle, and bounded: so many opcodes, memo entries and characters of a text. Each
opcode costs one step, and what copies costs a step for each element. Nothing recurses, so depth has no limit here.
Imports its neighbours. The opcodes: Lib/pickletools.py of CPython, which has their documentation.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any, Protocol

from .inert import Global, OldText, Record, Value, is_list, is_tuple, key_of

MOST_STEPS = 6_000_000
"""A state dict of 100,000 tensors takes four million."""
MOST_MEMO = 2_000_000
_MOST_NUMBER = 1 << 32
"""Of a place in the memo: Python's hash of larger ones repeats."""
MOST_TEXT = 1 << 26
"""Bytes of one text or number in text form."""
_MOST_LINE = 1 << 30
"""Bytes of one line of protocol 0, which holds arrays, too."""
_MOST_NAME = 1 << 12
_MOST_INTEGER = 1 << 10
"""Bytes: Python refuses to print integers of more than 4,300 digits."""
_VIEWED = 1 << 10
"""From this size on, bytes are a view of the file: a view itself takes 200 bytes."""
_CLASSES = 1 << 16
"""How many classes and functions a pickle may name."""


class PickleError(ValueError):
    """The pickle breaks the rules of its format, or exceeds a limit. The message is a sentence without the file."""


class Rules(Protocol):
    """What gives the pickle's names their meaning."""

    def persistent(self, identity: Value, /) -> Value:
        """The object that the pickle names by a persistent id. Raises PickleError."""
        ...

    def call(self, function: Value, args: Value, charge: Callable[[int], None]) -> Value:
        """What a call gives: a ``Record`` for what is not known. Copies are announced to ``charge``."""
        ...

    def build(self, instance: Value, state: Value) -> None:
        """Give an object its state. Raises PickleError for an object that takes none."""
        ...


class Machine:
    """The state of one pickle. ``load`` runs it."""

    def __init__(self, data: memoryview, start: int, rules: Rules, limit: int = MOST_STEPS) -> None:
        """``limit`` is the number of steps."""
        self.data = data
        self.at = start
        self.rules = rules
        self.stack: list[Value] = []
        self.below: list[list[Value]] = []
        """The stacks below each mark."""
        self.memo: dict[int, Value] = {}
        self.globals: dict[Global, Global] = {}
        """The classes and functions that were named, in order."""
        self._limit = limit
        self._run = self._charged = 0
        """Steps: opcodes, and those that were charged."""
        self.protocol = 0

    def load(self) -> Value:
        """Run to the end, and return the value. ``at`` is then the first byte after it. Raises PickleError."""
        data, table, most = self.data, _OPCODES, self._limit + 1
        try:
            for self._run in range(most):
                opcode = data[self.at]
                if opcode == _STOP:
                    break
                self.at += 1
                handler = table[opcode]
                if handler is None:
                    raise PickleError(self._odd(opcode))
                handler(self)
            else:
                self.charge(0)
            value = self.stack.pop()
            self.at += 1
            return value
        except IndexError:
            if self.at >= len(data):
                raise PickleError(f"incomplete: the pickle has no end, {len(data)} bytes are there") from None
            raise PickleError(f"damaged: at byte {self.at} of the pickle the stack is empty") from None
        except KeyError:
            raise PickleError(f"damaged: byte {self.at} of the pickle refers to nothing that it remembers") from None
        except (struct.error, TypeError, AttributeError):
            raise PickleError(f"damaged at byte {self.at} of the pickle, or incomplete") from None
        except (UnicodeError, ValueError, OverflowError) as error:
            if isinstance(error, PickleError):
                raise
            raise PickleError(f"damaged: a text or number before byte {self.at} of the pickle is not valid") from None

    @property
    def steps(self) -> int:
        """How many steps it took."""
        return self._run + self._charged

    def charge(self, steps: int) -> None:
        """Count steps for what copies that many elements."""
        self._charged += steps
        if self.steps >= self._limit:
            raise PickleError(f"it takes more than {MOST_STEPS:,} steps to read")

    def _odd(self, opcode: int) -> str:
        if opcode in _OUT_OF_BAND:
            return "it needs buffers that were kept outside of the file (protocol 5, out of band)"
        if opcode in _EXTENSIONS:
            return "it needs classes of an extension registry (copyreg.add_extension), which only its program has"
        return f"damaged: byte {self.at - 1} of the pickle, 0x{opcode:02x}, is no opcode"

    def take(self, size: int) -> memoryview:
        """The next bytes. Raises PickleError where fewer are left."""
        if size < 0:
            raise PickleError(f"damaged: a negative length before byte {self.at} of the pickle")
        taken = self.data[self.at : self.at + size]
        if len(taken) < size:
            raise PickleError(
                f"incomplete: {size:,} bytes should follow byte {self.at} of the pickle, {len(taken):,} are there"
            )
        self.at += size
        return taken

    def raw(self, size: int) -> bytes | memoryview:
        """The next bytes, as a view of the file if they are many."""
        taken = self.take(size)
        return taken if size >= _VIEWED else bytes(taken)

    def number(self, layout: struct.Struct) -> int:
        """The next number."""
        (found,) = layout.unpack_from(self.data, self.at)
        self.at += layout.size
        return found

    def line(self, most: int = MOST_TEXT) -> bytes:
        """The bytes before the next newline, at most ``most``."""
        size = 256
        while True:
            piece = bytes(self.data[self.at : self.at + size])
            end = piece.find(b"\n")
            if 0 <= end <= most:
                self.at += end + 1
                return piece[:end]
            if max(end, len(piece) - 1) > most:
                raise PickleError(f"the line at byte {self.at} of the pickle is longer than {most:,} bytes")
            if len(piece) < size:
                raise PickleError(f"incomplete: the line at byte {self.at} of the pickle has no end")
            size *= 4

    def text(self, size: int) -> str:
        """The next text, of so many bytes."""
        if size > MOST_TEXT:
            raise PickleError(f"the text at byte {self.at} of the pickle is longer than {MOST_TEXT:,} bytes")
        return str(self.take(size), "utf-8", "surrogatepass")

    def marked(self) -> list[Value]:
        """What was put on the stack since the last mark, which is removed."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def remember(self, number: int) -> None:
        """Keep the top of the stack in the memo."""
        if len(self.memo) >= MOST_MEMO or not 0 <= number < _MOST_NUMBER:
            raise PickleError(f"it remembers more than {MOST_MEMO:,} objects, or by numbers above {_MOST_NUMBER:,}")
        self.memo[number] = self.stack[-1]

    def named(self, module: object, name: object) -> Global:
        """The class or function of this name."""
        if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > _MOST_NAME:
            raise PickleError(f"damaged: the name before byte {self.at} of the pickle is none of a class or function")
        found = Global(str(module), str(name))
        if found not in self.globals and len(self.globals) >= _CLASSES:
            raise PickleError(f"it names more than {_CLASSES:,} classes and functions")
        return self.globals.setdefault(found, found)


def _set(target: Value, keys: list[Value], values: list[Value]) -> None:
    pairs: Any = target.pairs if type(target) is Record else target
    if type(pairs) is not dict or len(keys) != len(values):
        raise PickleError("damaged: a key is set in what is no dict")
    for key, value in zip(keys, values, strict=True):
        pairs[key if type(key) is str else key_of(key)] = value


def _add(target: Value, values: list[Value]) -> None:
    elements = target.elements if type(target) is Record else target
    if not is_list(elements):
        raise PickleError("damaged: something is appended to what is no list")
    elements.extend(values)


def _dict_of(items: list[Value]) -> dict[Value, Value]:
    made: dict[Value, Value] = {}
    _set(made, items[::2], items[1::2])
    return made


def _arguments(args: Value) -> tuple[Value, ...]:
    if not is_tuple(args):
        raise PickleError("damaged: something is called with what is no tuple of arguments")
    return args


_B, _H, _I, _i, _Q = (struct.Struct(f"<{code}") for code in "BHIiQ")
_DOUBLE = struct.Struct(">d")
_STOP = ord(".")
_OUT_OF_BAND = (0x97, 0x98)
_EXTENSIONS = (0x82, 0x83, 0x84)

Handler = Callable[[Machine], object]


def _push(make: Callable[[Machine], Value]) -> Handler:
    def handle(machine: Machine) -> None:
        value = make(machine)  # which may set another stack
        machine.stack.append(value)

    return handle


def _proto(machine: Machine) -> None:
    version = machine.number(_B)
    if version > 5:
        raise PickleError(f"its protocol is {version}, and the latest known one is 5: save it with protocol 5 or less")
    machine.protocol = version


def _mark(machine: Machine) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.marked()


def _int(machine: Machine) -> Value:
    line = machine.line(_MOST_NAME)
    return {b"00": False, b"01": True}.get(line, int(line))


def _long(machine: Machine) -> int:
    return int(machine.line(_MOST_NAME).rstrip(b"L"))


def _binary_long(size: struct.Struct) -> Callable[[Machine], int]:
    return lambda machine: int.from_bytes(machine.take(_short(machine.number(size))), "little", signed=True)


def _short(size: int) -> int:
    if size > _MOST_INTEGER:
        raise PickleError(f"it has an integer of {size:,} bytes, more than {_MOST_INTEGER:,}")
    return size


def _string(machine: Machine) -> OldText:
    line = machine.line(_MOST_LINE).strip()
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
        raise PickleError(f"damaged: the text before byte {machine.at} of the pickle has no quotes")
    raw: bytes
    raw, _ = codecs.escape_decode(line[1:-1])
    return OldText.of(raw)


def _tuple(count: int) -> Handler:
    def handle(machine: Machine) -> None:
        stack = machine.stack
        if len(stack) < count:
            raise IndexError
        stack[-count:] = [tuple(stack[-count:])]

    return handle


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _set(machine.stack[-1], [key], [value])


def _set_items(machine: Machine) -> None:
    items = machine.marked()
    _set(machine.stack[-1], items[::2], items[1::2])


def _append(machine: Machine) -> None:
    value = machine.stack.pop()
    _add(machine.stack[-1], [value])


def _appends(machine: Machine) -> None:
    items = machine.marked()
    _add(machine.stack[-1], items)


def _global(machine: Machine) -> Value:
    module, name = (str(machine.line(_MOST_NAME), "utf-8") for _ in range(2))
    return machine.named(module, name)


def _stack_global(machine: Machine) -> Value:
    name, module = machine.stack.pop(), machine.stack.pop()
    return machine.named(module, name)


def _reduce(machine: Machine) -> Value:
    args, function = machine.stack.pop(), machine.stack.pop()
    return machine.rules.call(function, _arguments(args), machine.charge)


def _new_with_names(machine: Machine) -> Value:
    names, args, cls = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.charge(len(_arguments(args)))
    return machine.rules.call(cls, (*args, names) if names else args, machine.charge)


def _inst(machine: Machine) -> Value:
    cls = _global(machine)
    return machine.rules.call(cls, tuple(machine.marked()), machine.charge)


def _obj(machine: Machine) -> Value:
    cls, *args = machine.marked()
    return machine.rules.call(cls, tuple(args), machine.charge)


def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    machine.rules.build(machine.stack[-1], state)


def _get_short(machine: Machine) -> None:
    machine.stack.append(machine.memo[machine.data[machine.at]])
    machine.at += 1


def _put_short(machine: Machine) -> None:
    number = machine.data[machine.at]
    machine.at += 1
    machine.remember(number)


def _get_long(machine: Machine) -> None:
    (number,) = _I.unpack_from(machine.data, machine.at)
    machine.at += 4
    machine.stack.append(machine.memo[number])


def _put_long(machine: Machine) -> None:
    (number,) = _I.unpack_from(machine.data, machine.at)
    machine.at += 4
    machine.remember(number)


def _small_int(machine: Machine) -> None:
    machine.stack.append(machine.data[machine.at])
    machine.at += 1


_TABLE: dict[bytes, Handler] = {
    b"\x80": _proto,
    b"\x95": lambda machine: machine.number(_Q),  # FRAME
    b"(": _mark,
    b"0": _pop,
    b"1": lambda machine: machine.marked(),
    b"2": _push(lambda machine: machine.stack[-1]),
    # numbers
    b"N": _push(lambda machine: None),
    b"\x88": _push(lambda machine: True),
    b"\x89": _push(lambda machine: False),
    b"I": _push(_int),
    b"J": _push(lambda machine: machine.number(_i)),
    b"K": _small_int,
    b"M": _push(lambda machine: machine.number(_H)),
    b"L": _push(_long),
    b"\x8a": _push(_binary_long(_B)),
    b"\x8b": _push(_binary_long(_i)),
    b"F": _push(lambda machine: float(machine.line(_MOST_NAME))),
    b"G": _push(lambda machine: machine.number(_DOUBLE)),
    # texts and bytes
    b"S": _push(_string),
    b"U": _push(lambda machine: OldText.of(bytes(machine.take(machine.number(_B))))),
    b"T": _push(lambda machine: OldText.of(bytes(machine.take(machine.number(_i))))),
    b"V": _push(lambda machine: str(machine.line(), "raw-unicode-escape")),
    b"\x8c": _push(lambda machine: machine.text(machine.number(_B))),
    b"X": _push(lambda machine: machine.text(machine.number(_I))),
    b"\x8d": _push(lambda machine: machine.text(machine.number(_Q))),
    b"C": _push(lambda machine: machine.raw(machine.number(_B))),
    b"B": _push(lambda machine: machine.raw(machine.number(_I))),
    b"\x8e": _push(lambda machine: machine.raw(machine.number(_Q))),
    b"\x96": _push(lambda machine: machine.raw(machine.number(_Q))),
    # containers
    b")": _push(lambda machine: ()),
    b"t": lambda machine: _close(machine, tuple),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"]": _push(lambda machine: []),
    b"l": lambda machine: _close(machine, list),
    b"a": _append,
    b"e": _appends,
    b"}": _push(lambda machine: {}),
    b"d": lambda machine: _close(machine, _dict_of),
    b"s": _set_item,
    b"u": _set_items,
    b"\x8f": _push(lambda machine: []),  # a set, whose elements are kept as they come
    b"\x90": _appends,
    b"\x91": lambda machine: _close(machine, list),
    # the memo
    b"p": lambda machine: machine.remember(int(machine.line(_MOST_NAME))),
    b"q": _put_short,
    b"r": _put_long,
    b"\x94": lambda machine: machine.remember(len(machine.memo)),
    b"g": _push(lambda machine: machine.memo[int(machine.line(_MOST_NAME))]),
    b"h": _get_short,
    b"j": _get_long,
    # objects
    b"c": _push(_global),
    b"\x93": _push(_stack_global),
    b"R": _push(_reduce),
    b"\x81": _push(_reduce),  # NEWOBJ
    b"\x92": _push(_new_with_names),
    b"i": _push(_inst),
    b"o": _push(_obj),
    b"b": _build,
    b"P": _push(lambda machine: machine.rules.persistent(OldText.of(machine.line(_MOST_NAME)))),
    b"Q": _push(lambda machine: machine.rules.persistent(machine.stack.pop())),
}


def _close(machine: Machine, make: Callable[[list[Value]], Value]) -> None:
    items = machine.marked()
    machine.stack.append(make(items))


_OPCODES: list[Handler | None] = [_TABLE.get(bytes([code])) for code in range(256)]
