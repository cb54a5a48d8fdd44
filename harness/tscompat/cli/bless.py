"""``tscompat bless``: writes what is generated below ``cases/``.

May import every room above it in ARCHITECTURE.md's table.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from tscompat.catalogue import load_catalogue
from tscompat.dotnet_side.choice import Choice, choices, one_of
from tscompat.golden.manifest import golden_folder, read_corpus
from tscompat.matrix.cost import DURATIONS, LONG, read_durations
from tscompat.python_side.scripts import Script, load_all
from tscompat.resources.folders import data_folder
from tscompat.results import comparison
from tscompat.results.file import ResultsError, load_results
from tscompat.results.goes_on import Observed, goes_on
from tscompat.verdicts.coverage import Change, Survey, changes, read_covered, write_covered
from tscompat.verdicts.divergences import Divergence, Outcome
from tscompat.verdicts.entries import Entry, add_versions, read_entries

from .gate import COULD_NOT_RUN, side
from .options import Exportsd, LibTorch, Native, NugetSource, TorchSharp
from .shown import shown

SHOWN_IDS = 5
SHOWN_FILES = 40


def bless(
    divergences: Annotated[
        bool, typer.Option("--divergences", help="Update covered.json, and the versions of cases/divergences.")
    ] = False,
    golden: Annotated[
        bool, typer.Option("--golden", help="Write the files of cases/golden anew, by every writer of this version.")
    ] = False,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Write the run in the output folder as this platform's baseline.")
    ] = False,
    durations: Annotated[
        bool, typer.Option("--durations", help="Write how long the cases of the run in the output folder took.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The output folder of a run: for all but --golden.")] = Path("results"),
    torchsharp: TorchSharp = None,
    libtorch: LibTorch = None,
    nuget_source: NugetSource = "",
    native: Native = "",
    exportsd: Exportsd = "",
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Update what is generated below cases/: show the difference, ask, write.

    covered.json has the number of ids that each covers. An entry gets the versions that no entry names, if the run in
    the output folder found it as it predicts at all ids of a default run that it covers. Refuses in CI.

    Exit codes: 0 written, declined or nothing to change; 2 refused.
    """
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        _refuse("this is CI: run bless yourself, look at the difference, and commit what it writes")
    if not (divergences or golden or baseline or durations):
        _refuse("name what to bless: --divergences, --golden, --baseline, --durations")
    try:
        if divergences:
            _bless_divergences(out / "results.json", yes)
        if golden:
            chosen = choices(
                torchsharp=torchsharp or [], libtorch=libtorch or [], nuget_source=nuget_source, native=native
            )
            _bless_golden(one_of(chosen), load_all({"exportsd": exportsd} if exportsd else {}), yes)
        if baseline:
            _bless_baseline(out / "results.json", yes)
        if durations:
            _bless_durations(out / "results.json", yes)
    except (*COULD_NOT_RUN, ResultsError) as error:
        _refuse(f"could not run: {error}")


def _bless_divergences(results: Path, yes: bool) -> None:
    from tscompat.routes import verdict_ids

    folder = data_folder("cases") / "divergences"
    entries = read_entries(folder)
    survey = Survey(Divergence.of(entries), map(str, verdict_ids(load_catalogue())))
    faults = list(survey.faults())
    if faults:
        _refuse("\n".join([*faults, "correct these first: nothing was written"]))
    covered = survey.covered()
    differences = changes(read_covered(folder), covered)
    observed = _observed(results, entries, survey) if results.exists() else []
    _show(differences, survey)
    added: defaultdict[str, list[str]] = defaultdict(list)
    for each in observed:
        if each.against:
            typer.echo(f"{each.name}: not shown to go on in {each.version}: {each.against}")
        else:
            typer.echo(f"{each.name}: goes on in {each.version} ({each.verdicts} verdicts)")
            added[each.name].append(each.version)
    if not differences and not added:
        typer.echo("nothing to change")
    elif yes or typer.confirm(f"Write {len(differences)} numbers, and versions of {len(added)} entries?"):
        write_covered(folder, covered)
        add_versions(folder, added)


def _observed(path: Path, entries: Mapping[str, Entry], survey: Survey) -> list[Observed]:
    """What the run in ``path`` has seen of entries in a version that none names.

    Refuses a run that stopped early or has a person's dll. An entry must have been seen at all ids that it covers in a
    default run, or if it covers none there, at all that it covers.
    """
    from tscompat.matrix.selection import ids_of_run

    default = set(map(str, ids_of_run(load_catalogue(), "default")))
    covered = {name: survey.ids(name) for name in entries}
    results = load_results(path)
    observed = goes_on(
        results, entries, {name: [each for each in ids if each in default] or ids for name, ids in covered.items()}
    )
    if observed and (
        not results.complete
        or any(each.dotnet and each.dotnet.torchsharp_dll for each in results.environments.values())
    ):
        _refuse(f"{path}: a new version is observed by a run that came to its end, without --torchsharp-dll")
    if observed:
        typer.echo(f"observed in {path}, of {results.started}, {len(results.verdicts)} verdicts:")
    return observed


def _bless_golden(choice: Choice | None, scripts: Mapping[str, Script], yes: bool) -> None:
    from tscompat.golden.corpus import changes, replace, write_corpus, writers

    root = golden_folder()
    with tempfile.TemporaryDirectory() as folder:
        scratch, new = Path(folder), Path(folder) / "golden"
        with side(choice, scratch, scripts) as (peer, running):
            exportsd = scripts.get("exportsd")
            not_golden = write_corpus(new, load_catalogue(), writers(running), peer, scratch, exportsd)
        golden = {f"{folder.name}/{file}" for folder, of in read_corpus(root).items() for file in of.by_file}
        lost = [f"{file}: {reason}" for file, reason in not_golden.items() if file in golden]
        if lost:
            end = f"{len(lost)} golden files are not written so any more: nothing was written"
            _refuse("\n".join([*shown(lost, SHOWN_FILES), end]))
        found = list(changes(root, new))
        if not found:
            typer.echo("golden: nothing to change")
            return
        for sentence in shown(found, SHOWN_FILES):
            typer.echo(sentence)
        if yes or typer.confirm(f"Write {len(found)} changes of cases/golden?"):
            replace(root, new, typer.echo)


def _bless_baseline(path: Path, yes: bool) -> None:
    results = load_results(path)
    new = comparison.Baseline.of(results, path)
    failed = [record.id for record in results.verdicts if record.outcome is Outcome.FAILED]
    if results.part:
        _refuse(f"{path}: found shard {results.part.shard}; expected a whole run: merge the shards (tscompat merge)")
    if new.problems or failed:
        _refuse(
            f"{path}: a baseline has no failure and no problem; found {', '.join([*failed[:SHOWN_IDS], *new.problems])}"
        )
    (environment,) = results.environments.values()
    target = data_folder("cases") / "baselines" / f"{environment.platform}.json{comparison.SUFFIX}"
    old = comparison.load(target) if target.exists() else None
    if old == new:
        typer.echo("baseline: nothing to change")
        return
    counts = Counter(change.what for change in comparison.compare(old, new)) if old else {"new": len(new.verdicts)}
    typer.echo(f"{target.name}: {', '.join(f'{count} {what}' for what, count in counts.items()) or 'other versions'}")
    if yes or typer.confirm(f"Write {len(new.verdicts)} verdicts?"):
        comparison.save(new, target)


def _bless_durations(path: Path, yes: bool) -> None:
    """Cases that the run has not decided keep their seconds."""
    target = data_folder("cases") / DURATIONS
    old = read_durations(target)
    seconds: defaultdict[str, float] = defaultdict(float)
    for record in load_results(path).verdicts:
        seconds[record.case] += record.seconds
    long = {case: round(each, 1) for case, each in seconds.items() if each >= LONG}
    new = {case: each for case, each in {**old, **long}.items() if case in long or case not in seconds}
    typer.echo(f"{target.name}: {len(old)} cases before, {len(new)} now")
    if new != old and (yes or typer.confirm("Write them?")):
        text = json.dumps(dict(sorted(new.items())), indent=0)
        target.write_text(text + "\n", encoding="utf-8", newline="\n")


def _show(differences: Sequence[Change], survey: Survey) -> None:
    for (name, _, kind), of_one_table in groupby(differences, lambda change: change[:3]):
        typer.echo(f"{name} ({kind})")
        for change in of_one_table:
            typer.echo(f"  {change.route}: {change.old} → {change.new}")
            for verdict_id in survey.examples(change, SHOWN_IDS):
                typer.echo(f"    {verdict_id}")
            if change.new > SHOWN_IDS:
                typer.echo(f"    … and {change.new - SHOWN_IDS} more")


def _refuse(reason: str) -> None:
    typer.echo(reason, err=True)
    raise typer.Exit(2)
