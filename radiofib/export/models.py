"""One call that writes a stager for R, XGBoost, ONNX and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray

from radiofib._checks import check_known
from radiofib.errors import ExportError, UsageError
from radiofib.export.dissect import portable_model
from radiofib.export.folder import staged
from radiofib.export.model_csv import write_coefficients
from radiofib.export.model_onnx import run_onnx, write_onnx
from radiofib.export.model_r import write_r_model
from radiofib.export.model_xgboost import write_xgboost
from radiofib.export.portable import Linear, PortableModel, probabilities
from radiofib.staging import BaseStager, XGBoostStager, load_stager, stager_frame
from radiofib.table import FeatureTable

__all__ = ["MODEL_FORMATS", "export_model"]

#: Formats of :func:`export_model`.
MODEL_FORMATS = ("csv", "r", "xgboost", "onnx")
#: Largest difference of a probability that a file may show on the rows it is tried on. XGBoost
#: adds its leaves in single precision, everything else is done in double precision.
_EXACT, _SINGLE = 1e-10, 1e-5
_TRIED_ROWS = 64


def export_model(
    model: BaseStager | str | Path, out: str | Path, formats: Iterable[str] | None = None
) -> list[Path]:
    """Write a trained stager as files that other programs compute the same probabilities from.

    Parameters
    ----------
    model : BaseStager or path
        A fitted stager, or a ``.skops`` file; nothing in the file is executed.
    out : path
        Folder; made when absent. All files appear together or none.
    formats : iterable of str, or str
        ``csv``: coefficients, medians and scaling of a linear stager (``coefficients.csv``).
        ``r``: ``predict_stage.R``, a function in base R, and ``model.rds``, its numbers.
        ``xgboost``: ``model.json`` for XGBoost from version 1.7, and ``inputs.csv``, the order of
        its columns. ``onnx``: ``model.onnx`` (needs onnx and onnxruntime).
        Default: all that fit the stager and need nothing else (so not ``onnx``).

    Returns
    -------
    list of Path
        The files written, in name order.

    Raises
    ------
    UsageError
        For an unknown format, or one that does not fit the stager.
    ModelError
        When the file is not one of ours.
    ExportError
        When a file would give other probabilities than the stager (by more than 1e-5), or the
        folder cannot be written; nothing is changed then.

    Notes
    -----
    Equal models give equal bytes. Each format is tried on rows drawn around the model's own
    means or thresholds, some values missing, before it is handed out.

    Examples
    --------
    >>> import tempfile
    >>> from radiofib.staging import LogisticStager
    >>> stager = LogisticStager().fit([[0.0], [1.0], [9.0], [8.0]], ["s1", "s1", "s4", "s4"])
    >>> with tempfile.TemporaryDirectory() as out:
    ...     [path.name for path in export_model(stager, out)]
    ['coefficients.csv', 'model.rds', 'predict_stage.R']
    """
    stager = model if isinstance(model, BaseStager) else load_stager(model)[0]
    plain = portable_model(stager)
    asked = _asked(formats, stager, plain)
    tried = _tried_rows(plain)
    due = stager.predict_proba(_rows(stager, plain, *tried))
    boosted = isinstance(stager, XGBoostStager)
    limit = _SINGLE if boosted else _EXACT
    _require_equal("model", due, probabilities(plain, *tried), limit)
    with staged(Path(out)) as (folder, written):
        if "csv" in asked:
            write_coefficients(plain, folder)
        if "r" in asked:
            write_r_model(plain, folder)
        if "xgboost" in asked:
            write_xgboost(stager, plain, folder)
            got = _run_xgboost(folder / "model.json", _inputs(plain, *tried))
            _require_equal("xgboost", due, got, _SINGLE)
        if "onnx" in asked:
            write_onnx(plain, folder)
            got = run_onnx(folder / "model.onnx", _inputs(plain, *tried))
            _require_equal("onnx", due, got, _SINGLE)
    return written


def _asked(
    formats: Iterable[str] | None, stager: BaseStager, model: PortableModel
) -> tuple[str, ...]:
    if formats is None:
        fitting = {"csv": isinstance(model.body, Linear), "r": True}
        fitting["xgboost"] = isinstance(stager, XGBoostStager)
        return tuple(name for name, fits in fitting.items() if fits)
    names = formats.split(",") if isinstance(formats, str) else list(formats)
    asked = tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    for name in asked:
        check_known(name, MODEL_FORMATS, what="format of a model")
    if not asked:
        raise UsageError("no format was asked for", expected=", ".join(MODEL_FORMATS))
    return asked


def _tried_rows(model: PortableModel) -> tuple[NDArray[np.float64], list[Any]]:
    """Draw rows that reach many parts of the model: around means, or at and beside thresholds."""
    rng = np.random.default_rng(0)
    shape = (_TRIED_ROWS, len(model.features))
    body = model.body
    if isinstance(body, Linear):
        columns = slice(0, shape[1])
        rows = body.centre[columns] + body.scale[columns] * rng.normal(size=shape)
    else:
        rows = rng.normal(size=shape)
        for place in np.unique(body.column[(body.column >= 0) & (body.column < shape[1])]):
            cuts = body.threshold[body.column == place].astype(np.float32)
            cuts = np.concatenate([cuts, np.nextafter(cuts, np.float32(np.inf))])
            rows[:, place] = rng.choice(cuts, size=_TRIED_ROWS)
    rows[rng.random(shape) < 0.1] = np.nan
    choice = rng.integers(0, len(model.scanners) + 1, size=_TRIED_ROWS)
    return rows, [(*model.scanners, None)[i] for i in choice]


def _rows(
    stager: BaseStager, model: PortableModel, rows: NDArray[np.float64], scanners: list[Any]
) -> Any:
    if not hasattr(stager, "feature_names_in_") and model.scanner_column is None:
        return rows
    obs = pd.DataFrame({"case": [str(i) for i in range(len(rows))]})
    if model.scanner_column is not None:
        obs[model.scanner_column] = pd.Series(scanners, dtype=object)
    table = FeatureTable(pd.DataFrame(rows, columns=list(model.features)), obs)
    return stager_frame(table, model.scanner_column)


def _inputs(
    model: PortableModel, rows: NDArray[np.float64], scanners: list[Any]
) -> NDArray[np.float64]:
    flags = [[float(name == known) for known in model.scanners] for name in scanners]
    return np.hstack([rows, np.array(flags).reshape(len(rows), len(model.scanners))])


def _run_xgboost(path: Path, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(path)
    raw = booster.predict(xgboost.DMatrix(inputs, nthread=1)).astype(np.float64)
    return raw if raw.ndim == 2 else np.column_stack([1.0 - raw, raw])


def _require_equal(
    name: str, due: NDArray[np.float64], got: NDArray[np.float64], limit: float
) -> None:
    largest = float(np.abs(due - got).max())
    if not largest <= limit:
        raise ExportError(
            f"the {name} file would give other probabilities than the stager",
            expected=f"differences of at most {limit:g}",
            found=f"{largest:.3g} on {len(due)} rows",
            hint="leave out this format",
        )
