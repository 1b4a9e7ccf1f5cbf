"""Simulated screens that the clean-up is judged on; fixed before the method was written."""

from __future__ import annotations

from itertools import product

from radiofib.simulate.ultrasound_frames import OUTSIDE, FrameSettings

SEEDS = 6
ON_TISSUE = ("annotation", "caliper")

#: No marks on tissue, nothing cut, a gain that shows all of the image.
CLEAN = {
    **{
        f"{kind} at {gain:g} dB": FrameSettings(kind=kind, gain_db=gain)
        for kind, gain in product(("convex", "sector", "linear"), (0.0, 6.0))
    },
    **{
        f"{kind} with text around, bar {side}": FrameSettings(
            kind=kind, marks=OUTSIDE, bar_side=side
        )
        for kind, side in (("convex", "left"), ("sector", "right"), ("linear", "left"))
    },
}

#: What real screens add.
HARD = {
    "dark": FrameSettings(gain_db=-14.0, marks=OUTSIDE),
    "dark sector": FrameSettings(kind="sector", gain_db=-12.0, marks=(*OUTSIDE, *ON_TISSUE)),
    "low contrast": FrameSettings(dynamic_range_db=95.0, marks=(*OUTSIDE, *ON_TISSUE)),
    "bright": FrameSettings(gain_db=12.0, marks=(*OUTSIDE, *ON_TISSUE)),
    "white screen": FrameSettings(background=255, marks=(*OUTSIDE, "annotation")),
    "grey screen": FrameSettings(kind="linear", background=34, marks=(*OUTSIDE, *ON_TISSUE)),
    "cut left": FrameSettings(cut="left", marks=OUTSIDE),
    "cut right": FrameSettings(cut="right", marks=(*OUTSIDE, "annotation"), bar_side="left"),
    "cut below": FrameSettings(cut="bottom", marks=("name", "id", "date", "bar")),
    "text across the border": FrameSettings(marks=(*OUTSIDE, "touching")),
    "Doppler": FrameSettings(marks=(*OUTSIDE, "doppler")),
    "Doppler and calipers": FrameSettings(kind="linear", marks=(*OUTSIDE, "doppler", *ON_TISSUE)),
    "many shadows": FrameSettings(shadows=3, vessels=7, marks=(*OUTSIDE, "annotation")),
}

PANELS = {
    "two fans": FrameSettings(panels=2, marks=OUTSIDE),
    "two rectangles": FrameSettings(panels=2, kind="linear", marks=(*OUTSIDE, *ON_TISSUE)),
}
