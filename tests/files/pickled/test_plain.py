"""A plain pickle is one whole pickle, and its storages are what torch.save wrote of them alone."""

from __future__ import annotations

import io
import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from tscompat.files.item import ModelFileError
from tscompat.files.pickled.plain import unpickled
from tscompat.files.source import Source

LOAD: Any = import_module("torch.storage").__dict__["_load_from_bytes"]


class Stored:
    """What pickles as a storage of these bytes."""

    def __init__(self, data: object) -> None:
        self.data = data

    def __reduce__(self) -> Any:
        return LOAD, (self.data,)


def of(document: object) -> bytes:
    file = io.BytesIO()
    torch.save(document, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


FAULTS = {
    "more": (pickle.dumps({}) + b"x", "1 bytes follow the first"),
    "no storage": (pickle.dumps(Stored(of({}))), "a storage is given as the bytes of something else"),
    "no bytes": (pickle.dumps(Stored("a")), "a storage is given as something else than bytes"),
    "outside": (b"\x80\x02K\x01Q.", "it refers to objects outside of the file"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_pickle_that_is_refused(kind: str) -> None:
    data, said = FAULTS[kind]
    with pytest.raises(ModelFileError, match=said):
        unpickled(Source(Path("a.pkl"), memoryview(data)))
