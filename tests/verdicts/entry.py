"""A divergence entry for tests: as the TOML of a file, and as the object read from it."""

from typing import Any

import msgspec

from tscompat.verdicts.divergence import Divergence
from tscompat.verdicts.entries import Entries

VERSION = "TorchSharp 0.107.0"
SCRIPT = "exportsd sha256:" + 64 * "0"
CAUSE = "TorchSharp has no complex32. So it cannot read one."

TOML = f"""
[no-c32]
cause = "{CAUSE}"
upstream = "src/TorchSharp/Tensor/torch.ScalarType.cs: the member is commented out"
versions = ["{VERSION}"]
[no-c32.reproduction]
csharp = "zeros(1, (ScalarType)8);"
shows = "not supported"
[[no-c32.expect]]
kind = "refused"
ids = ["dat/*/c32/bits"]
message = "^not .* supported"
"""


def divergence(name: str = "no-c32", versions: tuple[str, ...] = (VERSION,), **expected: Any) -> Divergence:
    """The entry of ``TOML``, but with this name, these versions, and these fields in its one table ``expect``."""
    entry = {
        "cause": CAUSE,
        "upstream": "src/TorchSharp/Tensor/torch.ScalarType.cs: the member is commented out",
        "versions": versions,
        "reproduction": {"csharp": "zeros(1, (ScalarType)8);", "shows": "not supported"},
        "expect": [{"kind": "refused", "ids": ["dat/*/c32/bits"], "message": "^not .* supported", **expected}],
    }
    (made,) = Divergence.of(msgspec.convert({name: entry}, Entries))
    return made
