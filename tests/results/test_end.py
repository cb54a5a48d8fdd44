"""What a person sees at the end of a run: one screen."""

from collections.abc import Sequence

import msgspec
import pytest

from records import ENVIRONMENT, FAILURE, ZEROS, a_record
from results.made import (
    BOTH,
    DIVERGENCE,
    NEW,
    NOT,
    NOT_RUN,
    RESULTS,
    assumed,
    changed,
    of_new,
    printed,
    styled,
    times,
)
from tscompat.results.comparison import Baseline
from tscompat.results.end import DANGER, Against, green, in_words, sentence, show_end, since
from tscompat.results.file import Part, Results, Timing
from tscompat.results.record import Difference, Record
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome


def shown(
    records: Sequence[Record], width: int = 100, results: Results = RESULTS, against: Against | None = None
) -> str:
    """The output, without colour."""
    whole = msgspec.structs.replace(results, verdicts=tuple(records))
    return printed(lambda console: show_end(whole, console, against), width)


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (changed(a_record(), a_record("tensor")), "As expected: of 2 verdicts 2 passed."),
        (changed(a_record(), DIVERGENCE), "As expected: of 2 verdicts 1 passed, 1 show a known divergence."),
        (changed(a_record()), "As expected: of 1 verdict 1 passed."),
        (changed(a_record(), DIVERGENCE, FAILURE, NOT_RUN), "Not as expected: 1 of 3 verdicts is unexpected."),
        (changed(*times(2, FAILURE)), "Not as expected: 2 of 2 verdicts are unexpected."),
        (changed(a_record(), problems=("no",)), "Not as expected: the run has 1 problem."),
        (changed(FAILURE, problems=("no",)), "Not as expected: 1 of 1 verdict is unexpected."),
        (
            changed(a_record(), FAILURE, complete=False),
            "The run stopped before its end: 2 verdicts are decided, 1 of them are unexpected.",
        ),
        (changed(NOT_RUN), "Nothing was decided."),
        (changed(a_record(), part=Part.of("2/5", [])), "Shard 2/5. As expected: of 1 verdict 1 passed."),
    ],
)
def test_the_first_sentence_is_the_verdict(results: Results, words: str) -> None:
    assert sentence(results).plain == words
    assert green(results) is ("As expected" in words)
    assert printed(lambda console: show_end(results, console)).splitlines()[0] == words


def test_only_what_is_as_expected_is_green() -> None:
    assert [str(sentence(changed(record)).style) for record in (a_record(), DIVERGENCE, FAILURE, NOT_RUN)] == [
        *("green", "green"),
        *("bold red", "bold red"),
    ]


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (
            Difference(entry="w", field="element", offset=90, expected="1", found="2"),
            "'w', element at byte 0x5a: 1 expected, 2 found",
        ),
        (Difference(field="names", expected="a", found="b"), "names: a expected, b found"),
        (Difference(entry="", field="dtype", expected="f32", found="i32"), "'', dtype: f32 expected, i32 found"),
    ],
)
def test_a_first_difference_is_a_sentence(first: Difference, words: str) -> None:
    assert in_words(first) == words


def baseline(*records: Record) -> Against:
    return Against("the baseline linux.json.xz", Baseline.of(changed(*records), "old"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ([a_record()], [a_record()], "nothing differs"),
        ([FAILURE], [a_record(case="pattern/special/bf16")], "1 fixed"),
        ([a_record(case="pattern/special/bf16")], [FAILURE, a_record(case="a/1")], "1 regression, 1 new"),
        ([a_record(), a_record(case="a/1")], [a_record()], "nothing differs"),
        ([msgspec.structs.replace(NOT_RUN, detail="no memory")], [NOT_RUN], "nothing differs"),
    ],
    ids=["same", "fixed", "regression and new", "a part", "another reason"],
)
def test_what_is_new_since_the_baseline_is_counted(old: list[Record], new: list[Record], words: str) -> None:
    against = baseline(*old)
    assert since(changed(*new), against.baseline) == words
    assert f"Since the baseline linux.json.xz: {words}\n\n" in shown(new, against=against)
    assert "\n\n\n" not in shown(new, against=against)


def test_several_versions_are_compared_with_no_baseline() -> None:
    assert "Since" not in shown([a_record()], results=BOTH, against=baseline(a_record()))


def known(name: str, kind: Kind, number: int = 1) -> list[Record]:
    judgement = Judgement(Outcome.DIVERGENCE, name, f"It is {name}. And more.")
    return times(number, a_record(case=f"{name}/1", verdict=Verdict(kind, "…"), judgement=judgement))


def test_known_divergences_come_by_danger_and_then_by_number() -> None:
    records = [
        *(*known("refused", Kind.REFUSED, 9), *known("few", Kind.BITS), *known("crash", Kind.CRASH, 3)),
        *(*known("many", Kind.BITS, 2), *known("accepted", Kind.ACCEPTED)),
    ]
    assert (
        "Known divergences (5), the most dangerous first\n"
        "  2  bits      many: It is many.\n"
        "  1  bits      few: It is few.\n"
        "  1  accepted  accepted: It is accepted.\n"
        "  3  crash     crash: It is crash.\n"
        "  9  refused   refused: It is refused.\n\n"
    ) in "\n".join(line.rstrip() for line in shown(records).splitlines())


def test_a_line_is_cut_before_its_numbers_are() -> None:
    lines = shown(known("name", Kind.BITS, 2), width=24).splitlines()
    assert "  2  bits  name: It is …" in lines


@pytest.mark.parametrize("kinds", [(Kind.ORDER, Kind.BYTES), (Kind.BYTES, Kind.ORDER)])
def test_a_divergence_counts_as_the_most_dangerous_that_it_shows_as(kinds: tuple[Kind, Kind]) -> None:
    first, second = known("both", kinds[0], 2)
    other = msgspec.structs.replace(second, verdict=kinds[1])
    assert "  2  order  both: It is both." in shown([first, other])


def test_numbers_of_reasons_are_aligned_to_the_right() -> None:
    twelve = times(12, a_record(verdict=Verdict(Kind.NOT_RUN, "many"), judgement=NOT))
    lines = [line.rstrip() for line in shown([*twelve, *not_run(1)]).splitlines()]
    assert lines[2:5] == ["Not run", "  12  many", "   1  r 0"]


def test_what_did_not_happen_has_no_style() -> None:
    styles = styled(lambda console: show_end(changed(a_record(), timing=None), console))
    assert styles == {("As expected: of 1 verdict 1 passed.", "color(2)"), ("1 passed", "color(2)")}


def test_of_many_divergences_the_first_ten_are_shown() -> None:
    output = shown([record for number in range(13) for record in known(f"d-{number}", Kind.BITS)])
    assert output.count(": It is d-") == 10
    assert "  … and 3 more (--tables shows all)\n" in output


def test_each_kind_of_verdict_has_its_danger() -> None:
    assert {*DANGER, Kind.PASS, Kind.NOT_RUN} == {*Kind}
    assert len(DANGER) == len({*DANGER})


def test_the_most_frequent_reasons_of_what_was_not_run_are_shown() -> None:
    records = [
        record
        for number in range(7)
        for record in times(
            number + 1, a_record(case=f"a/{number}", verdict=Verdict(Kind.NOT_RUN, f"reason {number}"), judgement=NOT)
        )
    ]
    output = shown(records)
    assert "Not run\n  7  reason 6\n  6  reason 5\n" in output
    assert "  … and 2 other reasons (--tables shows all)\n" in output


def test_what_is_right_is_green_what_is_wrong_is_red_and_titles_are_bold() -> None:
    results = changed(a_record(), DIVERGENCE, FAILURE, NOT_RUN, problems=("It is 1 too few.",))
    assert styled(lambda console: show_end(results, console)) == {
        ("Not as expected: 1 of 3 verdicts is unexpected.", "bold color(1)"),
        ("problem: It is 1 too few.", "bold color(1)"),
        ("Known divergences", "bold"),
        ("Not run", "bold"),
        ("1 passed", "color(2)"),
        ("1 known divergences", "color(3)"),
        ("1 failures", "bold color(1)"),
        ("1 not run", "dim"),
        ("1 problem", "bold color(1)"),
    }


def test_a_failure_is_shown_with_all_that_helps() -> None:
    assert (
        "unexpected: dat/python-to-dotnet/cpu/pattern/special/bf16/bits\n"
        "  kind changed: 'nan-payload' expects refused, got bits: element [1] is 0x7fc1, expected 0x7f81\n"
        "  first difference: 'weight', bits at byte 0x1: 0x7f81 expected, 0x7fc1 found\n"
        "  kept: failures/1/expected.dat\n"
        "  kept: failures/1/actual.dat\n"
        "  again: tscompat run -k pattern/special/bf16\n"
    ) in shown([FAILURE])


def test_what_a_person_copies_is_not_broken_at_the_edge() -> None:
    assert "  again: tscompat run -k pattern/special/bf16\n" in shown([FAILURE], width=20)


def test_a_long_list_of_failures_is_cut() -> None:
    output = shown(times(25, FAILURE))
    assert output.count("again:") == 5
    assert "… and 20 more in results.json" in output


def test_a_list_of_failures_that_fits_is_whole() -> None:
    assert "more in results.json" not in shown(times(5, FAILURE))


def test_a_failure_that_cannot_be_run_again_has_no_command() -> None:
    assert "again:" not in shown([msgspec.structs.replace(FAILURE, rerun="")])


def test_the_times_are_shown() -> None:
    assert "Time: harness 3.0 s, TorchSharp 2.0 s; whole run 60.0 s on 2 cores, overhead ratio 60.0\n" in shown(
        [a_record()]
    )


def test_a_run_without_torchsharp_has_no_ratio() -> None:
    timing = Timing(harness_seconds=1.0, torchsharp_seconds=0.0, wall_seconds=2.0, cores=1)
    assert "TorchSharp 0.0 s; whole run 2.0 s on 1 core\n" in shown([], results=changed(timing=timing))


def test_an_incomplete_run_says_so() -> None:
    assert "The run stopped before its end: 1 verdicts are decided, 0 of them are unexpected.\n" in shown(
        [a_record()], results=changed(complete=False, timing=None)
    )


def test_a_complete_run_does_not_say_incomplete() -> None:
    assert "stopped" not in shown([a_record()])


def test_problems_of_the_run_are_shown() -> None:
    output = shown([], results=changed(problems=("divergence 'x': covers = 1, matches 2: a, b",)))
    assert "problem: divergence 'x': covers = 1, matches 2: a, b\n" in output


def test_a_long_list_of_problems_is_cut() -> None:
    output = shown([a_record()], results=changed(problems=tuple(map(str, range(7)))))
    assert output.count("problem: ") == 5
    assert "… and 2 problems more in results.json\n" in output


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


def test_the_sentence_of_a_new_version_is_not_broken_at_the_edge() -> None:
    lines = shown([assumed("one", Outcome.DIVERGENCE)], width=20).splitlines()
    words = "1 known divergence is assumed to go on, 0 are gone, 0 failures are new"
    assert f"New version (TorchSharp 0.107.0 after 0.106.0): {words}" in lines


def test_without_a_new_version_nothing_is_said_of_it() -> None:
    assert "New version" not in shown([DIVERGENCE, FAILURE])


def test_a_script_under_test_is_named_with_its_hash() -> None:
    environment = msgspec.structs.replace(ENVIRONMENT, scripts={"exportsd": ZEROS})
    output = shown([], results=changed(environments={environment.key: environment}))
    assert f"Script exportsd.py: {ZEROS}" in output


def test_what_was_assumed_in_each_version_has_a_line_of_its_own() -> None:
    records = [assumed("one", Outcome.DIVERGENCE), of_new(assumed("one", Outcome.PASSED)), of_new(FAILURE)]
    lines = [line for line in shown(records, 200, BOTH).splitlines() if line.startswith("New version")]
    assert [line.partition(": ")[2] for line in lines] == [
        "1 known divergence is assumed to go on, 0 are gone, 0 failures are new",
        "0 known divergences are assumed to go on, 1 is gone, 1 failure is new",
    ]


# all of it


def not_run(number: int) -> list[Record]:
    """Verdicts that were not run, each for a reason of its own."""
    verdicts = {f"n/{each}": Verdict(Kind.NOT_RUN, f"r {each}") for each in range(number)}
    return [a_record(case=case, verdict=verdict, judgement=NOT) for case, verdict in verdicts.items()]


def everything() -> Results:
    """Results with something of each kind, of two versions."""
    assert ENVIRONMENT.dotnet
    dotnet = msgspec.structs.replace(ENVIRONMENT.dotnet, torchsharp_dll="my.dll", native="mine")
    first = msgspec.structs.replace(ENVIRONMENT, dotnet=dotnet, scripts={"exportsd": ZEROS})
    second = msgspec.structs.replace(NEW, scripts={"importsd": ZEROS})
    records = [
        *(*times(3, a_record()), *known("both", Kind.REFUSED), *known("few", Kind.BITS), NOT_RUN, FAILURE),
        *(record for number in range(10) for record in known(f"d-{number}", Kind.CRASH)),
    ]
    late = [a_record(), FAILURE, assumed("one", Outcome.DIVERGENCE, "a/1"), *known("both", Kind.BITS)]
    reasons = not_run(6)
    return changed(
        *(msgspec.structs.replace(record, environment=first.key) for record in records),
        *(msgspec.structs.replace(record, environment=second.key) for record in [*late, *reasons]),
        problems=tuple(f"problem {number}" for number in range(6)),
        environments={first.key: first, second.key: second},
    )


EVERYTHING = """\
Not as expected: 2 of 20 verdicts are unexpected.

unexpected: dat/python-to-dotnet/cpu/pattern/special/bf16/bits (TorchSharp 0.107.0)
  kind changed: 'nan-payload' expects refused, got bits: element [1] is 0x7fc1, expected 0x7f81
  first difference: 'weight', bits at byte 0x1: 0x7f81 expected, 0x7fc1 found
  kept: failures/1/expected.dat
  kept: failures/1/actual.dat
  again: tscompat run -k pattern/special/bf16
unexpected: dat/python-to-dotnet/cpu/pattern/special/bf16/bits (TorchSharp 0.108.0-dev)
  kind changed: 'nan-payload' expects refused, got bits: element [1] is 0x7fc1, expected 0x7f81
  first difference: 'weight', bits at byte 0x1: 0x7f81 expected, 0x7fc1 found
  kept: failures/1/expected.dat
  kept: failures/1/actual.dat
  again: tscompat run -k pattern/special/bf16
problem: problem 0
problem: problem 1
problem: problem 2
problem: problem 3
problem: problem 4
… and 1 problem more in results.json

New version (TorchSharp 0.108.0-dev after 0.106.0): 1 known divergence is assumed to go on, 0 are gone, 1 failure is new

Known divergences (13), the most dangerous first
  2  bits   both: It is both.
  1  bits   few: It is few.
  1  bits   one: TorchSharp 0.107.0 has no complex32.
  1  crash  d-0: It is d-0.
  1  crash  d-1: It is d-1.
  1  crash  d-2: It is d-2.
  1  crash  d-3: It is d-3.
  1  crash  d-4: It is d-4.
  1  crash  d-5: It is d-5.
  1  crash  d-6: It is d-6.
  … and 3 more (--tables shows all)

Not run
  1  no CUDA device
  1  r 0
  1  r 1
  1  r 2
  1  r 3
  … and 2 other reasons (--tables shows all)

TorchSharp.dll is my.dll (--torchsharp-dll), @
LibTorchSharp is that of mine (--native), @, with libtorch 2.10.0
Script exportsd.py: @
Script importsd.py: @
Time: harness 3.0 s, TorchSharp 2.0 s; whole run 60.0 s on 2 cores, overhead ratio 60.0
TorchSharp 0.107.0: 3 passed, 12 known divergences, 1 failures, 1 not run
TorchSharp 0.108.0-dev: 1 passed, 2 known divergences, 1 failures, 6 not run, 6 problems
""".replace("@", ZEROS)


def test_all_of_it_stands_in_its_place() -> None:
    output = printed(lambda console: show_end(everything(), console), 150)
    assert [line.rstrip() for line in output.splitlines()] == EVERYTHING.splitlines()


def test_what_is_left_out_is_dim_and_problems_are_red() -> None:
    styles = styled(lambda console: show_end(everything(), console))
    assert styles >= {
        ("… and 3 more (--tables shows all)", "dim"),
        ("… and 2 other reasons (--tables shows all)", "dim"),
        ("… and 1 problem more in results.json", "bold color(1)"),
    }


def test_nothing_else_has_a_style() -> None:
    """Not a path, nor a number in a sentence."""
    words = {words for words, _ in styled(lambda console: show_end(everything(), console))}
    assert not [each for each in words if "sha256" in each or each.startswith(("TorchSharp.dll", "Script", "Time"))]


@pytest.mark.parametrize(("number", "cut"), [(5, False), (6, True)])
def test_lists_are_cut_behind_their_last_line(number: int, cut: bool) -> None:
    problems = tuple(f"p {each}" for each in range(number))
    reasons = not_run(number)
    output = shown(reasons, results=changed(problems=problems))
    assert ("more in results.json" in output, "other reasons" in output) == (cut, cut)


def test_ten_divergences_are_all_shown() -> None:
    output = shown([record for number in range(10) for record in known(f"d-{number}", Kind.BITS)])
    assert "more (--tables" not in output


def test_long_problems_and_sentences_are_not_broken_at_the_edge() -> None:
    results = changed(problems=("a problem of many words",))
    output = shown([a_record(case="x/1")], width=20, results=results, against=baseline())
    assert "problem: a problem of many words\n" in output
    assert "Since the baseline linux.json.xz: 1 new\n" in output


def test_without_dotnet_nothing_of_it_is_named() -> None:
    bare = msgspec.structs.replace(ENVIRONMENT, dotnet=None, torchsharp=None, libtorch=None)
    record = msgspec.structs.replace(a_record(), environment=bare.key)
    output = shown([record], results=changed(environments={bare.key: bare}))
    assert "dll" not in output
    assert "LibTorchSharp" not in output


@pytest.mark.parametrize(
    ("records", "problems"), [([FAILURE], ()), ([a_record()], ("p",))], ids=["a failure", "a problem"]
)
def test_an_empty_line_ends_what_is_wrong(records: list[Record], problems: tuple[str, ...]) -> None:
    lines = shown(records, results=changed(problems=problems, timing=None)).splitlines()
    assert lines[-2] == ""


def test_numbers_are_aligned_to_the_right() -> None:
    lines = shown([*known("a", Kind.BITS, 10), *known("b", Kind.BITS)]).splitlines()
    assert [line.rstrip() for line in lines if ": It is" in line] == [
        "  10  bits  a: It is a.",
        "   1  bits  b: It is b.",
    ]
