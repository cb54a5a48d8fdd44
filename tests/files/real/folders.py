"""Models in several files: shards, and the parts that the ranks of one run write. Each is a dict of files by name."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from files.by_hand.models import safetensors
from files.real.states import NET, TWO, State


def shards(name: str, write: Callable[[State], bytes] = safetensors, count: int = 2) -> dict[str, bytes]:
    """The small model in shards; ``name`` is a template of the number and the count."""
    items = list(NET.items())
    return {name.format(n + 1, count): write(dict(items[n::count])) for n in range(count)}


def ranks(count: int, state: State = TWO) -> dict[str, bytes]:
    """A model each of whose tensors is split into rows, as torch.distributed.checkpoint writes it in safetensors."""
    made: dict[str, bytes] = {}
    for number in range(count):
        part = {name: np.array_split(array, count)[number] for name, array in state.items()}
        places = {
            name: {"saved_offsets": [number * len(array), *[0] * (array.ndim - 1)]} for name, array in part.items()
        }
        metadata = {"DCP_VERSION": "1.0", "DCP_SHARDING_INFO": json.dumps(places), "format": "pt"}
        made[f"shard-{number + 1:05}-model-00001-of-00001.safetensors"] = safetensors(part, metadata)
    return made
