"""Which members of .NET each overload calls, and with what. A double records them; .NET does not run."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tscompat.dotnet_side.inside.overloads import OVERLOADS
from tscompat.dotnet_side.inside.work import Refused
from tscompat.routes import ROUTES
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor

ENTRIES = [Entry("w", Tensor(BY_NAME["u8"], (2,), b"ab"))]


class Recorder:
    """An object of .NET: records the calls of its members, and returns what it made."""

    def __init__(self, name: str, calls: list[tuple[Any, ...]]) -> None:
        self.name, self.calls = name, calls

    def __getattr__(self, member: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            words = tuple(each.name if isinstance(each, Recorder) else each for each in arguments)
            self.calls.append((f"{self.name}.{member}", *words))
            return Recorder(f"{self.name}.{member}()", self.calls)

        return call


class Recording:
    """A call in progress, all of whose .NET is recorded."""

    def __init__(self, *, strict: bool = True) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.entries, self.strict, self.how = ENTRIES, strict, () if strict else (False,)
        self.placement = SimpleNamespace(device="cuda")
        names = "PyBridge Bridging Bag Extensions Tensor Memory Torch Programs Slots"
        self.dotnet = SimpleNamespace(**{name: Recorder(name, self.calls) for name in names.split()})
        self.dotnet.Slots = self._slots
        file = SimpleNamespace(Create=self._file("Create"), OpenRead=self._file("OpenRead"))
        self.dotnet.IO = SimpleNamespace(
            File=file, BinaryWriter=self._over("writer"), BinaryReader=self._over("reader")
        )
        self.dotnet.errors = Opened

    def _slots(self, held: Recorder) -> Recorder:
        return Recorder(f"slots of {held.name}", self.calls)

    def _file(self, mode: str) -> Callable[[str], Recorder]:
        def opened(path: str) -> Recorder:
            return Recorder(f"{mode}({path})", self.calls)

        return opened

    def _over(self, what: str) -> Callable[[Recorder], Recorder]:
        def made(stream: Recorder) -> Recorder:
            return Recorder(f"{what} over {stream.name}", self.calls)

        return made

    def tensor(self, tensor: Tensor, *, poison: bool) -> Recorder:
        assert tensor is ENTRIES[0].tensor
        return Recorder(f"tensor, poison {poison}", self.calls)

    def module(self, *, poison: bool) -> Recorder:
        return Recorder(f"module, poison {poison}", self.calls)

    def state_dict_to_load(self) -> Recorder:
        return Recorder("source", self.calls)


def saved(overload: str) -> list[tuple[Any, ...]]:
    work: Any = Recording()
    OVERLOADS[overload].save(work, Recorder("held", work.calls), "path")
    return work.calls


def loaded(overload: str, *, strict: bool = True) -> tuple[str, list[tuple[Any, ...]]]:
    """What a load returns, and the calls."""
    work: Any = Recording(strict=strict)
    found = OVERLOADS[overload].load(work, Recorder("held", work.calls), "path")
    return found.name, work.calls


CREATED, OPENED = "Create(path)", "OpenRead(path)"
WRITER, READER = f"writer over {CREATED}", f"reader over {OPENED}"
SAVES: dict[str, list[tuple[Any, ...]]] = {
    "module-path": [("held.save", "path")],
    "module-stream": [("held.save", CREATED), (f"{CREATED}.Dispose",)],
    "module-writer": [("held.save", WRITER), (f"{WRITER}.Dispose",)],
    "module-state-dict": [
        ("held.state_dict",),
        ("Bag.save_state_dict", WRITER, "held.state_dict()"),
        (f"{WRITER}.Dispose",),
    ],
    "tensor-path": [("Extensions.Save", "held", "path")],
    "tensor-stream": [("Extensions.Save", "held", CREATED), (f"{CREATED}.Dispose",)],
    **{
        name: [("Extensions.Save", "held", WRITER), (f"{WRITER}.Dispose",)]
        for name in ("tensor-into", "tensor-reader", "tensor-new", "tensor-ref")
    },
    "archive": [("Torch.save", "held", "path")],
    "pybridge-pickle": [("PyBridge.save_py", "held", "path")],
    "pybridge-safetensors": [("PyBridge.save_safetensors", "held", "path")],
    "pybridge-pickle-stream": [("Bridging.SavePickle", "held", "path")],
    "pybridge-pickler": [("Bridging.Pickle", "held", "path")],
    "pybridge-safetensors-stream": [("Bridging.SaveSafetensors", "held", "path")],
    "pybridge-safetensors-dict": [("Bridging.SaveDict", "held", "path")],
    "script-path": [("Programs.SaveScript", "held", "path")],
    "script-bytes": [("Programs.SaveScriptBytes", "held", "path")],
}
CANNOT_SAVE = {
    "pybridge-shards": "PyBridge cannot write shards",
    "exported-program": "TorchSharp saves no exported program",
}
INTO: dict[str, tuple[str, ...]] = {
    "module-path": ("held.load", "path"),
    "module-stream": ("held.load", OPENED),
    "module-writer": ("held.load", READER),
    "pybridge-pickle": ("PyBridge.load_py", "held", "path"),
    "pybridge-safetensors": ("PyBridge.load_safetensors", "held", "path"),
    "pybridge-pickle-stream": ("Bridging.LoadPickle", "held", "path"),
    "pybridge-pickler": ("Bridging.Unpickle", "held", "path"),
    "pybridge-safetensors-stream": ("Bridging.LoadSafetensors", "held", "path"),
    "pybridge-safetensors-dict": ("Bridging.LoadDict", "held", "path"),
}
"""The load of a module: the first call, without ``strict``."""
NEW: dict[str, tuple[Any, ...]] = {
    "tensor-path": ("Tensor.Load", "path"),
    "tensor-stream": ("Tensor.Load", OPENED),
    "tensor-reader": ("Tensor.Load", READER),
    "tensor-new": ("Memory.LoadNew", READER),
    "tensor-ref": ("Memory.LoadRef", "held", READER),
    "archive": ("Torch.load", "path"),
    "script-path": ("Programs.LoadScript", "path", "cuda"),
    "script-bytes": ("Programs.LoadScriptBytes", "path", "cuda"),
    "exported-program": ("Programs.LoadExported", "path"),
}
"""The load that makes an object: the first call."""


def closing(overload: str) -> list[tuple[str]]:
    """The last call: what was opened is closed."""
    for opened in (READER, OPENED):
        if opened in (*INTO.get(overload, ()), *NEW.get(overload, ())):
            return [(f"{opened}.Dispose",)]
    return []


@pytest.mark.parametrize("overload", SAVES)
def test_a_save_calls_this_member(overload: str) -> None:
    assert saved(overload) == SAVES[overload]


@pytest.mark.parametrize("overload", CANNOT_SAVE)
def test_what_the_library_cannot_save_is_refused(overload: str) -> None:
    with pytest.raises(Refused) as refused:
        saved(overload)
    assert str(refused.value) == CANNOT_SAVE[overload]


@pytest.mark.parametrize("overload", INTO)
@pytest.mark.parametrize(("strict", "more"), [(True, ()), (False, (False,))])
def test_a_load_into_a_module_calls_this_member(overload: str, strict: bool, more: tuple[bool, ...]) -> None:
    found, calls = loaded(overload, strict=strict)
    assert (found, calls) == ("held", [(*INTO[overload], *more), *closing(overload)])


@pytest.mark.parametrize("overload", NEW)
def test_a_load_that_makes_an_object_gives_that(overload: str) -> None:
    found, calls = loaded(overload)
    assert (found, calls) == (f"{NEW[overload][0]}()", [NEW[overload], *closing(overload)])


def test_a_tensor_that_exists_is_loaded_into() -> None:
    assert loaded("tensor-into") == ("held", [("Memory.LoadInto", "held", READER), (f"{READER}.Dispose",)])


@pytest.mark.parametrize("strict", [True, False])
def test_shards_are_loaded_without_a_progress_bar(strict: bool) -> None:
    call = ("PyBridge.load_checkpoint", "held", "path", None, strict, None, None, False)
    assert loaded("pybridge-shards", strict=strict) == ("held", [call])


@pytest.mark.parametrize(("strict", "more"), [(True, ()), (False, (False,))])
def test_a_state_dict_of_another_module_is_loaded(strict: bool, more: tuple[bool, ...]) -> None:
    assert loaded("module-state-dict", strict=strict) == (
        "held",
        [
            ("source.load", "path"),
            ("source.state_dict",),
            ("held.load_state_dict", "source.state_dict()", *more),
            ("source.Dispose",),
        ],
    )


@pytest.mark.parametrize("overload", [*SAVES, *CANNOT_SAVE])
def test_to_save_an_overload_makes_what_has_the_bits(overload: str) -> None:
    made = made_by(overload, poison=False)
    kind = "tensor" if overload.startswith(("tensor", "archive")) else "module"
    if overload.startswith("script"):
        assert made == "Programs.LoadScript()"
    else:
        assert made == (None if overload == "exported-program" else f"{kind}, poison False")


@pytest.mark.parametrize("overload", [*SAVES, *CANNOT_SAVE])
def test_a_target_has_the_complement(overload: str) -> None:
    made = made_by(overload, poison=True)
    if overload in INTO or overload in ("module-state-dict", "pybridge-shards"):
        assert made == "module, poison True"
    else:
        existing = ("tensor-into", "tensor-reader", "tensor-new", "tensor-ref")
        assert made == ("tensor, poison True" if overload in existing else None)


def made_by(overload: str, *, poison: bool) -> str | None:
    work: Any = Recording()
    made: Any = OVERLOADS[overload].make(work, "path", poison)
    return made.name if made else None


class Opened:
    """A context that does nothing."""

    def __enter__(self) -> None: ...
    def __exit__(self, *_: Any) -> None: ...


def test_a_script_to_save_gets_the_bits_of_the_expected_file() -> None:
    work: Any = Recording()
    OVERLOADS["script-path"].make(work, "path", False)
    load, (write, name, code, address, size, poison) = work.calls
    assert load == ("Programs.LoadScript", "path", "cuda")
    assert (write, name, code, size, poison) == (
        "slots of Programs.LoadScript().Write",
        "w",
        BY_NAME["u8"].code,
        2,
        False,
    )
    assert address > 0


def test_every_overload_is_in_these_tables() -> None:
    assert {*SAVES, *CANNOT_SAVE} == {*OVERLOADS}
    assert {*INTO, *NEW, "tensor-into", "pybridge-shards", "module-state-dict"} == {*OVERLOADS}
    assert {*OVERLOADS} <= {route.overload for route in ROUTES.values()}
