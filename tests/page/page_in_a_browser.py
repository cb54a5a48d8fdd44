"""The page in a real Chromium, driven by playwright-core, and looked over by axe-core: `nox -s report-tests`.

Screenshots, light and dark, narrow and wide, are left in results/page.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from records import ENVIRONMENT, PASS, PASSED, a_record
from results.made import NOT
from tscompat.cli.report import report_
from tscompat.codec import encode_state_dict
from tscompat.resources.folders import data_folder
from tscompat.results.environment import Environment
from tscompat.results.file import Results, Timing, save_results
from tscompat.results.record import Record
from tscompat.values.dtypes import BY_NAME
from tscompat.values.tensors import Entry, Tensor
from tscompat.values.verdict import FirstDifference, Kind, Verdict
from tscompat.verdicts.divergences import Judgement, Outcome
from tscompat.verdicts.entries import read_entries

HERE = Path(__file__).parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("playwright-core@1", "axe-core@4", "typescript@5")
NO_DEVICE = Verdict(Kind.NOT_RUN, "no CUDA device")
EVIL = "<b id=evil>bold</b>"
KNOWN = "save-ignores-conj-and-neg"
CASES = 12_000
"""With five verdicts each: 60,000."""
OUT = HERE.parents[1] / "results" / "page"


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what npm installs."""
    folder = tmp_path_factory.mktemp("npm")
    npm = shutil.which("npm")
    assert npm, "npm is not on the PATH: install Node.js, which brings it"
    subprocess.run([npm, "install", "--silent", "--prefix", str(folder), *PACKAGES], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def folder() -> Path:
    """The folder with the pages."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    save_results(results(green()), OUT / "green.json")
    save_results(results(red(OUT)), OUT / "red.json")
    save_results(two_versions(), OUT / "both.json")
    report_([OUT / "both.json"], out=OUT / "both.html")
    report_([OUT / "green.json"], out=OUT / "green.html")
    report_([OUT / "red.json"], since=OUT / "green.json", out=OUT / "red.html")
    return OUT


@pytest.fixture(scope="session")
def seen(packages: Path, folder: Path) -> dict[str, Any]:
    """What a person sees (drive.mjs)."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert chromium, f"found no Chromium on the PATH ({', '.join(CHROMIUM)}): install one"
    command = ["node", str(HERE / "drive.mjs"), chromium, str(folder)]
    ended = subprocess.run(command, cwd=packages, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return json.loads(ended.stdout)


def results(records: list[Record], *environments: Environment) -> Results:
    return Results(
        schema=4,
        complete=True,
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:01:00+00:00",
        environments={each.key: each for each in environments or (ENVIRONMENT,)},
        timing=Timing(harness_seconds=3.0, torchsharp_seconds=2.0, wall_seconds=60.0, cores=2),
        part=None,
        problems=(),
        verdicts=tuple(records),
    )


def two_versions() -> Results:
    """One verdict, which fails with one version and passes with the other."""
    new = msgspec.structs.replace(ENVIRONMENT, device="cuda", again="tscompat run --torchsharp 0.108.0")
    judgement = Judgement(Outcome.FAILED, reason="unexpected: bits")
    failed = a_record(verdict=Verdict(Kind.BITS, "other bits"), judgement=judgement)
    return results([failed, a_record(environment=new)], ENVIRONMENT, new)


def green() -> list[Record]:
    """60,000 verdicts, as many as a default run has."""
    dtypes, cause = [*BY_NAME], read_entries(data_folder("cases") / "divergences")[KNOWN].cause
    known = Judgement(Outcome.DIVERGENCE, KNOWN, cause)
    unlike = FirstDifference("weight", "element", 2, "0x33d5 (0.2448)", "0xb3d5 (-0.2448)")
    bits = Verdict(Kind.BITS, "element [1] of 'weight' (f16): expected 0x33d5 (0.2448), found 0xb3d5 (-0.2448)", unlike)
    records: list[Record] = []
    for number in range(CASES):
        dtype = dtypes[number % len(dtypes)]
        case = f"{('pattern', 'layer', 'shape')[number % 3]}/random-{number}/{dtype}"
        for check in ("bits", "bytes", "order"):
            records.append(a_record(f"route-{number % 30}", case, check=check, dtype=dtype))
        records.append(a_record("load", case, dtype=dtype, device="cuda", verdict=NO_DEVICE, judgement=NOT))
        verdict, judgement = (bits, known) if number % 7 == 0 else (PASS, PASSED)
        records.append(a_record("save", case, dtype=dtype, verdict=verdict, judgement=judgement))
    return records


def red(folder: Path) -> list[Record]:
    """A failure with kept files, and one whose words would be markup."""
    unlike = FirstDifference("w", "dim 0", 7, "2", "1")
    judgement = Judgement(Outcome.FAILED, reason="unexpected: bytes")
    files: list[str] = []
    for name, dims in (("expected", (2, 1)), ("actual", (1, 2))):
        tensor = Tensor(BY_NAME["u8"], dims, b"\1\2")
        files.append(f"unexpected/{name}.dat")
        (folder / files[-1]).parent.mkdir(exist_ok=True)
        (folder / files[-1]).write_bytes(b"".join(encode_state_dict([Entry("w", tensor)])))
    failed = a_record(
        direction="dotnet-to-python",
        check="bytes",
        verdict=Verdict(Kind.BYTES, "entry 0 'w', dim 0: 2 expected, 1 found", unlike),
        judgement=judgement,
        files=tuple(files),
        rerun="tscompat run -k all/bf16",
    )
    evil = a_record(case="name/evil/f32", dtype="f32", verdict=Verdict(Kind.NAMES, EVIL), judgement=judgement)
    return [*green()[:400], failed, evil]


def test_the_types_of_the_script_are_right(packages: Path) -> None:
    command = ["node", str(packages / "node_modules" / "typescript" / "bin" / "tsc"), "--project", str(HERE)]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_the_console_is_empty(seen: dict[str, Any]) -> None:
    assert seen["console"] == []


def test_nothing_is_loaded_from_a_network(seen: dict[str, Any]) -> None:
    assert seen["requests"] == []


def test_axe_finds_nothing(seen: dict[str, Any]) -> None:
    assert {key: found for key, found in seen["axe"].items() if found} == {}
    assert len(seen["axe"]) == 8


def test_nothing_is_wider_than_the_window(seen: dict[str, Any]) -> None:
    assert {key: pixels for key, pixels in seen["overflow"].items() if pixels > 0} == {}


def test_60000_verdicts_are_less_than_3_megabytes(folder: Path) -> None:
    assert (folder / "green.html").stat().st_size < 3_000_000


def test_the_first_paint_comes_within_a_second(seen: dict[str, Any]) -> None:
    assert seen["paint"] < 1000


def test_all_verdicts_are_counted(seen: dict[str, Any]) -> None:
    assert seen["all"] == "60000 verdicts of 60000"
    assert [int(number) for number in re.findall(r"\d+", seen["sums"])] == [46285, 1715, 0, 12000]


def test_a_search_finds_all_its_words_and_stays_in_the_address(seen: dict[str, Any]) -> None:
    words, first = seen["searched"]
    assert 0 < int(words.split()[0]) < 60000
    assert "random" in first
    assert "bf16" in first
    assert seen["reloaded"] == [words, "bf16 random"]


def test_a_filter_shows_what_it_lets_through(seen: dict[str, Any]) -> None:
    words, kinds = seen["filtered"]
    assert (words, {*kinds}) == ("1715 verdicts of 60000", {"bits"})


def test_the_map_is_drawn_over_other_fields(seen: dict[str, Any]) -> None:
    assert seen["axes"] == ["check × direction", ["bits"]]


def test_a_cell_opens_its_verdicts(seen: dict[str, Any]) -> None:
    address, focus = seen["cell"]
    assert "check=bits&direction=python-to-dotnet" in address
    assert "outcome=divergence" in address
    assert focus == "verdicts-title"


def test_show_all_ends_every_filter(seen: dict[str, Any]) -> None:
    assert seen["cleared"] == "60000 verdicts of 60000"


def test_a_button_shows_more(seen: dict[str, Any]) -> None:
    assert seen["more"] == 275


def test_a_reason_opens_what_was_not_run(seen: dict[str, Any]) -> None:
    assert seen["reason"] == ["12000 verdicts of 60000", "no CUDA device"]
    assert "Why not\nno CUDA device" in seen["notRun"]


def test_escape_closes_a_verdict(seen: dict[str, Any]) -> None:
    assert seen["closed"] is True


def test_a_known_divergence_has_its_cause_place_and_reproduction(seen: dict[str, Any]) -> None:
    entry = read_entries(data_folder("cases") / "divergences")[KNOWN]
    for words in (entry.cause.split(".")[0], entry.upstream[:40], "using TorchSharp;", "tscompat run -k save/"):
        assert words in seen["known"]
    assert "0011001111010101" in seen["known"]
    assert seen["focus"] == "verdict-title"


def test_a_print_has_the_verdict_and_not_the_filters(seen: dict[str, Any]) -> None:
    assert seen["printed"] == [False, True]


def test_the_bits_that_differ_are_marked(seen: dict[str, Any]) -> None:
    assert seen["bits"] == ["33", "0", "b3", "1"]


def test_times_are_added(seen: dict[str, Any]) -> None:
    assert "load\t3000.0" in seen["time"]


def test_a_section_takes_the_focus_and_leaves_the_filter(seen: dict[str, Any]) -> None:
    assert seen["section"] == ["time-title", "outcome=divergence"]
    assert seen["keptFilter"] == ["divergence", "bf16"]


def test_an_unknown_axis_is_none(seen: dict[str, Any]) -> None:
    assert seen["bogus"] == "route × dtype"


def test_a_cell_has_its_numbers_and_the_color_of_the_worst(seen: dict[str, Any]) -> None:
    cells: dict[str, str] = seen["map"]
    assert [(words, look) for words, look in cells.items() if "F" in words] == [("1F", "failed")]
    assert {look for words, look in cells.items() if words.isdecimal()} == {"passed"}
    assert {look for words, look in cells.items() if re.fullmatch(r"\d+n", words)} == {"not-run"}
    known = {words: look for words, look in cells.items() if "d" in words}
    assert known
    for words, look in known.items():
        passed, divergences = (int(number) for number in (f"0 {words}" if " " not in words else words)[:-1].split())
        share = divergences / (passed + divergences)
        assert look == ("known-3" if share > 0.5 else "known-2" if share > 0.1 else "known-1")


def test_of_two_versions_the_verdict_of_the_link_opens_and_the_list_stays(seen: dict[str, Any]) -> None:
    words, status, rows = seen["both"]
    assert "All is equal." in words
    assert "tscompat run --torchsharp 0.108.0 -k dat/" in words
    assert (status, rows) == ("2 verdicts of 2", 2)


def test_failures_come_first_with_their_difference(seen: dict[str, Any]) -> None:
    assert "dat/dotnet-to-python/cpu/pattern/all/bf16/bytes" in seen["failures"]
    assert "entry 0 'w', dim 0: 2 expected, 1 found" in seen["failures"]


def test_a_failure_has_its_bytes_files_and_command(seen: dict[str, Any]) -> None:
    assert seen["marks"] == ["02", "01"]
    assert "failure bytes" in seen["failure"]
    for words in ("entry 0 'w', dim 0", "3.4 shape.dims", "expected.dat", "tscompat run -k all/bf16"):
        assert words in seen["failure"]
    assert seen["kept"] > 0


def test_what_changed_stands_side_by_side(seen: dict[str, Any]) -> None:
    assert "regression: 2 verdicts" in seen["changes"]
    assert "not there\tfailed, bytes: entry 0 'w', dim 0: 2 expected, 1 found" in seen["changes"]


def test_words_of_a_file_are_no_markup(seen: dict[str, Any]) -> None:
    assert seen["markup"] == 0
    assert EVIL in seen["failures"]


def test_an_address_opens_its_verdict(seen: dict[str, Any]) -> None:
    assert seen["linked"] == "dat/dotnet-to-python/cpu/pattern/all/bf16/bytes"
    assert "No verdict of this run has this id." in seen["unknown"]


def test_the_environment_that_ran_is_stated(folder: Path) -> None:
    assert msgspec.to_builtins(ENVIRONMENT)["platform"] in (folder / "green.html").read_text(encoding="utf-8")
