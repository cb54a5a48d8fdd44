"""The matrix on a CUDA device, with what is installed: `nox -s cuda`, or without nox and an index of packages

    python3 tests/on_cuda.py [--sources TorchSharp/src/Native] [options of tscompat run]

``--sources`` compiles LibTorchSharp against the libtorch of this Python's torch (Linux, g++), for ``--native``. Without
it and without ``--native``, TorchSharp has the CPU build of its package, and what it does on CUDA is not run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch

HARNESS = Path(__file__).parents[1] / "harness"
DEVICES = ("cuda", "cuda-cpu", "cpu-cuda")
COMPILE = ("g++", "-c", "-O2", "-fPIC", "-std=c++17", "-w", "-fvisibility=hidden")


def main(arguments: list[str]) -> int:
    """Run it. Returns the exit code of tscompat run; 2, too, where LibTorchSharp cannot be compiled."""
    parser = argparse.ArgumentParser(usage="on_cuda.py [--sources DIR] [options of tscompat run]", allow_abbrev=False)
    parser.add_argument("--sources", type=Path, help="TorchSharp's src/Native, of the version that is tested")
    given, options = parser.parse_known_args(arguments)
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no CUDA device"
    print(f"torch {torch.__version__}, {device}", flush=True)
    with tempfile.TemporaryDirectory(prefix="native-") as folder:
        if given.sources:
            try:
                options += ["--native", str(native(given.sources.absolute(), Path(folder)))]
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"could not run: could not compile LibTorchSharp: {error}", file=sys.stderr)
                return 2
        devices = [word for name in DEVICES for word in ("--device", name)]
        paths = os.pathsep.join(filter(None, [str(HARNESS), os.environ.get("PYTHONPATH", "")]))
        command = [sys.executable, "-m", "tscompat", "run", *devices, *options]
        return subprocess.call(command, env={**os.environ, "PYTHONPATH": paths})


def native(sources: Path, folder: Path) -> Path:
    """Compile LibTorchSharp in the folder, and return the folder with it and its libtorch.

    Raises CalledProcessError, and OSError where the sources or a compiler are not there.
    """
    # LibTorchSharp's assertions keep the paths of the headers, by which the suite knows the version of its libtorch.
    libtorch = folder / f"libtorch-{torch.__version__.partition('+')[0]}"
    libtorch.symlink_to(Path(torch.__file__).parent)
    headers = [f"-I{each}" for each in (sources, libtorch / "include", libtorch / "include/torch/csrc/api/include")]
    files = sorted((sources / "LibTorchSharp").glob("*.cpp"))
    if not files:
        raise FileNotFoundError(f"{sources}: found no LibTorchSharp/*.cpp; expected TorchSharp's src/Native")
    commands = [[*COMPILE, *headers, str(file)] for file in files]
    commands.append(["gcc", "-c", "-O2", "-fPIC", str(sources / "LibTorchSharp" / "crc32c.c")])
    print(f"compiling {len(commands)} files of LibTorchSharp", flush=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(partial(subprocess.run, cwd=folder, check=True), commands))
    made = folder / "native"
    made.mkdir()
    for library in (libtorch / "lib").glob("*.so*"):
        (made / library.name).symlink_to(library)
    link = [
        "g++",
        "-shared",
        "-Wl,-soname,libLibTorchSharp.so",
        "-Wl,-Bsymbolic",
        "-o",
        str(made / "libLibTorchSharp.so"),
    ]
    objects = [str(file) for file in sorted(folder.glob("*.o"))]
    libraries = [f"-L{libtorch / 'lib'}", "-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10"]
    subprocess.run([*link, *objects, *libraries], check=True)
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
