"""Nothing is written through a link that leads out of the output folder."""

from __future__ import annotations

from pathlib import Path

import PIL.Image

from radiofib.cohort import Acquisition, Cohort
from radiofib.prepare import UltrasoundPlan, clean_ultrasound
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame

PLAN = UltrasoundPlan.parse({"region": {"source": "image"}}, where="test")


def test_linked_folder_of_a_case_is_its_failure(tmp_path: Path) -> None:
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    out.mkdir()
    (out / "a").symlink_to(elsewhere)
    cases = []
    for seed, case in enumerate("ab"):
        frame = simulate_frame(FrameSettings(shape=(240, 320)), seed)
        PIL.Image.fromarray(frame.screen).save(tmp_path / f"{case}.png")
        cases.append(Acquisition(case, case, "us", tmp_path / f"{case}.png"))
    done = clean_ultrasound(Cohort(tuple(cases)), PLAN, out, workers=1)
    assert [a.case for a in done.cohort.acquisitions] == ["b"]
    [failure] = done.failures
    assert failure.case == "a"
    assert "outside the output folder" in failure.reason
    assert not any(elsewhere.iterdir())
