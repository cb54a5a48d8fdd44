"""Reading cases/: ids, expansion, and errors with their place."""

from __future__ import annotations

import dataclasses
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from tscompat.catalogue import Case, CatalogueError, Model, Tensors, load_catalogue
from tscompat.resources.folders import data_folder
from tscompat.routes import ROUTES
from tscompat.values.dtypes import BY_NAME

NOTHING = Tensors(())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cases/ folder with schemas and dtypes, to which a test adds its family."""
    for name in ("family.schema.json", "module.schema.json", "dtypes.toml"):
        shutil.copy(data_folder("cases") / name, tmp_path)
    return tmp_path


def test_ids_are_made_of_letters_digits_and_few_signs() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9./+-]+", case_id) for case_id in load_catalogue())


def test_every_id_ends_in_its_dtype_or_mixed() -> None:
    for case in load_catalogue().values():
        specs = () if isinstance(case.subject, Model) else case.subject.specs
        dtypes = {spec.dtype.name for spec in specs} or {case.dtype}
        assert case.dtype == (next(iter(dtypes)) if len(dtypes) == 1 else "mixed")


def test_all_dtypes_are_in_every_family_that_is_about_values() -> None:
    for family in ("pattern", "shape", "role"):
        assert {case.dtype for case in load_catalogue().values() if case.family == family} >= set(BY_NAME)


def test_the_codes_in_the_data_are_those_of_the_table() -> None:
    data = tomllib.loads((data_folder("cases") / "dtypes.toml").read_text(encoding="utf-8"))
    assert data["codes"] == {name: dtype.code for name, dtype in BY_NAME.items()}


def test_every_route_of_a_case_exists() -> None:
    assert {route for case in load_catalogue().values() for route in case.routes} <= set(ROUTES)


def test_a_case_expands_to_its_dtypes_and_takes_the_defaults(folder: Path) -> None:
    (folder / "one.toml").write_text(
        'why = "w"\n[defaults]\ndtypes = ["quantized"]\nroutes = ["dat"]\n[case.a]\ntensors = [{ shape = [2] }]\n'
    )
    cases = load_catalogue(folder)
    assert list(cases) == ["one/a/qi8", "one/a/qu8", "one/a/qi32"]
    assert cases["one/a/qi8"].routes == ("dat",)


def test_all_that_a_table_states_of_a_case_is_in_it(folder: Path) -> None:
    (folder / "one.toml").write_text(
        'why = "the file\'s"\n[case.a]\nwhy = "its own"\ndtypes = ["u8"]\n'
        'routes = ["dat"]\nfull_routes = ["tensor"]\ndevices = ["cpu", "cuda"]\nchecks = ["quantizer"]\nrun = "large"\n'
        'tensors = [{ shape = [2] }]\n[case.b]\ndtypes = ["u8"]\nroutes = ["dat"]\ntensors = []\n'
    )
    cases = load_catalogue(folder)
    assert [dataclasses.replace(case, subject=NOTHING) for case in cases.values()] == [
        Case(
            id="one/a/u8",
            why="its own",
            subject=NOTHING,
            routes=("dat", "tensor"),
            devices=("cpu", "cuda"),
            checks=frozenset({"quantizer"}),
            full_routes=("tensor",),
            run="large",
        ),
        Case(id="one/b/u8", why="the file's", subject=NOTHING, routes=("dat",)),
    ]


def test_a_model_has_dtypes_that_only_a_full_run_takes(folder: Path) -> None:
    (folder / "arch.toml").write_text(
        'why = "w"\n[case.mlp]\ndtypes = ["f32"]\nfull_dtypes = ["bf16"]\nroutes = ["forward"]\n'
    )
    assert {name: case.run for name, case in load_catalogue(folder).items()} == {
        "arch/mlp/f32": "default",
        "arch/mlp/bf16": "full",
    }


def test_a_layer_has_the_renamed_options_of_its_file(folder: Path) -> None:
    (folder / "layer.toml").write_text(
        'why = "w"\n[rename]\nLinear = { bias = "hasBias" }\n'
        '[case.a]\ndtypes = ["f32"]\nroutes = ["forward"]\nmodule = "Linear"\noptions = { bias = false }\n'
    )
    subject = load_catalogue(folder)["layer/a/f32"].subject
    assert isinstance(subject, Model)
    assert '"options": {"hasBias": false}' in subject.dotnet


def test_a_repeated_tensor_is_numbered(folder: Path) -> None:
    (folder / "one.toml").write_text(
        'why = "w"\n[case.a]\ndtypes = ["u8"]\nroutes = ["dat"]\n'
        'tensors = [{ name = "t{}", repeat = 2, shape = [2] }]\n'
    )
    subject = load_catalogue(folder)["one/a/u8"].subject
    assert isinstance(subject, Tensors)
    assert [spec.name for spec in subject.specs] == ["t0", "t1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("why = [", r"one\.toml is not valid TOML: "),
        ('why = "w"\n[case.a]\nshap = [2]\n', r"one\.toml: case / a: .*'shap' was unexpected.; expected one of why, "),
        ('why = "w"\n[case.a]\ndtypes = ["u8"]\nroutes = ["dat"]\n', r"one\.toml: case / a: has no tensors"),
        (
            'why = "w"\n[case.a]\ndtypes = ["u9"]\nroutes = ["dat"]\ntensors = []\n',
            r"one\.toml: case / a / dtypes: found 'u9'; expected one of u8, ",
        ),
    ],
)
def test_the_error_of_a_bad_file_has_its_place(folder: Path, text: str, message: str) -> None:
    (folder / "one.toml").write_text(text)
    with pytest.raises(CatalogueError, match=message):
        load_catalogue(folder)


@pytest.mark.parametrize(("family", "wrong"), [("layer", "tensors"), ("one", "module")])
def test_modules_have_a_schema_of_their_own(folder: Path, family: str, wrong: str) -> None:
    (folder / f"{family}.toml").write_text(f'why = "w"\n[case.a]\n{wrong} = []\n')
    with pytest.raises(CatalogueError, match=f"case / a: .*'{wrong}' was unexpected"):
        load_catalogue(folder)
