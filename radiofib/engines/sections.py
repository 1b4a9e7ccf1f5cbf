"""Which sections of an extraction configuration go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radiofib.engines.config import ExtractionConfig

__all__ = ["check_sections"]


def check_sections(config: ExtractionConfig) -> None:
    """Refuse sections that leave nothing to measure, or mean nothing for instances.

    Raises
    ------
    ValueError
        Saying which sections, and what to do.

    Examples
    --------
    >>> from radiofib.engines import ExtractionConfig
    >>> ExtractionConfig.parse({"texture": False}, where="settings.yaml")
    Traceback (most recent call last):
    radiofib.errors.ConfigError: settings.yaml: 'texture: false' leaves nothing: ...
    """
    organ = config.liver is not None and bool(config.liver.features)
    alone = config.embedding is not None or config.ultrasound is not None
    if not config.texture and not organ and not alone:
        raise ValueError(
            "'texture: false' leaves nothing: name families in 'liver: features', give a "
            "section 'ultrasound', or a network in 'embedding'"
        )
    small = config.instances.kind in ("windows", "patches")
    if small and config.embedding is not None and config.embedding.region == "whole":
        raise ValueError(
            f"every one of {config.instances.kind} would have the embedding of the whole image: "
            "use 'region: box' under 'embedding'"
        )
    if config.aggregate and config.instances.kind == "whole":
        raise ValueError("'aggregate' sums up instances: name what they are in 'instances'")
    if len(set(config.aggregate)) < len(config.aggregate):
        raise ValueError("'aggregate' names a statistic twice")
    if config.instances.kind == "whole" or config.liver is None:
        return
    if organ or config.liver.functional is not None:
        raise ValueError(
            f"'liver: features' and 'functional' describe a whole organ and have no meaning "
            f"for {config.instances.kind}: leave them out, or use 'instances: {{kind: whole}}'"
        )
