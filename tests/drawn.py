"""State dicts, tensors and optimizers that hypothesis draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tscompat.codec import OptimizerRecord
from tscompat.codec.optimizer import LAYOUTS, Kind
from tscompat.values.dtypes import DTYPES
from tscompat.values.tensors import Entry, Tensor, tensor_of

names = st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.just("é" * 100))
shapes = st.lists(st.sampled_from([0, 1, 2, 3, 130]), max_size=4).map(tuple)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    dtype, shape = draw(st.sampled_from(DTYPES)), draw(shapes.filter(lambda shape: np.prod(shape) <= 400))
    fill = draw(st.binary(min_size=1, max_size=8))
    size = dtype.itemsize * int(np.prod(shape))
    return tensor_of(dtype, shape, (fill * size)[:size])


state_dicts = st.lists(st.builds(Entry, names, tensors()), max_size=6, unique_by=lambda entry: entry.name)

_VALUES: Mapping[Kind, st.SearchStrategy[Any]] = {
    "f64": st.floats(),
    "i64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "tensor": tensors(),
    "tensor?": st.none() | tensors(),
}


@st.composite
def _optimizers(draw: st.DrawFn) -> OptimizerRecord:
    name = draw(st.sampled_from(sorted(LAYOUTS)))
    groups, states = (
        st.lists(st.fixed_dictionaries({field: _VALUES[kind] for field, kind in fields.items()}), max_size=3)
        for fields in LAYOUTS[name]
    )
    return OptimizerRecord(name, draw(groups), draw(states))


optimizers = _optimizers()
