"""The kinds of files that torch wrote, and plain pickles. Imports its neighbours.

Nothing in them is run or imported, and ``torch.load`` is not called: ``pickled`` describes what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias
from weakref import WeakKeyDictionary

from . import checkpoint, nested
from .checkpoint import Keyed
from .contents import foreign, model
from .item import Model, ModelFileError, Tell
from .kind import Kind
from .pickled import described, plain, torch_export, torch_legacy, torch_script, torch_tar
from .pickled.torch_zip import Archive, Pickled, root_of
from .source import Source
from .zips import members, names

_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".tar", ".model", ".weights", ".pkl", ".th", ".t7")
"""``.pth.tar`` was the custom of PyTorch's first examples."""
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
Shapes: TypeAlias = Callable[[], list[described.Tensor]]
"""Gives the parameters of the model that stands beside an optimizer, in order; none if there is no model."""
_START = re.compile(rb"\x80[\x00-\x05]|[(\]})cNIJKMLFGSTUVX]")
"""How pickles begin: with their protocol; or, of protocol 0 and 1, with what makes a value."""


def optimizer(source: Source, key: str, tell: Tell) -> tuple[Keyed, Shapes]:
    """The state dict of an optimizer in a pickle of torch's, and what gives the parameters of the model beside it.

    Raises ModelFileError with the path, and OSError.
    """
    reader = next((read for claims, read in _PICKLES if claims(source)), None)
    if reader is None:
        raise ModelFileError(f"{source.path}: expected a checkpoint of torch.save, with an optimizer's state in it")
    document = reader(source).document
    return _found(source, document, key, tell, checkpoint.OPTIMIZER), lambda: _parameters(source, document)


def _parameters(source: Source, document: object) -> list[described.Tensor]:
    """The parameters of the only model in the document, by the names that buffers have; none if there is no model."""
    try:
        state = _found(source, document, "", lambda sentence: None, checkpoint.MODEL)
    except ModelFileError:
        return []
    tensors = ((str(name), tensor) for name, value in state.items() if (tensor := nested.tensor_in(value)))
    return [tensor for name, tensor in tensors if not name.endswith(_BUFFERS)]


def _found(source: Source, document: object, key: str, tell: Tell, kind: checkpoint.Kind) -> Keyed:
    try:
        return checkpoint.find(document, key, tell, kind)
    except ModelFileError as error:
        raise ModelFileError(f"{source.path}: {error}") from error


def _model(words: str, read: Callable[[Source], Pickled]) -> Callable[[Source, str, Tell], Model]:
    """A reader of pickles of this kind: of one tensor, or of a state dict somewhere in them."""

    def reader(source: Source, key: str, tell: Tell) -> Model:
        pickled = read(source)
        tensor = nested.tensor_in(nested.at(pickled.document, key) if key else pickled.document)
        if tensor is not None:
            return Model(source.path, words, [described.item("", tensor)], pickled.about, single=True)
        state = _found(source, pickled.document, key, tell, checkpoint.MODEL)
        objects = foreign(pickled.named)
        if objects:
            tell(f"the file names {objects}: nothing of it was imported or run")
        return model(source.path, words, state, tell)._replace(about=pickled.about)

    return reader


def _zip(source: Source) -> Pickled:
    return Archive(source, members(source)).unpickled()


def _read_script(source: Source, key: str, tell: Tell) -> Model:
    archive = Archive(source, members(source))
    state = torch_script.state_dict(archive)
    constants = torch_script.constants(archive)
    if torch_script.is_frozen(archive) and (constants or not state):
        raise ModelFileError(f"{source.path}: {torch_script.FROZEN}")
    found = model(source.path, _SCRIPT, _found(source, state, key, tell, checkpoint.MODEL), tell)
    if constants:
        tell(f"left: the constants of the graph, {constants:,} bytes")
    return found


def _read_export(source: Source, key: str, tell: Tell) -> Model:
    return model(source.path, _EXPORT, torch_export.state_dict(source, members(source)), tell)


_known: WeakKeyDictionary[Source, str] = WeakKeyDictionary()
"""The kinds of the archives that are open: each row asks for it."""


def _archive(source: Source) -> str:
    """The name of the kind of torch's archives that the file is; empty for another file."""
    if source not in _known:
        _known[source] = _kind_of(names(source))
    return _known[source]


def _kind_of(found: list[str]) -> str:
    if torch_export.is_export(found):
        return "export"
    root = root_of(found)
    if root is None:
        return ""
    return "torchscript" if torch_script.is_script(found, root) else "torch"


def _is(name: str) -> Callable[[Source], bool]:
    return lambda source: _archive(source) == name


def _is_plain(source: Source) -> bool:
    return _START.match(source.data[:2]) is not None and not torch_legacy.claims(source) and plain.claims(source)


def _is_tar(source: Source) -> bool:
    return torch_tar.is_torch(torch_tar.members(source.data))


_is_torch = _is("torch")
_ZIP, _LEGACY = "a checkpoint of torch.save", "an older checkpoint of torch.save"
_SCRIPT, _EXPORT = "an archive of TorchScript", "an archive of torch.export"
_TAR, _PLAIN = "a checkpoint of torch.save in torch 0.1", "a pickle"

_PICKLES = (
    (_is_torch, _zip),
    (torch_legacy.claims, torch_legacy.unpickled),
    (_is_tar, torch_tar.unpickled),
    (_is_plain, plain.unpickled),
)

ROWS = (
    Kind("torch", _ZIP, _SUFFIXES, _is_torch, _model(_ZIP, _zip), nested=True),
    Kind(
        "torchscript",
        _SCRIPT,
        (*_SUFFIXES, ".ts", ".ptl"),
        _is("torchscript"),
        _read_script,
        nested=True,
    ),
    Kind("export", _EXPORT, (".pt2", *_SUFFIXES), _is("export"), _read_export),
    Kind("legacy", _LEGACY, _SUFFIXES, torch_legacy.claims, _model(_LEGACY, torch_legacy.unpickled), nested=True),
    Kind("tar", _TAR, _SUFFIXES, _is_tar, _model(_TAR, torch_tar.unpickled), nested=True),
    Kind(
        "pickle",
        _PLAIN,
        (*_SUFFIXES, ".pickle", ".p", ".pdparams"),
        _is_plain,
        _model(_PLAIN, plain.unpickled),
        nested=True,
    ),
)
