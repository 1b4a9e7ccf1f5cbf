"""The documentation page of all features, generated from the registry.

``python -m radiofib.registry.page`` writes `features.md` beside this file; a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from radiofib.registry import (
    _firstorder,
    _functional,
    _glcm,
    _gldm,
    _glrlm,
    _glszm,
    _ibsi_intensity,
    _ibsi_texture,
    _ngtdm,
    _shape,
    _surface,
    _ucl,
)
from radiofib.registry._ibsi import AGGREGATIONS
from radiofib.registry._instances import STATISTICS, statistic_spec
from radiofib.registry.codebook import (
    FAMILY_LABELS,
    FEATURES,
    FUNCTIONAL_FEATURES,
    IBSI_FEATURES,
    INSTANCE_FEATURES,
    LIVER_FEATURES,
)
from radiofib.registry.spec import FeatureSpec

__all__ = ["PAGE", "feature_page", "main"]

PAGE = Path(__file__).with_name("features.md")
#: Where the symbols of a family's formulas are explained.
_SYMBOLS: dict[str, ModuleType] = {
    "shape": _shape,
    "firstorder": _firstorder,
    "glcm": _glcm,
    "glrlm": _glrlm,
    "glszm": _glszm,
    "gldm": _gldm,
    "ngtdm": _ngtdm,
    "morph": _ibsi_intensity,
    "cm": _ibsi_texture,
    "functional": _functional,
    "surface": _surface,
    "ucl": _ucl,
}
_INTRODUCTION = """\
# Features

Written by `python -m radiofib.registry.page` from the registry that also drives extraction, the
codebook and the tests. A column is `<channel>_<image>_<name>`, such as
`t1_original_glcm_contrast`.

*Unit*: `grey` is the unit of the image, `1` is none. *Scale*: the natural scale against which a
difference is judged where a value is close to 0: `grey` the largest absolute intensity, `levels`
the largest grey level, `voxels` their number, `mm` the largest diameter. *IBSI*: the permanent
code of the definition; a remark says in what the value departs from it.
"""

_DELTA = """\
Changes between phases: every feature above that sees intensities has one, in family `d` and its
own family, such as `ged4_original_dglcm_contrast` = (f - f0) / f0 with f of `ged4` and f0 of the
channel before contrast, registered to each other [{number}](#sources). Unit 1, scale 1.
"""

_EMBEDDINGS = """\
Components of the embedding of a network: `<channel>_original_deep_<network>_e001` and on, as many
as the network gives, such as `us_original_deep_resnet34_e001`. Section `embedding` of an
extraction names the network; its SHA-256 is in the provenance. Unit 1, scale 1.
"""

_INSTANCES = """\
Statistics over the slices, windows or patches of a case: every feature above that is measured on
a region has each of them, in a family that begins with its short form, such as
`ged4_original_q10glcm_contrast`. Unit and scale are those of the feature.
"""


def feature_page() -> str:
    """Return the page as Markdown: unit, IBSI code, formula, scale and source of every feature.

    Examples
    --------
    >>> page = feature_page()
    >>> page.splitlines()[0], "| `firstorder_mean` | mean |" in page
    ('# Features', True)
    """
    every = (
        *FEATURES,
        *IBSI_FEATURES,
        *LIVER_FEATURES,
        *FUNCTIONAL_FEATURES,
        *INSTANCE_FEATURES,
    )
    sources = [*dict.fromkeys(s.citation for s in every), _functional.FAVE]
    parts = [_INTRODUCTION, "## Profile `pyradiomics`\n"]
    parts += _tables([spec for spec in FEATURES if not spec.deprecated], sources)
    deprecated = ", ".join(f"`{s.key}`" for s in FEATURES if s.deprecated)
    parts.append(f"Repeats of other features, only computed when asked for: {deprecated}.\n")
    parts.append("## Profile `ibsi`\n")
    parts.append(_aggregations())
    parts += _tables(_without_aggregations(IBSI_FEATURES), sources)
    parts.append("## Liver\n")
    parts += _tables(list(LIVER_FEATURES), sources)
    parts.append("## Whole case\n")
    parts += _tables(list(FUNCTIONAL_FEATURES), sources)
    parts.append(_DELTA.format(number=len(sources)))
    parts.append("## Embeddings\n")
    parts.append(_EMBEDDINGS)
    parts.append("## Instances\n")
    parts.append(_INSTANCES)
    parts.append(_statistics())
    parts += _tables(list(INSTANCE_FEATURES), sources)
    parts.append("## Sources\n")
    parts += [f"{number}. {source}" for number, source in enumerate(sources, 1)]
    return "\n".join(parts) + "\n"


def _aggregations() -> str:
    lines = ["| ending of the name | aggregation | IBSI |", "|---|---|---|"]
    lines += [f"| `_{way}` | {label} | {code} |" for way, (label, code) in AGGREGATIONS.items()]
    return "\n".join(lines) + "\n"


def _statistics() -> str:
    plain = FeatureSpec("f", "f", "1", "", "", "")
    lines = ["| statistic | family begins with | formula |", "|---|---|---|"]
    for name, prefix in STATISTICS.items():
        formula = statistic_spec(plain, name).formula.removesuffix("; f = ")
        lines.append(f"| {name} | `{prefix}` | {formula} |")
    return "\n".join(lines) + "\n"


def _without_aggregations(specs: Iterable[FeatureSpec]) -> list[FeatureSpec]:
    first: dict[str, FeatureSpec] = {}
    for spec in specs:
        first.setdefault(_bare(spec), spec)
    return list(first.values())


def _bare(spec: FeatureSpec) -> str:
    return spec.key.removesuffix(f"_{spec.aggregation}") if spec.aggregation else spec.key


def _tables(specs: Sequence[FeatureSpec], sources: list[str]) -> list[str]:
    parts: list[str] = []
    for family in dict.fromkeys(spec.family for spec in specs):
        parts.append(f"### {FAMILY_LABELS.get(family, family.upper())}\n")
        if family in _SYMBOLS:
            parts.append((_SYMBOLS[family].__doc__ or "").strip().replace("*", "\\*") + "\n")
        parts.append("| name | feature | unit | IBSI | scale | formula | source |")
        parts.append("|---|---|---|---|---|---|---|")
        parts += [_row(spec, sources) for spec in specs if spec.family == family]
        parts.append("")
    return parts


def _row(spec: FeatureSpec, sources: list[str]) -> str:
    label = spec.label.rsplit(" (", 1)[0] if spec.aggregation else spec.label
    formula = spec.formula + (f" [IBSI: {spec.ibsi_note}]" if spec.ibsi_note else "")
    cells = (
        f"`{_bare(spec)}`",
        label,
        spec.unit,
        spec.ibsi_code or "-",
        spec.scale,
        formula.replace("|", "\\|").replace("*", "\\*"),
        f"[{sources.index(spec.citation) + 1}](#sources)",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(feature_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
