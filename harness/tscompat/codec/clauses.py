"""The clauses of FORMAT.md and their numbers there. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping

_SECTIONS = (
    "leb128.form leb128.canonical leb128.range file.truncated file.trailing",
    "entry.count entry.name name.utf8 entry.duplicate entry.order entry.role entry.tied",
    "tensor.file dtype.code shape.rank shape.dims shape.scalar shape.empty shape.bytes element.order element.number "
    "element.complex element.bool element.quantized",
    "module.path module.container module.linear module.convolution module.normalization module.embedding "
    "module.recurrent module.attention module.buffer",
    "load.strict load.lax load.skip load.dtype load.shape load.damage",
    "optimizer.name optimizer.counts optimizer.number optimizer.bool optimizer.option optimizer.state "
    "optimizer.optional optimizer.sgd optimizer.asgd optimizer.rprop optimizer.rmsprop optimizer.adam optimizer.adamw "
    "optimizer.nadam optimizer.radam optimizer.adamax optimizer.adadelta optimizer.adagrad",
)
CLAUSES: Mapping[str, str] = {
    clause: f"{section}.{number}"
    for section, clauses in enumerate(_SECTIONS, 1)
    for number, clause in enumerate(clauses.split(), 1)
}
"""The number of each clause, by its name."""
