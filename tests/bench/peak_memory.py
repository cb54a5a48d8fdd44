"""Prints the peak memory in MiB, above the tensor itself, of writing or reading a file.

A script, because memory is measured per process. Its arguments: ``write`` or ``read``, the path, the tensor's bytes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from tscompat.codec import encode_state_dict, read_state_dict
from tscompat.resources.whole import write_whole
from tscompat.values.compare import same_bytes
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, tensor_of


def growth(work: Callable[[], None]) -> int:
    """Bytes by which the resident memory of this process grows at the peak of ``work``, sampled every millisecond."""
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not done.wait(0.001):
            peak = max(peak, process.memory_info().rss)

    sampler = threading.Thread(target=sample)
    sampler.start()
    work()
    done.set()
    sampler.join()
    return max(peak, process.memory_info().rss) - before


def main(operation: str, path: Path, size: int) -> None:
    """Measure one operation. What is read is compared with itself, to load all of it into memory."""
    if operation == "write":
        entries = [Entry("weight", tensor_of(BY_NAME["u8"], (size,), np.ones(size, np.uint8)))]
        extra = growth(lambda: write_whole(path, encode_state_dict(entries)))
    else:

        def read() -> None:
            data = read_state_dict(path)[0].tensor.data
            assert same_bytes(data, data)

        extra = growth(read) - size
    print(extra / 2**20)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
