"""What the divergences make of a verdict, and how their files are read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tscompat.resources.folders import data_folder
from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.coverage import write_covered
from tscompat.verdicts.divergences import Divergence, Divergences, DivergencesError, Judgement, Outcome
from tscompat.verdicts.entries import read_entries
from verdicts.entry import CAUSE, SCRIPT, TOML, VERSION, divergence

CASES = data_folder("cases")
REFUSED = "dat/dotnet-to-python/cpu/shape/rank-9/c32/bits"
OTHER = "dat/dotnet-to-python/cpu/shape/rank-9/f32/bits"


def judge(verdict: Verdict, verdict_id: str = REFUSED, known: Divergence | None = None) -> Judgement:
    return Divergences([known or divergence()], [VERSION], {}).judge(verdict_id, verdict)


# judge


def test_an_expected_divergence_has_its_cause() -> None:
    verdict = Verdict(Kind.REFUSED, "not yet supported: why")
    assert judge(verdict) == Judgement(Outcome.DIVERGENCE, "no-c32", CAUSE)


def test_a_pass_where_nothing_is_expected() -> None:
    assert judge(Verdict(Kind.PASS), OTHER) == Judgement(Outcome.PASSED)


def test_an_unexpected_verdict_fails() -> None:
    assert judge(Verdict(Kind.BITS, "…"), OTHER) == Judgement(Outcome.FAILED, None, "unexpected: bits")


def test_an_expected_divergence_that_passes_fails() -> None:
    wrong = "expected divergence 'no-c32' did not happen: passed"
    assert judge(Verdict(Kind.PASS)) == Judgement(Outcome.FAILED, "no-c32", wrong)


def test_a_changed_kind_fails() -> None:
    wrong = "kind changed: 'no-c32' expects refused, got crash"
    assert judge(Verdict(Kind.CRASH, "not supported")) == Judgement(Outcome.FAILED, "no-c32", wrong)


def test_a_changed_message_fails() -> None:
    wrong = "message no longer matches /^not .* supported/ of 'no-c32'"
    assert judge(Verdict(Kind.REFUSED, "out of memory")) == Judgement(Outcome.FAILED, "no-c32", wrong)


def as_found(*made: str) -> Verdict:
    """A verdict of values: what was found is what these faults make of what was expected."""
    return Verdict(Kind.REFUSED, "not yet supported", as_predicted=lambda predicts: tuple(predicts) == made)


def test_what_is_predicted_is_expected() -> None:
    known = divergence(predicts=("the-first *", "another"))
    assert judge(as_found("the-first *", "another"), known=known).outcome is Outcome.DIVERGENCE


@pytest.mark.parametrize("made", [("another",), ("the-first",), ()])
def test_something_else_than_predicted_fails(made: tuple[str, ...]) -> None:
    wrong = "'no-c32' predicts the-first *, a-second, and what was found differs"
    assert judge(as_found(*made), known=divergence(predicts=("the-first *", "a-second"))) == Judgement(
        Outcome.FAILED, "no-c32", wrong
    )


def test_of_compared_values_a_message_says_too_little() -> None:
    wrong = "'no-c32' predicts nothing, and what was found differs"
    assert judge(as_found("the-first")) == Judgement(Outcome.FAILED, "no-c32", wrong)


def test_a_prediction_needs_something_that_was_compared() -> None:
    wrong = "'no-c32' predicts the-first, a-second, and nothing was found that can be compared"
    known = divergence(predicts=("the-first", "a-second"))
    assert judge(Verdict(Kind.REFUSED, "not yet supported"), known=known) == Judgement(Outcome.FAILED, "no-c32", wrong)


def test_the_message_must_fit_beside_the_prediction() -> None:
    assert judge(as_found("the-first"), known=divergence(predicts=("the-first",), message="^other")).reason.startswith(
        "message no longer matches"
    )


def test_not_run_is_not_run_even_where_a_divergence_is_expected() -> None:
    assert judge(Verdict(Kind.NOT_RUN, "no CUDA device")) == Judgement(Outcome.NOT_RUN)


def test_an_entry_for_an_older_version_does_not_apply() -> None:
    known = [divergence(versions=("TorchSharp 0.106.0",)), divergence("second", message="^other")]
    judgement = Divergences(known, ["TorchSharp 0.108.0"], {}).judge(REFUSED, Verdict(Kind.REFUSED, "not supported"))
    assert judgement.divergence == "second"


def test_for_a_version_that_an_entry_names_nothing_is_assumed_of_an_older_one() -> None:
    known = [divergence("older", ("TorchSharp 0.106.0",)), divergence("other", ids=["tensor/*"])]
    assert Divergences(known, [VERSION], {}).expected(REFUSED) == []


def judge_new(verdict: Verdict, *known: Divergence) -> Judgement:
    """As judge, but of a TorchSharp that no entry names."""
    return Divergences([*known, divergence()], ["TorchSharp 0.108.0-dev"], {}).judge(REFUSED, verdict)


def test_for_a_version_that_no_entry_names_the_newest_one_s_are_assumed_to_go_on() -> None:
    judgement = Judgement(Outcome.DIVERGENCE, "no-c32", CAUSE, assumed=VERSION)
    assert judge_new(Verdict(Kind.REFUSED, "not yet supported")) == judgement


def test_of_two_versions_of_an_entry_the_nearest_is_the_one_that_is_assumed() -> None:
    known = divergence(versions=("TorchSharp 0.105.0", VERSION))
    (found,) = Divergences([known], ["TorchSharp 0.108.0"], {}).expected(REFUSED)
    assert found.assumed == VERSION


def test_what_was_assumed_may_be_gone() -> None:
    assert judge_new(Verdict(Kind.PASS)) == Judgement(Outcome.PASSED, "no-c32", assumed=VERSION)


def test_what_was_assumed_may_not_change() -> None:
    wrong = "kind changed: 'no-c32' expects refused, got crash"
    assert judge_new(Verdict(Kind.CRASH)) == Judgement(Outcome.FAILED, "no-c32", wrong, assumed=VERSION)


@pytest.mark.parametrize(
    ("running", "applies"),
    [
        ("TorchSharp 0.104.0", "oldest"),
        ("TorchSharp 0.105.0-rc.1", "oldest"),
        ("TorchSharp 0.106.0", "oldest"),
        ("TorchSharp 0.107.0-dev", "oldest"),
        ("TorchSharp 0.107.1", "newest"),
        ("TorchSharp 0.108.0-dev", "newest"),
    ],
)
def test_those_of_the_nearest_version_before_are_assumed_or_else_of_the_oldest(running: str, applies: str) -> None:
    known = [divergence("oldest", ("TorchSharp 0.105.0",)), divergence("newest", ("TorchSharp 0.107.0",))]
    (found,) = Divergences(known, [running], {}).expected(REFUSED)
    assert (found.name, {found.assumed}) == (applies, found.entry.versions)


def test_one_that_is_gone_does_not_mask_one_that_is_known() -> None:
    known = divergence("second", ("torch 2.13",))
    divergences = Divergences([divergence(), known], ["TorchSharp 0.108.0", "torch 2.13"], {})
    wrong = "expected divergence 'second' did not happen: passed"
    assert divergences.judge(REFUSED, Verdict(Kind.PASS)) == Judgement(Outcome.FAILED, "second", wrong)


def test_undefined_behaviour_may_pass_which_does_not_mean_that_it_is_gone() -> None:
    known = divergence(undefined=True)
    assert judge(Verdict(Kind.PASS), known=known) == Judgement(Outcome.PASSED)
    assert judge_new(Verdict(Kind.PASS), known) == Judgement(Outcome.PASSED)


@pytest.mark.parametrize("verdict", [Verdict(Kind.REFUSED, "other"), Verdict(Kind.CRASH, "not supported")])
def test_undefined_behaviour_is_not_everything(verdict: Verdict) -> None:
    assert judge(verdict, known=divergence(undefined=True)).outcome is Outcome.FAILED


def test_nothing_is_assumed_of_another_script() -> None:
    divergences = Divergences([divergence(versions=(SCRIPT,))], ["exportsd sha256:" + 64 * "1"], {})
    assert divergences.judge(REFUSED, Verdict(Kind.PASS)) == Judgement(Outcome.PASSED)
    assert divergences.judge(REFUSED, Verdict(Kind.REFUSED, "not yet supported")).reason == "unexpected: refused"


def test_nothing_is_assumed_of_what_does_not_run() -> None:
    divergences = Divergences([divergence(versions=("safetensors 0.8",))], [VERSION], {})
    assert divergences.judge(REFUSED, Verdict(Kind.PASS)) == Judgement(Outcome.PASSED)


def test_an_entry_for_a_script_applies_when_the_script_of_that_hash_runs() -> None:
    known = divergence(versions=(SCRIPT,))
    judgement = Divergences([known], [SCRIPT, VERSION], {}).judge(REFUSED, Verdict(Kind.REFUSED, "not yet supported"))
    assert judgement.outcome is Outcome.DIVERGENCE


def test_an_entry_for_a_script_does_not_apply_to_another_script() -> None:
    divergences = Divergences([divergence(versions=(SCRIPT,))], ["exportsd sha256:1"], {})
    assert divergences.judge(REFUSED, Verdict(Kind.PASS)).outcome is Outcome.PASSED


@pytest.mark.parametrize(("detail", "name"), [("not yet supported", "no-c32"), ("no numpy", "second")])
def test_one_fault_can_mask_the_other_and_either_is_accepted(detail: str, name: str) -> None:
    second = divergence("second", (SCRIPT,), message="^no numpy")
    judgement = Divergences([divergence(), second], [SCRIPT, VERSION], {}).judge(REFUSED, Verdict(Kind.REFUSED, detail))
    assert judgement == Judgement(Outcome.DIVERGENCE, name, CAUSE)


def test_where_both_fit_the_scripts_is_named() -> None:
    divergences = Divergences([divergence(message="^."), divergence("second", (SCRIPT,))], [SCRIPT, VERSION], {})
    judgement = divergences.judge(REFUSED, Verdict(Kind.REFUSED, "not yet supported"))
    assert judgement.divergence == "second"


def test_where_a_script_alone_is_at_work_only_its_own_faults_count() -> None:
    package, script = divergence(), divergence(versions=(SCRIPT,))
    for known, outcome in ((package, Outcome.PASSED), (script, Outcome.FAILED)):
        divergences = Divergences([known], [SCRIPT, VERSION], {})
        assert divergences.judge(REFUSED, Verdict(Kind.PASS)).outcome is Outcome.FAILED
        assert divergences.judge(REFUSED, Verdict(Kind.PASS), scripts_only=True).outcome is outcome


def test_a_verdict_of_neither_fault_fails() -> None:
    divergences = Divergences([divergence(), divergence("second", (SCRIPT,))], [SCRIPT, VERSION], {})
    assert divergences.judge(REFUSED, Verdict(Kind.BITS, "…")).outcome is Outcome.FAILED


def test_an_id_that_is_excepted_is_expected_to_pass() -> None:
    known = divergence(ids=["dat/*"], unless=["*/f32/*"])
    assert judge(Verdict(Kind.PASS), OTHER, known) == Judgement(Outcome.PASSED)


def test_an_id_beside_the_excepted_is_covered() -> None:
    known = divergence(ids=["dat/*"], unless=["*/f32/*", "tensor/*"])
    assert judge(Verdict(Kind.REFUSED, "not yet supported"), REFUSED, known).outcome is Outcome.DIVERGENCE


# load


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Divergences]:
    """Reads a folder with one file of this text."""
    for name in ("divergences.schema.json", "covered.schema.json"):
        shutil.copy(CASES / name, tmp_path)
    folder = tmp_path / "divergences"
    folder.mkdir()
    write_covered(folder, {})

    def load(text: str) -> Divergences:
        (folder / "dat.toml").write_text(text, encoding="utf-8")
        return Divergences.load(folder, [VERSION])

    return load


Load = Callable[[str], Divergences]


def test_load_makes_the_entry(load: Load) -> None:
    verdict = Verdict(Kind.REFUSED, "not supported")
    assert load(TOML).judge(REFUSED, verdict) == judge(verdict)


def test_load_reads_the_exceptions(load: Load) -> None:
    divergences = load(TOML.replace('ids = ["dat/*/c32/bits"]', 'ids = ["dat/*"]\nunless = ["*/f32/*"]'))
    assert (len(divergences.expected(REFUSED)), divergences.expected(OTHER)) == (1, [])


def test_load_reads_how_many_ids_were_covered(load: Load) -> None:
    (sentence,) = load(TOML).stale([REFUSED])
    assert "than covered.json has: dat 0 → 1." in sentence


def test_the_published_files_are_valid() -> None:
    assert read_entries(CASES / "divergences").keys() >= {"save-needs-contiguous", "exportsd-complex-4711"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('ids = ["dat/*/c32/bits"]', "", "no-c32 / expect / 0: 'ids' is a required property"),
        (
            "message =",
            "massage =",
            "no-c32 / expect / 0: Additional properties are not allowed .'massage' was unexpected.; expected one of",
        ),
        ('versions = ["TorchSharp 0.107.0"]', "", "no-c32: 'versions' is a required property"),
        ("TorchSharp 0.107.0", "0.107.0", "no-c32 / versions / 0: '0.107.0' does not match"),
        ("TorchSharp 0.107.0", "exportsd sha256:0", "no-c32 / versions / 0: 'exportsd sha256:0' does not match"),
        ('kind = "refused"', 'kind = "not-run"', "no-c32 / expect / 0 / kind: 'not-run' is not one of"),
        ('ids = ["dat/*/c32/bits"]', "ids = []", r"no-c32 / expect / 0 / ids: \[\] should be non-empty"),
        ("dat/*/c32/bits", "dat/*/c??/bits", r"no-c32 / expect / 0 / ids / 0: 'dat/\*/c\?\?/bits' does not match"),
        ("message =", "unless = []\nmessage =", r"no-c32 / expect / 0 / unless: \[\] should be non-empty"),
        ('message = "^not .* supported"', "", "no-c32 / expect / 0: .*'predicts' is a required property"),
        ('kind = "refused"', 'kind = "order"', "no-c32 / expect / 0: .*'predicts' is a required property"),
        ("message =", 'message = ""\npredicts =', "no-c32 / expect / 0 / message: '' does not match"),
        ("message =", "predicts = []\nmessage =", r"no-c32 / expect / 0 / predicts: \[\] should be non-empty"),
        ("message =", 'predicts = ["a  b"]\nmessage =', "no-c32 / expect / 0 / predicts / 0: 'a  b' does not match"),
        ("^not .* supported", "^(", r"no-c32 / expect / 0 / message: '\^\(' is not a 'regex'"),
        ("^not", "not", "no-c32 / expect / 0 / message: 'not .* supported' does not match"),
        ("no-c32", "No_c32", "the file: 'No_c32' does not match"),
        ('shows = "not supported"', 'shows = ""', "no-c32 / reproduction / shows: '' should be non-empty"),
        ("versions =", 'issue = "#5"\nversions =', "no-c32 / issue: '#5' does not match"),
        ("[no-c32]", "[no-c32]\n[no-c32]", "not valid TOML: .*no-c32"),
        ("[no-c32]", "[no-c32", "not valid TOML: .*line 2"),
    ],
)
def test_a_faulty_file_is_refused_with_file_entry_and_fault(load: Load, old: str, new: str, fault: str) -> None:
    with pytest.raises(DivergencesError, match=rf"dat\.toml.*{fault}"):
        load(TOML.replace(old, new))


def test_a_name_in_two_files_is_refused(load: Load, tmp_path: Path) -> None:
    two = TOML + TOML.replace("no-c32", "another")
    (tmp_path / "divergences" / "load.toml").write_text(two, encoding="utf-8")
    with pytest.raises(
        DivergencesError, match=r"load\.toml: another, no-c32: an entry of this name stands in another "
    ):
        load(two)


def test_every_fault_is_named(load: Load) -> None:
    with pytest.raises(DivergencesError) as refusal:
        load(TOML.replace("dat/", "dat?").replace("kind =", "sort ="))
    assert len(str(refusal.value).splitlines()) == 3
