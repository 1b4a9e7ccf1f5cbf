"""Embeddings of a network as columns, beside an engine's features or alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_regular
from radiofib.cohort import Acquisition
from radiofib.deep.card import MissingFactsError, Role
from radiofib.deep.inputs import picture_input
from radiofib.deep.intensity import Window, normalised
from radiofib.deep.network import Network, RunSettings, open_network, run_many
from radiofib.deep.range_doubts import range_doubts
from radiofib.engines import ExtractionConfig, RoiFeatures
from radiofib.engines.embedding import EmbeddingSettings
from radiofib.errors import EngineError, MissingModelError, ModelError, RadiofibError
from radiofib.extract.doubts import Doubt
from radiofib.extract.embedding_volume import volume_input
from radiofib.extract.embedding_white import White, white_of_file
from radiofib.preprocess.instances import slice_axis
from radiofib.provenance import environment
from radiofib.registry import deep_feature
from radiofib.roi import Roi

__all__ = [
    "FAILED",
    "Embedder",
    "embedder_of",
    "embedding_columns",
    "embedding_doubts",
    "embedding_entry",
    "embedding_versions",
    "shown_part",
    "white_for",
    "with_embedding",
]

_IMAGE = "original"
#: What the reason of a missing embedding begins with.
FAILED = "embedding failed: "
_ONE = RunSettings(batch=1, threads=1)


@dataclass(frozen=True, eq=False)
class Embedder:
    """An opened network and how it is used; see :func:`embedder_of`.

    Parameters
    ----------
    network : Network
        With its card.
    settings : EmbeddingSettings
        Section ``embedding``.
    length : int
        How many numbers it gives.
    """

    network: Network
    settings: EmbeddingSettings
    length: int

    @property
    def of_volumes(self) -> bool:
        """Whether the network takes volumes."""
        return self.network.card.kind == "volume"

    def columns(self, channel: str) -> list[str]:
        """Return the columns of a channel; none where the network is not run on it."""
        wanted = self.settings.channels
        if wanted is not None and channel not in wanted:
            return []
        numbers = range(1, self.length + 1)
        return [deep_feature(self.settings.name, n).column(channel, _IMAGE) for n in numbers]

    def check(self, roi: Roi) -> None:
        """Raise when the network cannot be shown a region of this kind.

        Raises
        ------
        EngineError
            For a volume and a network of pictures without a rule for slices.
        """
        if roi.ndim == 3 and not self.of_volumes and self.settings.slice == "refuse":
            raise EngineError(
                "the network takes pictures, and the region is a volume",
                hint="state 'slice: largest' under 'embedding', or cut the region by "
                "'instances: {kind: slices}'",
            )

    def measure(self, roi: Roi, white: float | None) -> NDArray[np.float64]:
        """Return the embedding of a region's image.

        Parameters
        ----------
        roi : Roi
            The region.
        white : float or None
            Value of white of the picture; None where ``intensity`` or the card says how
            intensities become the input. See :func:`white_for`.

        Raises
        ------
        ImageError
            When the network cannot be shown this image.
        ModelError
            When the network fails, or its output is not finite.
        """
        [values] = self._run(roi, white, "embedding")
        return self._checked(values)

    def with_feature_map(
        self, roi: Roi, white: float | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return embedding and feature map (features, rows, columns) of one run; as `measure`."""
        values, found = self._run(roi, white, "embedding", "feature_map")
        return self._checked(values), found[0] if found.shape[0] == 1 and found.ndim > 3 else found

    def _checked(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        values = values.ravel()
        if values.size != self.length:
            raise ModelError(
                "the length of the embedding is not the same for all images",
                where=self.network.session.name,
                expected=str(self.length),
                found=str(values.size),
            )
        return values

    def _run(self, roi: Roi, white: float | None, *roles: Role) -> list[NDArray[np.float64]]:
        given = self._input(roi, white)
        [found] = run_many(
            self.network,
            [given],
            list(roles),
            prepare=lambda array: array,
            name=lambda _: f"channel {roi.channel!r}",
            settings=_ONE,
        )
        if found.error is not None:
            raise found.error
        assert found.outputs is not None
        return [found.outputs[role].astype(np.float64) for role in roles]

    def _input(self, roi: Roi, white: float | None) -> NDArray[Any]:
        how = self.network.card.preprocessing
        part = shown_part(roi, self.settings)
        if self.of_volumes:
            return volume_input(part, how)
        if part.ndim == 3:
            part = shown_part(_largest_slice(roi), self.settings)
        grey = self.settings.intensity
        if grey is None:
            return picture_input(part.pixels, how, white=white)
        whole = _largest_slice(roi) if roi.ndim == 3 else roi
        if not isinstance(grey, Window):
            values = whole.pixels.astype(np.float64)
            low, high = (float(v) for v in np.percentile(values, (grey.low, grey.high)))
            grey = Window(type="window", low=low, high=high if high > low else low + 1)
        share = np.clip(normalised(part.pixels, grey), 0, 1)
        return picture_input(share, how, white=1.0)


def shown_part(roi: Roi, settings: EmbeddingSettings) -> Roi:
    """Return the part of an image that the network is shown, with the mask in it.

    ``whole``: all of it. ``box``: along each axis from ``start - m`` to ``stop + m`` of the
    smallest box around the mask, ``m = ceil(margin * (stop - start))``, kept inside the image.

    Examples
    --------
    >>> mask = np.zeros((10, 10), bool)
    >>> mask[4:8, 0:2] = True
    >>> roi = Roi(np.zeros((10, 10)), mask, (1.0, 1.0), "us")
    >>> box = EmbeddingSettings(model="m.onnx", name="net", region="box", margin=0.25)
    >>> shown_part(roi, box).pixels.shape  # rows 3 to 9, columns 0 to 3
    (6, 3)
    """
    if settings.region == "whole":
        return roi
    parts = []
    for axis in range(roi.ndim):
        others = tuple(a for a in range(roi.ndim) if a != axis)
        inside = np.flatnonzero(roi.mask.any(axis=others))
        start, stop = int(inside[0]), int(inside[-1]) + 1
        margin = math.ceil(settings.margin * (stop - start) - 1e-9)
        parts.append(slice(max(0, start - margin), min(roi.mask.shape[axis], stop + margin)))
    box = tuple(parts)
    origin = roi.origin_mm
    if origin is not None and roi.direction is not None and roi.ndim == len(origin):
        matrix = np.asarray(roi.direction, dtype=np.float64).reshape(roi.ndim, roi.ndim)
        steps = np.array([p.start * s for p, s in zip(box, roi.spacing_mm, strict=True)][::-1])
        origin = tuple(float(v) for v in np.asarray(origin) + matrix @ steps)
    return Roi(
        roi.pixels[box],
        roi.mask[box],
        roi.spacing_mm,
        roi.channel,
        roi.source_hash,
        roi.spacing_known,
        origin,
        roi.direction,
        roi.notes,
    )


def _largest_slice(roi: Roi) -> Roi:
    """Return the slice with most voxels of the region, across the axis of acquisition."""
    axis = slice_axis(roi.spacing_mm)
    others = tuple(a for a in range(3) if a != axis)
    number = int(np.count_nonzero(roi.mask, axis=others).argmax())
    return Roi(
        np.take(roi.pixels, number, axis=axis),
        np.take(roi.mask, number, axis=axis),
        tuple(s for a, s in enumerate(roi.spacing_mm) if a != axis),
        roi.channel,
        roi.source_hash,
        roi.spacing_known,
    )


def embedder_of(config: ExtractionConfig) -> Embedder | None:
    """Return the network of a configuration, opened once in a process; None without one.

    Raises
    ------
    MissingExtraError
        Without onnxruntime.
    ConfigError
        When a fact about the network is stated nowhere.
    ModelError
        When the model cannot be used, or gives no embedding.
    """
    settings = config.embedding
    if settings is None:
        return None
    path = Path(settings.model).resolve()
    check_regular(path, error=MissingModelError, where=settings.model)
    if not path.is_file():
        raise MissingModelError(
            "no such model file",
            where=settings.model,
            expected="the network that section 'embedding' names",
            hint="put it there ('radiofib onnx convert' makes one), or leave 'embedding' out, with "
            "whatever else of a study needs it (feature_sets, cam)",
        )
    state = path.stat()
    seen = (state.st_mtime_ns, state.st_size)
    return _opened(str(path), seen, settings.model_dump_json())


@lru_cache(maxsize=4)
def _opened(path: str, seen: object, text: str) -> Embedder:  # noqa: ARG001 - seen is part of the key
    settings = EmbeddingSettings.model_validate_json(text)
    try:
        network = open_network(path, stated=settings.card)
    except MissingFactsError as error:
        raise MissingFactsError(
            error.problem,
            where=error.where,
            expected=error.expected,
            found=error.found,
            hint="take the facts from where the model was trained and state them in the "
            "configuration, under 'embedding: {card: {...}}', or write them into the model with "
            "'radiofib onnx convert generic MODEL.onnx --card FACTS.yaml --out NEW.onnx'",
        ) from error
    output = network.card.output("embedding")
    if output is None:
        raise ModelError(
            "the model gives no embedding",
            where=network.session.name,
            expected="an output with role embedding in its card",
        )
    if network.card.kind == "volume" and settings.intensity is not None:
        raise ModelError(
            "'intensity' is for networks of pictures: the card of a network of volumes says how "
            "intensities are normalised",
            where=network.session.name,
        )
    length = next(p.shape for p in network.session.outputs if p.name == output.name)[1]
    if length is None:
        raise ModelError(
            "the graph does not say how many numbers its embedding has",
            where=network.session.name,
            expected=f"output {output.name!r} of shape N x features",
            hint="export the model again with this length fixed",
        )
    return Embedder(network, settings, length)


def embedding_columns(config: ExtractionConfig, channel: str) -> list[str]:
    """Return the columns that section ``embedding`` adds for one channel."""
    embedder = embedder_of(config)
    return [] if embedder is None else embedder.columns(channel)


def embedding_versions(config: ExtractionConfig) -> str:
    """Return what of the network the key of a finished piece depends on; "" without one."""
    embedder = embedder_of(config)
    if embedder is None:
        return ""
    runtime = environment(("onnxruntime", "onnxruntime-gpu", "pillow"))
    runtime.pop("radiofib")
    runtime.pop("python")
    used = ", ".join(f"{name} {version}" for name, version in sorted(runtime.items()))
    return f", model {embedder.network.session.source_hash}, {used}"


def embedding_entry(config: ExtractionConfig) -> dict[str, Any]:
    """Return what the provenance of a table says of the network; empty without one."""
    embedder = embedder_of(config)
    if embedder is None:
        return {}
    card, session = embedder.network.card, embedder.network.session
    return {
        "embedding": {
            "name": embedder.settings.name,
            "sha256": session.source_hash,
            "features": embedder.length,
            "architecture": card.architecture,
            "precision": card.precision,
            "licence": card.licence,
            "source": card.source.model_dump(mode="json"),
        }
    }


def embedding_doubts(config: ExtractionConfig) -> list[Doubt]:
    """Return what of the network's card looks wrong, as about no case; none without a network."""
    embedder = embedder_of(config)
    if embedder is None:
        return []
    name = embedder.network.session.name
    how = embedder.network.card.preprocessing
    return [Doubt("", "", "", f"{name}: {text}") for text in range_doubts(how)]


def with_embedding(
    features: RoiFeatures,
    roi: Roi,
    config: ExtractionConfig,
    acquisition: Acquisition,
    *,
    image: Roi | None = None,
) -> RoiFeatures:
    """Add the embedding of a region's image; one that cannot be had is missing, with its reason.

    Parameters
    ----------
    features : RoiFeatures
        Of the engine.
    roi : Roi
        The region, or an instance of it.
    config : ExtractionConfig
        What was asked for.
    acquisition : Acquisition
        Whose image it is; its file says what white is in a picture.
    image : Roi, optional
        The whole region when `roi` is an instance of it.
    """
    embedder = embedder_of(config)
    columns = [] if embedder is None else embedder.columns(roi.channel)
    if embedder is None or not columns:
        return features
    try:
        embedder.check(roi)
        white = white_for(embedder, image or roi, acquisition)
        found: dict[str, float] = dict(
            zip(columns, embedder.measure(roi, white.value).tolist(), strict=True)
        )
    except Exception as error:  # what cannot be shown to a network leaves the others alone
        told = str(error) if isinstance(error, RadiofibError) else type(error).__name__
        reason = f"{FAILED}{told}"
        return RoiFeatures(
            features.values | dict.fromkeys(columns, float("nan")),
            features.missing | dict.fromkeys(columns, reason),
            features.flags,
        )
    flags = dict.fromkeys(columns, white.remark) if white.remark else {}
    return RoiFeatures(features.values | found, features.missing, features.flags | flags)


def white_for(embedder: Embedder, image: Roi, acquisition: Acquisition) -> White:
    """Return the value of white of a picture file; see :func:`white_of_file`."""
    if embedder.of_volumes:
        return White(None)
    told = acquisition.extra.get("white_grey")
    known = None if told is None else float(str(told))
    return white_of_file(embedder.settings, image, Path(acquisition.image), told=known)
