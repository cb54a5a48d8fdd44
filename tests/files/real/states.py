"""The states that real files hold: small models, their digests, and one tensor alone.

What is expected is computed from these arrays alone: run this script with tests/ in PYTHONPATH to print the digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from files.by_hand.models import State


def _state(dtype: str = "float32", seed: int = 7) -> dict[str, np.ndarray]:
    """A small model, in the order of its ``state_dict()``. No two elements are equal, and none is NaN."""
    norm = {"weight": (4,), "bias": (4,), "running_mean": (4,), "running_var": (4,), "num_batches_tracked": ()}
    shapes: dict[str, tuple[int, ...]] = {
        **{"stem.weight": (4, 3, 3, 3), "stem.bias": (4,)},
        **{f"bn.{name}": shape for name, shape in norm.items()},
        **{"head.weight": (2, 4), "head.bias": (2,)},
    }
    made: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        kind = "int64" if name.endswith("num_batches_tracked") else dtype
        count = int(np.prod(shape))
        made[name] = (np.arange(seed, seed + count) / (1 if kind == "int64" else 64)).astype(kind).reshape(shape)
        seed += count
    return made


def prefixed(prefix: str) -> dict[str, np.ndarray]:
    """The small model with a prefix before each name."""
    return {prefix + name: array for name, array in NET.items()}


NET, HALF, DOUBLE = _state(), _state("float16"), _state("float64")
OTHER = _state(seed=1001)
"""Another model of the same names."""
TWO = {name: NET[name] for name in ("head.weight", "head.bias")}
BIASES = {name: NET[name] for name in ("stem.bias", "bn.bias")}
ONE = np.arange(6, dtype=np.float32).reshape(2, 3)
COLUMNS, LINE, NUMBERS = ONE.T, np.arange(6.0), np.arange(5)
NUMBER = np.array(2.5, np.float32)
SIX = {"weight": ONE}
_EMBEDDING = np.arange(40, dtype=np.float32).reshape(10, 4)
TIED = {"embed.weight": _EMBEDDING, "mid.weight": NET["bn.weight"], "lm_head.weight": _EMBEDDING}
UNTIED = {name: TIED[name] for name in ("embed.weight", "mid.weight")}
"""What is stored of them."""
PARAMETERS = [name for name in NET if "running" not in name and "num" not in name]
MOMENTS = {name: np.sqrt(array) for name, array in TWO.items()}
"""First moments of an optimizer that never stepped the other parameters."""

STATES: Mapping[str, State] = {
    **{"net": NET, "half": HALF, "other": OTHER, "double": DOUBLE, "two": TWO, "six": SIX, "tied": TIED},
    **{"module": prefixed("module."), "orig": prefixed("_orig_mod."), "biases": BIASES},
    **{
        "one": {"": ONE},
        "line": {"": LINE},
        "number": {"": NUMBER},
        "numbers": {"": NUMBERS},
        "columns": {"": COLUMNS},
    },
    "moments": {
        f"state.{number}.exp_avg": MOMENTS.get(name, np.zeros_like(NET[name])) for number, name in enumerate(PARAMETERS)
    },
}
"""What a file is expected to hold, by name."""

DIGESTS: Mapping[str, str] = {
    "net": "2aecd8467d6df4d97aa7450a4e8d0d0e6acbff0cf132c796d3275946c41aa3fc",
    "half": "9027bf3a11c75f29fb1e03aa61fefbd58b3095d46a925d926d80a6363b4fabf7",
    "other": "7d4e58d6f93ad7b672b23867dbe714ae99716c398c174af2b1374492c6016cbb",
    "double": "f1b73b189cfa2e3e8bb01f030a690c0e90574cfd5312db78a62ab83b16d53b72",
    "one": "cf5b71d0798af301b3ef0e8cbaa2720cc95454ec6e536a68e4e0ca7d96f711d6",
    "two": "ad42d9c47ff8c026e2a5d4c41060a7a82a43c3cd1af8e03cfb2c703f69b6640c",
    "six": "08a9efd8ac6a8c603789b6da4ac1b06dadf48223a63052ea453a7b114ca831d7",
    "tied": "19ef38446f8098f35335c8422803b0ca94a86e2ac4f3aaa40d2333486d3c8a6f",
    "module": "3de741eb86e915608ea993b67eaffe9c0f3977f465dad80ad506fb5660945a67",
    "orig": "17ae7326c05e72e828bfa711e81be06167b5c8bea4a8049a6b0cea8c7f3b8c2b",
    "biases": "fbd4e57b524c0c6f303f11e0cbc7623cf4b86b5fb64cd1018199f62152b17efc",
    "line": "f46f1ef85d5eaf7abfc7f94c2d8666237fda8f2f8a688fada26489a59edf80c7",
    "number": "9c2c1a6f46a34b99c5aefae87876010656cd143a97fd122db92100cba5f8b89d",
    "numbers": "6810eb4ea611006de118210f17295bd9ffee5e9a47f0777010caba0e116e6fe4",
    "columns": "f412f8b831f9c18ceda6ca6045161e774d4e658e1f5c1d854d468da9ff6eb1c2",
    "moments": "60e307243b2544e82ba8df3165ebd029728df10a3152dfda0f82c1141e98841b",
}
"""The digests of ``STATES``, as this script prints them."""


def digest(given: Mapping[str, tuple[str, Sequence[int], bytes]]) -> str:
    """SHA-256 of names, dtypes, shapes and bytes. The order of the entries does not matter."""
    found = hashlib.sha256()
    for name, (dtype, shape, data) in sorted(given.items()):
        found.update(f"{name} {dtype} {[*shape]} ".encode() + data)
    return found.hexdigest()


if __name__ == "__main__":
    for name, state in STATES.items():
        entries = {each: (f"{a.dtype.kind}{8 * a.itemsize}", a.shape, a.tobytes()) for each, a in state.items()}
        print(f'    "{name}": "{digest(entries)}",')
