"""Draws modules that Python and .NET can both build, and writes them as cases, in the form of cases/layer.toml.

``python tests/fuzz/strategy.py 0 15`` prints the cases of seeds 0 to 15, which depend on the version of hypothesis.
"""

from __future__ import annotations

import hashlib
import json
import string
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from torch import nn

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]
Description: TypeAlias = dict[str, Any]

DTYPES = ("f32", "f64", "f16", "bf16")
LINE = 100
"""How many characters an array may take on one line."""
DEPTH = 3
"""How deep containers may be nested."""
WIDTHS = (4, 6, 8)
"""Features or channels: even, for groups of two, and more than two, because a norm of two gives +1 and -1."""
IN, OUT = "in", "out"
"""Placeholders for the width of a layer's input and of its output."""


class Layer(NamedTuple):
    """A class of torch.nn, with its arguments and the options to draw from."""

    module: str
    arguments: tuple[Any, ...] = ()
    """Values by position, because the names of arguments may differ between the two sides. IN and OUT are widths."""
    options: Mapping[str, tuple[Any, ...]] = {}
    """The values to draw from for each option. An option may also be left out."""


WITHOUT_STATE = (
    *map(Layer, ("ReLU", "Tanh", "Sigmoid", "GELU", "SiLU", "ELU", "Hardswish", "Identity", "Dropout")),
    Layer("LeakyReLU", (0.1,)),
)
BATCHNORM = {"affine": (False,), "track_running_stats": (False,)}
INSTANCENORM = {"affine": (True,), "track_running_stats": (True,)}
CONVOLUTION = {"bias": (False,), "groups": (2,)}
RECURRENT = {"bias": (False,), "num_layers": (2,), "bidirectional": (True,), "batch_first": (True,)}

TOKENS = (
    Layer("Linear", (IN, OUT)),
    Layer("Linear", (IN, OUT, False)),
    Layer("LayerNorm", (IN,), {"elementwise_affine": (False,), "bias": (False,)}),
    Layer("PReLU", (1,), {"init": (0.5,)}),
)
CHANNELS = (
    Layer("GroupNorm", (2, IN), {"affine": (False,)}),
    Layer("PReLU", (1,)),
    Layer("PReLU", (IN,)),
)
CHAINS = {
    "features": (*TOKENS, Layer("BatchNorm1d", (IN,), BATCHNORM)),
    "tokens": TOKENS,
    "signals": (
        Layer("Conv1d", (IN, OUT, 3, 1, 1), CONVOLUTION),
        Layer("ConvTranspose1d", (IN, OUT, 3, 1, 1), CONVOLUTION),
        Layer("BatchNorm1d", (IN,), BATCHNORM),
        Layer("InstanceNorm1d", (IN,), INSTANCENORM),
        *CHANNELS,
    ),
    "images": (
        Layer("Conv2d", (IN, OUT, 1), CONVOLUTION),
        Layer("Conv2d", (IN, OUT, 3, 1, 1), {**CONVOLUTION, "padding_mode": ("reflect", "circular")}),
        Layer("ConvTranspose2d", (IN, OUT, 3, 1, 1), CONVOLUTION),
        Layer("BatchNorm2d", (IN,), BATCHNORM),
        Layer("InstanceNorm2d", (IN,), INSTANCENORM),
        *CHANNELS,
    ),
}
"""For each kind of data, the layers with state that keep its shape, except for its width."""
INPUTS: dict[str, dict[str, Any]] = {
    "features": {"shape": [3, IN]},
    "tokens": {"shape": [2, 5], "below": 10},
    "signals": {"shape": [2, IN, 7]},
    "images": {"shape": [2, IN, 5, 5]},
}
EMBEDDING = Layer("Embedding", (10, OUT), {"padding_idx": (3,)})
"""The first layer of a chain over tokens."""

HELD = (
    Layer("LSTM", (3, 4), RECURRENT),
    Layer("GRU", (3, 4), RECURRENT),
    Layer("RNN", (3, 4), {**RECURRENT, "nonlinearity": ("relu",)}),
    *(Layer(cell, (3, 4), {"bias": (False,)}) for cell in ("LSTMCell", "GRUCell", "RNNCell")),
    Layer("Bilinear", (3, 4, 2)),
    Layer("EmbeddingBag", (10, 4), {"mode": ("sum",), "include_last_offset": (True,)}),
    Layer("MultiheadAttention", (4, 2), {"bias": (False,), "add_bias_kv": (True,), "kdim": (3,), "vdim": (5,)}),
    Layer("TransformerEncoderLayer", (4, 2, 8), {"activation": ("gelu",)}),
)
"""Layers that are not a function of one tensor: TorchSharp's ModuleList takes them, its Sequential does not."""

DATA = st.sampled_from(tuple(CHAINS))
TAKEN = {*dir(nn.Sequential()), *dir(nn.ModuleDict()), "module", "parameter", "tensor"}
"""Names that no child can have: torch refuses attributes of its modules, and a description uses three words itself."""
NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8).filter(
    lambda name: name not in TAKEN
)


@st.composite
def trees(draw: Draw) -> Description:
    """A case: the contents of the table ``[case.name]``."""
    dtype = draw(st.sampled_from(DTYPES))
    if draw(st.booleans()):
        return {
            "dtypes": [dtype],
            **_held(draw, dtype, DEPTH),
            "child": True,
        }  # TorchSharp saves it only as a child
    data, width = draw(DATA), draw(st.sampled_from(WIDTHS))
    tree, _ = _chain(draw, data, width, DEPTH)
    if data == "tokens":
        tree = _container(draw, "Sequential", [_layer(draw, EMBEDDING, 0, width), tree])
    shape = _filled(INPUTS[data]["shape"], width, 0)
    child = {"child": True} if draw(st.booleans()) else {}
    return {"dtypes": [dtype], **tree, **child, "inputs": [{**INPUTS[data], "shape": shape}]}


def _chain(draw: Draw, data: str, width: int, depth: int) -> tuple[Description, int]:
    """A Sequential whose layers fit each other, and the width of its output."""
    parts: list[Description] = []
    for _ in range(_count(draw, depth)):
        if depth > 1 and draw(st.booleans()):
            part, width = _chain(draw, data, width, depth - 1)
        else:
            layers = st.sampled_from(WITHOUT_STATE) | st.sampled_from(CHAINS[data])
            layer, out = draw(layers), draw(st.sampled_from(WIDTHS))
            part = _layer(draw, layer, width, out)
            width = out if OUT in layer.arguments else width
        parts.append(part)
    return _container(draw, "Sequential", parts), width


def _held(draw: Draw, dtype: str, depth: int) -> Description:
    """A ModuleList, or in float32 a ModuleDict, which TorchSharp cannot convert to another dtype."""
    parts: list[Description] = []
    for _ in range(_count(draw, depth)):
        what = draw(st.sampled_from(("layer", "chain", "container") if depth > 1 else ("layer",)))
        if what == "layer":
            parts.append(_layer(draw, draw(st.sampled_from(HELD)), 0, 0))
        elif what == "chain":
            part, _ = _chain(draw, draw(DATA), draw(st.sampled_from(WIDTHS)), depth - 1)
            parts.append(part)
        else:
            parts.append(_held(draw, dtype, depth - 1))
    return _container(draw, "ModuleDict" if dtype == "f32" and draw(st.booleans()) else "ModuleList", parts)


def _count(draw: Draw, depth: int) -> int:
    """How many children. An inner container may have none, like the shortcut of a residual block."""
    return draw(st.integers(1 if depth == DEPTH else 0, 4))


def _layer(draw: Draw, layer: Layer, given: int, out: int) -> Description:
    options = draw(
        st.fixed_dictionaries({}, optional={name: st.sampled_from(it) for name, it in layer.options.items()})
    )
    parts = {"arguments": _filled(layer.arguments, given, out), "options": options}
    return {"module": layer.module, **{name: part for name, part in parts.items() if part}}


def _filled(items: Iterable[Any], given: int, out: int) -> list[Any]:
    return [{IN: given, OUT: out}.get(item, item) for item in items]


def _container(draw: Draw, module: str, parts: list[Description]) -> Description:
    """A container; its children have drawn names, or numbers if the container numbers them."""
    if module == "ModuleDict" or (module == "Sequential" and draw(st.booleans())):
        names = draw(st.lists(NAMES, min_size=len(parts), max_size=len(parts), unique=True))
        return {"module": module, "arguments": [dict(zip(names, parts, strict=True))]}
    return {"module": module, "arguments": [parts] if module == "ModuleList" else parts}


def to_toml(tree: Description) -> str:
    """The case as text for cases/generated.toml. Equal trees get equal names."""
    digest = hashlib.sha256(json.dumps(tree).encode()).hexdigest()
    name = f"{tree['module'].lower()}-{digest[:6]}"
    return "\n".join([f"[case.{name}]", *(f"{key} = {_value(item)}" for key, item in tree.items()), ""])


def _value(item: Any, indent: str = "") -> str:
    """A value in TOML: JSON, except for tables. A long array takes several lines, which a table may not."""
    match item:
        case dict():
            pairs = ", ".join(f"{key} = {_value(part, indent)}" for key, part in cast("Description", item).items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case list():
            parts = [_value(part, indent + "  ") for part in cast("list[Any]", item)]
            line = f"[{', '.join(parts)}]"
            if "\n" not in line and len(indent) + len(line) <= LINE:
                return line
            return "[\n" + "".join(f"{indent}  {part},\n" for part in parts) + f"{indent}]"
        case _:
            return json.dumps(item)


def draw_tree(number: int) -> Description:
    """The tree that hypothesis draws with this seed: the last of ten, because the first are the simplest."""
    drawn: list[Description] = []

    @seed(number)
    @settings(max_examples=10, database=None, phases=[Phase.generate], deadline=None)
    @given(trees())
    def collect(tree: Description) -> None:
        drawn.append(tree)

    collect()
    return drawn[-1]


if __name__ == "__main__":
    first, last = map(int, sys.argv[1:])
    for number in range(first, last + 1):
        print(to_toml(draw_tree(number)))
