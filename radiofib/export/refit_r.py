"""R script that refits a run's interpretable models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from radiofib.export.quoting import r_numbers, r_text, r_texts
from radiofib.export.refit_models import RefitModel
from radiofib.export.sheet import Variable

__all__ = ["refit_r"]


def refit_r(
    models: Sequence[RefitModel], variables: Mapping[str, Variable], left_out: Mapping[str, str]
) -> str:
    """Return ``refit.R``: the same functions for every run, then the models as data."""
    script = resources.files("radiofib.export").joinpath("templates/refit.R")
    parts = [script.read_text(encoding="utf-8")]
    parts += [f'cat({r_text(f"not refitted: {k}: {v}")}, "\\n")\n' for k, v in left_out.items()]
    for model in models:
        shown = _shown_levels(variables["stage"])
        parts.append(f"""
refit(list(
  title = {r_text(model.title)},
  kind = {r_text(model.kind)},
  levels = {r_texts([shown[level] for level in model.groups])},
  group = {r_numbers(model.groups.values())},
  columns = {r_texts([term.column for term in model.terms])},
  values = {r_texts([term.value for term in model.terms])},
  by_sd = {r_numbers(term.standardised for term in model.terms)} == 1,
  names = {r_texts([*model.cuts, *(term.name for term in model.terms)])},
  estimates = {r_numbers(model.estimates)}))
""")
    return "".join(parts)


def _shown_levels(stage: Variable) -> dict[str, str]:
    """Return how R sees each level: by its label where the stage is a factor."""
    if stage.has_levels:
        return dict(zip(stage.levels, stage.level_labels, strict=True))
    return {text: text for text in stage.texts()}
