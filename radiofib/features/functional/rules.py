"""When an index is defined: intensities that are raw, comparable and of the right tissue.

Each check raises :class:`Undefined` with the reason, which becomes the reason of a missing value:
an index that its formula does not cover is never computed.
"""

from __future__ import annotations

from collections.abc import Mapping

from radiofib.features.functional.inputs import ChannelInput
from radiofib.features.functional.settings import Commensurable

__all__ = [
    "Undefined",
    "check_raw",
    "check_registered",
    "check_same_scale",
    "check_same_sequence",
    "present",
    "shown_to_differ",
]


class Undefined(Exception):  # noqa: N818 - not an error: the reason why a value is missing
    """An index has no meaning for this case; the message says why."""


def present(channels: Mapping[str, ChannelInput], name: str) -> ChannelInput:
    """Return a channel of the case.

    Examples
    --------
    >>> present({}, "t1")
    Traceback (most recent call last):
    radiofib.features.functional.rules.Undefined: channel t1 is missing
    """
    if name not in channels:
        raise Undefined(f"channel {name} is missing")
    return channels[name]


def check_registered(name: str, channel: ChannelInput) -> list[str]:
    """Refuse a failed registration; return a remark on one to be looked at."""
    why = f": {channel.registered_reason}" if channel.registered_reason else ""
    if channel.registered == "failed":
        raise Undefined(f"registration of {name} failed{why}")
    if channel.registered == "look":
        return [f"registration of {name} should be looked at{why}"]
    return []


def check_raw(name: str, channel: ChannelInput) -> None:
    """Refuse intensities whose ratios mean nothing: normalised ones, or with an offset.

    An unknown rescaling passes: inside one image its slope cancels, and an offset is rare in MR.
    """
    if not channel.raw:
        raise Undefined(f"intensities of {name} are normalised, and the index needs raw ones")
    if channel.scale is not None and channel.scale[1] != 0:
        raise Undefined(
            f"intensities of {name} have an offset of {channel.scale[1]:g}, so that zero is not "
            "no signal"
        )


def check_same_sequence(
    names: tuple[str, str], pair: tuple[ChannelInput, ChannelInput], rule: Commensurable
) -> None:
    """Refuse two channels of different or unknown sequences."""
    first, second = pair
    if first.sequence and second.sequence:
        if first.sequence != second.sequence:
            raise Undefined(
                f"{names[0]} and {names[1]} are different sequences ({first.sequence!r}, "
                f"{second.sequence!r})"
            )
        return
    if rule in ("same_sequence", "declared") or (first.commensurable and second.commensurable):
        return
    raise Undefined(
        f"nothing says that {names[0]} and {names[1]} are one sequence: set commensurable to "
        "same_sequence if the protocol says so"
    )


def shown_to_differ(
    names: tuple[str, str], pair: tuple[ChannelInput, ChannelInput], rule: Commensurable
) -> str:
    """Return why two channels are known not to share an intensity scale, "" when they may."""
    first, second = pair
    if rule == "never":
        return "the settings say that intensity scales differ between series"
    for name, channel in zip(names, pair, strict=True):
        if channel.commensurable is False:
            return f"the intensity scale of {name} is known to be its own"
    if first.scale is not None and second.scale is not None and first.scale != second.scale:
        return (
            f"{names[0]} and {names[1]} are scaled differently (slope {first.scale[0]:g} and "
            f"{second.scale[0]:g}, intercept {first.scale[1]:g} and {second.scale[1]:g})"
        )
    return ""


def check_same_scale(
    names: tuple[str, str], pair: tuple[ChannelInput, ChannelInput], rule: Commensurable
) -> None:
    """Refuse two channels whose intensities are not known to be on one scale.

    Facts against it always win; without facts for it, `rule` must declare it.
    """
    check_same_sequence(names, pair, rule)
    if reason := shown_to_differ(names, pair, rule):
        raise Undefined(reason)
    first, second = pair
    known = first.scale is not None and first.scale == second.scale
    if rule == "declared" or known or (first.commensurable and second.commensurable):
        return
    raise Undefined(
        f"nothing says that {names[0]} and {names[1]} share one intensity scale: set commensurable "
        "to declared if the scanner leaves it unchanged between series"
    )
