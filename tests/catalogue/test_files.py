"""Reading cases/: ids, expansion, and errors that say where."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tscompat.catalogue import CatalogueError, load_catalogue
from tscompat.catalogue.files import _read
from tscompat.dtypes import BY_NAME
from tscompat.paths import data_folder
from tscompat.routes import ROUTES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cases/ with a single family that a test writes."""
    for name in ("family.schema.json", "dtypes.toml"):
        shutil.copy(data_folder("cases") / name, tmp_path)
    return tmp_path


def test_ids_are_made_of_letters_digits_and_few_signs():
    assert all(re.fullmatch(r"[A-Za-z0-9./+-]+", case_id) for case_id in load_catalogue())


def test_every_id_ends_in_its_dtype_or_mixed():
    for case in load_catalogue().values():
        dtypes = {spec.dtype.name for spec in case.tensors} or {case.dtype}
        assert case.dtype == (next(iter(dtypes)) if len(dtypes) == 1 else "mixed")


def test_all_sixteen_dtypes_are_in_every_family_that_is_about_values():
    for family in ("pattern", "shape", "role"):
        assert {case.dtype for case in load_catalogue().values() if case.family == family} == set(BY_NAME)


def test_the_codes_in_the_data_are_those_of_the_table():
    assert _read(data_folder("cases") / "dtypes.toml")["codes"] == {name: dtype.code for name, dtype in BY_NAME.items()}


def test_every_route_of_a_case_exists():
    assert {route for case in load_catalogue().values() for route in case.routes} <= set(ROUTES)


def test_a_case_expands_to_its_dtypes_and_takes_the_defaults(folder: Path):
    (folder / "one.toml").write_text(
        'why = "w"\n[defaults]\ndtypes = ["quantized"]\nroutes = ["dat"]\n[case.a]\ntensors = [{ shape = [2] }]\n'
    )
    cases = load_catalogue(folder)
    assert list(cases) == ["one/a/qi8", "one/a/qu8", "one/a/qi32"]
    assert cases["one/a/qi8"].routes == ("dat",)


def test_a_repeated_tensor_is_numbered(folder: Path):
    (folder / "one.toml").write_text(
        'why = "w"\n[case.a]\ndtypes = ["u8"]\nroutes = ["dat"]\n'
        'tensors = [{ name = "t{}", repeat = 2, shape = [2] }]\n'
    )
    assert [spec.name for spec in load_catalogue(folder)["one/a/u8"].tensors] == ["t0", "t1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("why = [", "one.toml: "),
        ('why = "w"\n[case.a]\nshap = [2]\n', r"one.toml: at \$.case.a: .*'shap'"),
        ('why = "w"\n[case.a]\ndtypes = ["u8"]\nroutes = ["dat"]\n', "case 'a' says no tensors"),
        ('why = "w"\n[case.a]\ndtypes = ["u9"]\nroutes = ["dat"]\ntensors = []\n', "dtype 'u9'; expected one of u8, "),
    ],
)
def test_a_bad_file_is_an_error_that_says_where(folder: Path, text: str, message: str):
    (folder / "one.toml").write_text(text)
    with pytest.raises(CatalogueError, match=message):
        load_catalogue(folder)
