"""A network that labels tiles, as its card describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib.deep.card import ModelCard, Role
from radiofib.deep.inputs import picture_input
from radiofib.deep.network import Network, open_network
from radiofib.deep.providers import device_of
from radiofib.deep.session import OutOfMemoryError
from radiofib.errors import ConfigError, ModelError, UsageError
from radiofib.provenance import environment, hash_object
from radiofib.slides.labels.settings import SegmentSettings
from radiofib.slides.labels.stitch import most_likely, upsample
from radiofib.slides.segmentation import Compartment, SlideClass, compartments_of

__all__ = ["Segmenter", "open_segmenter", "slide_classes"]

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
#: Labels are kept in a byte.
_MOST_CLASSES = 256
_BACKGROUND = ("background", "glass")


@dataclass(frozen=True, eq=False)
class Segmenter:
    """An opened segmentation network; see :func:`open_segmenter`.

    Parameters
    ----------
    network : Network
        Model and card; one thread inside, so that several threads may run it side by side and
        each tile comes out the same.
    classes : tuple of SlideClass
        In the order of the labels.
    settings : SegmentSettings
        How it is laid over slides.
    um : float
        Side of a pixel of a tile.
    tile, stride : int
        Side of a tile, and the way from one to the next, in pixels.
    role : {"label_map", "logits"}
        Output that is used: labels where the graph has them and nothing is blended.
    """

    network: Network
    classes: tuple[SlideClass, ...]
    settings: SegmentSettings
    um: float
    tile: int
    stride: int
    role: Role

    @property
    def name(self) -> str:
        """File name and short hash of the model."""
        return f"{self.network.session.name} {self.network.session.source_hash[:12]}"

    @property
    def blends(self) -> bool:
        """Whether tiles overlap."""
        return self.stride < self.tile

    @property
    def on_gpu(self) -> bool:
        """Whether the network runs elsewhere than on the CPU."""
        return device_of(self.network.session.providers) != "cpu"

    @property
    def batch(self) -> int:
        """Tiles at once."""
        given = self.network.fixed_batch or self.settings.batch
        return given or (16 if self.on_gpu else 1)

    def facts(self) -> dict[str, Any]:
        """Return all that labels depend on besides the slide; never paths."""
        session = self.network.session
        return {
            "model": session.name,
            "sha256": session.source_hash,
            "card": hash_object(self.network.card.to_json()),
            "um_per_px": self.um,
            "tile": self.tile,
            "stride": self.stride,
            "output": self.role,
            "margin_um": self.settings.margin_um,
            "stain_normalisation": self.settings.stain_normalisation,
            "classes": [[c.name, list(c.color), c.compartment] for c in self.classes],
            "providers": list(session.providers),
            "runtime": {k: v for k, v in environment(_RUNTIMES).items() if k in _RUNTIMES},
        }

    def run(self, tiles: Sequence[NDArray[np.uint8]]) -> list[NDArray[Any]]:
        """Return what the network says on tiles.

        Parameters
        ----------
        tiles : sequence of ndarray of uint8, shape (tile, tile, 3)
            RGB at :attr:`um`.

        Returns
        -------
        list of ndarray
            For each tile labels, uint8 (tile, tile); where tiles overlap the logits, float32
            (classes, tile, tile).

        Raises
        ------
        ModelError
            When the network fails, or gives what its card does not say.
        """
        how = self.network.card.preprocessing
        batch = np.stack([picture_input(tile, how) for tile in tiles])
        fixed = self.network.fixed_batch
        if fixed is not None and len(tiles) < fixed:
            filled = np.zeros((fixed, *batch.shape[1:]), batch.dtype)
            filled[: len(tiles)] = batch
            batch = filled
        try:
            values, _, _ = self.network.run(batch, [self.role])
        except OutOfMemoryError:
            if len(tiles) == 1 or fixed is not None:
                raise
            half = len(tiles) // 2
            return [*self.run(tiles[:half]), *self.run(tiles[half:])]
        found = values[self.role]
        if found.ndim == 0 or len(found) != len(batch):
            raise self._other("one entry for each tile", found)
        read = self._labels if self.role == "label_map" else self._logits
        return [read(one) for one in found[: len(tiles)]]

    def _labels(self, found: NDArray[Any]) -> NDArray[Any]:
        labels = found[0] if found.ndim == 3 and len(found) == 1 else found
        if labels.shape != (self.tile, self.tile):
            raise self._other(f"labels of {self.tile} x {self.tile}", labels)
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= len(self.classes):
            raise ModelError(
                "the model gives labels that its card does not name",
                where=self.network.session.name,
                expected=f"0 to {len(self.classes) - 1}",
                found=f"{low} to {high}",
                hint="correct the classes of the card, or convert the model again",
            )
        return labels.astype(np.uint8)

    def _logits(self, found: NDArray[Any]) -> NDArray[Any]:
        if found.ndim != 3 or len(found) != len(self.classes):
            raise self._other(f"logits of {len(self.classes)} classes", found)
        if not np.isfinite(found).all():
            raise ModelError(
                "the network's logits are not finite",
                where=self.network.session.name,
                hint="check that the card's preprocessing is the training's",
            )
        full = upsample(found.astype(np.float32), self.tile)
        return full if self.blends else most_likely(full)

    def _other(self, expected: str, found: NDArray[Any]) -> ModelError:
        return ModelError(
            "the model gives something else than its card says",
            where=self.network.session.name,
            expected=expected,
            found=" x ".join(map(str, found.shape)) or "one number",
            hint="correct the card, or convert the model again",
        )


def open_segmenter(
    path: str | Path,
    settings: SegmentSettings | None = None,
    *,
    stated: Mapping[str, Any] | None = None,
) -> Segmenter:
    """Open a segmentation network for slides.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    settings : SegmentSettings, optional
        Overlap, names of the portal class, where it runs.
    stated : mapping, optional
        Facts its card does not state, or states otherwise.

    Raises
    ------
    MissingExtraError
        Without onnxruntime.
    ConfigError
        When resolution, tile or another fact is stated nowhere.
    ModelError
        When the model is no segmenter for slides, or its card is not that of its graph.
    UsageError
        When a class named in the settings is none of the model's, or none is the portal tract.
    """
    settings = settings or SegmentSettings()
    network = open_network(path, stated=stated, providers=settings.providers, threads=1)
    card, where = network.card, network.session.name
    if card.kind != "segmenter":
        raise ModelError(
            "the model is no segmenter",
            where=where,
            expected="one label for each pixel",
            found=card.kind,
            hint="give a segmentation network, such as one of radiofib onnx convert hotspot",
        )
    um, tile = _geometry(card, where)
    stride = tile - round(settings.overlap * tile)
    classes = slide_classes(card, portal=settings.portal, tissue=settings.tissue, where=where)
    return Segmenter(network, classes, settings, um, tile, stride, _role(card, stride, where))


def _geometry(card: ModelCard, where: str) -> tuple[float, int]:
    how = card.preprocessing
    if how.um_per_px is None or how.tile is None:
        named = {"um_per_px": how.um_per_px, "tile": how.tile}
        absent = [f"preprocessing.{name}" for name, value in named.items() if value is None]
        raise ConfigError(
            "the model's card does not say how it is laid over a slide",
            where=where,
            expected="; ".join(absent) + " (um of a pixel and side of a tile in its training)",
            found="nothing",
            hint="state them in a YAML file given with --card",
        )
    if how.colour != "rgb":
        raise ModelError(
            "the model does not take colours", where=where, expected="rgb", found=how.colour
        )
    if how.resize == "none" and how.size is not None and how.size != (how.tile, how.tile):
        raise ModelError(
            "tile and size of the model's input differ, and its card allows no resizing",
            where=where,
            expected=f"a tile of {how.size[0]} x {how.size[1]}",
            found=str(how.tile),
            hint="correct tile or size in the card",
        )
    return how.um_per_px, how.tile


def _role(card: ModelCard, stride: int, where: str) -> Role:
    """Return which output is used."""
    how = card.preprocessing
    tile = int(how.tile or 0)
    whole = how.size is None or how.size == (tile, tile)
    if stride == tile and whole and card.output("label_map") is not None:
        return "label_map"
    if card.output("logits") is None:
        raise ModelError(
            "the model has labels only and no logits",
            where=where,
            expected="logits, where tiles overlap or are resized",
            hint="use no overlap, or convert the model again with its logits",
        )
    return "logits"


def slide_classes(
    card: ModelCard, *, portal: Sequence[str] = (), tissue: Sequence[str] = (), where: str
) -> tuple[SlideClass, ...]:
    """Return the classes of a card with what each stands for.

    Parameters
    ----------
    card : ModelCard
        Of a segmenter.
    portal, tissue : sequence of str
        Names of the classes that are portal tracts, and lobule; where given, no other class is
        taken for it because of its name.
    where : str
        Name of the model, for messages.

    Raises
    ------
    UsageError
        When a name is none of the card's, names the background, or stands in both; or when no
        class is the portal tract.
    ModelError
        When there are more classes than labels can hold, or the first is not the background.
    """
    names = [c.name for c in card.classes]
    if len(names) > _MOST_CLASSES:
        raise ModelError(
            "too many classes", where=where, expected="at most 256", found=str(len(names))
        )
    guessed = compartments_of(names)
    late = [n for n in names[1:] if n.casefold().startswith(_BACKGROUND)]
    if late:
        raise ModelError(
            "the first class must be the background",
            where=where,
            expected=late[0],
            found=names[0],
            hint="export the model with the background first",
        )
    chosen: dict[str, Compartment] = {}
    stated: tuple[tuple[Compartment, Sequence[str]], ...] = (("portal", portal), ("lobule", tissue))
    for compartment, given in stated:
        for name in given:
            check_known(name, names[1:], what="class", where=where, error=UsageError)
            if chosen.setdefault(name, compartment) != compartment:
                raise UsageError("a class is either portal tract or tissue", found=repr(name))
        if given:
            guessed = ["other" if g == compartment else g for g in guessed]
    parts = [chosen.get(name, guess) for name, guess in zip(names, guessed, strict=True)]
    if "portal" not in parts:
        raise UsageError(
            "no class of the model is called portal tract",
            where=where,
            expected="one of its classes",
            found=list_some(names),
            hint="name it with --portal",
        )
    return tuple(
        SlideClass(c.name, _color(c.colour), part)
        for c, part in zip(card.classes, parts, strict=True)
    )


def _color(text: str | None) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex((text or "#808080")[1:])
    return (red, green, blue)
