"""Which channel is which phase, which indices are wanted, and when intensities compare."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from radiofib.config import StrictModel
from radiofib.registry import check_channel

__all__ = ["GROUPS", "NOMINAL_MINUTES", "Commensurable", "FunctionalSettings", "Group"]

Group = Literal[
    "enhancement",
    "spleen",
    "muscle",
    "variation",
    "curve",
    "volume",
    "four_regions",
    "t1_map",
    "lobes",
    "segments",
]
#: All groups of indices, in the order of columns. The last four need maps or masks few have.
GROUPS: tuple[Group, ...] = (
    "enhancement",
    "spleen",
    "muscle",
    "variation",
    "curve",
    "volume",
    "four_regions",
    "t1_map",
    "lobes",
    "segments",
)
#: Minutes after injection by role, where neither case nor settings say: in the middle of what
#: protocols for gadoxetate ask for (arterial 20-40 s, portal venous 60-80 s, transitional
#: 2-5 min, hepatobiliary about 20 min).
NOMINAL_MINUTES = {"arterial": 0.5, "portal": 1.2, "delayed": 3.0, "hbp": 20.0}


def _word(value: Any) -> Any:
    return {True: "declared", False: "never"}[value] if isinstance(value, bool) else value


def _channel(value: Any) -> Any:
    return check_channel(value) if isinstance(value, str) else value


Channel = Annotated[str, BeforeValidator(_channel)]
Commensurable = Annotated[
    Literal["evidence", "same_sequence", "declared", "never"], BeforeValidator(_word)
]


class FunctionalSettings(StrictModel):
    """What the functional indices are made from.

    Parameters
    ----------
    pre : str
        Channel before contrast.
    phases : tuple of str
        Channels after contrast, in the order of time.
    arterial, portal, delayed, hbp : str, optional
        Which of `phases` has which role; None when the protocol has none.
    minutes : tuple of float, optional
        Minutes after injection of each phase; a case that knows its own goes first. Without
        either, nominal times by role are used and flagged.
    commensurable : {"evidence", "same_sequence", "declared", "never"}
        When intensities of two channels of a case may be compared. ``evidence``: only when the
        channels say so themselves, by equal known rescaling and sequence or by being marked.
        ``same_sequence``: the study declares one sequence for `pre` and `phases`, but each series
        may have a scale of its own, so that only ratios inside an image compare.
        ``declared`` (or true): one sequence and one scale, as with a fixed receiver gain and no
        rescaling by series. ``never`` (or false): scales differ, whatever the channels say.
        Whatever is declared, a channel known to differ is not compared.
    statistic : {"mean", "median"}
        How a region becomes one intensity.
    groups : tuple of str
        Which indices are columns; ``four_regions``, ``t1_map``, ``lobes`` and ``segments`` only
        when asked for.
    t1_map_pre, t1_map_post : str
        Channels of T1 maps.
    volume_channels : tuple of str, optional
        Channels whose mask gives the liver volume; the hepatobiliary phase, or the last one,
        when left out.
    min_voxels : int
        Fewest voxels of a region or tissue.
    delta_phases : tuple of str, optional
        Phases whose features are compared with those before contrast; the last one when left
        out.
    delta_features : tuple of str
        Which features: patterns of ``<image>_<family>_<feature>``, such as ``original_glcm_*``.
    delta_binning : {"width", "count"}
        How texture was binned: with bins of a fixed width texture depends on the intensity
        scale, with a fixed number of bins it does not.

    Examples
    --------
    >>> settings = FunctionalSettings.parse({"commensurable": True}, where="study.yaml")
    >>> settings.commensurable, settings.phases[-1], settings.minutes_of("portal")
    ('declared', 'ged4', None)
    >>> FunctionalSettings.parse({"phases": ["GED4"]}, where="study.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: study.yaml: arterial 'ged1' is not among the phases ged4: name
    the channel, or set arterial to null.
    """

    pre: Channel = "t1"
    phases: tuple[Channel, ...] = Field(default=("ged1", "ged2", "ged3", "ged4"), min_length=1)
    arterial: Channel | None = "ged1"
    portal: Channel | None = "ged2"
    delayed: Channel | None = "ged3"
    hbp: Channel | None = "ged4"
    minutes: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] | None = None
    commensurable: Commensurable = "evidence"
    statistic: Literal["mean", "median"] = "mean"
    groups: tuple[Group, ...] = GROUPS[:6]
    t1_map_pre: Channel = "t1mappre"
    t1_map_post: Channel = "t1mappost"
    volume_channels: tuple[Channel, ...] | None = None
    min_voxels: int = Field(default=10, ge=1)
    delta_phases: tuple[Channel, ...] | None = None
    delta_features: tuple[str, ...] = ("*",)
    delta_binning: Literal["width", "count"] = "width"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len({self.pre, *self.phases}) != len(self.phases) + 1:
            raise ValueError("a channel is given twice among pre and phases")
        last = -1
        for role, channel in self.roles.items():
            if channel not in self.phases:
                raise ValueError(
                    f"{role} {channel!r} is not among the phases {', '.join(self.phases)}: name "
                    f"the channel, or set {role} to null"
                )
            if self.phases.index(channel) <= last:
                raise ValueError(f"{role} {channel!r} is out of order among the phases")
            last = self.phases.index(channel)
        if self.minutes is not None and (
            len(self.minutes) != len(self.phases) or list(self.minutes) != sorted(set(self.minutes))
        ):
            raise ValueError("minutes must be one rising number for each phase")
        unknown = set(self.delta_phases or ()) - set(self.phases)
        if unknown:
            raise ValueError(f"delta_phases {sorted(unknown)} are not among the phases")
        return self

    @property
    def roles(self) -> dict[str, str]:
        """Role to channel, of the phases that have one, in the order of time."""
        named = {r: getattr(self, r) for r in NOMINAL_MINUTES}
        return {role: channel for role, channel in named.items() if channel is not None}

    @property
    def last(self) -> str:
        """Hepatobiliary phase, or the last one where there is none."""
        return self.hbp or self.phases[-1]

    def minutes_of(self, channel: str) -> float | None:
        """Return the time the settings give for a phase, None where they leave it open."""
        if self.minutes is None or channel not in self.phases:
            return None
        return self.minutes[self.phases.index(channel)]
