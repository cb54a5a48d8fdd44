"""The classes and functions that a pickle may name and that mean something here: a fixed table. Imports its neighbours.

May import values. Nothing is imported or called by a pickle's words: each row makes a plain value or a description.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tscompat.values.dtypes import BY_TORCH
from tscompat.values.tensors import Quantizer
from tscompat.values.text import shown

from . import arrays
from .described import Tensor, are_sizes, tensor, unreadable
from .inert import Global, Record, Value, is_dict, is_list, is_sequence, is_tuple, key_of
from .machine import PickleError

_BY_TENSOR = Global("torch", "per_tensor_affine")
Charge = Callable[[int], None]
Call = Callable[[Any, Charge], Value]


def _mapping(args: Any, charge: Charge) -> Value:
    """``dict()``, ``OrderedDict([(key, value), ...])``: of no argument, pairs, or a dict."""
    if not args:
        return {}
    given = args[-1]
    if is_dict(given):
        charge(len(given))
        return dict(given)
    made: dict[Any, Any] = {}
    for pair in _elements(given, charge):
        if not is_sequence(pair) or len(pair) != 2:
            raise PickleError("damaged: a dict is made of what are no pairs of key and value")
        made[key_of(pair[0])] = pair[1]
    return made


def _elements(given: Any, charge: Charge) -> list[Any]:
    if not is_sequence(given):
        return []
    charge(len(given))
    return list(given)


def _list(args: Any, charge: Charge) -> Value:
    """A list, deque or set: of the first argument's elements."""
    return _elements(args[0], charge) if args else []


def _size(args: Any, charge: Charge) -> Value:
    return tuple(_elements(args[0], charge)) if args else ()


def _encode(args: Any, charge: Charge) -> Value:
    """``_codecs.encode('...', 'latin1')``: Python 3's bytes in protocols 0 to 2."""
    text = args[0] if args else ""
    if not isinstance(text, str) or args[1:] not in (("latin1",), ("latin-1",)):
        raise PickleError("damaged: bytes are made of what is no text in Latin-1")
    charge(len(text) >> 6)
    return text.encode("latin-1")


def _bytes(args: Any, charge: Charge) -> Value:
    """``bytes()``, ``bytearray('...', 'latin-1')``, ``bytearray(b'...')``."""
    if len(args) == 2:
        return _encode(args, charge)
    return args[0] if args and isinstance(args[0], bytes | memoryview) else b""


def _complex(args: Any, charge: Charge) -> Value:
    return complex(*args) if len(args) == 2 and all(isinstance(each, float) for each in args) else None


def _name(value: Any) -> str:
    """The name of a class; words for what is none."""
    return str(value) if isinstance(value, Global) else "something without a name"


def _rank(size: Any) -> int:
    return len(size) if is_sequence(size) else 0


def _tensor(args: Any, charge: Charge) -> Value:
    """``_rebuild_tensor``, ``_rebuild_tensor_v2`` (storage, offset, size, stride, requires_grad, hooks, metadata)."""
    if len(args) < 4:
        raise PickleError("damaged: a tensor lacks its sizes or strides")
    storage, offset, size, stride, *_ = args
    charge(_rank(size))
    return _with_metadata(tensor(storage, offset, size, stride), args[6] if len(args) > 6 else None)


def _tensor_of_dtype(args: Any, charge: Charge) -> Value:
    """``_rebuild_tensor_v3``: as version 2, over an untyped storage, with the dtype before the metadata."""
    if len(args) < 7 or not isinstance(args[6], Global):
        raise PickleError("damaged: a tensor lacks its dtype")
    storage, offset, size, stride, *_ = args
    charge(_rank(size))
    return _with_metadata(tensor(storage, offset, size, stride, args[6].name), args[7] if len(args) > 7 else None)


def _with_metadata(made: Tensor, metadata: Any) -> Tensor:
    if is_dict(metadata):
        made.conj, made.neg = (metadata.get(each) is True for each in ("conj", "neg"))
        kind = BY_TORCH[made.dtype].kind if made.dtype in BY_TORCH else ""
        if (made.conj and kind != "complex") or (made.neg and kind not in ("float", "complex")):
            raise PickleError(f"damaged: a tensor of {made.dtype} is marked as conjugated or negated")
    return made


def _quantized(args: Any, charge: Charge) -> Value:
    """``_rebuild_qtensor``: (storage, offset, size, stride, (scheme, scale, zero point), requires_grad, hooks)."""
    if len(args) < 5 or not is_tuple(args[4]) or not args[4]:
        raise PickleError("damaged: a quantized tensor lacks its scale")
    storage, offset, size, stride, (scheme, *numbers), *_ = args
    charge(_rank(size))
    made = tensor(storage, offset, size, stride)
    match numbers:
        case [float() as scale, int() as zero_point] if scheme == _BY_TENSOR:
            made.quantizer = Quantizer(scale, zero_point)
        case _:
            made.why = f"quantized by {_name(scheme)}: dequantize() it in Python"
    return made


def _parameter(args: Any, charge: Charge) -> Value:
    """``_rebuild_parameter`` and the class itself: (data, requires_grad, ...). The data is what is meant."""
    return args[0] if args else unreadable("a parameter without a value")


_PACKING = re.compile("quant|scale|zero_point|^S?CB$")
"""The attributes with which a class puts the values of its parameters together: those of bitsandbytes, of diffusers'
GGUF and of others."""


def _packing(state: Any) -> str:
    """The first attribute in an object's state that shows that its values are packed; empty if there is none."""
    halves = state if is_tuple(state) else (state,)
    names = (name for half in halves if is_dict(half) for name, value in half.items() if value is not None)
    return next((name for name in names if isinstance(name, str) and _PACKING.search(name)), "")


def _stateful_parameter(args: Any, charge: Charge) -> Value:
    """``_rebuild_parameter_with_state``: (data, requires_grad, hooks, state). The class of a parameter is lost."""
    if len(args) > 3 and (name := _packing(args[3])):
        return unreadable(f"a parameter with the attribute {shown(name)!r}, {_ADVICE['']}")
    return _parameter(args, charge)


def _sparse(args: Any, charge: Charge) -> Value:
    layout = shown(args[0]).removeprefix("torch.") if args and isinstance(args[0], str) else "sparse"
    return unreadable(f"a {layout} tensor: make it dense in Python (to_dense())")


def _nested(args: Any, charge: Charge) -> Value:
    return unreadable("a nested tensor: make it dense in Python (to_padded_tensor())")


def _meta(args: Any, charge: Charge) -> Value:
    return unreadable("a tensor on the meta device, which has no values")


def _lazy(args: Any, charge: Charge) -> Value:
    return unreadable("a parameter of a lazy layer, which has no values before the model has run once")


def _of_another_device(args: Any, charge: Charge) -> Value:
    """``_rebuild_device_tensor_from_numpy`` and ``..._from_cpu_tensor``: (data, dtype, device, requires_grad)."""
    data = args[0].tensor if args and isinstance(args[0], arrays.Array) else args[0] if args else None
    if not isinstance(data, Tensor) or len(args) < 2 or not isinstance(args[1], Global):
        return unreadable("a tensor of another device without a value")
    if data.dtype != args[1].name:
        return unreadable(
            f"a tensor of {shown(args[1].name)} of another device, kept as {data.dtype}: in Python {_LOAD}, and "
            "torch.save() its cpu()"
        )
    return data


def _subclass(args: Any, charge: Charge) -> Value:
    """``_rebuild_from_type_v2``: (function, class, its arguments, state). A class may keep its values in the state."""
    if len(args) < 3 or not isinstance(args[0], Global) or not is_tuple(args[2]):
        raise PickleError("damaged: a tensor's class lacks what it is made from")
    cls = args[1]
    if str(args[0]) in _PLAIN and not (len(args) > 3 and _packing(args[3])):
        return CALLS[str(args[0])](args[2], charge)
    return unreadable(advice(_name(cls)))


def _wrapper(args: Any, charge: Charge) -> Value:
    return unreadable(advice(_name(args[0] if args else None)))


_LOAD = "torch.load(FILE, weights_only=False)"
_ADVICE: Mapping[str, str] = {
    "torch.distributed": "of which each process has a part: in the program that saved it, call full_tensor() (of a "
    "DTensor) or gather it (of a ShardedTensor: StateDictType.FULL_STATE_DICT), and torch.save() the result",
    "torchao": f"whose integers and scales only that class puts together: in Python, with torchao installed, {_LOAD}, "
    "replace it by its dequantize(), and torch.save() the result",
    "torch.ao": f"which is packed for a processor: in Python {_LOAD}, and torch.save() the float model's state dict, "
    "or dequantize() its weight()",
    "__torch__.torch.classes.quantized": "which is packed for a processor: torch.save() the float model's state dict, "
    "or dequantize() the layer's weight()",
    "": f"whose values only that class puts together: in Python, with its package installed, {_LOAD}, replace it by a "
    "plain tensor (dequantize() in most packages), and torch.save() the result",
}


def advice(cls: str) -> str:
    """What a tensor of this class is, and how it becomes a plain one."""
    return f"a {shown(cls)}, " + next(words for prefix, words in _ADVICE.items() if cls.startswith(prefix))


def advice_for_module(cls: str) -> str:
    """What a module of this class is, of which parameters and children are not to be seen, and what to do."""
    if any(cls.startswith(packed) for packed in _ADVICE if packed):
        return advice(cls)
    return (
        f"a {shown(cls)}, whose weights only that class puts together: in Python, where you trust the file, "
        f'torch.save({_LOAD}.state_dict(), "state.pth")'
    )


def _reconstructor(args: Any, charge: Charge) -> Value:
    """``copyreg._reconstructor(class, base, state of the base)``: objects in protocols 0 and 1."""
    if not args:
        raise PickleError("damaged: an object has no class")
    made = Record(args[0], args[2:])
    if len(args) > 2 and is_dict(args[2]):
        made.pairs = args[2]
    elif len(args) > 2 and is_list(args[2]):
        made.elements = args[2]
    return made


def _array(args: Any, charge: Charge) -> Value:
    return arrays.Array()


def _dtype(args: Any, charge: Charge) -> Value:
    return arrays.dtype_of(args)


def _scalar(args: Any, charge: Charge) -> Value:
    return arrays.scalar(args)


def _masked(args: Any, charge: Charge) -> Value:
    return unreadable("an array with a mask: filled() it in Python")


def _from_buffer(args: Any, charge: Charge) -> Value:
    """``numpy.core.numeric._frombuffer`` (bytes, dtype, shape, order, order of axes): arrays in protocol 5."""
    if len(args) not in (4, 5):
        raise PickleError("damaged: a numpy array lacks its bytes")
    made = arrays.from_bytes(args[0], args[1], args[2], fortran=args[3] == "F")
    axes = args[4] if len(args) == 5 and args[3] == "K" else None
    if axes is None or made.why:
        return made
    if not are_sizes(axes) or sorted(axes) != [*range(len(made.shape))]:
        raise PickleError("damaged: a numpy array has no order of its axes")
    made.shape, made.stride = (tuple(each[axis] for axis in axes) for each in (made.shape, made.stride))
    return made


def _word(args: Any, charge: Charge) -> Value:
    """``torch.serialization._get_layout('torch.sparse_coo')``: the word."""
    return args[0] if args and isinstance(args[0], str) else ""


def _first(args: Any, charge: Charge) -> Value:
    """What TorchScript wraps around lists: ``build_intlist([1, 2])``, ``restore_type_tag(value, type)``."""
    return args[0] if args else None


_PLAIN: dict[str, Call] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _stateful_parameter,
}
"""What makes a tensor whose class does not change its values."""

CALLS: dict[str, Call] = {
    **_PLAIN,
    **dict.fromkeys(("collections.OrderedDict", "builtins.dict", "__builtin__.dict", "collections.Counter"), _mapping),
    "collections.defaultdict": lambda args, charge: _mapping(args[1:], charge),
    **dict.fromkeys(("collections.deque", "builtins.set", "__builtin__.set", "builtins.frozenset"), _list),
    **dict.fromkeys(("__builtin__.frozenset", "builtins.list", "__builtin__.list"), _list),
    **dict.fromkeys(("torch.Size", "builtins.tuple", "__builtin__.tuple"), _size),
    "_codecs.encode": _encode,
    **dict.fromkeys(("builtins.bytes", "__builtin__.bytes", "builtins.bytearray", "__builtin__.bytearray"), _bytes),
    **dict.fromkeys(("builtins.complex", "__builtin__.complex"), _complex),
    "torch._utils._rebuild_qtensor": _quantized,
    **dict.fromkeys(
        (
            *("torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"),
            *("torch.autograd.variable.Variable", "torch.Tensor"),
        ),
        _parameter,
    ),
    "torch.nn.parameter.UninitializedParameter": _lazy,
    "torch.nn.parameter.UninitializedBuffer": _lazy,
    "torch.serialization._get_layout": _word,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _sparse,
    "torch._utils._rebuild_nested_tensor": _nested,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta,
    "torch._utils._rebuild_device_tensor_from_numpy": _of_another_device,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _of_another_device,
    "torch._utils._rebuild_xla_tensor": _of_another_device,
    "torch._utils._rebuild_wrapper_subclass": _wrapper,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch._tensor._rebuild_from_type": _subclass,
    "torch.tensor._rebuild_from_type": _subclass,
    "copyreg._reconstructor": _reconstructor,
    "copy_reg._reconstructor": _reconstructor,
    **{
        f"numpy.{core}.{name}": call
        for core in ("core", "_core")
        for name, call in (
            ("multiarray._reconstruct", _array),
            ("multiarray.scalar", _scalar),
            ("numeric._frombuffer", _from_buffer),
        )
    },
    "numpy.ma.core._mareconstruct": _masked,
    "numpy.dtype": _dtype,
    **{
        f"torch.jit._pickle.{name}": _first
        for name in ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "restore_type_tag")
    },
}

_BY_GLOBAL = {Global(*name.rsplit(".", 1)): call for name, call in CALLS.items()}
"""``CALLS`` by what a pickle names: most calls of a file are of one row, and a look-up is all that they need."""

QUIET = {*CALLS, "torch.device", "numpy.ndarray", "torch.Tensor"}
"""What a pickle may name without being reported: it stands for values, or is read as what it stands for."""


def is_quiet(named: Global) -> bool:
    """Whether the name is one that state dicts have: a function of ``CALLS``, a dtype, a storage class."""
    return str(named) in QUIET or (
        named.module in ("torch", "torch.cuda", "torch.storage", "torch.serialization") and "." not in named.name
    )


class TorchRules:
    """The rules of pickles of torch.save, and of plain ones."""

    def __init__(self, storages: Callable[[Value], Value]) -> None:
        """``storages`` gives the storage of a persistent id."""
        self.persistent = storages

    def call(self, function: Value, args: Value, charge: Charge) -> Value:
        """What a call gives: by ``CALLS``, a ``Record`` otherwise. Raises PickleError."""
        known = _BY_GLOBAL.get(function) if type(function) is Global else None
        return Record(function, args) if known is None else known(args, charge)

    def build(self, instance: Value, state: Value) -> None:
        """Keep a record's state. Attributes of dicts, lists and tensors are not kept. Raises PickleError."""
        if isinstance(instance, Record):
            if instance.state is not None:
                raise PickleError("damaged: an object gets its state twice")
            instance.state = state
        elif isinstance(instance, arrays.NumpyDType):
            arrays.build_dtype(instance, state)
        elif isinstance(instance, arrays.Array):
            arrays.build_array(instance, state)
        elif not isinstance(instance, dict | list | Tensor | tuple):
            raise PickleError("damaged: a value that takes no state gets one")
