"""Rules about the model: how data were divided, what was fitted, against what it was held."""

from __future__ import annotations

from radiofib.report.checklists.evidence import Evidence
from radiofib.report.checklists.finding import Finding, met, not_applicable, opened, partly
from radiofib.report.context import is_control
from radiofib.report.format import count, pluralise

__all__ = ["RULES"]

#: Models that a statistician calls simple.
_SIMPLE = ("logistic", "proportional_odds", "ordinal", "firth", "elastic_net", "lda", "linear")
#: Fewer patients than this for each feature, and the number of features is a problem.
_PATIENTS_PER_FEATURE = 10


def objectives(e: Evidence, _: str) -> Finding:
    """Look for the comparison that the study names beforehand."""
    if not e.context.named_beforehand:
        return opened("the study names no comparison beforehand")
    target = e.context.target_name(e.context.main_target)
    return partly(f"comparison named beforehand: {target}", "study.yaml: main")


def sample_size(e: Evidence, _: str) -> Finding:
    """Look for the numbers that were there; why so many is for a person to say."""
    counts = e.folder.mapping("counts")
    n = counts.get("patients")
    if not isinstance(n, int):
        return opened("run.json counts no patients")
    return opened(f"{pluralise(n, 'patient')}; a calculation is not part of a run")


def pipeline(e: Evidence, _: str) -> Finding:
    """Look for the study file, which says every step; a drawing of them is not made."""
    if not e.study:
        return opened("study.yaml is absent")
    return partly("every step with its settings; no drawing", "study.yaml")


def split(e: Evidence, _: str) -> Finding:
    """Look for a patient in two folds: every model and setting is checked."""
    frame = e.table("predictions")
    if frame is None or not {"setting", "fold", "patient"} <= set(frame):
        return opened("predictions.csv does not say patient, setting and fold")
    keys = [c for c in ("model", "setting") if c in frame]
    folds = frame.groupby([*keys, "patient"])["fold"].nunique()
    torn = int((folds > 1).sum())
    if torn:
        return opened(f"{pluralise(torn, 'patient')} predicted in two folds of one setting")
    settings = ", ".join(e.context.setting_name(s) for s in dict.fromkeys(frame["setting"]))
    said = f"{settings}; no patient is in two folds of a setting"
    return met(said, "predictions.csv: patient, setting, fold")


def predictions(e: Evidence, _: str) -> Finding:
    """Look for the predictions on which everything rests."""
    frame = e.table("predictions")
    if frame is None:
        return opened("predictions.csv is absent")
    said = f"{pluralise(len(frame), 'prediction')} of cases left out of training"
    if "fold" not in frame:
        return partly("predictions; their folds are not recorded", "predictions.csv")
    return met(said, "predictions.csv: fold")


def blind_index(e: Evidence, _: str) -> Finding:
    """Look for predictions made without the case's own stage."""
    found = split(e, "")
    if found.status != "met":
        return found
    said = "each case is predicted by a model that had not seen its stage"
    return partly(f"{said}; regions drawn by a person may not be blind", found.pointer)


def _stager(e: Evidence) -> tuple[str, object]:
    stager = e.folder.mapping("stager")
    return e.context.model_name(str(stager.get("name", ""))), stager.get("params")


def algorithm(e: Evidence, _: str) -> Finding:
    """Look for the stager with its version and seed."""
    name, _params = _stager(e)
    versions = e.folder.mapping("versions")
    if not name or not versions.get("radiofib"):
        return opened("run.json does not say which stager")
    seed = f", seed {e.folder.text('seed')}" if e.folder.text("seed") else ""
    said = f"{name}, radiofib {versions['radiofib']}{seed}"
    return met(said, "run.json: stager, versions, seed")


def training(e: Evidence, _: str) -> Finding:
    """Look for parameters and folds."""
    name, params = _stager(e)
    folds = e.within(e.study, "evaluation", "folds")
    if not name or not isinstance(params, dict) or not folds:
        return opened("study.yaml does not say parameters and folds")
    shown = ", ".join(f"{k} = {v}" for k, v in params.items()) or "the defaults"
    said = f"{name} with {shown}, fixed beforehand and not tuned; {folds} folds"
    return met(said, "study.yaml: stager.params, evaluation.folds")


def scaling(e: Evidence, _: str) -> Finding:
    """Look for how features enter the stager: its own rule."""
    name, _params = _stager(e)
    if not name:
        return opened("run.json does not say which stager")
    return partly(f"inside the stager ({name}), learnt on training folds", "run.json: stager")


def reduction(e: Evidence, _: str) -> Finding:
    """Look for a selection of features in the study."""
    name, params = _stager(e)
    if not name or not isinstance(params, dict):
        return opened("run.json does not say which stager")
    chosen = {k: v for k, v in params.items() if "select" in k or "component" in k}
    if chosen:
        shown = ", ".join(f"{k} = {v}" for k, v in chosen.items())
        return met(f"{shown}, inside each fold", "study.yaml: stager.params")
    n = e.folder.mapping("counts").get("features")
    said = f"all {pluralise(n, 'feature')} were given to the stager" if n else "none in the study"
    return partly(said, "study.yaml: stager.params; run.json: counts")


def redundancy(e: Evidence, _: str) -> Finding:
    """Look for groups of correlated features."""
    frame = e.table("importance")
    if frame is not None and (frame["group_by"] == "cluster").any():
        said = "correlated features are grouped where importance is shown, not removed"
        return partly(said, "evaluation/importance.csv: group_by, members")
    return opened("no step on correlated features is in the run")


def dimensionality(e: Evidence, _: str) -> Finding:
    """Look for enough patients for the features."""
    counts = e.folder.mapping("counts")
    n, p = counts.get("patients"), counts.get("features")
    if not isinstance(n, int) or not isinstance(p, int) or not p:
        return opened("run.json does not count patients and features")
    said = f"{pluralise(p, 'feature')}, {pluralise(n, 'patient')}"
    if n >= _PATIENTS_PER_FEATURE * p:
        return met(said, "run.json: counts")
    return opened(f"{said}: fewer than {_PATIENTS_PER_FEATURE} patients for a feature")


def deep(e: Evidence, _: str) -> Finding:
    """Look for an end-to-end network: the package has none."""
    name, _params = _stager(e)
    if not name:
        return opened("run.json does not say which stager")
    return not_applicable(f"features and a {name.lower()}, no network", "run.json: stager")


def uniparametric(e: Evidence, _: str) -> Finding:
    """Look for one channel, or several sets of channels side by side."""
    if len(e.channels) == 1:
        return met(f"one channel: {e.channels[0]}", "run.json: channels")
    sets = e.study.get("channel_sets")
    if isinstance(sets, dict) and len(sets) > 1:
        return partly(f"sets of channels compared: {', '.join(sets)}", "study.yaml: channel_sets")
    return opened("several channels, not compared with one alone")


def confounders(e: Evidence, _: str) -> Finding:
    """Look for negative controls and the audit."""
    controls = [m for m in e.context.models if is_control(m)]
    audit = e.table("audit")
    names = ", ".join(e.context.model_name(m).removeprefix("Control: ") for m in controls)
    if audit is not None and controls:
        said = f"{pluralise(len(audit), 'check')} of the audit; controls: {names}"
        return met(said, "audit/verdicts.csv; evaluation/metrics.csv: model")
    if controls:
        return partly(f"controls: {names}; no audit", "evaluation/metrics.csv: model")
    if audit is not None:
        return partly(f"{pluralise(len(audit), 'check')} of the audit", "audit/verdicts.csv")
    return opened("neither controls nor an audit are in the run")


def selection(e: Evidence, _: str) -> Finding:
    """Look for one stager named beforehand, or for an adjustment over several."""
    stagers = [m for m in e.context.models if not is_control(m)]
    if len(stagers) == 1 and e.folder.mapping("stager").get("name"):
        return met("one stager, named in the study; none was chosen", "study.yaml: stager")
    if not stagers:
        return opened("no stager was evaluated")
    frame = e.table("comparisons")
    if frame is not None and (frame["adjustment"] != "").any():
        said = f"{len(stagers)} stagers compared with adjustment"
        return partly(said, "evaluation/comparisons.csv: adjustment")
    return opened(f"{len(stagers)} stagers; how one was chosen is not recorded")


def testing(e: Evidence, kind: str) -> Finding:
    """Look for cross-validation, left-out scanners, and data from elsewhere."""
    settings = set(e.context.settings)
    external = settings & {"external", "ood"}
    pointer = "evaluation/metrics.csv: setting"
    if external and kind in ("external", "any"):
        return met(f"external data: {', '.join(sorted(external))}", pointer)
    if kind == "external":
        if "loso" in settings:
            return partly("left-out scanners of the same cohort, no data from elsewhere", pointer)
        return opened("no data from elsewhere")
    if not settings:
        return opened("nothing was evaluated")
    said = ", ".join(e.context.setting_name(s) for s in e.context.settings)
    return met(f"internal: {said}", pointer)


def simple_model(e: Evidence, _: str) -> Finding:
    """Look for a simple model among those evaluated."""
    found = [m for m in e.context.models if m.split(" [")[0].lower().startswith(_SIMPLE)]
    if found:
        shown = ", ".join(e.context.model_name(m) for m in found)
        return met(f"evaluated beside it: {shown}", "evaluation/metrics.csv: model")
    if e.table("coefficients") is not None:
        return partly("fitted, not evaluated beside it", "interpret/coefficients.csv")
    return opened("no simple model in the run")


def specification(e: Evidence, _: str) -> Finding:
    """Look for the model as numbers."""
    if e.table("coefficients") is not None:
        return met("coefficients with thresholds", "interpret/coefficients.csv")
    if e.has("model.skops"):
        return partly("the stager as a file, to be predicted with", "model.skops")
    return opened("neither coefficients nor model.skops")


def updating(e: Evidence, _: str) -> Finding:
    """Look for an updated model: runs train anew and update none."""
    if not e.folder.mapping("stager"):
        return opened("run.json does not say which stager")
    return not_applicable("the stager is trained anew, none is updated", "run.json: stager")


def heterogeneity(e: Evidence, _: str) -> Finding:
    """Look for results of single scanners."""
    frame = e.metric_rows("auc_scanner")
    if not len(frame) or "subset" not in frame:
        return opened("no result of single scanners")
    n = frame["subset"].nunique()
    said = f"AUC of {pluralise(n, 'left-out scanner')}"
    return met(said, "evaluation/metrics.csv: auc_scanner, subset")


def differences(e: Evidence, _: str) -> Finding:
    """Look for stages by left-out scanner."""
    frame = e.table("predictions")
    if frame is None or "scanner" not in frame or "loso" not in e.context.settings:
        return opened("no scanner was left out")
    said = f"stages of {count(frame['scanner'].nunique())} scanners side by side"
    return partly(said, "report.html: Cohort, Performance; predictions.csv: scanner, y_true")


def tripod(e: Evidence, _: str) -> Finding:
    """Look for TRIPOD+AI, which is filled beside this list."""
    if not e.context.models:
        return opened("nothing was evaluated")
    return partly("filled from the run, to be completed", "checklists/tripod_ai.csv")


#: Name in the tables of rules -> function.
RULES = {
    f.__name__: f
    for f in (
        *(
            objectives,
            sample_size,
            pipeline,
            split,
            predictions,
            blind_index,
            algorithm,
            training,
            scaling,
        ),
        *(reduction, redundancy, dimensionality, deep, uniparametric, confounders),
        *(selection, testing, simple_model, specification, updating, heterogeneity, differences),
        tripod,
    )
}
