"""``radiofib ablate``: design choices against each other, in the same folds, work shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radiofib._checks import check_known
from radiofib.errors import ConfigError, Failure, RadiofibError, SplitError, TableError
from radiofib.evaluation import Split
from radiofib.parallel import map_pieces
from radiofib.provenance import environment, hash_object
from radiofib.report.ablation import write_ablation_page
from radiofib.staging import Target, check_order, targets_for
from radiofib.store import tidy
from radiofib.study.ablate_config import AblationConfig, apply_patches
from radiofib.study.ablate_design import Design, balance, fraction, grid
from radiofib.study.ablate_features import load_tables, table_of
from radiofib.study.ablate_pieces import (
    Leaf,
    crashed,
    cut,
    leaf_key,
    missing_leaves,
    run_piece,
    split_key,
)
from radiofib.study.ablate_results import collect, write_results
from radiofib.study.ablate_shared import Branch, unroll
from radiofib.study.ablate_tables import (
    Bench,
    Cases,
    View,
    make_benches,
    make_splits,
    view_columns,
)
from radiofib.study.config import StudyConfig
from radiofib.study.folder import RunFolder, write_failures
from radiofib.study.progress import Progress, silent
from radiofib.table import FeatureTable

__all__ = ["AblationResult", "Run", "ablate_study", "ablation_runs", "make_design"]

SCANNER = "scanner"
_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "xgboost")
_PIECES = "ablation/pieces"


@dataclass(frozen=True)
class AblationResult:
    """What an ablation left behind.

    Parameters
    ----------
    out : path
        The folder.
    page : path
        The HTML page.
    n_runs : int
        Combinations with a score in at least one domain.
    failures : tuple of Failure
        What could not be done; also in ``failures.csv``.
    """

    out: Path
    page: Path
    n_runs: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, eq=False)
class Run:
    """One combination of levels.

    Parameters
    ----------
    name : str
    levels : dict of factor to level
    branch : Branch
        The stager, taken apart.
    table : str
        Name of the table that it sees.
    channels, families : tuple of str
        What it sees of it; all when empty.
    """

    name: str
    levels: dict[str, str]
    branch: Branch
    table: str
    channels: tuple[str, ...]
    families: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name and levels, for messages."""
        return f"{self.name} ({', '.join(f'{f}={v}' for f, v in self.levels.items())})"


def make_design(config: AblationConfig, seed: int) -> Design:
    """Return the combinations that are tried."""
    factors = {factor: tuple(levels) for factor, levels in config.factors.items()}
    if config.design == "grid":
        return grid(factors)
    return fraction(factors, config.runs, seed=seed)


def ablation_runs(
    study: StudyConfig, config: AblationConfig, seed: int
) -> tuple[Design, list[Run]]:
    """Return the design, and each of its combinations as an untrained stager and what it sees.

    Raises
    ------
    ConfigError
        When a combination does not fit together, naming it.
    """
    design = make_design(config, seed)
    runs = []
    for row in design.frame().to_dict(orient="records"):
        name = str(row.pop("run"))
        levels = {str(factor): str(level) for factor, level in row.items()}
        patches = {factor: config.factors[factor][level] for factor, level in levels.items()}
        where = f"ablate, {', '.join(f'{f}={v}' for f, v in levels.items())}"
        plan = apply_patches(study.stager, patches, where=where)
        try:
            stager = plan.build(scanner_column=SCANNER, random_state=seed)
        except RadiofibError as error:
            raise ConfigError(f"{where}: {error}") from error
        seen = list(patches.values())
        runs.append(
            Run(
                name,
                levels,
                unroll(name, stager),
                table_of(patch.features for patch in seen),
                next((patch.channels for patch in seen if patch.channels), ()),
                next((patch.families for patch in seen if patch.families), ()),
            )
        )
    return design, runs


def ablate_study(
    study: StudyConfig,
    *,
    root: str | Path,
    out: str | Path,
    features: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> AblationResult:
    """Compare the design choices of a study's key ``ablate``; write ``ablation/`` and a page.

    Stopped and called again it does what is missing: each result of a stager in a fold is kept
    under a hash of everything it depends on.

    Parameters
    ----------
    study : StudyConfig
    root : path
        Folder that holds the data.
    out : path
        Folder to write; that of a run of the same study shares its features.
    features : path, optional
        Feature table to use in place of the study's images.
    workers : int, optional
        Processes; default one per core. Results do not depend on it.
    progress : callable, optional
        Called with step name, pieces done and pieces in all.

    Raises
    ------
    ConfigError
        When the study has no key ``ablate``, or a combination does not fit together.
    RadiofibError
        When nothing could be compared at all.
    """
    tell = progress or silent
    config = study.ablate
    if config is None:
        raise ConfigError(
            "the study compares nothing",
            expected="the key 'ablate' with its 'factors'",
            hint="see 'radiofib ablate --help'",
        )
    seed = study.seed if config.seed is None else config.seed
    # Whatever is misspelt is refused before hours of extraction, not after.
    design, runs = ablation_runs(study, config, seed)
    folder = RunFolder(out)
    tables, failures = load_tables(
        study,
        config,
        (run.table for run in runs),
        root=Path(root),
        folder=folder,
        features=None if features is None else Path(features),
        workers=workers,
        tell=tell,
    )
    context = tuple(dict.fromkeys(c for run in runs for c in run.branch.context_columns))
    cases, benches, lost = make_benches(tables, label=study.label, context=context)
    failures += lost
    targets = _targets(study, config, cases)
    splits, lost = _splits(config, cases, seed)
    failures += lost
    leaves = _leaves(runs, splits, tables, cases, benches)
    failures += _work(leaves, benches, cases, folder, workers, tell)
    found = collect(leaves, cases, folder.root / _PIECES)
    if not found.predictions.shape[0]:
        write_failures(folder, failures)
        raise RadiofibError(
            "no combination could be trained",
            found=failures[-1].reason if failures else "",
            hint=f"see {folder.root / 'failures.csv'}",
        )
    facts = _facts(study, config, design, seed, cases, splits)
    write_results(folder, config, design, balance(design), found, targets, splits, facts)
    write_failures(folder, failures)
    page = write_ablation_page(folder.root)
    folder.write_manifest()
    return AblationResult(folder.root, page, found.n_runs, tuple(failures))


def _targets(study: StudyConfig, config: AblationConfig, cases: Cases) -> tuple[Target, ...]:
    """Return the questions; refuse a stager of ordered stages where there are none."""
    scheme = cases.scheme
    names = {study.stager.name}
    for factor in config.factors.values():
        names |= {patch.name for patch in factor.values() if "name" in patch.model_fields_set}
    for name in sorted(names):
        check_order(name, scheme.levels, ordered=scheme.ordered)
    targets = targets_for(scheme.levels, ordered=scheme.ordered)
    if config.main is not None:
        known = [target.name for target in targets]
        check_known(config.main, known, what="target", where="ablate.main", error=ConfigError)
    return targets


def _splits(
    config: AblationConfig, cases: Cases, seed: int
) -> tuple[dict[str, list[Split]], list[Failure]]:
    """Return the folds of each setting; one that the cohort is too small for is left out."""
    found: dict[str, list[Split]] = {}
    failures: list[Failure] = []
    for setting in config.settings:
        try:
            found[setting], lost = make_splits(
                cases,
                setting,
                folds=config.folds,
                random_state=seed,
                repeats=config.repeats,
            )
        except SplitError as error:
            failures.append(Failure.from_error(error, case="", step=f"ablate {setting}"))
            continue
        failures += lost
    if not found:
        raise SplitError("no setting could be tested", found=failures[0].reason)
    return found, failures


def _leaves(
    runs: Sequence[Run],
    splits: Mapping[str, Sequence[Split]],
    tables: Mapping[str, FeatureTable],
    cases: Cases,
    benches: Mapping[str, Bench],
) -> list[Leaf]:
    """Return every stager in every fold."""
    no_scanner = SCANNER not in tables[runs[0].table].obs or cases.frame["scanner"].isna().all()
    views: dict[tuple[Any, ...], tuple[View, str]] = {}
    split_keys = {
        (setting, split.name): split_key(cases, split)
        for setting, found in splits.items()
        for split in found
    }
    leaves = []
    for run in runs:
        if SCANNER in run.branch.context_columns and no_scanner:
            raise TableError(
                "the stager is to know the scanner, but no row names one",
                where=run.label,
                hint="add a column 'scanner', or leave out the levels that need it",
            )
        key = (run.table, run.channels, run.families)
        if key not in views:
            columns = view_columns(
                tables[run.table], channels=run.channels, families=run.families, where=run.label
            )
            view = View(run.table, columns)
            views[key] = (view, view.key)
        view, view_key = views[key]
        stager = hash_object(run.branch.key)
        for setting, found in splits.items():
            for split in found:
                hashed = leaf_key(
                    split_keys[setting, split.name], view_key, benches[run.table].digest, stager
                )
                branch = replace(run.branch, name=hashed)
                leaves.append(Leaf(run.name, setting, split, view, branch, hashed))
    return leaves


def _work(
    leaves: Sequence[Leaf],
    benches: Mapping[str, Bench],
    cases: Cases,
    folder: RunFolder,
    workers: int | None,
    tell: Progress,
) -> list[Failure]:
    """Work out what is not there yet; return what could not be, for every combination."""
    store = folder.root / _PIECES
    tidy(store)
    total = len({leaf.key for leaf in leaves})
    open_leaves = list(missing_leaves(leaves, store))
    done = total - len(open_leaves)
    tell("ablate", done, total)
    failed: dict[str, Failure] = {}
    pieces = cut(open_leaves, benches, cases.scheme.levels, store)
    for piece, lost in map_pieces(run_piece, pieces, workers=workers, on_crash=crashed):
        failed |= dict(lost)
        done += len(piece.leaves)
        tell("ablate", done, total)
    # A result that several combinations share is a failure of each.
    return [replace(failed[leaf.key], step=leaf.step) for leaf in leaves if leaf.key in failed]


def _facts(
    study: StudyConfig,
    config: AblationConfig,
    design: Design,
    seed: int,
    cases: Cases,
    splits: Mapping[str, Sequence[Split]],
) -> dict[str, Any]:
    """Return what the page says of how it was done."""
    scheme = cases.scheme
    return {
        "title": study.title,
        "description": study.description,
        "scheme": {
            "levels": list(scheme.levels),
            "labels": dict(scheme.labels),
            "ordered": scheme.ordered,
        },
        "main": config.main,
        "design": {
            "kind": design.kind,
            "runs": len(design.codes),
            "grid": config.size,
            # A list, because the order of factors is lost in a mapping with sorted keys.
            "factors": [[factor, list(levels)] for factor, levels in design.factors.items()],
        },
        "folds": {setting: [split.name for split in found] for setting, found in splits.items()},
        "counts": {
            "cases": len(cases.frame),
            "patients": int(cases.frame["patient"].nunique()),
            "stages": {
                level: int((cases.frame["y_true"] == level).sum()) for level in scheme.levels
            },
        },
        "seed": seed,
        "config_hash": hash_object(config.model_dump(mode="json")),
        "stager": study.stager.model_dump(mode="json", exclude_defaults=True),
        "versions": environment(_PACKAGES),
    }
