"""What stands beside a stored stager so that its answers say how sure they are."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.errors import ModelError
from radiofib.evaluation.predictions import prediction_levels
from radiofib.evaluation.quality import (
    measure_distance,
    patient_scores,
    quality_table,
    stage_score,
)
from radiofib.evaluation.stored_thresholds import Thresholds, add_sets
from radiofib.provenance import canonical_json, hash_file
from radiofib.staging.distance import TrainingDistance
from radiofib.table import FeatureTable

__all__ = ["Companion", "companion_path", "training_scores"]

FloatArray = NDArray[np.float64]

_FORMAT = 1
_FACTS = "facts.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def companion_path(model: str | Path) -> Path:
    """Return the path of the companion of a stored stager.

    Examples
    --------
    >>> companion_path("run/model.skops").as_posix()
    'run/model_uncertainty.npz'
    """
    path = Path(model)
    return path.with_name(f"{path.stem}_uncertainty.npz")


@dataclass(frozen=True, eq=False)
class Companion:
    """Distance to training, thresholds, and scores of training patients.

    Parameters
    ----------
    distance : TrainingDistance
        Fitted on the rows the stager was trained on.
    scanners : tuple of str
        Scanners of these rows.
    scores : ndarray
        :func:`radiofib.evaluation.quality.stage_score` of training patients by models that had
        not seen them; empty when there are none.
    thresholds : Thresholds, optional
        None where the stager was not cross-validated.
    """

    distance: TrainingDistance
    scanners: tuple[str, ...] = ()
    scores: FloatArray = field(default_factory=lambda: np.zeros(0))
    thresholds: Thresholds | None = None

    def write(self, model: str | Path) -> Path:
        """Write the companion beside a stored stager: numbers and JSON in one ``.npz``.

        It holds the hash of the model file, so that it can be told from another model's.
        """
        plain, arrays = self.distance.state()
        known = self.thresholds
        facts = {
            "format": _FORMAT,
            "model": hash_file(model),
            "distance": plain,
            "scanners": list(self.scanners),
            "thresholds": None if known is None else vars(known) | {"levels": list(known.levels)},
        }
        path = companion_path(model)
        temporary = path.with_name(f".{path.name}.part")
        with zipfile.ZipFile(temporary, "w") as target:
            members = {_FACTS: canonical_json(facts).encode()}
            for name, values in {**arrays, "scores": self.scores}.items():
                buffer = io.BytesIO()
                np.save(buffer, np.asarray(values, dtype=np.float64), allow_pickle=False)
                members[f"{name}.npy"] = buffer.getvalue()
            for name, content in members.items():
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(entry, content)
        temporary.replace(path)
        return path

    @classmethod
    def read(cls, model: str | Path) -> Companion | None:
        """Read the companion of a stored stager; None when it has none.

        Raises
        ------
        ModelError
            When it is damaged, of another format, or belongs to another model.
        """
        path = companion_path(model)
        if not path.is_file():
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                facts = json.loads(archive.read(_FACTS))
                arrays = {
                    name.removesuffix(".npy"): np.load(
                        io.BytesIO(archive.read(name)), allow_pickle=False
                    )
                    for name in archive.namelist()
                    if name.endswith(".npy")
                }
            version, of = facts["format"], facts["model"]
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise ModelError("cannot be read", where=path.name, found=str(error)) from error
        if version != _FORMAT or of != hash_file(model):
            raise ModelError(
                "does not belong to this model",
                where=path.name,
                expected=f"format {_FORMAT}, written with {Path(model).name}",
                found=f"format {version}" if version != _FORMAT else "another model's",
                hint="train again, or remove it: predictions are then without prediction sets "
                "and without a warning of unfamiliar cases",
            )
        try:
            given = facts["thresholds"]
            known = None
            if given is not None:
                sets = {k: (limit, int(n)) for k, (limit, n) in given["sets"].items()}
                cuts = {
                    target: {place: (low, high) for place, (low, high) in by_place.items()}
                    for target, by_place in given["cuts"].items()
                }
                levels = tuple(given["levels"])
                known = Thresholds(**given | {"levels": levels, "sets": sets, "cuts": cuts})
            return cls(
                TrainingDistance.from_state(facts["distance"], arrays),
                tuple(facts["scanners"]),
                arrays["scores"],
                known,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError("cannot be read", where=path.name, found=str(error)) from error

    def describe(
        self, predictions: pd.DataFrame, table: FeatureTable
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Add to predictions how sure they are.

        Parameters
        ----------
        predictions : DataFrame
            As :func:`radiofib.evaluation.predict_table` returns for `table`.
        table : FeatureTable

        Returns
        -------
        predictions : DataFrame
            With ``distance_p, unfamiliar, unfamiliar_channel`` of each row and, where thresholds
            are known, the set and the calls of its patient, see :func:`add_sets`.
        quality : DataFrame
            :func:`radiofib.evaluation.quality.quality_table` of the rows.
        """
        found = measure_distance(self.distance, table)
        said = pd.concat([predictions.reset_index(drop=True), found], axis=1)
        levels = prediction_levels(predictions)
        known = self.thresholds
        if known is not None and known.levels == levels:
            said = add_sets(said, known, self.scanners)
        ordered = True if known is None else known.ordered
        cases = said.assign(
            score=stage_score(predictions, ordered=ordered),
            missing=_lacks_channel(self.distance, table),
        )
        scores = self.scores if self.scores.size else None
        return said, quality_table(cases, training_scores=scores, known=self.scanners)


def _lacks_channel(distance: TrainingDistance, table: FeatureTable) -> NDArray[np.bool_]:
    """Tell which rows have no value of a channel that training cases had."""
    names = [str(n) for n in getattr(distance, "feature_names_in_", table.X.columns)]
    values = table.X[names].to_numpy(dtype=np.float64)
    found = np.zeros(len(values), dtype=np.bool_)
    for columns in distance.columns_:
        found |= np.isnan(values[:, columns]).all(axis=1)
    return found


def training_scores(predictions: pd.DataFrame, *, ordered: bool) -> FloatArray:
    """Return the scores of training patients from their cross-validated predictions."""
    part = predictions[predictions["setting"] == "cv"]
    part = predictions if part.empty else part
    scores = stage_score(part, ordered=ordered)
    return patient_scores(scores, part["patient"])
