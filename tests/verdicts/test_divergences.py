"""What is expected to differ: strict both ways, and the file held to its schema."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tscompat.values.verdict import Kind, Verdict
from tscompat.verdicts.divergences import Divergence, Divergences, DivergencesError, Judgement, Outcome

CASES = Path(__file__).parents[2] / "cases"
VERSION = "TorchSharp 0.107.0"
REFUSED = "dat/dotnet-to-python/cpu/shape/rank-9/c32/bits"
SCRIPT = "exportsd sha256:" + 64 * "0"
OTHER = "dat/dotnet-to-python/cpu/shape/rank-9/f32/bits"

ENTRY = Divergence(
    name="no-c32",
    ids=("dat/*/c32/bits",),
    kind=Kind.REFUSED,
    covers=1,
    cause="TorchSharp has no complex32. So it cannot read one.",
    upstream="src/TorchSharp/Tensor/torch.ScalarType.cs: the member is commented out",
    versions=frozenset({VERSION}),
    reproduction="torch.zeros(1, dtype: (ScalarType)8)",
    message="not .* supported",
)

TOML = """
[no-c32]
cause = "TorchSharp has no complex32. So it cannot read one."
upstream = "src/TorchSharp/Tensor/torch.ScalarType.cs: the member is commented out"
versions = ["TorchSharp 0.107.0"]
reproduction = "torch.zeros(1, dtype: (ScalarType)8)"
[[no-c32.expect]]
ids = ["dat/*/c32/bits"]
kind = "refused"
covers = 1
message = "not .* supported"
"""


def changed(**fields: Any) -> Divergence:
    known = {name: getattr(ENTRY, name) for name in Divergence.__slots__}
    return Divergence(**{**known, **fields})


def judge(verdict: Verdict, verdict_id: str = REFUSED, entry: Divergence = ENTRY) -> Judgement:
    return Divergences([entry], [VERSION]).judge(verdict_id, verdict)


def load(folder: Path, text: str) -> Divergences:
    shutil.copy(CASES / "divergences.schema.json", folder)
    (folder / "divergences").mkdir()
    (folder / "divergences" / "dat.toml").write_text(text, encoding="utf-8")
    return Divergences.load(folder / "divergences", [VERSION])


# judge


def test_an_expected_divergence_carries_its_cause() -> None:
    verdict = Verdict(Kind.REFUSED, "ArgumentException: not yet supported")
    assert judge(verdict) == Judgement(Outcome.DIVERGENCE, "no-c32", ENTRY.cause)


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
    wrong = "message no longer matches /not .* supported/ of 'no-c32'"
    assert judge(Verdict(Kind.REFUSED, "out of memory")) == Judgement(Outcome.FAILED, "no-c32", wrong)


def test_any_message_will_do_where_none_is_given() -> None:
    assert judge(Verdict(Kind.REFUSED, "…"), entry=changed(message=None)).outcome is Outcome.DIVERGENCE


def test_not_run_is_not_run_even_where_a_divergence_is_expected() -> None:
    assert judge(Verdict(Kind.NOT_RUN, "no CUDA device")) == Judgement(Outcome.NOT_RUN)


def test_an_entry_for_another_version_does_not_apply() -> None:
    entry = changed(versions=frozenset({"TorchSharp 0.106.0"}))
    assert judge(Verdict(Kind.REFUSED, "not supported"), entry=entry).reason == "unexpected: refused"


def test_an_entry_for_a_script_applies_when_the_script_of_that_hash_runs() -> None:
    entry = changed(versions=frozenset({SCRIPT}))
    judgement = Divergences([entry], [SCRIPT, VERSION]).judge(REFUSED, Verdict(Kind.REFUSED, "not yet supported"))
    assert judgement.outcome is Outcome.DIVERGENCE


def test_an_entry_for_a_script_does_not_apply_to_another_script() -> None:
    entry = changed(versions=frozenset({SCRIPT}))
    assert Divergences([entry], ["exportsd sha256:1"]).judge(REFUSED, Verdict(Kind.PASS)).outcome is Outcome.PASSED


@pytest.mark.parametrize(("detail", "name"), [("not yet supported", "no-c32"), ("no numpy", "second")])
def test_one_fault_may_hide_the_other_and_the_verdict_is_that_of_either(detail: str, name: str) -> None:
    second = changed(name="second", versions=frozenset({SCRIPT}), message="no numpy")
    judgement = Divergences([ENTRY, second], [SCRIPT, VERSION]).judge(REFUSED, Verdict(Kind.REFUSED, detail))
    assert judgement == Judgement(Outcome.DIVERGENCE, name, ENTRY.cause)


def test_where_both_speak_a_script_names_its_own_fault() -> None:
    mute, second = changed(message=None), changed(name="second", versions=frozenset({SCRIPT}))
    judgement = Divergences([mute, second], [SCRIPT, VERSION]).judge(
        REFUSED, Verdict(Kind.REFUSED, "not yet supported")
    )
    assert judgement.divergence == "second"


def test_a_verdict_of_neither_fault_fails() -> None:
    second = changed(name="second", versions=frozenset({SCRIPT}))
    judgement = Divergences([ENTRY, second], [SCRIPT, VERSION]).judge(REFUSED, Verdict(Kind.BITS, "…"))
    assert judgement.outcome is Outcome.FAILED


def test_an_id_that_is_excepted_is_not_spoken_of() -> None:
    entry = changed(ids=("dat/*",), unless=("*/f32/*",))
    assert judge(Verdict(Kind.PASS), OTHER, entry) == Judgement(Outcome.PASSED)


def test_an_id_beside_the_excepted_is_spoken_of() -> None:
    entry = changed(ids=("dat/*",), unless=("*/f32/*", "tensor/*"))
    assert judge(Verdict(Kind.REFUSED, "not yet supported"), REFUSED, entry).outcome is Outcome.DIVERGENCE


def test_patterns_heed_case() -> None:
    assert judge(Verdict(Kind.PASS), REFUSED.upper()).outcome is Outcome.PASSED


# stale


def test_nothing_is_stale_when_all_fits() -> None:
    assert Divergences([ENTRY], [VERSION]).stale([REFUSED, OTHER]) == []


def test_a_pattern_that_matches_nothing_is_stale() -> None:
    entry = changed(ids=("dat/*/c32/bits", "dat/gone/*"))
    assert Divergences([entry], [VERSION]).stale([REFUSED]) == [
        "divergence 'no-c32': the pattern 'dat/gone/*' matches no verdict id"
    ]


def test_a_pattern_of_which_all_is_excepted_is_stale() -> None:
    entry = changed(ids=("*/c32/*", "*/f32/*"), unless=("*/f32/bits",))
    assert Divergences([entry], [VERSION]).stale([REFUSED, OTHER]) == [
        "divergence 'no-c32': the pattern '*/f32/*' matches no verdict id"
    ]


def test_an_exception_that_takes_nothing_away_is_stale() -> None:
    entry = changed(unless=("*/f32/*",))
    assert Divergences([entry], [VERSION]).stale([REFUSED, OTHER]) == [
        "divergence 'no-c32': unless '*/f32/*' takes nothing away"
    ]


def test_what_is_excepted_is_not_covered() -> None:
    entry = changed(ids=("dat/*",), unless=("*/f32/*",))
    assert Divergences([entry], [VERSION]).stale([REFUSED, OTHER]) == []


def test_covering_more_than_it_says_is_stale() -> None:
    entry = changed(ids=("dat/*",))
    assert Divergences([entry], [VERSION]).stale([REFUSED, OTHER]) == [
        f"divergence 'no-c32' (refused): covers = 1, matches 2: {REFUSED}, {OTHER}"
    ]


def test_covering_fewer_than_it_says_is_stale() -> None:
    assert Divergences([changed(covers=5)], [VERSION]).stale([REFUSED]) == [
        f"divergence 'no-c32' (refused): covers = 5, matches 1: {REFUSED}"
    ]


def test_a_long_list_of_ids_is_cut() -> None:
    ids = [f"dat/a/b/{number}/c32/bits" for number in range(4)]
    assert Divergences([ENTRY], [VERSION]).stale(ids)[0].endswith("matches 4: " + ", ".join(ids[:3]) + ", …")


def test_an_id_that_two_patterns_of_one_entry_match_counts_once() -> None:
    entry = changed(ids=("dat/*/c32/bits", "*/rank-9/c32/*"))
    assert Divergences([entry], [VERSION]).stale([REFUSED]) == []


def test_two_entries_for_one_id_are_stale() -> None:
    other = changed(name="second", versions=frozenset({VERSION, "TorchSharp 0.108.0"}))
    assert Divergences([ENTRY, other], [VERSION]).stale([REFUSED]) == [
        f"divergences 'no-c32' and 'second' both match 1: {REFUSED}"
    ]


def test_two_entries_for_one_id_may_speak_of_different_versions() -> None:
    other = changed(name="second", versions=frozenset({"TorchSharp 0.108.0"}))
    assert Divergences([ENTRY, other], [VERSION]).stale([REFUSED]) == []


def test_two_entries_of_one_script_for_one_id_are_stale() -> None:
    entries = [changed(name=name, versions=frozenset({SCRIPT})) for name in ("one", "other")]
    assert Divergences(entries, [VERSION]).stale([REFUSED]) == [
        f"divergences 'one' and 'other' both match 1: {REFUSED}"
    ]


def test_entries_of_two_packages_for_one_id_are_stale() -> None:
    other = changed(name="second", versions=frozenset({"torch 2.13"}))
    assert Divergences([ENTRY, other], [VERSION]).stale([REFUSED]) != []


def test_an_entry_of_a_script_may_speak_of_an_id_beside_torchsharps() -> None:
    other = changed(name="second", versions=frozenset({SCRIPT}))
    assert Divergences([ENTRY, other], [VERSION]).stale([REFUSED]) == []


def test_an_entry_for_another_version_is_held_to_the_catalogue_too() -> None:
    entry = changed(versions=frozenset({"TorchSharp 0.106.0"}), covers=2)
    assert Divergences([entry], [VERSION]).stale([REFUSED]) != []


# load


def test_load_makes_the_entry(tmp_path: Path) -> None:
    verdict = Verdict(Kind.REFUSED, "not supported")
    assert load(tmp_path, TOML).judge(REFUSED, verdict) == judge(verdict)


def test_load_reads_the_exceptions(tmp_path: Path) -> None:
    text = TOML.replace('ids = ["dat/*/c32/bits"]', 'ids = ["dat/*"]\nunless = ["*/f32/*"]')
    assert load(tmp_path, text).stale([REFUSED, OTHER]) == []


def test_the_published_files_are_valid() -> None:
    Divergences.load(CASES / "divergences", [VERSION])


def test_the_schema_knows_every_kind_that_can_diverge() -> None:
    schema = json.loads((CASES / "divergences.schema.json").read_text(encoding="utf-8"))
    kinds = schema["additionalProperties"]["properties"]["expect"]["items"]["properties"]["kind"]["enum"]
    assert kinds == [kind.value for kind in Kind if kind not in (Kind.PASS, Kind.NOT_RUN)]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("covers = 1", "", "no-c32 / expect / 0: 'covers' is a required property"),
        ("covers = 1", "covers = 0", "no-c32 / expect / 0 / covers: 0 is less than the minimum of 1"),
        (
            "covers = 1",
            "cover = 1\ncovers = 1",
            "no-c32 / expect / 0: Additional properties are not allowed .'cover' was unexpected.; expected one of",
        ),
        ('versions = ["TorchSharp 0.107.0"]', "", "no-c32: 'versions' is a required property"),
        ("TorchSharp 0.107.0", "0.107.0", "no-c32 / versions / 0: '0.107.0' does not match"),
        ("TorchSharp 0.107.0", "exportsd sha256:0", "no-c32 / versions / 0: 'exportsd sha256:0' does not match"),
        ('kind = "refused"', 'kind = "not-run"', "no-c32 / expect / 0 / kind: 'not-run' is not one of"),
        ('ids = ["dat/*/c32/bits"]', "ids = []", r"no-c32 / expect / 0 / ids: \[\] should be non-empty"),
        ("covers = 1", "covers = 1\nunless = []", r"no-c32 / expect / 0 / unless: \[\] should be non-empty"),
        ("not .* supported", "(", r"no-c32 / expect / 0 / message: '\(' is not a 'regex'"),
        ("no-c32", "No_c32", "the file: 'No_c32' does not match"),
        ("[no-c32]", "[no-c32]\n[no-c32]", "not valid TOML: .*no-c32"),
        ("[no-c32]", "[no-c32", "not valid TOML: .*line 2"),
    ],
)
def test_a_faulty_file_is_refused_with_file_entry_and_fault(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(DivergencesError, match=rf"dat\.toml.*{fault}"):
        load(tmp_path, TOML.replace(old, new))


def test_a_name_in_two_files_is_refused(tmp_path: Path) -> None:
    load(tmp_path, TOML)
    (tmp_path / "divergences" / "load.toml").write_text(TOML, encoding="utf-8")
    with pytest.raises(DivergencesError, match=r"load\.toml: no-c32: an entry of this name stands in another file too"):
        Divergences.load(tmp_path / "divergences", [VERSION])


def test_every_fault_is_named(tmp_path: Path) -> None:
    with pytest.raises(DivergencesError) as refusal:
        load(tmp_path, TOML.replace("covers = 1", "covers = 0").replace("kind =", "sort ="))
    assert len(str(refusal.value).splitlines()) == 3
