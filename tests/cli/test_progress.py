"""Progress where there is no terminal: short logs."""

from __future__ import annotations

from radiofib.cli._shared import _line_reporter


def test_a_step_of_one_piece_is_one_line_and_others_tell_tenths() -> None:
    lines: list[str] = []
    tell = _line_reporter(lines.append)
    for step in ("audit", "train", "train", "report"):
        tell(step, 0, 1)
        tell(step, 1, 1)
    for done in range(41):
        tell("features", done, 40)
    assert lines[:3] == ["audit", "train", "report"]
    assert lines[3] == "features: 0 of 40"
    assert lines[-1] == "features: 40 of 40"
    assert len(lines) == 3 + 11
