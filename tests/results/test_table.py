"""What a person sees at the end of a run."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

import msgspec
import pytest
from rich.console import Console
from rich.text import Text

from records import ENVIRONMENT, FAILURE, PASSED, ZEROS, a_record
from tscompat.results.environment import Library
from tscompat.results.file import Results, Timing
from tscompat.results.record import Record
from tscompat.results.table import show
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome

CAUSE = "TorchSharp 0.107.0 has\nno complex32. So it cannot read one."
KNOWN = Judgement(Outcome.DIVERGENCE, "no-c32", CAUSE)
DIVERGENCE = a_record(case="pattern/all/c32", dtype="c32", verdict=Verdict(Kind.REFUSED, "…"), judgement=KNOWN)
NOT = Judgement(Outcome.NOT_RUN)
NOT_RUN = a_record(device="cuda", verdict=Verdict(Kind.NOT_RUN, "no CUDA device"), judgement=NOT)
RESULTS = Results(
    schema=3,
    complete=True,
    started="2026-01-01T00:00:00+00:00",
    finished="2026-01-01T00:01:00+00:00",
    environments={ENVIRONMENT.key: ENVIRONMENT},
    timing=Timing(harness_seconds=3.0, torchsharp_seconds=2.0, wall_seconds=60.0, cores=2),
    problems=(),
    verdicts=(),
)


def times(number: int, record: Record) -> list[Record]:
    """``number`` copies of a record, with a number appended to each one's check."""
    return [
        msgspec.structs.replace(record, id=f"{record.id}{check}", check=f"{record.check}{check}")
        for check in range(number)
    ]


def changed(**fields: Any) -> Results:
    """RESULTS with other fields."""
    return msgspec.structs.replace(RESULTS, **fields)


def shown(records: Sequence[Record], width: int = 100, results: Results = RESULTS) -> str:
    """The output, without colour."""
    out = StringIO()
    whole = msgspec.structs.replace(results, verdicts=tuple(records))
    show(whole, Console(file=out, width=width, color_system=None))
    return out.getvalue()


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


def arch(name: str, judgement: Judgement = PASSED, check: str = "forward") -> Record:
    """A record of an architecture. A ``name`` with slashes is the whole id of a case."""
    case = name if "/" in name else f"arch/{name}/f32"
    return a_record("forward", case, check=check, dtype="f32", judgement=judgement)


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


def test_a_failure_is_shown_with_all_that_helps() -> None:
    assert (
        "Failures (1)\n"
        "  dat/python-to-dotnet/cpu/pattern/special/bf16/bits\n"
        "    kind changed: 'nan-payload' expects refused, got bits: element [1] is 0x7fc1, expected 0x7f81\n"
        "    kept: failures/1/expected.dat\n"
        "    kept: failures/1/actual.dat\n"
        "    again: tscompat run -k pattern/special/bf16\n"
    ) in shown([FAILURE])


def test_what_a_person_copies_is_not_broken_at_the_edge() -> None:
    assert "    again: tscompat run -k pattern/special/bf16\n" in shown([FAILURE], width=20)


def test_a_long_list_of_failures_is_cut() -> None:
    output = shown(times(25, FAILURE))
    assert output.count("again:") == 10
    assert "… and 15 more in results.json" in output


def test_a_list_of_failures_that_fits_is_whole() -> None:
    assert "more in results.json" not in shown(times(10, FAILURE))


def test_a_failure_that_cannot_be_run_again_has_no_command() -> None:
    assert "again:" not in shown([msgspec.structs.replace(FAILURE, rerun="")])


def test_a_known_divergence_stands_once_with_its_number_and_the_first_sentence() -> None:
    output = shown(times(7, DIVERGENCE))
    assert "Known divergences\n  7  no-c32: TorchSharp 0.107.0 has no complex32.\n" in output


def test_what_was_not_run_stands_once_with_its_number() -> None:
    assert "Not run\n  12  no CUDA device\n" in shown(times(12, NOT_RUN))


def test_the_times_are_shown() -> None:
    assert "Time: harness 3.0 s, TorchSharp 2.0 s; whole run 60.0 s on 2 cores, overhead ratio 60.0\n" in shown(
        [a_record()]
    )


def test_a_run_without_torchsharp_has_no_ratio() -> None:
    timing = Timing(harness_seconds=1.0, torchsharp_seconds=0.0, wall_seconds=2.0, cores=1)
    assert "TorchSharp 0.0 s; whole run 2.0 s on 1 core\n" in shown([], results=changed(timing=timing))


def test_an_incomplete_run_says_so() -> None:
    assert "Incomplete: the run stopped before its end.\n" in shown(
        [a_record()], results=changed(complete=False, timing=None)
    )


def test_a_complete_run_does_not_say_incomplete() -> None:
    assert "Incomplete" not in shown([a_record()])


def test_problems_of_the_run_are_shown() -> None:
    output = shown([], results=changed(problems=("divergence 'x': covers = 1, matches 2: a, b",)))
    assert "Problem: divergence 'x': covers = 1, matches 2: a, b\n" in output


@pytest.mark.parametrize(("number", "words"), [(1, "1 problem"), (2, "2 problems")])
def test_the_last_line_counts_problems(number: int, words: str) -> None:
    output = shown([a_record()], results=changed(problems=("It is 1 too few.",) * number))
    assert output.splitlines()[-1] == f"1 passed, 0 known divergences, 0 failures, 0 not run, {words}"


def test_the_last_line_sums_up() -> None:
    output = shown([a_record(), DIVERGENCE, FAILURE, *times(2, NOT_RUN)])
    assert output.splitlines()[-1] == "1 passed, 1 known divergences, 1 failures, 2 not run"


def test_a_run_of_nothing_can_be_shown() -> None:
    assert shown([]).splitlines()[-1] == "0 passed, 0 known divergences, 0 failures, 0 not run"


def test_another_native_half_is_named_with_its_hash_and_version() -> None:
    assert ENVIRONMENT.dotnet
    environment = msgspec.structs.replace(
        ENVIRONMENT, dotnet=msgspec.structs.replace(ENVIRONMENT.dotnet, native="mine")
    )
    output = shown([], results=changed(environments={environment.key: environment}))
    assert f"\nLibTorchSharp is that of mine (--native), {ZEROS}, with libtorch 2.10.0\n" in f"\n{output}"


def assumed(name: str, outcome: Outcome, case: str = "pattern/all/bf16") -> Record:
    kind = Kind.PASS if outcome is Outcome.PASSED else Kind.BITS
    judgement = Judgement(outcome, name, CAUSE, assumed="TorchSharp 0.106.0")
    return a_record(case=case, verdict=Verdict(kind), judgement=judgement)


def test_of_a_new_version_it_is_said_what_goes_on_and_what_is_gone() -> None:
    records = [
        *(assumed("one", Outcome.DIVERGENCE, "a/a"), assumed("two", Outcome.DIVERGENCE, "a/b")),
        *(assumed("two", Outcome.PASSED, "a/c"), assumed("three", Outcome.PASSED, "a/d")),
        *(assumed("three", Outcome.PASSED, "a/e"), assumed("four", Outcome.FAILED, "a/f"), FAILURE),
    ]
    output = shown(records, 200)
    versions = "New version (TorchSharp 0.107.0 after 0.106.0)"
    sentence = f"{versions}: 2 known divergences are assumed to go on, 1 is gone, 2 failures are new"
    assert f"\n{sentence}\n\nGone\n  2  three       \n  1  two, in part\n" in output


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (["TorchSharp 0.107.0-rc.1"], "New version (TorchSharp 0.107.0 after 0.107.0-rc.1): "),
        (["TorchSharp 0.108.0-dev"], "Older version (TorchSharp 0.107.0 before 0.108.0-dev): "),
        (
            ["torch 2.11", "TorchSharp 0.106.0"],
            "New version (TorchSharp 0.107.0 after 0.106.0, torch 2.13 after 2.11): ",
        ),
        (
            ["torch 2.14", "TorchSharp 0.106.0"],
            "Other versions (TorchSharp 0.107.0 after 0.106.0, torch 2.13 before 2.14): ",
        ),
    ],
)
def test_an_older_version_is_called_so(known: list[str], words: str) -> None:
    records = [a_record(case=f"a/{each}", judgement=Judgement(Outcome.PASSED, "one", assumed=each)) for each in known]
    assert f"\n{words}" in shown(records)


def test_without_a_new_version_nothing_is_said_of_it() -> None:
    assert "New version" not in shown([DIVERGENCE, FAILURE])


def test_a_script_under_test_is_named_with_its_hash() -> None:
    environment = msgspec.structs.replace(ENVIRONMENT, scripts={"exportsd": ZEROS})
    output = shown([], results=changed(environments={environment.key: environment}))
    assert f"Script exportsd.py: {ZEROS}" in output


# several environments

NEW = msgspec.structs.replace(ENVIRONMENT, torchsharp=Library(version="0.108.0-dev", sha256=ZEROS))
BOTH = changed(environments={each.key: each for each in (ENVIRONMENT, NEW)})


def of_new(record: Record) -> Record:
    return msgspec.structs.replace(record, environment=NEW.key)


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

Failures (1)
  dat/python-to-dotnet/cpu/pattern/special/bf16/bits (TorchSharp 0.108.0-dev)
    kind changed: 'nan-payload' expects refused, got bits: element [1] is 0x7fc1, expected 0x7f81
    kept: failures/1/expected.dat
    kept: failures/1/actual.dat
    again: tscompat run -k pattern/special/bf16

Known divergences
  TorchSharp 0.107.0    TorchSharp 0.108.0-dev
                   1                         2  no-c32: TorchSharp 0.107.0 has no complex32.

Time: harness 3.0 s, TorchSharp 2.0 s; whole run 60.0 s on 2 cores, overhead ratio 60.0
Problem: It is 1 too few.
TorchSharp 0.107.0: 3 passed, 1 known divergences, 0 failures, 0 not run
TorchSharp 0.108.0-dev: 3 passed, 2 known divergences, 1 failures, 0 not run, 1 problem
"""


def test_several_versions_stand_side_by_side() -> None:
    records = [
        *(a_record(), a_record("dat-stream"), DIVERGENCE, arch("layer/linear/a/f32")),
        *map(
            of_new,
            (a_record(), a_record("dat-stream"), DIVERGENCE, FAILURE, arch("vit"), arch("layer/linear/a/f32", KNOWN)),
        ),
    ]
    results = msgspec.structs.replace(BOTH, problems=("It is 1 too few.",))
    assert [line.rstrip() for line in shown(records, 100, results).splitlines()] == SIDE_BY_SIDE.splitlines()


def test_what_was_assumed_in_each_version_has_a_line_of_its_own() -> None:
    records = [assumed("one", Outcome.DIVERGENCE), of_new(assumed("one", Outcome.PASSED)), of_new(FAILURE)]
    lines = [line for line in shown(records, 200, BOTH).splitlines() if line.startswith("New version")]
    assert [line.partition(": ")[2] for line in lines] == [
        "1 known divergence is assumed to go on, 0 are gone, 0 failures are new",
        "0 known divergences are assumed to go on, 1 is gone, 1 failure is new",
    ]


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

Failures (1)
  dat/python-to-dotnet/cpu/pattern/special/bf16/bits
    kind changed: 'nan-payload' expects refused, got bits: element [1] is 0x7fc1, expected 0x7f81
    kept: failures/1/expected.dat
    kept: failures/1/actual.dat
    again: tscompat run -k pattern/special/bf16

Known divergences
  3  no-c32: TorchSharp 0.107.0 has no complex32.

Not run
  10  no memory
   1  no CUDA device

TorchSharp.dll is my.dll (--torchsharp-dll), sha256:0000000000000000000000000000000000000000000000000000000000000000
Script exportsd.py:
sha256:00000000000000000000000000000000000000000000000000000
00000000000
Time: harness 3.0 s, TorchSharp 2.0 s; whole run 60.0 s on 2
cores, overhead ratio 60.0
Problem: It is 1 too few.
Incomplete: the run stopped before its end.
18 passed, 3 known divergences, 1 failures, 11 not run, 1
problem
"""


def test_all_of_it_stands_in_its_place() -> None:
    results = everything()
    assert [line.rstrip() for line in shown(results.verdicts, 60, results).splitlines()] == EVERYTHING.splitlines()


def styled(results: Results) -> set[tuple[str, str]]:
    """The pieces of the output that have a style, with it."""
    out = StringIO()
    show(results, Console(file=out, width=400, color_system="standard", force_terminal=True))
    text = Text.from_ansi(out.getvalue())
    pieces = {(text.plain[span.start : span.end].strip(), str(span.style)) for span in text.spans}
    return {(words, style) for words, style in pieces if words}


def test_what_did_not_happen_has_no_style() -> None:
    assert styled(changed(timing=None)) == set()


def test_what_is_wrong_is_red_titles_are_bold_and_what_matters_less_is_dim() -> None:
    assert styled(everything()) == {
        ("Architectures", "bold"),
        ("Known divergences", "bold"),
        ("Layers", "bold"),
        ("Not run", "bold"),
        ("dat", "bold"),
        ("forward", "bold"),
        ("tensor", "bold"),
        ("1 failures", "bold color(1)"),
        ("1F", "bold color(1)"),
        ("Failures (1)", "bold color(1)"),
        ("Incomplete: the run stopped before its end.", "bold color(1)"),
        ("Problem: It is 1 too few.", "bold color(1)"),
        ("1 problem", "bold color(1)"),
        ("1", "color(2)"),
        ("12", "color(2)"),
        ("13", "color(2)"),
        ("18 passed", "color(2)"),
        ("2", "color(2)"),
        ("3", "color(2)"),
        ("1 with known divergences", "color(3)"),
        ("1d", "color(3)"),
        ("2d", "color(3)"),
        ("3 known divergences", "color(3)"),
        ("(no mark: passed, d: known divergences, F: failures, n: not run)", "dim"),
        ("11 not run", "dim"),
        ("11n", "dim"),
    }
