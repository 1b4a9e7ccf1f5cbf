"""The step that draws where in a picture the stager's answer comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.cohort import Acquisition, Cohort
from radiofib.deep.cam import (
    ActivationMap,
    head_of_stager,
    linear_map,
    map_dependence,
    shap_map,
    shuffled_heads,
)
from radiofib.deep.cam_overlay import cam_overlay_png
from radiofib.engines import ExtractionConfig
from radiofib.errors import ConfigError, Failure, ModelError, RadiofibError
from radiofib.evaluation.explain import tree_shap
from radiofib.extract.doubts import Doubt
from radiofib.extract.embedding import Embedder, embedder_of, shown_part, white_for
from radiofib.images import load_roi
from radiofib.provenance import hash_file
from radiofib.staging import BaseStager, load_stager
from radiofib.study.burned_in import held_back, held_back_doubts
from radiofib.study.channel_sets import ChannelSet, channel_sets
from radiofib.study.config import CamConfig, StudyConfig
from radiofib.study.examples import pick_examples
from radiofib.study.folder import RunFolder
from radiofib.study.lost_sets import why_all_missing
from radiofib.study.model import labelled
from radiofib.study.parts import training_rows
from radiofib.study.progress import Progress
from radiofib.table import FeatureTable

__all__ = ["cam_step"]

#: How far the embedding may lie from the mean of the feature map, against its own size.
_SAME = 1e-3
_EXACT = (
    "The mean of a map marked exact, plus the offset, is the score of its stage: the log odds of "
    "two stages, the score before the softmax of more"
)
_CENTRED = ". The offset is the score of the average training picture"
_HEURISTIC = (
    "Maps marked heuristic deal out SHAP values of trees over the places where a feature is "
    "found: a picture to think with, no explanation"
)
_COLUMNS = (
    *("case", "file", "channel", "target", "kind", "note"),
    *("stage", "predicted", "score", "offset", "zero", "map_mean", "dependence", "learned_from"),
)
#: What is said of pictures that were not drawn, also by a run that finds the maps there.
_DOUBTS = "cam/doubts.csv"


@dataclass(frozen=True, eq=False)
class _Reader:
    """A stager that sees the embedding of one channel alone, with its network."""

    embedder: Embedder
    stager: BaseStager
    channel: str
    asked: CamConfig
    seed: int


def cam_step(
    study: StudyConfig,
    table: FeatureTable,
    cohort: Cohort,
    config: ExtractionConfig,
    folder: RunFolder,
    features_hash: str,
    tell: Progress,
) -> tuple[list[Failure], list[Doubt]]:
    """Draw class activation maps of some pictures; ``cam/cam.csv`` and ``cam/*.png``.

    Pictures are taken stage by stage, with fixed parts only from those that the stager has not
    learned from. The map is that of the stage the stager predicts. For a logistic stager on
    the embedding it is exact; for trees it is a heuristic and says so. Pictures that show
    burned-in text are not drawn: the doubts name them.
    """
    if study.cam is None:
        folder.discard("cam")
        return [], []
    rows = labelled(table)
    models = {s.model_file: s for s in channel_sets(study)}
    stored = {n: hash_file(folder.root / n) for n in models if (folder.root / n).is_file()}
    key = {
        "features": features_hash,
        "models": stored,
        "cam": study.cam.model_dump(mode="json"),
        "seed": study.seed,
    }
    failures: list[Failure] = []

    def work() -> None:
        folder.discard("cam")
        _draw(study, rows, cohort, config, folder, tell, failures)

    try:
        folder.step("cam", key, ("cam/cam.csv", _DOUBTS), work)
    except RadiofibError as error:
        folder.discard("cam")
        return [Failure.from_error(error, case="", step="cam"), *failures], []
    return failures, _doubts(folder)


def _doubts(folder: RunFolder) -> list[Doubt]:
    path = folder.root / _DOUBTS
    if not path.is_file():
        return []
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    return [Doubt(*map(str, row)) for row in rows.itertuples(index=False)]


def _draw(
    study: StudyConfig,
    rows: FeatureTable,
    cohort: Cohort,
    config: ExtractionConfig,
    folder: RunFolder,
    tell: Progress,
    failures: list[Failure],
) -> None:
    """Draw the maps; pictures that have none are added to `failures`, also where none has one."""
    assert study.cam is not None
    reader = _reader(study, study.cam, rows, config, folder)
    learned = set(training_rows(study, rows).obs["case"])
    held_out = rows.subset(~rows.obs["case"].isin(learned).to_numpy())
    shown = held_out if held_out.n_rows else rows
    own = [a for a in cohort.acquisitions if a.channel == reader.channel]
    picks = pick_examples(own, shown, study.cam.maps)
    found: list[dict[str, Any]] = []
    held: list[Acquisition] = []
    for number, acquisition in enumerate(picks):
        tell("cam", number, len(picks))
        try:
            name = f"{number + 1:02d}__{acquisition.channel}.png"
            row = _one(study, reader, acquisition, folder, name)
        except RadiofibError as error:
            failures.append(
                Failure.from_error(
                    error, case=acquisition.case, step="cam", channel=acquisition.channel
                )
            )
            continue
        if row is None:
            held.append(acquisition)
            continue
        found.append(row | {"learned_from": acquisition.case in learned})
    tell("cam", len(picks), len(picks))
    doubts = held_back_doubts(held, len(picks), "cam/")
    if not found:
        said = [one.doubt for one in doubts]
        if failures:
            first = failures[0]
            many = f"{len(failures)} failures" if len(failures) > 1 else "1 failure"
            said.insert(0, f"{many} of {len(picks)}, case {first.case!r}: {first.reason}")
        raise ModelError(
            "no class activation map could be drawn",
            found="; ".join(part.rstrip(".") for part in said) or "no picture of these cases",
        )
    if doubts:
        folder.write_frame(_DOUBTS, pd.DataFrame(doubts))
    frame = pd.DataFrame(found)
    note = _EXACT if (frame["kind"] == "exact").all() else _HEURISTIC
    if frame["centred"].all():
        note += _CENTRED
    frame["note"] = f"{note}. {_said_of_weights(frame['dependence'])}"
    folder.write_frame("cam/cam.csv", frame[list(_COLUMNS)])


def _reader(
    study: StudyConfig,
    asked: CamConfig,
    rows: FeatureTable,
    config: ExtractionConfig,
    folder: RunFolder,
) -> _Reader:
    """Find the set of features that is the embedding of one channel, and its stager."""
    embedder = embedder_of(config)
    if embedder is None:
        raise ConfigError(
            "class activation maps need a network",
            hint="name one under 'embedding' in the extraction, or leave 'cam' out",
        )
    for channels in channel_sets(study):
        channel = _only_channel(channels, rows, embedder)
        if channel is not None:
            stager = _trained(channels, folder)
            return _Reader(embedder, stager, channel, asked, study.seed)
    columns = [c for channel in _channels(rows) for c in embedder.columns(channel)]
    columns = [c for c in columns if c in rows.X]
    why = why_all_missing(rows, columns) if columns else None
    if why is not None:
        raise ModelError(
            "class activation maps need a stager that was trained on embeddings, and no case has "
            "one",
            found=why,
        )
    raise ConfigError(
        "class activation maps need a stager that sees the embedding of one channel alone",
        hint="add a set to the study, such as feature_sets: {Embedding: [embedding]}",
    )


def _trained(channels: ChannelSet, folder: RunFolder) -> BaseStager:
    """Return the stager of a set; say which one is not there, and where the reason is."""
    path = folder.root / channels.model_file
    if not path.is_file():
        whose = f"of set {channels.name!r}" if channels.name else "of all features"
        raise ModelError(
            f"the stager {whose} is not there: it was not trained",
            where=channels.model_file,
            hint="failures.csv says why, step 'train'",
        )
    stager, _ = load_stager(path)
    return stager


def _channels(rows: FeatureTable) -> list[str]:
    return list(dict.fromkeys(str(c).partition("_")[0] for c in rows.X))


def _only_channel(channels: ChannelSet, rows: FeatureTable, embedder: Embedder) -> str | None:
    """Return the channel whose embedding is all that a set holds; None for another set."""
    columns = [str(c) for c in channels.of(rows).X]
    for channel in _channels(rows):
        if columns == embedder.columns(channel):
            return channel
    return None


def _one(
    study: StudyConfig, reader: _Reader, acquisition: Acquisition, folder: RunFolder, name: str
) -> dict[str, Any] | None:
    """Draw one picture's map, and return its row; None where the picture must not be shown."""
    roi = load_roi(
        acquisition.image,
        acquisition.mask,
        mask_label=acquisition.mask_label,
        channel=acquisition.channel,
    )
    embedder = reader.embedder
    part = shown_part(roi, embedder.settings).pixels
    if held_back(study, acquisition, part):
        return None
    white = white_for(embedder, roi, acquisition).value
    embedding, features = embedder.with_feature_map(roi, white)
    means = features.reshape(len(features), -1).mean(axis=1)
    if features.shape[0] != embedding.size or np.abs(means - embedding).max() > _SAME * max(
        float(np.abs(embedding).max()), 1e-12
    ):
        raise ModelError(
            "the embedding is not the mean of the feature map: its places share no score",
            where=embedder.network.session.name,
            hint="convert the network with an embedding that is pooled by the mean",
        )
    frame = pd.DataFrame([embedding], columns=embedder.columns(acquisition.channel))
    proba = reader.stager.predict_proba(frame)[0]
    label = str(reader.stager.classes_[int(np.argmax(proba))])
    made, dependence = _map(reader, features, frame, label)
    shown = picture_shown(part, white)
    cam_overlay_png(shown, made, folder.path(f"cam/{name}"), title="predicted")
    return {
        "case": acquisition.case,
        "file": name,
        "channel": acquisition.channel,
        "target": label,
        "kind": made.kind,
        "stage": acquisition.stage or "",
        "predicted": label,
        "score": made.score,
        "offset": made.offset,
        "zero": made.zero,
        "centred": made.centred,
        "map_mean": float(np.mean(made.values)),
        "dependence": dependence,
    }


def picture_shown(pixels: NDArray[Any], white: float | None) -> NDArray[np.uint8]:
    """Return pixels as greys or colours of 8 bits, from 0 to white (else to the largest).

    Examples
    --------
    >>> picture_shown(np.array([[0.0, 5.0, 10.0]]), 10.0).tolist()
    [[0, 128, 255]]
    """
    top = white if white else float(np.max(pixels))
    share = np.clip(np.asarray(pixels, dtype=np.float64) / (top if top > 0 else 1.0), 0, 1)
    return np.rint(255 * share).astype(np.uint8)


def _map(
    reader: _Reader, features: NDArray[np.float64], frame: pd.DataFrame, label: str
) -> tuple[ActivationMap, float]:
    """Return the map, and how alike maps of weights dealt to other features are.

    That is the median of the correlations without their signs: a map turned over has its pattern
    in common with the other one.
    """
    try:
        head = head_of_stager(reader.stager)
    except ModelError:
        return _tree_map(reader, features, frame, label)
    made = linear_map(features, head, label)
    heads = shuffled_heads(head, reader.asked.shuffles, seed=reader.seed)
    others = np.array([linear_map(features, other, label).values for other in heads])  # noqa: PD011
    return made, _median(np.abs(map_dependence(made.values, others)))


def _tree_map(
    reader: _Reader, features: NDArray[np.float64], frame: pd.DataFrame, label: str
) -> tuple[ActivationMap, float]:
    found = tree_shap(reader.stager, frame)
    number = found.classes.index(label)
    values, base = found.shares[0, :, number], float(found.base[number])
    if found.scale == "log-odds" and number == 0 and len(found.classes) == 2:
        # Two classes have one margin: what speaks against the second speaks for the first.
        values, base = -found.shares[0, :, 1], -float(found.base[1])
    made = shap_map(features, values, base=base, label=label)
    rng = np.random.default_rng(reader.seed)
    shuffled = [rng.permutation(values) for _ in range(reader.asked.shuffles)]
    maps = [shap_map(features, v, base=base, label=label) for v in shuffled]
    others = np.array([each.values for each in maps])  # noqa: PD011
    return made, _median(np.abs(map_dependence(made.values, others)))


def _median(values: Sequence[float] | NDArray[np.float64]) -> float:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else float("nan")


def _said_of_weights(dependence: pd.Series) -> str:
    middle = _median(dependence.to_numpy())
    if not np.isfinite(middle):
        return "How far maps depend on the weights could not be told"
    return (
        f"With the weights dealt to other features maps look alike with a rank correlation of "
        f"{middle:.2f} (median, whatever its sign): near 1 a map shows the places that any weights "
        "would, perhaps with the colours exchanged; near 0 it depends on them, which says nothing "
        "about whether it is true"
    )
