"""What TorchSharp and PyBridge take alone: a script, because .NET and torch cannot be in one process.

``routes PUBLISH FOLDER`` loads ``model.dat``, ``.safetensors`` and ``.pth`` into a module of zeros,
and saves each again.
``forward PUBLISH ASSEMBLY CLASS ARGUMENTS DAT`` builds the class, loads the file and runs it once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tscompat.codec import read_state_dict
from tscompat.dotnet_side.inside import clr
from tscompat.dotnet_side.inside.parts import taken
from tscompat.dotnet_side.messages import PartRun


def routes(dotnet: clr.Dotnet, folder: Path) -> None:
    """Load and save by each route."""
    bridge = dotnet.PyBridge
    for suffix in (".dat", ".safetensors", ".pth"):
        bag: Any = dotnet.Bag()
        for name, tensor in read_state_dict(folder / "model.dat"):
            sizes = dotnet.Array[dotnet.Long](list(tensor.shape))
            bag.Add(name, dotnet.Torch.zeros(sizes), False, False)
        given, again = str(folder / f"model{suffix}"), str(folder / f"again{suffix}")
        if suffix == ".dat":
            bag.load(given)
            bag.save(again)
        elif suffix == ".pth":
            bridge.load_py(bag, given)
            bridge.save_py(bag, again)
        else:
            bridge.load_safetensors(bag, given)
            bridge.save_safetensors(bag, again)
        bag.Dispose()
        dotnet.GC.Collect()


def forward(dotnet: clr.Dotnet, assembly: str, name: str, arguments: str, weights: str) -> None:
    """Build, load, run."""
    module: Any = dotnet.Own.Build(assembly, name, arguments)
    module.load(weights)
    module.train(False)
    inputs = dotnet.Array[dotnet.Tensor]([dotnet.Torch.ones(dotnet.Array[dotnet.Long]([8, 2048]))])
    dotnet.Parts.Forward(module, *taken(dotnet, PartRun("", (1,), ("x",), {}, {})), inputs)


if __name__ == "__main__":
    what, publish, *rest = sys.argv[1:]
    loaded = clr.load(Path(publish))
    if what == "routes":
        routes(loaded, Path(rest[0]))
    else:
        forward(loaded, *rest)
