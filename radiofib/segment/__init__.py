"""Liver masks: given, from a folder, by a user's ONNX model, or by the classical localiser."""

from radiofib.segment.choose import (
    MaskFound,
    MaskPlan,
    MaskSource,
    choose_masks,
    count_missing,
    mask_for,
    require_masks,
    source_key,
)
from radiofib.segment.folder import FolderMask, FoundMasks, find_masks
from radiofib.segment.localiser import LOCALISER_SOURCE, Localised, localise_liver
from radiofib.segment.localiser_settings import LocaliserSettings
from radiofib.segment.model_facts import ModelFacts
from radiofib.segment.onnx import LiverModel, Segmented, load_model, segment_with_model
from radiofib.segment.settings import MaskSettings

__all__ = [
    "LOCALISER_SOURCE",
    "FolderMask",
    "FoundMasks",
    "LiverModel",
    "Localised",
    "LocaliserSettings",
    "MaskFound",
    "MaskPlan",
    "MaskSettings",
    "MaskSource",
    "ModelFacts",
    "Segmented",
    "choose_masks",
    "count_missing",
    "find_masks",
    "load_model",
    "localise_liver",
    "mask_for",
    "require_masks",
    "segment_with_model",
    "source_key",
]
