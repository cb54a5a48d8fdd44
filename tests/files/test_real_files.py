"""Files of the kinds that people have are read with the right bits, or refused with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from files.real.models import MODELS, Real
from files.real.optimizers import OPTIMIZERS
from files.real.refused import REFUSED, Refused
from files.real.states import DIGESTS, digest
from samples import convert
from tscompat.codec import read_optimizer
from tscompat.codec.optimizer import flat_states
from tscompat.files.item import Item, Model, ModelFileError
from tscompat.files.kinds import read
from tscompat.verbs.convert import prepare_optimizer


def made(name: str, file: Real | Refused, folder: Path) -> Path:
    """Write the file, or its folder, and return the path to read."""
    data = file.make()
    path = folder / name.rpartition("/")[2]
    if isinstance(data, bytes):
        path.write_bytes(data)
        return path
    path.mkdir()
    for inner, each in data.items():
        (path / inner).write_bytes(each)
    return path / file.open


def digest_of(model: Model) -> str:
    """The digest of all tensors of a model."""
    items = [each for each in model.contents if isinstance(each, Item)]
    assert len(items) == len(model.contents)
    return digest({each.name: (each.dtype.name, each.shape, bytes(each.read())) for each in items})


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # numpy 2 about np.longdouble in torch.save
@pytest.mark.parametrize("name", MODELS)
def test_the_bits_of_a_real_file(name: str, tmp_path: Path) -> None:
    file = MODELS[name]
    model = read(made(name, file, tmp_path), file.key, lambda sentence: None)
    assert digest_of(model) == DIGESTS[file.state]


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("name", [name for name, file in MODELS.items() if file.noted])
def test_what_is_noted_of_a_real_file(name: str, tmp_path: Path) -> None:
    file = MODELS[name]
    notes = convert(made(name, file, tmp_path), tmp_path / "out.dat", key=file.key)
    assert re.search(file.noted, "\n".join(notes)), notes


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_that_never_stepped_some_parameters(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(OPTIMIZERS[name]())
    prepare_optimizer(tmp_path / name, tmp_path / "a.dat", key="optimizer", name="Adam", tell=print).write(
        lambda _: None
    )
    states = flat_states(read_optimizer(tmp_path / "a.dat"))
    moments = {
        each: (tensor.dtype.name, tensor.shape, bytes(tensor.data))
        for each, tensor in states
        if each.endswith("exp_avg")
    }
    assert digest(moments) == DIGESTS["moments"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_said_of_a_real_file_that_is_refused(name: str, tmp_path: Path) -> None:
    file = REFUSED[name]
    path = made(name, file, tmp_path)
    with pytest.raises(ModelFileError) as refused:
        read(path, file.key, lambda sentence: None)
    assert re.search(file.sentence, str(refused.value).replace(str(tmp_path), ""))
