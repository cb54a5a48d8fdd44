"""Predictions of known divergences: what a fault of TorchSharp makes of the expected entries.

May import values, catalogue, dotnet_side.

A verdict holds the names of all predictions that match exactly what was found. A divergence with ``predicts`` (in
cases/divergences/) expects its prediction among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tscompat.catalogue import TensorSpec
from tscompat.dotnet_side.digest import digest
from tscompat.values.tensors import Entry, StateDict, Tensor
from tscompat.values.verdict import Kind


class Prediction(NamedTuple):
    """What a fault makes of a state dict."""

    kind: Kind
    """The kind of verdict that shows the fault."""
    faulty: Callable[[Sequence[TensorSpec], StateDict], StateDict]


def parameters_before_buffers(specs: Sequence[TensorSpec], entries: StateDict) -> StateDict:
    """The order of ``state_dict()`` in NN/Module.cs: all parameters, all buffers, then tied parameters again."""
    places = {spec.name: 2 if spec.tied_to else int(spec.buffer) for spec in specs}
    return sorted(entries, key=lambda entry: places[entry.name])


def sign_of_the_storage(specs: Sequence[TensorSpec], entries: StateDict) -> StateDict:
    """The entries with the other sign (of a complex number: of its imaginary part), which the storage of a neg or conj
    view holds.
    """
    return [Entry(name, tensor._replace(data=_other_sign(tensor))) for name, tensor in entries]


def _other_sign(tensor: Tensor) -> NDArray[np.uint8]:
    """The elements' bytes, with the sign bit of each element's last part flipped."""
    changed = np.frombuffer(tensor.data, np.uint8).copy()
    size = tensor.dtype.itemsize
    changed[size - 1 :: size] ^= 0x80
    return changed


PREDICTIONS: Mapping[str, Prediction] = {
    "parameters-before-buffers": Prediction(Kind.ORDER, parameters_before_buffers),
    "sign-of-the-storage": Prediction(Kind.BITS, sign_of_the_storage),
}


def predicted(kind: Kind, specs: Sequence[TensorSpec], entries: StateDict, found: str) -> frozenset[str]:
    """The names of the predictions of this kind that match exactly ``found``, the digest of what was found."""
    return frozenset(
        name
        for name, prediction in PREDICTIONS.items()
        if prediction.kind is kind and digest(prediction.faulty(specs, entries)) == found
    )
