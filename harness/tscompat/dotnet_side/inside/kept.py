"""What a call must leave as it is: the object that a save saves, a module's flags in a load, a module in eval mode.

May import values, dotnet_side.digest, dotnet_side.messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from tscompat.dotnet_side.digest import digest
from tscompat.dotnet_side.messages import text
from tscompat.values.tensors import Entry

from .clr import Dotnet
from .snapshots import snapshot
from .work import Stopwatch

State: TypeAlias = Mapping[str, str]
"""What each thing is, by what it is, in words."""


def flags(dotnet: Dotnet, held: Any) -> State:
    """Those of a module (dotnet/Peer/Modules.cs); a tensor, or no object, has none."""
    if held is None or isinstance(held, dotnet.Tensor):
        return {}
    return {text(str(each.Key)): str(each.Value) for each in dotnet.Modules.Flags(held)}


def state(dotnet: Dotnet, watch: Stopwatch, held: Any) -> State:
    """The flags of a module, and the digest of each tensor: of a module's state dict, or the one given."""
    with snapshot(dotnet, watch, held) as (_, found):
        bits = {text(f"the bits of {name!r}"): digest([Entry("", tensor)]) for name, tensor in found}
    return {**flags(dotnet, held), **bits}


def changed(before: State, after: State) -> tuple[str, ...]:
    """What differs, in words."""
    return tuple(
        f"{what}: {before.get(what, 'nothing')} before, {after.get(what, 'nothing')} after"
        for what in {**before, **after}
        if before.get(what) != after.get(what)
    )
