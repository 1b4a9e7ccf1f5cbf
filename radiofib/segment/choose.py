"""One mask for each image: the cohort's own, a folder's, a model's, or the localiser's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from radiofib._checks import list_some
from radiofib.cohort import Acquisition
from radiofib.cohort.columns import FLAT_CHANNELS
from radiofib.errors import MaskError
from radiofib.images.image import Image
from radiofib.images.mask import labels_present, read_mask, select_label
from radiofib.images.read import read_image
from radiofib.images.sniff import hash_source
from radiofib.provenance import hash_object, radiofib_version
from radiofib.segment.folder import FoundMasks, find_masks
from radiofib.segment.localiser import LOCALISER_SOURCE, localise_liver
from radiofib.segment.onnx import LiverModel, load_model, segment_with_model
from radiofib.segment.settings import MaskSettings

__all__ = [
    "MaskFound",
    "MaskPlan",
    "MaskSource",
    "choose_masks",
    "count_missing",
    "mask_for",
    "require_masks",
    "source_key",
]

Key = tuple[str, str, str]


@dataclass(frozen=True)
class MaskSource:
    """Where the mask of one acquisition is to come from.

    Parameters
    ----------
    key : tuple of str
        ``(case, channel, instance)``.
    kind : {"cohort", "folder", "model", "localiser"}
        The four sources, in the order they are asked.
    source : str
        As outputs name it: ``cohort``, ``folder: nnunet``, ``model: liver.onnx``,
        ``classical localiser``.
    path : Path or None
        Mask file of the first two, model file of the third.
    label : int or None
        Which label of the file counts.
    """

    key: Key
    kind: Literal["cohort", "folder", "model", "localiser"]
    source: str
    path: Path | None = None
    label: int | None = None


@dataclass(frozen=True)
class MaskPlan:
    """The sources of all masks of a cohort, decided before any voxel is read.

    Parameters
    ----------
    sources : mapping of key to MaskSource
        By ``(case, channel, instance)``; an acquisition without a source is absent.
    cases : tuple of str
        Cases that need a mask: those with a volume, in order.
    without : tuple of str
        Those of them that have none on any channel.
    refused : mapping of key to str
        Why a mask file named for an acquisition is not used.
    """

    sources: Mapping[Key, MaskSource]
    cases: tuple[str, ...]
    without: tuple[str, ...]
    refused: Mapping[Key, str] = field(default_factory=dict)

    def of(self, acquisition: Acquisition) -> MaskSource | None:
        """Return the source for an acquisition, None when it has none."""
        return self.sources.get(acquisition.key)


@dataclass(frozen=True, eq=False)
class MaskFound:
    """The mask of one acquisition.

    Parameters
    ----------
    mask : Image
        1 inside, 0 outside: on the grid of its file, or of the image when it was computed.
    source : str
        As in :class:`MaskSource`.
    path : Path or None
        The mask's file; None when it was computed.
    label : int or None
        Label taken from the file.
    notes : tuple of str
        What a report should tell.
    facts : mapping
        Numbers of the localiser that tell how far to trust it; empty for other sources.
    """

    mask: Image
    source: str
    path: Path | None = None
    label: int | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_flagged(self) -> bool:
        """Whether every output must say that the mask is the classical localiser's."""
        return self.source == LOCALISER_SOURCE


def choose_masks(
    acquisitions: Sequence[Acquisition],
    settings: MaskSettings,
    *,
    each_channel: bool = False,
    skip_channels: Sequence[str] = FLAT_CHANNELS,
) -> MaskPlan:
    """Decide where each mask comes from, without reading a voxel.

    The cohort's own mask comes first, then the folder's. A model or the localiser is used on a
    case that has neither, on the first of its channels that the model (or localiser) is made
    for: registration carries the mask to the others. With `each_channel`, for studies that do
    not register, it is used on every such channel that has no mask of its own.

    Parameters
    ----------
    acquisitions : sequence of Acquisition
        Of the whole cohort: a file that names a case alone is given to the right channel only
        when all its channels are seen together.
    settings : MaskSettings
        Which sources there are.
    each_channel : bool
        Whether each channel needs a mask of its own.
    skip_channels : sequence of str
        Channels that need no liver mask.

    Raises
    ------
    UsageError, ConfigError, ModelError, MissingExtraError
        When folder or model cannot be used at all.

    Examples
    --------
    >>> own = Acquisition("a", "a", "ged4", Path("a.nii"), mask=Path("m.nii"))
    >>> none = Acquisition("b", "b", "ged4", Path("b.nii"))
    >>> plan = choose_masks([own, none], MaskSettings())
    >>> plan.of(own).source, plan.without
    ('cohort', ('b',))
    >>> choose_masks([own, none], MaskSettings(localiser=True)).of(none).source
    'classical localiser'
    """
    needed = [a for a in acquisitions if a.channel not in skip_channels]
    sources: dict[Key, MaskSource] = {}
    found = FoundMasks((), (), {})
    if settings.folder is not None:
        found = find_masks(settings.folder, needed, pattern=settings.pattern, label=settings.label)
    in_folder = {m.key: m for m in found.found}
    for a in needed:
        if a.mask is not None:
            sources[a.key] = MaskSource(a.key, "cohort", "cohort", a.mask, a.mask_label)
        elif (mask := in_folder.get(a.key)) is not None:
            sources[a.key] = MaskSource(a.key, "folder", mask.source, mask.path, mask.label)
    for kind, source, path, channels in _computed(settings):
        _fill(needed, sources, MaskSource(("", "", ""), kind, source, path), channels, each_channel)
    cases = tuple(dict.fromkeys(a.case for a in needed))
    served = {key[0] for key in sources}
    missing = tuple(case for case in cases if case not in served)
    return MaskPlan(sources, cases, missing, dict(found.refused))


def _computed(
    settings: MaskSettings,
) -> list[tuple[Literal["model", "localiser"], str, Path | None, tuple[str, ...]]]:
    ways: list[tuple[Literal["model", "localiser"], str, Path | None, tuple[str, ...]]] = []
    if settings.model is not None:
        model = load_model(settings.model, settings.model_facts, providers=settings.providers)
        ways.append(
            ("model", f"model: {settings.model.name}", settings.model, model.facts.channels or ())
        )
    if settings.localiser:
        ways.append(("localiser", LOCALISER_SOURCE, None, settings.localiser_settings.channels))
    return ways


def _fill(
    needed: Sequence[Acquisition],
    sources: dict[Key, MaskSource],
    pattern: MaskSource,
    channels: tuple[str, ...],
    each_channel: bool,
) -> None:
    groups: dict[tuple[str, str], list[Acquisition]] = {}
    for a in needed:
        groups.setdefault((a.case, a.instance), []).append(a)
    for group in groups.values():
        able = [a for channel in channels for a in group if a.channel == channel]
        if not each_channel:
            able = [] if any(a.key in sources for a in group) else able[:1]
        for a in able:
            sources.setdefault(a.key, replace(pattern, key=a.key))


def count_missing(plan: MaskPlan) -> int:
    """Return the number of cases that have no mask on any channel.

    Examples
    --------
    >>> count_missing(choose_masks([Acquisition("b", "b", "t1", Path("b.nii"))], MaskSettings()))
    1
    """
    return len(plan.without)


def require_masks(plan: MaskPlan) -> None:
    """Stop a run before it computes anything when cases lack a mask.

    Raises
    ------
    MaskError
        With how many lack one, which, and how to get them.

    Examples
    --------
    >>> one = Acquisition("b", "b", "t1", Path("b.nii"))
    >>> require_masks(choose_masks([one], MaskSettings()))
    Traceback (most recent call last):
    radiofib.errors.MaskError: no liver mask for 1 of 1 cases (found b). Next: fill the column
    'mask' of the cohort; or give a folder of masks by TotalSegmentator, nnU-Net or MONAI (--masks
    DIR); or a 3-D ONNX segmentation model (model and model_facts); or switch on the classical
    localiser (localiser: true), which is less exact and flagged as such in every output.
    """
    count = count_missing(plan)
    if not count:
        return
    reasons = [text for key, text in plan.refused.items() if key[0] in plan.without]
    found = list_some(plan.without)
    if reasons:
        found += f"; {len(reasons)} files refused, the first: {reasons[0].rstrip('.')}"
    raise MaskError(
        f"no liver mask for {count} of {len(plan.cases)} cases",
        found=found,
        hint="fill the column 'mask' of the cohort; or give a folder of masks by "
        "TotalSegmentator, nnU-Net or MONAI (--masks DIR); or a 3-D ONNX segmentation model "
        "(model and model_facts); or switch on the classical localiser (localiser: true), which "
        "is less exact and flagged as such in every output",
    )


def source_key(source: MaskSource, settings: MaskSettings) -> str:
    """Return a hash of all a mask depends on beside the image, to tell whether it is up to date.

    Examples
    --------
    >>> one = MaskSource(("a", "t1", ""), "localiser", "classical localiser")
    >>> source_key(one, MaskSettings()) == source_key(one, MaskSettings(label=None))
    True
    """
    content = None if source.path is None else hash_source(source.path)
    own: Any = None
    if source.kind == "model" and settings.model_facts is not None:
        own = settings.model_facts.model_dump(mode="json")
    if source.kind == "localiser":
        own = [settings.localiser_settings.model_dump(mode="json"), radiofib_version()]
    return hash_object([source.kind, content, source.label, own])


def mask_for(
    acquisition: Acquisition,
    settings: MaskSettings,
    *,
    plan: MaskPlan | None = None,
    image: Image | None = None,
    model: LiverModel | None = None,
) -> MaskFound | None:
    """Read or compute the mask of one acquisition.

    Parameters
    ----------
    acquisition : Acquisition
        The image.
    settings : MaskSettings
        Which sources there are.
    plan : MaskPlan, optional
        From :func:`choose_masks` for the whole cohort. Without it the acquisition is looked at
        alone.
    image : Image, optional
        The image, when it has been read (and perhaps prepared) already; read when needed.
    model : LiverModel, optional
        The model, when it has been opened already.

    Returns
    -------
    MaskFound or None
        None when the plan has no source for this acquisition.

    Raises
    ------
    MaskError
        When the mask cannot be read, lacks its label, or nothing plausible is found.
    """
    plan = plan or choose_masks([acquisition], settings)
    source = plan.of(acquisition)
    if source is None:
        return None
    if source.kind in ("cohort", "folder"):
        return _read(source)
    where = str(acquisition.image)
    volume = image if image is not None else read_image(acquisition.image)
    if source.kind == "model":
        assert settings.model is not None
        model = model or load_model(
            settings.model, settings.model_facts, providers=settings.providers
        )
        made = segment_with_model(volume, model, where=where)
        return MaskFound(made.mask, source.source, notes=made.notes)
    found = localise_liver(volume, settings.localiser_settings, where=where)
    return MaskFound(found.mask, found.source, notes=found.notes, facts=found.facts)


def _read(source: MaskSource) -> MaskFound:
    assert source.path is not None
    mask = read_mask(source.path)
    if source.kind == "folder" and source.label is None:
        present = labels_present(mask.pixels)
        if len(present) > 1:
            # Label 1 is the spleen in one tool's files and the liver in another's.
            raise MaskError(
                "the file has several labels and none was chosen",
                where=str(source.path),
                expected="the number of the liver",
                found=f"labels {list_some(present, 30)}",
                hint="give it as 'label' with the folder of masks",
            )
    region, said = select_label(mask, source.label, where=str(source.path))
    notes = (*mask.notes, *said)
    return MaskFound(
        replace(
            mask,
            pixels=region.astype(np.uint8),
            # The label is 1 from here on: what was chosen must show in the hash.
            source_hash=hash_object([mask.source_hash, source.label]),
            notes=notes,
        ),
        source.source,
        path=source.path,
        label=source.label,
        notes=notes,
    )
