"""Tables with everything that is hard to write: unicode, formulas, NaN, extremes, dates."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd

from radiofib.staging import BaseStager, make_stager
from radiofib.study import InterpretConfig, interpret_table
from radiofib.table import FeatureTable, guard_frame

STAGE_LABELS = {"s1": "S1", "s2": "S2", "s3": "S3 größer", "s4": "S4"}
AWKWARD_CASES = (
    "Größe",
    "=1+1",
    "+cmd",
    "-x",
    "@sum",
    "007",
    "a,b;c",
    'q"uote',
    "日本語",
    "'apostrophe",
    "<script>",
    "NA-like",
)
#: Within the range of every format, IBM floats of SAS included.
AWKWARD_DOUBLES = (0.1 + 0.2, 1 / 3, -1 / 3, math.pi * 1e15, 2.0**53 - 1, 1e-69, 9.87654321e69, 0.0)
#: Beyond SAS, within all others.
EXTREME_DOUBLES = (1e-300, 5e-324, 2.2250738585072014e-308, 8.9e307, -8.9e307, -0.0)


def feature_names(count: int) -> list[str]:
    """Names of up to 63 characters, as the registry makes them."""
    stem = "ged4_wllh_glszm_small_area_low_gray_level_emphasis"
    return ["us_original_firstorder_mean", *(f"{stem}_{i}" for i in range(1, count))]


def awkward_table(rows: int = 60, columns: int = 40, *, extreme: bool = True) -> FeatureTable:
    """A table with an ordered stage, missing values and the cases above."""
    rng = np.random.default_rng(7)
    names = feature_names(columns)
    values = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-8, 9, size=(rows, columns))
    values[rng.random(values.shape) < 0.1] = np.nan
    special = AWKWARD_DOUBLES + (EXTREME_DOUBLES if extreme else ())
    values[: len(special), 0] = special
    values[:, 1] = np.nan
    cases = [*AWKWARD_CASES, *(f"c{i}" for i in range(rows))][:rows]
    pick = np.arange(rows)
    stages = np.array(["s1", "s2", None, "s4"], dtype=object)[pick % 4]
    moment = pd.Timestamp("2020-01-02 03:04:05")
    days = np.array([dt.date(2020, 1, 2), None, dt.date(1959, 12, 31)], dtype=object)
    obs = pd.DataFrame(
        {
            "case": cases,
            "patient": [f"p{i // 2}" for i in pick],
            "stage": pd.Categorical(stages, categories=list(STAGE_LABELS), ordered=True),
            "scanner": pd.Categorical(np.array(["A", "Zürich", None], dtype=object)[pick % 3]),
            "field_t": np.array([1.5, 3.0, np.nan])[pick % 3],
            "age": pd.array([None if i % 5 == 0 else 40 + i for i in pick], dtype="Int64"),
            "hcc": pd.array([None if i % 7 == 0 else i % 2 == 0 for i in pick], dtype="boolean"),
            "biopsy": days[pick % 3],
            "read": [pd.NaT if i % 4 == 0 else moment + pd.Timedelta(i, "h") for i in pick],
            "note": np.array(["fine", None, "日本語 ü"], dtype=object)[pick % 3],
        }
    )
    codebook = pd.DataFrame(
        {
            "column": names,
            "label": [
                "Mittelwert ü " * 30,
                *(f"small area emphasis {i}" for i in range(1, columns)),
            ],
            "unit": ["grey", *["1"] * (columns - 1)],
            "formula": "-sum(x) / N",
        }
    )
    missing = pd.DataFrame(
        {"case": cases, "instance": "", "column": names[1], "reason": "= region too small"}
    )
    return FeatureTable(
        pd.DataFrame(values, columns=names), obs, codebook, missing, {"engine": "tëst", "seed": 7}
    )


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two float arrays agree in every bit, any NaN being equal to any other."""
    a, b = np.array(a, dtype=np.float64), np.array(b, dtype=np.float64)
    a[np.isnan(a)] = b[np.isnan(b)] = np.nan
    return a.shape == b.shape and bool((a.view(np.uint64) == b.view(np.uint64)).all())


#: A name that would run code in R or SPSS if it were pasted into a script.
EVIL = "\"); file.create('pwned'); c(\"' .\nHOST COMMAND=['touch pwned'].\n* \\"


def stager_and_rows(
    kind: str, levels: int, scanner: str | None, rows: int = 120
) -> tuple[BaseStager, pd.DataFrame]:
    """A trained stager with uneven classes, and rows to try it on: missing values, new scanner."""
    rng = np.random.default_rng(11)
    X = pd.DataFrame(rng.normal(size=(rows, 6)) * 10.0 ** np.arange(-3, 3), columns=_NAMES)
    stage = np.digitize(X["f3"] + rng.normal(size=rows), [-0.5, 0.5, 1.5][: levels - 1])
    X = X.mask(rng.random(X.shape) < 0.1)
    trees = {"n_estimators": 30}
    params = {"logistic": {"C": 1.0}, "random_forest": trees, "xgboost": trees}.get(kind, {})
    stager = make_stager(kind, scanner_column=scanner, **params)
    if scanner:
        X[scanner] = rng.choice(["A", "Zürich"], rows)
    stager.fit(X, [f"s{k + 1}" for k in stage])
    if scanner:
        X[scanner] = rng.choice(np.array(["A", "Zürich", "new", None], dtype=object), rows)
    return stager, X


_NAMES = [f"f{i}" for i in range(6)]


#: A scanner's name that would end a statement of SPSS or R.
EVIL_SCANNER = "B'). HOST COMMAND=['touch pwned']. \"); file.create('pwned'); (\""
MODELS = {
    "logistic": {"standardised": True, "scanner": "covariate"},
    "proportional_odds": {},
    "firth": {"target": "s1_vs_s2-4"},
}


def fitted_models(
    patients: int, name: str, *, rows: int = 1
) -> tuple[FeatureTable, pd.DataFrame, dict[str, np.ndarray]]:
    """A table, one column with a given name; coefficients of models as a run writes them.

    Returns
    -------
    table : FeatureTable
    coefficients : DataFrame
        Guarded, as in ``interpret/coefficients.csv``; with one model that nobody knows.
    estimates : dict
        Model -> its estimates.
    """
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(patients), rows)
    X = pd.DataFrame(
        rng.normal(size=(patients * rows, 3)) * [300.0, 1.0, 1e-2] + [2000.0, 0.0, 0.0]
    )
    X.columns = ["us_original_firstorder_mean", name, "t1_original_shape_größe"]
    scanner = rng.choice(["A", EVIL_SCANNER, "Zürich"], patients)
    drive = X.groupby(who).mean().to_numpy() @ [0.004, 0.8, -90.0] + (scanner == "A")
    drive = drive + rng.logistic(size=patients)
    code = np.searchsorted(np.quantile(drive, [0.3, 0.5, 0.8]), drive)
    X = X.mask(rng.random(X.shape) < 0.03)
    levels = list(STAGE_LABELS)
    obs = pd.DataFrame(
        {
            "case": [f"c{i}" for i in range(len(X))],
            "patient": [f"p{i}" for i in who],
            "stage": pd.Categorical.from_codes(code[who], levels, ordered=True),
            "scanner": scanner[who],
        }
    )
    obs.loc[7, "stage"] = None
    obs.loc[11, "scanner"] = None
    if rows > 1:
        obs.loc[[20, 21], "stage"] = ["s1", "s4"]  # of one patient: left out
    table = FeatureTable(X, obs)
    frames = []
    for model, settings in MODELS.items():
        config = InterpretConfig(model=model, terms=tuple(X), **settings)
        frames.append(interpret_table(table, config, levels=levels).coefficients)
    estimates = {m: f["estimate"].to_numpy() for m, f in zip(MODELS, frames, strict=True)}
    unknown = frames[0].assign(model="ebm", target="stage")
    return table, guard_frame(pd.concat([*frames, unknown], ignore_index=True)), estimates
