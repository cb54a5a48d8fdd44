"""What a person sees at the end of a run."""

from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tscompat.results.file import Results, Timing
from tscompat.results.record import Record
from tscompat.results.table import show
from tscompat.values.verdict import Kind, Verdict, VerdictId
from tscompat.verdicts.divergences import Judgement, Outcome

MakeRecord = Callable[..., Record]


@pytest.fixture
def divergence(make_record: MakeRecord) -> Record:
    cause = "TorchSharp 0.107.0 has\nno complex32. So it cannot read one."
    return make_record(
        verdict=Verdict(Kind.REFUSED, "…"), judgement=Judgement(Outcome.DIVERGENCE, "no-c32", cause), dtype="c32"
    )


@pytest.fixture
def not_run(make_record: MakeRecord) -> Record:
    return make_record(verdict=Verdict(Kind.NOT_RUN, "no CUDA device"), judgement=Judgement(Outcome.NOT_RUN))


def shown(records: Sequence[Record], width: int = 100, **changes: Any) -> str:
    """The output, without colour."""
    whole = {
        "complete": True,
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
        "environment": {},
        "timing": Timing(harness_seconds=3.0, torchsharp_seconds=2.0, wall_seconds=60.0),
        "problems": (),
        "records": tuple(records),
    }
    out = StringIO()
    show(Results(**whole | changes), Console(file=out, width=width, color_system=None))
    return out.getvalue()


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_cell_holds_all_four_numbers(
    make_record: MakeRecord, divergence: Record, failure: Record, not_run: Record
) -> None:
    records = [make_record()] * 4 + [divergence] * 3 + [failure] * 2 + [not_run]
    assert ["all", "4", "3d", "2F", "1n"] in words(shown(records))


def test_a_row_counts_its_dtype_only(make_record: MakeRecord, divergence: Record) -> None:
    assert ["c32", "1d"] in words(shown([make_record(), divergence]))


def test_a_column_counts_its_route_only(make_record: MakeRecord) -> None:
    output = words(shown([make_record(), make_record("tensor"), make_record("tensor")]))
    assert output[0] == ["dat", "tensor"]
    assert ["bf16", "1", "2"] in output


def test_dtypes_stand_in_the_order_of_a_person(make_record: MakeRecord) -> None:
    dtypes = ["mixed", "c128", "f32", "c64", "bf16"]
    rows = [line[0] for line in words(shown([make_record(dtype=dtype) for dtype in dtypes])) if line]
    assert [row for row in rows if row in (*dtypes, "all")] == ["bf16", "c64", "c128", "f32", "mixed", "all"]


def arch(make_record: MakeRecord, name: str, **fields: Any) -> Record:
    """A verdict about an architecture; with a slash in ``name``, about another family."""
    case = name if "/" in name else f"arch/{name}/f32"
    return make_record(id=VerdictId("forward", "python-to-dotnet", "cpu", case, "forward"), dtype="f32", **fields)


def test_an_architecture_has_a_row_over_its_dtypes_and_checks(make_record: MakeRecord, divergence: Record) -> None:
    records = [arch(make_record, name) for name in ("arch/vit/f32", "arch/vit/f64", "arch/mlp/f32")]
    records.append(arch(make_record, "vit", judgement=divergence.judgement))
    output = shown(records)
    assert ["vit", "2", "1d"] in words(output[output.index("Architectures") :])


def test_architectures_stand_in_the_order_of_their_numbers(make_record: MakeRecord) -> None:
    names = ["vgg11-bn", "resnet152", "vgg11", "resnet18", "vgg13"]
    rows = [line[0] for line in words(shown([arch(make_record, name) for name in names])) if line]
    assert [row for row in rows if row in names] == ["resnet18", "resnet152", "vgg11", "vgg11-bn", "vgg13"]


def test_only_architectures_stand_among_them(make_record: MakeRecord) -> None:
    records = [make_record("other-route"), arch(make_record, "vit"), arch(make_record, "layer/linear/no-bias/f32")]
    output = shown(records)
    table = output[output.index("Architectures") : output.index("Layers")]
    assert [line for line in words(table) if line] == [
        ["Architectures"],
        ["forward"],
        [table.splitlines()[2]],
        ["vit", "1"],
    ]


def test_layers_are_counted_in_cases(make_record: MakeRecord, divergence: Record, failure: Record) -> None:
    records = [
        arch(make_record, f"layer/linear/{case}/f32", judgement=judgement)
        for case, judgement in [
            ("a", Judgement(Outcome.PASSED)),
            ("b", divergence.judgement),
            ("b", divergence.judgement),
            ("b", failure.judgement),
            ("c", divergence.judgement),
        ]
    ]
    assert "\nLayers: 3 cases, 2 with known divergences, 1 with failures\n" in shown(records)


@pytest.mark.parametrize("word", ["Architectures", "Layers"])
def test_a_run_without_modules_says_nothing_of_them(make_record: MakeRecord, word: str) -> None:
    assert word not in shown([make_record()])


def test_no_line_of_the_table_is_wider_than_the_terminal(make_record: MakeRecord) -> None:
    output = shown([make_record(f"route-{number}") for number in range(15)], width=40)
    assert max(map(len, output.splitlines()[:-2])) <= 40


def test_routes_that_do_not_fit_come_below(make_record: MakeRecord) -> None:
    routes = [f"route-{number:02}" for number in range(15)]
    headers = [line for line in words(shown(list(map(make_record, routes)), width=40)) if line and line[0] in routes]
    assert [route for header in headers for route in header] == routes


def test_a_failure_is_shown_with_all_that_helps(failure: Record) -> None:
    assert (
        "Failures (1)\n"
        "  dat/python-to-dotnet/cpu/pattern/all/bf16/bits\n"
        "    kind changed: 'nan-payload' expects refused, got bits: element [1] is 0x7fc1, expected 0x7f81\n"
        "    kept: failures/1/expected.dat\n"
        "    kept: failures/1/actual.dat\n"
        "    again: tscompat run -k pattern/all/bf16\n"
    ) in shown([failure])


def test_what_a_person_copies_is_not_broken_at_the_edge(failure: Record) -> None:
    assert "    again: tscompat run -k pattern/all/bf16\n" in shown([failure], width=20)


def test_a_long_list_of_failures_is_cut(failure: Record) -> None:
    output = shown([failure] * 25)
    assert output.count("again:") == 10
    assert "… and 15 more in results.json" in output


def test_a_known_divergence_stands_once_with_its_number_and_the_first_sentence(divergence: Record) -> None:
    output = shown([divergence] * 7)
    assert "Known divergences\n  7  no-c32: TorchSharp 0.107.0 has no complex32.\n" in output


def test_what_was_not_run_stands_once_with_its_number(not_run: Record) -> None:
    assert "Not run\n  12  no CUDA device\n" in shown([not_run] * 12)


def test_the_times_are_shown(make_record: MakeRecord) -> None:
    assert "Time: harness 3.0 s, TorchSharp 2.0 s (ratio 1.5); whole run 60.0 s\n" in shown([make_record()])


def test_a_run_without_torchsharp_has_no_ratio() -> None:
    assert "TorchSharp 0.0 s; whole" in shown([], timing=Timing(1.0, 0.0, 2.0))


def test_an_incomplete_run_says_so(make_record: MakeRecord) -> None:
    assert "Incomplete: the run did not come to its end.\n" in shown([make_record()], complete=False, timing=None)


def test_a_complete_run_does_not_say_incomplete(make_record: MakeRecord) -> None:
    assert "Incomplete" not in shown([make_record()])


def test_problems_of_the_run_are_shown(make_record: MakeRecord) -> None:
    output = shown([make_record()], problems=("divergence 'x': covers = 1, matches 2: a, b",))
    assert "Problem: divergence 'x': covers = 1, matches 2: a, b\n" in output


def test_the_last_line_sums_up(make_record: MakeRecord, divergence: Record, failure: Record, not_run: Record) -> None:
    output = shown([make_record(), divergence, failure, not_run, not_run])
    assert output.splitlines()[-1] == "1 passed, 1 known divergences, 1 failures, 2 not run"


def test_a_run_of_nothing_can_be_shown() -> None:
    assert shown([]).splitlines()[-1] == "0 passed, 0 known divergences, 0 failures, 0 not run"


def test_a_script_under_test_is_told_by_its_hash(make_record: MakeRecord) -> None:
    environment = {"scripts": {"exportsd": "sha256:" + 64 * "0"}}
    assert f"Script exportsd.py: sha256:{64 * '0'}" in shown([make_record()], environment=environment)
