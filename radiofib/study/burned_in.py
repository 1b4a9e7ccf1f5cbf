"""Pictures of a study that a run does not show, because names may be burned into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.cohort import Acquisition
from radiofib.extract.burned_in import text_on
from radiofib.extract.doubts import Doubt
from radiofib.prepare import UltrasoundPlan
from radiofib.study.config import StudyConfig

__all__ = ["held_back", "held_back_doubts"]


def held_back(study: StudyConfig, acquisition: Acquisition, shown: NDArray[np.generic]) -> bool:
    """Tell whether a picture must not be drawn: burned-in text, and nobody has cleaned it.

    Parameters
    ----------
    study : StudyConfig
        Channels of its section ``ultrasound`` are cleaned before anything is drawn.
    acquisition : Acquisition
        Whose picture; one that ``radiofib ultrasound clean`` wrote is not looked at.
    shown : ndarray
        What would be drawn; a volume shows no screen.

    Examples
    --------
    >>> from pathlib import Path
    >>> screen = np.zeros((120, 160))
    >>> screen[20:110, 40:120] = np.random.default_rng(0).integers(20, 120, (90, 80))
    >>> screen[5:12, 5:60:6] = 255                                          # somebody's name
    >>> one = Acquisition("a", "a", "us", Path("a.png"))
    >>> held_back(StudyConfig(title="A", cohort="a.csv"), one, screen)
    True
    >>> held_back(StudyConfig(title="A", cohort="a.csv", ultrasound={}), one, screen)
    False
    """
    cleaned = study.ultrasound is not None and acquisition.channel in study.ultrasound.channels
    return not cleaned and text_on(acquisition, shown)


def held_back_doubts(held: Sequence[Acquisition], looked_at: int, folder: str) -> list[Doubt]:
    """Return what is said of pictures that are not drawn: one doubt for each channel.

    Parameters
    ----------
    held : sequence of Acquisition
        Those that are not drawn.
    looked_at : int
        How many were to be drawn.
    folder : str
        Where they would have been.

    Examples
    --------
    >>> from pathlib import Path
    >>> [one] = held_back_doubts([Acquisition("a", "a", "us", Path("a.png"))], 6, "examples/")
    >>> one.channel, one.doubt[:56]
    ('us', '1 of 6 pictures for examples/ shows burned-in text or si')
    """
    doubts = []
    for channel in dict.fromkeys(a.channel for a in held):
        cases = [a.case for a in held if a.channel == channel]
        usual = channel in UltrasoundPlan().channels
        section = "ultrasound: {}" if usual else f"ultrasound: {{channels: [{channel}]}}"
        verb, are = ("shows", "it is") if len(cases) == 1 else ("show", "they are")
        text = (
            f"{len(cases)} of {looked_at} pictures for {folder} {verb} burned-in text or signs, "
            f"perhaps names: {are} not drawn (case {list_some(cases)}), and text is measured where "
            f"it lies in the region; say '{section}' in the study, or run 'radiofib ultrasound "
            "clean' first"
        )
        doubts.append(Doubt("", "", channel, text))
    return doubts
