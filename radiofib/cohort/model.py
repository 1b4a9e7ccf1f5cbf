"""What a cohort is: acquisitions, their stages, and what could not be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from radiofib.cohort.columns import CHANNEL_FACTS, FACT_COLUMNS, FILE_COLUMNS
from radiofib.datacard.schemes import StageScheme
from radiofib.errors import Failure

if TYPE_CHECKING:
    from radiofib.datacard import DataCard

__all__ = ["Acquisition", "Cohort"]

#: Facts that are shown in obs: they describe the case.
_OBS_FACTS = tuple(c for c in FACT_COLUMNS if c not in CHANNEL_FACTS)
_CHANNELS = ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4", "us", "ct", "wsi")


@dataclass(frozen=True)
class Acquisition:
    """One image of a case, with its mask and what is known about it.

    Parameters
    ----------
    case, patient, channel : str
        Whose image it is, and which: names are text and may hold any printable character.
        `channel` is lower case and usable in column names.
    image : Path
        The image file (or folder of a DICOM series).
    mask : Path or None
        The mask file.
    mask_label : int or None
        Which label of the mask counts; None leaves it to the reader of masks.
    instance : str
        Slice, window, patch or frame; "" when the case has but one.
    stage : str or None
        Level of the cohort's scheme, None when not known.
    row : int
        Number of the row in the source, the first data row being 1 (a person who opens a CSV
        sees it as row 2; messages use that number).
    extra : mapping
        ``scanner, vendor, field_t, site, split, reference_method, interval_days, hbp_minutes,
        quality``, masks of other parts (``lesion_mask, spleen_mask, muscle_mask, lobe_mask,
        kidney_mask``),
        ``mask_source`` (where the liver mask is from), ``registration`` (what became of
        aligning this channel), ``native_geometry`` (what its file looked like before),
        ``intensities`` (``raw`` or ``normalised``), ``pixel_mm`` (side of a pixel of a picture that
        does not say it, or ``unknown``), ``apex_y_px, apex_x_px`` (row and column
        where the beams of a curved probe meet), ``blanked_share`` (of a cleaned picture, what was
        text and graphics), ``white_grey`` (grey that is white in a picture whose file does not say
        it), ``image_look`` (hash of what it showed before) and covariates; only what is given.

    Examples
    --------
    >>> Acquisition("c1", "p1", "us", Path("c1.png"), extra={"scanner": "A"}).scanner
    'A'
    """

    case: str
    patient: str
    channel: str
    image: Path
    mask: Path | None = None
    mask_label: int | None = None
    instance: str = ""
    stage: str | None = None
    row: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def scanner(self) -> str | None:
        """Scanner, None when not known."""
        return self.extra.get("scanner")

    @property
    def key(self) -> tuple[str, str, str]:
        """``(case, channel, instance)``, unique in a cohort."""
        return self.case, self.channel, self.instance


@dataclass(frozen=True)
class Cohort:
    """Acquisitions of many cases, and the rows that could not be used.

    Make one with :meth:`read`, :meth:`from_frame` or :meth:`from_card`.

    Parameters
    ----------
    acquisitions : tuple of Acquisition
        In the order of the source; each ``(case, channel, instance)`` occurs once.
    scheme : StageScheme or None
        Scale of the stages; None when there are none.
    failures : tuple of Failure
        Rows and cases left out, each with its reason (step ``read``).
    covariates : tuple of str
        Columns without a meaning of their own.
    source : str
        Name of the file or card, without its folder.
    notes : tuple of str
        What a report should tell: cases without a scanner, a covariate that differs between
        the channels of a case ...
    root : Path or None
        Folder that relative paths of the source start from.
    """

    acquisitions: tuple[Acquisition, ...]
    scheme: StageScheme | None = None
    failures: tuple[Failure, ...] = ()
    covariates: tuple[str, ...] = ()
    source: str = ""
    notes: tuple[str, ...] = ()
    root: Path | None = None

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        root: str | Path | None = None,
        scheme: StageScheme | str | None = None,
        label: str = "stage",
        channel: str | None = None,
        check_files: bool = True,
    ) -> Cohort:
        """Read a CSV, XLSX, SAV or Parquet table, a pyradiomics batch CSV, or a data card.

        Required columns are ``case`` and ``image``. Without ``patient`` a case is its own
        patient. Without a column ``channel`` all images are of `channel`; when that is not given
        either, they must be of one kind by their names: pictures are ``us``, volumes ``img``,
        slides ``wsi``. Columns without a meaning are covariates, but one that
        is nearly a known column is an error. A row that cannot be used becomes a failure and
        the others go on: a stage outside the scheme, an empty case or image, a channel or mask
        label that cannot be used, a missing file, rows of one case that disagree (the whole
        case), rows that repeat case, channel and instance (all of them, unless they are wholly
        equal: then all but the first). A case without a scanner stays and is named in `notes`.

        Parameters
        ----------
        path : path
            The table, or a data card (``.md``, or the name of one that radiofib brings).
        root : path, optional
            Folder that relative image paths start from. Default: the table's folder. A card
            needs it.
        scheme : StageScheme or str, optional
            Scale of the stages. Default: the labels as they are; no known scheme is guessed.
        label : str
            Column with the stage or any other label.
        channel : str, optional
            Channel of all images of a table without a column ``channel``.
        check_files : bool
            Whether a row whose image or mask does not exist is a failure.

        Raises
        ------
        CohortError
            When the table as a whole cannot be used.
        DataCardError
            When a card cannot be read or has no root.
        """
        from radiofib.cohort.reading import read_cohort

        return read_cohort(
            path, root=root, scheme=scheme, label=label, channel=channel, check_files=check_files
        )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        root: str | Path | None = None,
        scheme: StageScheme | str | None = None,
        label: str = "stage",
        source: str = "frame",
        check_files: bool = True,
    ) -> Cohort:
        """Make a cohort from a frame with the columns of a cohort table; see :meth:`read`.

        Examples
        --------
        >>> frame = pd.DataFrame({"case": ["a", "b"], "image": ["a.png", "b.png"],
        ...                       "stage": ["S1", "S9"]})
        >>> cohort = Cohort.from_frame(frame, scheme="lifs", check_files=False)
        >>> [a.case for a in cohort.acquisitions], cohort.failures[0].case
        (['a'], 'b')
        >>> print(cohort.failures[0].reason)
        frame, row 2, column 'stage': stage is outside the scheme 'lifs' (expected S1, S2, S3,
        S4; found 'S9'). Next: correct the cell, or leave it empty when the stage is not known.
        """
        from radiofib.cohort.reading import frame_to_cohort

        return frame_to_cohort(
            frame, root=root, scheme=scheme, label=label, source=source, check_files=check_files
        )

    @classmethod
    def from_card(
        cls, card: DataCard | str | Path, root: str | Path, *, channel: str | None = None
    ) -> Cohort:
        """Load the folder `root` as a data card describes it.

        `channel` is that of the card's table, where it has no column ``channel``.

        Raises
        ------
        DataCardError
            When the card cannot be read or nothing in the folder fits it.
        """
        from radiofib.cohort.reading import card_to_cohort

        return card_to_cohort(card, root, channel)

    @property
    def rows(self) -> list[tuple[tuple[str, str], list[Acquisition]]]:
        """Acquisitions by ``(case, instance)``, in the order of the source.

        Examples
        --------
        >>> pair = [Acquisition("a", "a", c, Path(c)) for c in ("t1", "t2")]
        >>> [(key, len(group)) for key, group in Cohort(tuple(pair)).rows]
        [(('a', ''), 2)]
        """
        groups: dict[tuple[str, str], list[Acquisition]] = {}
        for acquisition in self.acquisitions:
            groups.setdefault((acquisition.case, acquisition.instance), []).append(acquisition)
        return list(groups.items())

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases, in the order of the source."""
        return tuple(dict.fromkeys(a.case for a in self.acquisitions))

    @property
    def patients(self) -> tuple[str, ...]:
        """Names of the patients, in the order of the source."""
        return tuple(dict.fromkeys(a.patient for a in self.acquisitions))

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that occur: the usual ones first, then by name; rows may be in any order."""
        found = sorted({a.channel for a in self.acquisitions})
        known = [c for c in _CHANNELS if c in found]
        return (*known, *(c for c in found if c not in known))

    @property
    def without_scanner(self) -> tuple[str, ...]:
        """Cases without a scanner, when at least one other case has one; else empty."""
        named = {a.case for a in self.acquisitions if a.scanner is not None}
        return tuple(c for c in self.cases if c not in named) if named else ()

    def obs(self) -> pd.DataFrame:
        """Describe each ``(case, instance)`` in one row.

        Returns
        -------
        DataFrame
            ``case, patient``, ``instance`` when any is given, ``stage`` (ordered categorical
            with all levels of the scheme) when there is a scheme, then ``scanner, vendor,
            field_t, site, split, reference_method, interval_days, hbp_minutes, quality,
            mask_source`` and covariates, where given. A value that differs between the channels
            of one row is missing there; `notes` says so.

        Examples
        --------
        >>> one = Acquisition("a", "p", "us", Path("a.png"), extra={"scanner": "A", "age": 61})
        >>> Cohort((one,), covariates=("age",)).obs().to_dict("records")
        [{'case': 'a', 'patient': 'p', 'scanner': 'A', 'age': 61}]
        """
        groups = self.rows
        obs = pd.DataFrame(
            {
                "case": [case for (case, _), _ in groups],
                "patient": [group[0].patient for _, group in groups],
            }
        )
        if any(instance for (_, instance), _ in groups):
            obs["instance"] = [instance for (_, instance), _ in groups]
        if self.scheme is not None:
            stages = pd.Categorical(
                [group[0].stage for _, group in groups],
                categories=list(self.scheme.levels),
                ordered=self.scheme.ordered,
            )
            obs["stage"] = stages
        for name in (*_OBS_FACTS, *self.covariates):
            values = [_common(group, name) for _, group in groups]
            given = [v is not None for v in values]
            if name in self.covariates or any(given):
                obs[name] = pd.Series(values, dtype=None if any(given) else float)
        return obs

    def to_frame(self) -> pd.DataFrame:
        """Return the cohort as a table that :meth:`from_frame` reads again.

        Paths below `root` are written relative to it with forward slashes, others by name
        alone, so that the table says nothing about the machine.
        """
        rows = []
        for a in self.acquisitions:
            row: dict[str, Any] = {
                "case": a.case,
                "patient": a.patient,
                "channel": a.channel,
                "instance": a.instance or None,
                "image": self._relative(a.image),
                "mask": self._relative(a.mask) if a.mask else None,
                "mask_label": a.mask_label,
                "stage": self.scheme.labels[a.stage] if self.scheme and a.stage else None,
            }
            files = {c: self._relative(a.extra[c]) for c in FILE_COLUMNS if a.extra.get(c)}
            extra = {**a.extra, **files}
            rows.append({**row, **extra})
        names = ["case", "patient", "channel", "instance", "image", "mask", "mask_label", "stage"]
        frame = pd.DataFrame(rows, columns=[*names, *FACT_COLUMNS, *self.covariates])
        frame["mask_label"] = frame["mask_label"].astype("Int64")
        empty = [c for c in frame if frame[c].isna().all() and c not in self.covariates]
        return frame.drop(columns=[c for c in empty if c not in ("case", "image")])

    def _relative(self, path: Path) -> str:
        if self.root is not None and path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return path.name


def _common(group: list[Acquisition], name: str) -> Any:
    values = {a.extra[name] for a in group if a.extra.get(name) is not None}
    return values.pop() if len(values) == 1 else None
