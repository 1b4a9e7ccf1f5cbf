"""How segmentation tools name their masks, and names a user writes as a pattern."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from radiofib._checks import check_known, list_some
from radiofib.cohort import Acquisition
from radiofib.errors import UsageError

__all__ = ["FIELDS", "LAYOUTS", "Hit", "Layout", "check_pattern", "fill_pattern", "image_stem"]

FIELDS = ("case", "channel", "image", "instance")
_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Layout:
    """Names that a tool gives to masks.

    Parameters
    ----------
    tool : str
        As in ``source``: ``folder: <tool>``.
    templates : tuple of str
        Paths below the folder without ending; ``{image}`` is the image's file name without
        ending.
    label : int or None
        Number of the liver in these files; None when they hold one label.
    """

    tool: str
    templates: tuple[str, ...]
    label: int | None = None


#: TotalSegmentator's tasks `total` and `total_mr` number the liver 5 in one file of all organs;
#: nnU-Net names a prediction after its image without the channel number ``_0000``; MONAI's
#: SaveImage adds a postfix, ``_seg`` or ``_trans`` (its default), in a folder named after the
#: image, or beside the others.
LAYOUTS = (
    Layout(
        "totalsegmentator",
        ("{case}/{channel}/liver", "{case}_{channel}/liver", "{case}/liver", "{image}/liver"),
    ),
    Layout(
        "totalsegmentator",
        (
            "{case}/{channel}/segmentations",
            "{case}_{channel}/segmentations",
            "{case}/segmentations",
            "{image}/segmentations",
        ),
        label=5,
    ),
    Layout(
        "nnunet",
        ("{case}", "{case}_0000", "{case}_{channel}", "{case}_{channel}_0000", "{image}"),
    ),
    Layout(
        "monai",
        tuple(
            f"{stem}_{postfix}"
            for postfix in ("seg", "trans")
            for stem in (
                "{case}/{image}",
                "{case}/{image}/{image}",
                "{image}/{image}",
                "{image}",
                "{case}/{case}",
                "{case}",
                "{case}_{channel}",
                "{case}_{channel}/{case}_{channel}",
            )
        ),
    ),
)


@dataclass(frozen=True)
class Hit:
    """A file that a pattern names for an acquisition.

    Parameters
    ----------
    path : Path
        The file.
    tool, pattern : str
        Layout and template it came from.
    label : int or None
        Number of the liver, as far as the layout says.
    by_channel : bool
        Whether the pattern tells the channel, so that the mask belongs to this image alone.
    """

    path: Path
    tool: str
    pattern: str
    label: int | None
    by_channel: bool


def image_stem(path: Path) -> str:
    """Return an image's file name without ending, and without nnU-Net's ``_0000``.

    Examples
    --------
    >>> image_stem(Path("a/GED4.nii.gz")), image_stem(Path("liver_007_0000.nii.gz"))
    ('GED4', 'liver_007')
    """
    name = path.name
    for ending in _ENDINGS:
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
            break
    return re.sub(r"_0000$", "", name)


def check_pattern(pattern: str) -> str:
    """Return a user's pattern when it can be used.

    Raises
    ------
    UsageError
        For an unknown field, none that tells cases apart, or a path that leaves the folder.

    Examples
    --------
    >>> check_pattern("{case}/mask_{channel}.nii.gz")
    '{case}/mask_{channel}.nii.gz'
    >>> check_pattern("{cas}.nii.gz")
    Traceback (most recent call last):
    radiofib.errors.UsageError: mask pattern '{cas}.nii.gz': unknown field 'cas' (expected case,
    channel, image, instance). Next: did you mean 'case'?
    """
    where = f"mask pattern {pattern!r}"
    fields = _FIELD.findall(pattern)
    for name in fields:
        check_known(name, FIELDS, what="field", where=where)
    if not {"case", "image"} & set(fields):
        raise UsageError(
            "the pattern does not tell cases apart",
            where=where,
            expected="a field {case} or {image}",
            found=list_some(f"{{{f}}}" for f in fields) or "no field",
        )
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts or "\\" in pattern:
        raise UsageError(
            "the pattern leaves the folder of masks",
            where=where,
            expected="a path below it, with forward slashes",
        )
    return pattern


def fill_pattern(pattern: str, acquisition: Acquisition, *, wild: bool = True) -> list[str]:
    """Return the paths a pattern names for an acquisition, without repetition.

    A channel is tried as the cohort writes it (lower case) and in capitals. With `wild` the
    paths are globs: ``*`` and ``?`` in the pattern are wild, in a name they are not. A name that
    holds a path separator names no file.

    Examples
    --------
    >>> one = Acquisition("c[1]", "p", "ged4", Path("GED4.nii.gz"))
    >>> fill_pattern("{case}_{channel}.nii.gz", one)
    ['c[[]1]_ged4.nii.gz', 'c[[]1]_GED4.nii.gz']
    >>> fill_pattern("{image}.nii.gz", one, wild=False)
    ['GED4.nii.gz']
    """
    filled = []
    for channel in (acquisition.channel, acquisition.channel.upper()):
        values = {
            "case": acquisition.case,
            "channel": channel,
            "image": image_stem(acquisition.image),
            "instance": acquisition.instance,
        }
        names = [values[field] for field in _FIELD.findall(pattern)]
        if any(not n or n in (".", "..") or "/" in n or "\\" in n or "\0" in n for n in names):
            return []
        shown = {k: glob.escape(v) for k, v in values.items()} if wild else values
        filled.append(_filled(pattern, shown))
    return list(dict.fromkeys(filled))


def _filled(pattern: str, values: dict[str, str]) -> str:
    return _FIELD.sub(lambda match: values[match[1]], pattern)
