"""A cohort of simulated B-mode pictures, with its truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from radiofib.errors import UsageError
from radiofib.simulate._deal import deal, stage_facts
from radiofib.simulate._files import new_folder, write_frame, write_json, write_picture
from radiofib.simulate._random import child_rng
from radiofib.simulate.laws import StageLaw
from radiofib.simulate.ultrasound import (
    ULTRASOUND_SCANNERS,
    EchoLaw,
    UltrasoundScanner,
    simulate_ultrasound,
)

__all__ = ["write_ultrasound_cohort"]

METAVIR = ("F0", "F1", "F2", "F3", "F4")


def write_ultrasound_cohort(
    out: str | Path,
    *,
    n_patients: int = 60,
    images_per_patient: int = 3,
    seed: int = 0,
    scanners: tuple[UltrasoundScanner, ...] = ULTRASOUND_SCANNERS,
    stages: tuple[str, ...] = METAVIR,
    stage_law: StageLaw | None = None,
    echo_law: EchoLaw | None = None,
    save: Literal["grey", "grey+envelope"] = "grey",
) -> Path:
    """Write a cohort of B-mode pictures with known truth.

    Parameters
    ----------
    out : path
        Folder; gets ``cohort.csv``, ``images/``, ``truth.csv`` and ``truth.json``.
    n_patients, images_per_patient : int
        Size. Patient k is the same whatever `n_patients` is.
    seed : int
        Same seed, same bytes.
    scanners : tuple of UltrasoundScanner
        Machines; patients are dealt to them by weight, and stages by each one's mix.
    stages : tuple of str
        Labels in order, METAVIR by default; scanners' ``stage_weights`` follow their order.
    stage_law, echo_law : optional
        How stage acts; the defaults are moderate and were set before anything was measured.
    save : {"grey", "grey+envelope"}
        Also write each envelope as ``envelopes/<case>.npy``.

    Returns
    -------
    Path
        ``cohort.csv``: one row per picture, with case, patient, channel, image, scanner and
        stage. What a study may not know (the trait, the laws) is in the truth files.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_ultrasound_cohort(folder + "/us", n_patients=2, images_per_patient=2)
    ...     pd.read_csv(path)[["case", "patient", "channel", "scanner", "stage"]]
          case patient channel scanner stage
    0  us001-1   us001      us      U1    F0
    1  us001-2   us001      us      U1    F0
    2  us002-1   us002      us      U2    F3
    3  us002-2   us002      us      U2    F3
    """
    stage_law, echo_law = stage_law or StageLaw(), echo_law or EchoLaw()
    if images_per_patient < 1:
        raise UsageError("a patient needs at least one image", found=str(images_per_patient))
    dealt = deal(scanners, stages, n_patients)
    out = new_folder(out)
    rows: list[dict[str, Any]] = []
    truth: list[dict[str, Any]] = []
    vessels: dict[str, Any] = {}
    for k, (number_of_scanner, level) in enumerate(dealt):
        scanner = scanners[number_of_scanner]
        rng = child_rng(seed, "ultrasound-patient", k)
        patient = f"us{k + 1:03d}"
        person = {
            "trait": stage_law.draw(level, rng),
            "attenuation": max(echo_law.attenuation + echo_law.attenuation_sd * rng.normal(), 0.1),
            "echogenicity_db": echo_law.echogenicity_sd_db * rng.normal(),
        }
        for number in range(1, images_per_patient + 1):
            image = simulate_ultrasound(
                scanner, echo_law, **person, rng=child_rng(seed, "ultrasound-image", k, number)
            )
            case = f"{patient}-{number}"
            suffix = "png" if scanner.jpeg_quality is None else "jpg"
            name = f"images/{case}.{suffix}"
            write_picture(out / name, image.grey, jpeg_quality=scanner.jpeg_quality)
            if save == "grey+envelope":
                (out / "envelopes").mkdir(exist_ok=True)
                np.save(out / "envelopes" / f"{case}.npy", image.envelope.astype(np.float32))
            row: dict[str, Any] = {"case": case, "patient": patient, "channel": "us", "image": name}
            rows.append(row | {"scanner": scanner.name, "stage": stages[level]})
            vessels[case] = image.truth.pop("vessel_list")
            truth.append({"case": case, "patient": patient, "level": level} | person | image.truth)
    write_frame(out / "truth.csv", truth)
    write_json(
        out / "truth.json",
        {
            "kind": "ultrasound",
            "seed": seed,
            "stages": stages,
            "stage_law": stage_law.model_dump(),
            "echo_law": echo_law.model_dump(),
            "scanners": [s.model_dump() for s in scanners],
            "vessels": vessels,
        }
        | stage_facts(stage_law, stages, (level for _, level in dealt)),
    )
    write_frame(out / "cohort.csv", rows)
    return out / "cohort.csv"
