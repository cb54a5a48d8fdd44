"""What a run is expected to find."""

import pytest

from tscompat.matrix.expected import declared_versions, expected_records
from tscompat.results.record import Record
from tscompat.verdicts.divergences import Outcome


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    return {record.id: record for record in expected_records(declared_versions())}


@pytest.mark.parametrize(
    ("verdict_id", "outcome"),
    [
        ("dat/python-to-dotnet/cpu/pattern/identity/f32/bits", Outcome.PASSED),
        ("exportsd/python-to-dotnet/cpu/pattern/identity/bf16/bits", Outcome.DIVERGENCE),
        ("dat/dotnet-to-python/cpu/pattern/identity/c32/bits", Outcome.PASSED),
    ],
)
def test_the_divergences_decide(records: dict[str, Record], verdict_id: str, outcome: Outcome) -> None:
    assert records[verdict_id].outcome is outcome


def test_a_module_that_one_side_lacks_is_not_run(records: dict[str, Record]) -> None:
    reasons = {each.case for each in records.values() if each.outcome is Outcome.NOT_RUN}
    assert {case.split("/")[0] for case in reasons} == {"layer"}


def test_without_versions_there_are_no_known_divergences() -> None:
    assert not any(record.outcome is Outcome.DIVERGENCE for record in expected_records({}))


def test_of_another_version_the_known_ones_are_assumed() -> None:
    known, other = (
        [each.id for each in expected_records({"TorchSharp": version}) if each.outcome is Outcome.DIVERGENCE]
        for version in ("0.107.0", "99.0.0")
    )
    assert known == other
    assert known
