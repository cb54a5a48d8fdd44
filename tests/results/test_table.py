"""The tables of a run."""

from collections.abc import Sequence

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, ZEROS, a_record
from results.made import BOTH, DIVERGENCE, KNOWN, NOT, NOT_RUN, RESULTS, arch, changed, of_new, printed, styled, times
from tscompat.results.file import Results
from tscompat.results.record import Record
from tscompat.results.table import show_tables
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome


def shown(records: Sequence[Record], width: int = 100, results: Results = RESULTS) -> str:
    """The output, without colour."""
    whole = msgspec.structs.replace(results, verdicts=tuple(records))
    return printed(lambda console: show_tables(whole, console), width)


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_cell_holds_all_four_numbers() -> None:
    records = times(4, a_record()) + times(3, DIVERGENCE) + times(2, FAILURE) + [NOT_RUN]
    assert ["all", "4", "3d", "2F", "1n"] in words(shown(records))


def test_a_row_counts_its_dtype_only() -> None:
    assert ["c32", "1d"] in words(shown([a_record(), DIVERGENCE]))


def test_a_column_counts_its_route_only() -> None:
    output = words(shown([a_record(), *times(2, a_record("tensor"))]))
    assert output[0] == ["dat", "tensor"]
    assert ["bf16", "1", "2"] in output


def test_dtypes_stand_in_the_order_of_a_person() -> None:
    dtypes = ["mixed", "c128", "u8", "f32", "c64", "bf16"]
    rows = [
        line[0]
        for line in words(shown([a_record(case=f"pattern/all/{dtype}", dtype=dtype) for dtype in dtypes]))
        if line
    ]
    assert [row for row in rows if row in (*dtypes, "all")] == ["bf16", "c64", "c128", "f32", "u8", "mixed", "all"]


def test_an_architecture_has_a_row_over_its_dtypes_and_checks() -> None:
    records = [arch(name) for name in ("arch/vit/f32", "arch/vit/f64", "arch/mlp/small/f32")]
    records.append(arch("vit", KNOWN, "statistics"))
    output = shown(records)
    assert ["vit", "2", "1d"] in words(output[output.index("Architectures") :])
    assert ["mlp/small", "1"] in words(output[output.index("Architectures") :])


def test_architectures_stand_in_the_order_of_their_numbers() -> None:
    names = ["vgg11-bn", "resnet152", "vgg11", "resnet18", "vgg13"]
    rows = [line[0] for line in words(shown([arch(name) for name in names])) if line]
    assert [row for row in rows if row in names] == ["resnet18", "resnet152", "vgg11", "vgg11-bn", "vgg13"]


def test_only_architectures_stand_among_them() -> None:
    records = [a_record("other-route"), arch("vit"), arch("layer/linear/no-bias/f32")]
    output = shown(records)
    table = output[output.index("Architectures") : output.index("Layers")]
    assert [line for line in words(table) if line] == [
        ["Architectures"],
        ["forward"],
        [table.splitlines()[2]],
        ["vit", "1"],
    ]


def test_layers_are_counted_in_cases() -> None:
    records = [
        arch("layer/linear/a/f32"),
        *times(2, arch("layer/linear/b/f32", KNOWN)),
        arch("layer/linear/b/f32", Judgement(Outcome.FAILED)),
        arch("layer/linear/c/f32", KNOWN),
    ]
    assert "\nLayers: 3 cases, 2 with known divergences, 1 with failures\n" in shown(records)


@pytest.mark.parametrize("word", ["Architectures", "Layers"])
def test_a_run_without_modules_says_nothing_of_them(word: str) -> None:
    assert word not in shown([a_record()])


def test_no_line_of_the_table_is_wider_than_the_terminal() -> None:
    output = shown([a_record(f"route-{number}") for number in range(15)], width=40)
    assert max(map(len, output.splitlines()[:-2])) <= 40


def test_routes_that_do_not_fit_come_below() -> None:
    routes = [f"route-{number:02}" for number in range(15)]
    headers = [line for line in words(shown(list(map(a_record, routes)), width=40)) if line and line[0] in routes]
    assert [route for header in headers for route in header] == routes


@pytest.mark.parametrize(("width", "blocks"), [(26, 2), (25, 4)])
def test_as_many_routes_stand_side_by_side_as_fit(width: int, blocks: int) -> None:
    output = shown([a_record(f"route-{number}") for number in range(4)], width=width)
    assert sum("route-" in line for line in output.splitlines()) == blocks


def test_a_known_divergence_stands_once_with_its_number_and_the_first_sentence() -> None:
    output = shown(times(7, DIVERGENCE))
    assert "Known divergences\n  7  no-c32: TorchSharp 0.107.0 has no complex32.\n" in output


def test_what_was_not_run_stands_once_with_its_number() -> None:
    assert "Not run\n  12  no CUDA device\n" in shown(times(12, NOT_RUN))


# several environments


SIDE_BY_SIDE = """\
              TorchSharp 0.107.0   TorchSharp 0.108.0-dev
──────────────────────────────────────────────────────────
 dat          1  1d                1  1d 1F
 dat-stream   1                    1
 forward      1                    1  1d

 all          3  1d                3  2d 1F

Architectures
       TorchSharp 0.108.0-dev
──────────────────────────────
 vit   1

Layers (TorchSharp 0.107.0): 1 cases, 0 with known divergences, 0 with failures
Layers (TorchSharp 0.108.0-dev): 1 cases, 1 with known divergences, 0 with failures

(no mark: passed, d: known divergences, F: failures, n: not run)

Known divergences
  TorchSharp 0.107.0    TorchSharp 0.108.0-dev
                   1                         2  no-c32: TorchSharp 0.107.0 has no complex32.
"""


def test_several_versions_stand_side_by_side() -> None:
    records = [
        *(a_record(), a_record("dat-stream"), DIVERGENCE, arch("layer/linear/a/f32")),
        *map(
            of_new,
            (a_record(), a_record("dat-stream"), DIVERGENCE, FAILURE, arch("vit"), arch("layer/linear/a/f32", KNOWN)),
        ),
    ]
    assert [line.rstrip() for line in shown(records, 100, BOTH).rstrip().splitlines()] == SIDE_BY_SIDE.splitlines()


# all of it


def everything() -> Results:
    """Results with something of each kind."""
    assert ENVIRONMENT.dotnet
    dotnet = msgspec.structs.replace(ENVIRONMENT.dotnet, torchsharp_dll="my.dll")
    environment = msgspec.structs.replace(ENVIRONMENT, dotnet=dotnet, scripts={"exportsd": ZEROS})
    records = [
        *(*times(12, a_record()), a_record(case="pattern/all/f16", dtype="f16")),
        *(DIVERGENCE, FAILURE, NOT_RUN),
        *times(10, a_record(device="cuda", verdict=Verdict(Kind.NOT_RUN, "no memory"), judgement=NOT)),
        *times(3, a_record("tensor", "role/all/mixed", dtype="mixed")),
        *(arch("unet"), arch("vit", KNOWN), arch("layer/linear/a/f32"), arch("layer/linear/b/f32", KNOWN)),
    ]
    return changed(
        complete=False,
        problems=("It is 1 too few.",),
        environments={environment.key: environment},
        verdicts=tuple(msgspec.structs.replace(record, environment=environment.key) for record in records),
    )


EVERYTHING = """\
         dat             forward   tensor
──────────────────────────────────────────
 bf16    12     1F 11n
 c32         1d
 f16      1
 f32                     2  2d
 mixed                             3

 all     13  1d 1F 11n   2  2d     3

Architectures
        forward
────────────────
 unet   1
 vit       1d

Layers: 2 cases, 1 with known divergences, 0 with failures

(no mark: passed, d: known divergences, F: failures, n: not
run)

Known divergences
  3  no-c32: TorchSharp 0.107.0 has no complex32.

Not run
  10  no memory
   1  no CUDA device
"""


def test_all_of_it_stands_in_its_place() -> None:
    results = everything()
    assert [
        line.rstrip() for line in shown(results.verdicts, 60, results).rstrip().splitlines()
    ] == EVERYTHING.splitlines()


def test_the_names_of_versions_are_dim() -> None:
    results = changed(DIVERGENCE, of_new(DIVERGENCE), environments=BOTH.environments)
    names = {("TorchSharp 0.107.0", "dim"), ("TorchSharp 0.108.0-dev", "dim")}
    assert styled(lambda console: show_tables(results, console)) >= names


def test_what_did_not_happen_has_no_style() -> None:
    assert styled(lambda console: show_tables(changed(), console)) == set()


def test_what_is_wrong_is_red_titles_are_bold_and_what_matters_less_is_dim() -> None:
    assert styled(lambda console: show_tables(everything(), console)) == {
        ("Architectures", "bold"),
        ("Known divergences", "bold"),
        ("Layers", "bold"),
        ("Not run", "bold"),
        ("dat", "bold"),
        ("forward", "bold"),
        ("tensor", "bold"),
        ("1F", "bold color(1)"),
        ("1", "color(2)"),
        ("12", "color(2)"),
        ("13", "color(2)"),
        ("2", "color(2)"),
        ("3", "color(2)"),
        ("1 with known divergences", "color(3)"),
        ("1d", "color(3)"),
        ("2d", "color(3)"),
        ("(no mark: passed, d: known divergences, F: failures, n: not run)", "dim"),
        ("11n", "dim"),
    }
