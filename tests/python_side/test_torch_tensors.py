"""Torch's tensors and ours: bits survive in both directions, in every layout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from subjects import subject, tensors
from tscompat.catalogue import Tensors, load_catalogue
from tscompat.python_side import torch_tensors
from tscompat.values.compare import compare, difference
from tscompat.values.dtypes import BY_NAME, DTYPES, DType
from tscompat.values.tensors import Quantizer, tensor_of

CASES = load_catalogue()
LAYOUTS = [case_id for case_id in CASES if case_id.startswith("layout/source")]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_bits_survive(dtype: DType) -> None:
    ((_, tensor),) = tensors(f"pattern/random/{dtype.name}")
    assert difference(tensor, torch_tensors.from_torch(torch_tensors.to_torch(tensor))) is None


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_small_shapes_survive(shape: tuple[int, ...]) -> None:
    made = torch_tensors.to_torch(tensor_of(BY_NAME["f32"], shape, bytes(0 if 0 in shape else 4)))
    assert tuple(made.shape) == torch_tensors.from_torch(made).shape == shape


def test_a_quantized_tensor_gets_its_quantizer() -> None:
    made = torch_tensors.to_torch(
        tensor_of(BY_NAME["qi32"], (1,), (2**31 - 1).to_bytes(4, "little")), Quantizer(0.5, 7)
    )
    assert (made.q_scale(), made.q_zero_point(), made.int_repr().item()) == (0.5, 7, 2**31 - 1)


def test_the_quantizer_of_a_state_dict_is_that_of_what_is_quantized() -> None:
    made = torch_tensors.to_torch(tensor_of(BY_NAME["qi8"], (1,), b"\1"), Quantizer(0.5, 7))
    assert torch_tensors.quantizer({"plain": torch.zeros(1), "quantized": made}) == Quantizer(0.5, 7)


def test_a_state_dict_without_a_quantized_tensor_has_no_quantizer() -> None:
    assert torch_tensors.quantizer({"plain": torch.zeros(1)}) is None


@pytest.mark.parametrize("case_id", LAYOUTS)
def test_a_layout_keeps_the_values(case_id: str) -> None:
    case, entries = subject(case_id, Tensors), tensors(case_id)
    assert compare(entries, torch_tensors.export(torch_tensors.source(case, entries))) == []


IS_LAID_OUT: dict[str, Callable[[torch.Tensor], bool]] = {
    "transposed": lambda tensor: tensor.stride() == (1, 5),
    "permuted": lambda tensor: not tensor.is_contiguous(),
    "sliced": lambda tensor: tensor.stride(-1) == 2,
    "expanded": lambda tensor: tensor.stride(0) == 0,
    "channels-last": lambda tensor: tensor.is_contiguous(memory_format=torch.channels_last),
    "offset": lambda tensor: tensor.storage_offset() == 3,
}


@pytest.mark.parametrize("layout", IS_LAID_OUT)
def test_a_layout_has_its_strides_and_offset(layout: str) -> None:
    case_id = f"layout/source/{layout}/f32"
    assert IS_LAID_OUT[layout](torch_tensors.source(subject(case_id, Tensors), tensors(case_id))["weight"])


def test_a_conjugated_view_is_one() -> None:
    case_id = "layout/source/conj/c64"
    assert torch_tensors.source(subject(case_id, Tensors), tensors(case_id))["weight"].is_conj()


def test_a_negated_view_is_one() -> None:
    case_id = "layout/source/neg/f32"
    assert torch_tensors.source(subject(case_id, Tensors), tensors(case_id))["weight"].is_neg()


def test_a_target_holds_none_of_the_bits() -> None:
    case_id = "pattern/random/u8"
    ((_, tensor),) = entries = tensors(case_id)
    target = torch_tensors.export(torch_tensors.target(subject(case_id, Tensors), entries))[0].tensor
    assert not (np.frombuffer(tensor.data, np.uint8) == np.frombuffer(target.data, np.uint8)).any()


def test_loading_finds_entries_by_name() -> None:
    case_id = "order/target-reversed/f32"
    entries = tensors(case_id)
    state = torch_tensors.target(subject(case_id, Tensors), entries)
    torch_tensors.load(state, entries)
    assert list(state) == [name for name, _ in reversed(entries)]
    assert compare(entries[::-1], torch_tensors.export(state)) == []
