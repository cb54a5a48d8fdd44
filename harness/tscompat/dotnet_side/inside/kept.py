"""What a call must leave as it is: the object of a save, the flags of a module in a load, module and inputs of a pass.

May import values, dotnet_side.digest, dotnet_side.messages.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import BITS_OF, bits_of
from tscompat.values.tensors import Entry
from tscompat.values.text import escaped

from .clr import Dotnet, DotnetError, DotnetTensor
from .snapshots import snapshot
from .work import Stopwatch


@contextmanager
def watched(
    dotnet: Dotnet,
    watch: Stopwatch,
    held: Any,
    *,
    bits: bool = True,
    but: Collection[str] = (),
    inputs: Sequence[DotnetTensor] = (),
) -> Generator[list[str]]:
    """Gives a list that has, at the end of the context, what has changed in a module or tensor, in words.

    Looked at are the flags of a module (dotnet/Peer/Modules.cs), and with ``bits`` the elements of its state dict, but
    for the names in ``but``, and of ``inputs``. A DotnetError that the context raises gets the list too. Raises
    DotnetError for an object that can no longer be looked at.
    """

    def look() -> Mapping[str, str]:
        with dotnet.errors():
            module = held is not None and not isinstance(held, dotnet.Tensor)
            flags: Any = dotnet.Modules.Flags(held) if module else ()
            found = {escaped(str(each.Key)): str(each.Value) for each in flags}
            if bits:
                with snapshot(dotnet, watch, held) as (_, entries):
                    kept = [entry for entry in entries if entry.name not in but]
                    found |= {bits_of(name): digest([Entry("", tensor)]) for name, tensor in kept}
            if inputs:
                with snapshot(dotnet, watch, dotnet.Array[dotnet.Tensor](list(inputs))) as (_, entries):
                    found |= {f"{BITS_OF}input {name}": digest([Entry("", tensor)]) for name, tensor in entries}
            return found

    changed: list[str] = []
    before = look()
    try:
        yield changed
    except DotnetError as error:
        error.changed = _changed(before, look())
        raise
    changed += _changed(before, look())


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        _words(what, before.get(what, "nothing"), after.get(what, "nothing"))
        for what in {**before, **after}
        if before.get(what) != after.get(what)
    )


def _words(what: str, before: str, after: str) -> str:
    return what if what.startswith(BITS_OF) else f"{what}: {before} before, {after} after"
