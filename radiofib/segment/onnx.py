"""A user's 3-D ONNX segmentation model: from an image to a liver mask on the image's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.deep.session import CPU, OnnxSession, Port, open_session
from radiofib.errors import ConfigError, MaskError, ModelError
from radiofib.images.grids import Grid
from radiofib.images.image import Image
from radiofib.preprocess.memory import check_memory
from radiofib.provenance import hash_array
from radiofib.segment.grids import on_grid, oriented_grid, to_itk
from radiofib.segment.model_facts import ModelFacts, facts_of_model, normalised
from radiofib.segment.regions import fill_holes, largest_piece
from radiofib.segment.windows import slide

__all__ = ["LiverModel", "Segmented", "load_model", "segment_with_model"]

_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")


@dataclass(frozen=True, eq=False)
class LiverModel:
    """A segmentation model, opened and with all that must be known; see :func:`load_model`.

    Parameters
    ----------
    session : OnnxSession
        The model.
    facts : ModelFacts
        Complete: nothing in `facts.missing`.
    window : tuple of int
        Input size in the order of ``facts.axes``.
    output : str
        Name of the output that is read.
    """

    session: OnnxSession
    facts: ModelFacts
    window: tuple[int, int, int]
    output: str


@dataclass(frozen=True, eq=False)
class Segmented:
    """A computed mask.

    Parameters
    ----------
    mask : Image
        1 inside, 0 outside, on the grid of the image.
    volume_ml : float
        Its volume.
    notes : tuple of str
        Model, spacing, pieces left out.
    """

    mask: Image
    volume_ml: float
    notes: tuple[str, ...]


def load_model(
    path: str | Path,
    facts: ModelFacts | None = None,
    *,
    providers: Sequence[str] = (CPU,),
    threads: int = 1,
) -> LiverModel:
    """Open a segmentation model and check that everything about it is stated and fits.

    The model has one input of shape (1, 1, a, b, c), floats, and an output of shape
    (1, channels, a, b, c); lengths may be left open.

    Parameters
    ----------
    path : path
        The ``.onnx`` file.
    facts : ModelFacts, optional
        What the model's own metadata does not state, or states otherwise.
    providers, threads
        As for :func:`radiofib.deep.open_session`.

    Raises
    ------
    MissingExtraError
        Without onnxruntime.
    ConfigError
        When a fact is stated nowhere, or contradicts the model.
    ModelError
        When the file is no model, or not one of this kind.
    """
    session = open_session(path, providers=providers, threads=threads)
    complete = facts_of_model(session.metadata, facts, where=session.name)
    port = _only_input(session)
    output = _output(session, complete)
    assert complete.label is not None
    channels = output.shape[1]
    fewest = complete.label + 1 if complete.output != "argmax" else max(complete.label + 1, 2)
    if channels is not None and channels < fewest:
        raise ConfigError(
            f"label {complete.label} with output {complete.output!r} does not fit the model",
            where=session.name,
            expected=f"an output of {fewest} channels or more",
            found=output.describe(),
        )
    if complete.output == "argmax" and complete.label == 0:
        raise ConfigError(
            "label 0 is the background of a model with argmax",
            where=session.name,
            hint="give the number of the liver among the output channels",
        )
    return LiverModel(session, complete, _window(session, port, complete), output.name)


def _only_input(session: OnnxSession) -> Port:
    port = session.inputs[0]
    right = len(session.inputs) == 1 and len(port.shape) == 5 and port.type in _FLOATS
    if not right or any(n not in (None, 1) for n in port.shape[:2]):
        raise ModelError(
            "not a model of one image volume",
            where=session.name,
            expected="one input of shape 1 x 1 x a x b x c of floats",
            found=list_some(p.describe() for p in session.inputs),
            hint="export the model for a batch of 1 and one input channel",
        )
    return port


def _output(session: OnnxSession, facts: ModelFacts) -> Port:
    names = [p.name for p in session.outputs]
    if facts.output_name is None and len(names) > 1:
        raise ConfigError(
            "the model has several outputs and none was chosen",
            where=session.name,
            expected="output_name",
            found=list_some(p.describe() for p in session.outputs),
            hint="state 'output_name' under 'model_facts'",
        )
    wanted = facts.output_name or names[0]
    if wanted not in names:
        raise ConfigError(
            f"the model has no output {wanted!r}", where=session.name, expected=list_some(names)
        )
    port = session.outputs[names.index(wanted)]
    if len(port.shape) != 5 or port.shape[0] not in (None, 1) or port.type not in _FLOATS:
        raise ModelError(
            "the output is no segmentation of a volume",
            where=session.name,
            expected="1 x channels x a x b x c of floats",
            found=port.describe(),
            hint="export logits or probabilities, not labels or features",
        )
    return port


def _window(session: OnnxSession, port: Port, facts: ModelFacts) -> tuple[int, int, int]:
    fixed = port.shape[2:]
    if facts.window is None:
        if any(n is None for n in fixed):
            raise ConfigError(
                "the model does not state what it needs to be given",
                where=session.name,
                expected="window (size of the patches of its training, in the order of axes)",
                found=port.describe(),
                hint="state 'window' under 'model_facts'",
            )
        a, b, c = (int(n) for n in fixed if n is not None)
        return a, b, c
    if not port.fits((1, 1, *facts.window)):
        raise ConfigError(
            "window contradicts the model's input",
            where=session.name,
            expected=port.describe(),
            found=" x ".join(map(str, facts.window)),
        )
    return facts.window


def segment_with_model(image: Image, model: LiverModel, *, where: str | None = None) -> Segmented:
    """Segment the liver of a volume with a model.

    Intensities are normalised as stated; the image is turned to the model's orientation and
    resampled linearly to its spacing, covering the same box; windows slide over it
    (:func:`radiofib.segment.windows.slide`) and the raw outputs are blended. The score

    - ``argmax``: liver channel minus the largest other,
    - ``sigmoid``: liver channel minus ``log(t / (1 - t))``, t the threshold,
    - ``probability``: liver channel minus t

    is carried to the image's grid linearly in physical space, and the mask is where it is above
    0 (at 0 as well but for argmax). Of it the largest piece is kept and holes are filled.

    Parameters
    ----------
    image : Image
        A volume.
    model : LiverModel
        From :func:`load_model`.
    where : str, optional
        What to call the image in messages.

    Raises
    ------
    MaskError
        When the image is no volume, has values that are not finite, or nothing is found.
    ModelError
        When the model fails.
    EngineError
        When there is not enough memory.
    """
    facts, grid = model.facts, Grid.of(image)
    if grid is None or image.ndim != 3 or not image.spacing_known:
        raise MaskError(
            "a segmentation model needs a volume with a known voxel size",
            where=where,
            found=f"{image.ndim} axes, voxel size {'known' if image.spacing_known else 'unknown'}",
        )
    if image.pixels.dtype.kind == "f" and not np.isfinite(image.pixels).all():
        raise MaskError("the image has values that are not numbers", where=where)
    assert facts.normalisation is not None
    assert facts.spacing_mm is not None
    assert facts.orientation is not None
    target = oriented_grid(grid, facts.orientation, facts.spacing_mm)
    _check_memory(model, target)
    given = to_itk(normalised(image.pixels, facts.normalisation), grid)
    volume = sitk.GetArrayFromImage(on_grid(given, target, sitk.sitkLinear, edge=True))
    score = _score(_run(model, volume), facts)
    back = on_grid(to_itk(score, target), grid, sitk.sitkLinear, edge=True)
    carried = sitk.GetArrayFromImage(back)
    region = carried > 0 if facts.output == "argmax" else carried >= 0
    kept, pieces = largest_piece(region)
    kept = fill_holes(kept)
    if not kept.any():
        raise MaskError(
            "the model finds no liver",
            where=where,
            expected="voxels of its liver class",
            found=f"none; the highest score is {float(carried.max()):.4g} (0 is the limit)",
            hint="check orientation, spacing_mm and normalisation against the model's training",
        )
    notes = [*model.session.notes]
    if pieces > 1:
        lost = 1 - np.count_nonzero(kept & region) / np.count_nonzero(region)
        notes.append(f"largest of {pieces} pieces kept, {lost:.1%} of the voxels left out")
    spacing = " x ".join(f"{s:g}" for s in facts.spacing_mm)
    notes.append(f"segmented by '{model.session.name}' at {spacing} mm, {facts.orientation}")
    pixels = kept.astype(np.uint8)
    mask = Image(
        pixels,
        image.spacing_mm,
        image.origin_mm,
        image.direction,
        source_hash=hash_array(pixels),
        notes=tuple(notes),
    )
    volume_ml = float(np.count_nonzero(kept)) * image.voxel_volume_mm3 / 1000
    return Segmented(mask, volume_ml, tuple(notes))


def _check_memory(model: LiverModel, target: Grid) -> None:
    port = next(p for p in model.session.outputs if p.name == model.output)
    channels = port.shape[1] or (model.facts.label or 0) + 1
    voxels = float(np.prod(target.size))
    check_memory(
        voxels * (12 * channels + 24),
        what="segmentation by the model",
        found=f"{channels} output channels on {' x '.join(map(str, target.size))} voxels",
        hint="use fewer workers, or a model with fewer classes",
    )


def _run(model: LiverModel, volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the blended output, shape (channels, z, y, x), for a volume in (z, y, x)."""
    turned = model.facts.axes == "xyz"
    port = model.session.inputs[0].name

    def one(part: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[Any] = model.session.run({port: part[None, None]}, output=model.output)
        if found.ndim != 5 or found.shape[0] != 1:
            raise ModelError(
                "the output is no segmentation of a volume",
                where=model.session.name,
                found=str(found.shape),
            )
        return np.asarray(found[0], dtype=np.float32)

    given = volume.transpose(2, 1, 0) if turned else volume
    found = slide(given.astype(np.float32), model.window, one, overlap=model.facts.overlap)
    return found.transpose(0, 3, 2, 1) if turned else found


def _score(output: NDArray[np.float32], facts: ModelFacts) -> NDArray[np.float32]:
    assert facts.label is not None
    if facts.label >= output.shape[0]:
        raise ConfigError(
            f"the model has no output channel {facts.label}",
            expected=f"0 to {output.shape[0] - 1}",
            hint="correct 'label' under 'model_facts'",
        )
    liver = output[facts.label]
    if facts.output == "argmax":
        others = np.delete(output, facts.label, axis=0)
        if others.shape[0] == 0:
            raise ConfigError(
                "argmax needs two output channels or more",
                hint="state output: sigmoid or probability under 'model_facts'",
            )
        return np.asarray(liver - others.max(axis=0))
    if facts.output == "sigmoid":
        return np.asarray(liver - np.float32(np.log(facts.threshold / (1 - facts.threshold))))
    return np.asarray(liver - np.float32(facts.threshold))
