"""What Python gives to probes beside the case's tensors: casts, the state of a generator. May import torch."""

from __future__ import annotations

import torch

State = dict[str, torch.Tensor]
CASTS = {"f32": ("f16", "bf16"), "f64": ("f16", "bf16", "f32"), "f16": ("bf16", "f32", "f64"), "bf16": ("f16", "f32")}
"""The dtypes to convert to, by the one to convert from."""
DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}
SEED, DRAWN = 7, 1000


def casts() -> State:
    """Numbers of each dtype, and after them what ``to`` makes of them, named "f32 to f16".

    Of a 16-bit dtype all. Of f32 and f64 all of these, the middles between neighbours, and what is next to those.
    """
    every = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int16)
    f16, bf16 = every.view(torch.float16), every.view(torch.bfloat16)
    widened = ((f16.float(), 1 << 12), (bf16.float(), 1 << 15))  # and half of a step, in bits of f32
    edges = [numbers.view(torch.int32) + step for numbers, half in widened for step in (0, half - 1, half, half + 1)]
    f32 = torch.cat(edges).view(torch.float32)
    near = f32.double().view(torch.int64)
    f64 = torch.cat([near, near + 1, near - 1]).view(torch.float64)
    state: State = {}
    for name, numbers in (("f32", f32), ("f64", f64), ("f16", f16), ("bf16", bf16)):
        state[name] = numbers
        state |= {f"{name} to {target}": numbers.to(DTYPES[target]) for target in CASTS[name]}
    return state


def generator() -> State:
    """A seed, the state of a generator after as many numbers as follow, and these numbers."""
    made = torch.Generator()
    made.manual_seed(SEED)
    torch.rand(DRAWN, generator=made)
    return {"seed": torch.tensor(SEED), "state": made.get_state(), "numbers": torch.rand(DRAWN, generator=made)}
