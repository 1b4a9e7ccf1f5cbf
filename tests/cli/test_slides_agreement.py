"""radiofib slides agreement: the table, the screen, and what is wrong with the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.errors import UsageError
from radiofib.slides.specs import column

CASES = [f"bx{i}" for i in range(8)]
COUNTS = np.array([5, 6, 12, 18, 30, 7, 9, 11], float)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pd.DataFrame(
        {
            "case": CASES,
            "mpp_x_um": 0.5,
            column("portal_tract_count"): COUNTS,
            column("morphometry_tissue_area_mm2"): COUNTS + 2.5,
            column("portal_area_percent"): COUNTS / 2,
        }
    ).to_csv(tmp_path / "slides.csv", index=False)
    return tmp_path


def agree(folder: Path, readers: str = "", *more: str):
    arguments = [str(folder / "slides.csv"), "--out", str(folder / "out.csv"), *more]
    if readers:
        (folder / "readers.csv").write_text(readers)
        arguments += ["--readers", str(folder / "readers.csv")]
    return CliRunner().invoke(app, ["slides", "agreement", *arguments])


def readings(counts: list[int], name: str = "tract_count") -> str:
    cases = zip(CASES, counts, strict=True)
    return f"case,{name},stage\n" + "".join(f"{c},{n},F{1 + n // 12}\n" for c, n in cases)


def test_counts_area_and_stage_stand_in_one_table(folder: Path) -> None:
    done = agree(folder, readings([6, 6, 11, 18, 27, 8, 9, 13]))
    assert done.exit_code == 0, done.output
    table = pd.read_csv(folder / "out.csv")
    values = table.set_index(["measure", "metric"])["estimate"]
    # The example of radiofib.stats.count_agreement.
    assert values["portal_tract_count", "quadratic_weighted_kappa"] == pytest.approx(
        0.981, abs=5e-4
    )
    assert values["portal_tract_count", "icc_a_1"] == pytest.approx(0.983, abs=5e-4)
    assert "portal_area_percent with stage" in set(table["measure"])
    assert not table["metric"].str.contains("by_position").any()
    assert max(map(len, done.output.splitlines()[:-1])) <= 80  # the last one has the path
    assert "quadratic_weighted_kappa     0.981" in done.output
    assert "not used" not in done.stderr


def test_readings_without_a_slide_are_said_and_end_in_status_3(folder: Path) -> None:
    text = readings([6, 6, 11, 18, 27, 8, 9, 13]) + "bx99,4,F1\n"
    done = agree(folder, text.replace("bx0,6,F1\n", ""))
    assert done.exit_code == 3
    assert "readers.csv: no slide for bx99" in done.stderr
    assert "no reading of bx0" in done.stderr
    assert set(pd.read_csv(folder / "out.csv")["n"]) == {7}


def test_labels_of_another_size_are_a_failure_of_their_case(folder: Path) -> None:
    labels = np.tile(np.arange(3, dtype=np.uint8), (6, 4))
    for name in ("a", "b"):
        (folder / name).mkdir()
        for case in CASES[:2]:
            Image.fromarray(labels).save(folder / name / f"{case}.png")
    both = ("--labels", str(folder / "a"), "--reference", str(folder / "b"))
    assert agree(folder, "", *both).exit_code == 0
    Image.fromarray(labels[:4]).save(folder / "b/bx0.png")
    done = agree(folder, "", *both)
    assert done.exit_code == 3
    assert "bx0: case 'bx0': labels of one slide differ in size" in done.stderr
    assert set(pd.read_csv(folder / "out.csv")["n"]) == {1}
    assert pd.read_csv(folder / "out_failures.csv")["case"].tolist() == ["bx0"]
    Image.fromarray(labels[:4]).save(folder / "b/bx1.png")
    assert agree(folder, "", *both).exit_code == 1
    with_readers = agree(folder, readings([6, 6, 11, 18, 27, 8, 9, 13]), *both)
    assert with_readers.exit_code == 3
    assert "portal_tract_count" in set(pd.read_csv(folder / "out.csv")["measure"])


@pytest.mark.parametrize(
    ("readers", "more", "said"),
    [
        ("", (), "nothing to compare with"),
        ("", ("--labels", "a"), "compared with a reference"),
        ("case,tract_count\nbx0,nine\n", (), "readers.csv, row 2, case 'bx0'"),
        ("case,tract_count\nother,9\n", (), "no case is in both"),
        ("", ("--labels", "gone", "--reference", "gone"), "no such folder"),
    ],
)
def test_wrong_input_ends_in_status_2(
    folder: Path, readers: str, more: tuple[str, ...], said: str
) -> None:
    done = agree(folder, readers, *more)
    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)
    assert not (folder / "out.csv").exists()
