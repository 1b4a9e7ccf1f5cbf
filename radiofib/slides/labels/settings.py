"""Settings of the segmentation of slides by a network, with their reasons."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radiofib.config import StrictModel

__all__ = ["SegmentSettings"]


class SegmentSettings(StrictModel):
    """How a network is laid over a slide; resolution and tile are those of its card.

    Parameters
    ----------
    overlap : float
        Share of a tile that neighbours have in common. 0 as HOTSPoT was published (npj Digit Med
        2025, doi 10.1038/s41746-025-01870-1); above it logits are blended, which evens out what a
        network says near the border of a tile and takes ``1 / (1 - overlap)^2`` times as long,
        and somewhat more for tiles shared by two groups.
    margin_um : float
        Tiles that come nearer to tissue than this are asked too: the outline of the tissue is
        known to about two cells of its mask.
    portal, tissue : tuple of str
        Names of the classes that are portal tracts, and lobule; by their names when not given.
    batch : int, optional
        Tiles the network is given at once: 1 on a CPU, where more is slower, and 16 on a GPU.
        Labels do not depend on it as far as the runtime computes each image by itself, which
        onnxruntime's CPU provider was found to do to the last bit.
    providers : tuple of str
        Where the network runs, as for :func:`radiofib.deep.open_session`.
    stain_normalisation : {"none", "macenko", "reinhard"}
        Bring each slide's haematoxylin and eosin to a reference before the network sees it, by
        one map fitted on the slide's tissue (:mod:`radiofib.slides.tissue.stain_norm`). For a
        network trained on slides that were normalised alike. Measured amounts of stain are always
        those of the slide itself.

    Examples
    --------
    >>> SegmentSettings().overlap
    0.0
    """

    overlap: float = Field(default=0.0, ge=0.0, le=0.5)
    margin_um: float = Field(default=16.0, ge=0.0, le=1000.0)
    portal: tuple[str, ...] = ()
    tissue: tuple[str, ...] = ()
    batch: int | None = Field(default=None, ge=1)
    providers: tuple[str, ...] = ("cpu",)
    stain_normalisation: Literal["none", "macenko", "reinhard"] = "none"
