"""Names of files, which may be those of patients, stay out of the report."""

from __future__ import annotations

import pytest

from radiofib.report.reasons import without_file_names


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("us/ZZQ MARIA.png: file is empty.", "a .png file: file is empty."),
        ("ZZQMARIA: DICOM file is damaged.", "a file: DICOM file is damaged."),
        ("mask 'ZZQ M.json' is none (found /a/b/ZZQ.png).", "mask a .json file is none"),
        (
            "c.csv, row 2, column 'image': no file (found 'ZZQ.dcm').",
            "c.csv, row 2, column 'image'",
        ),
        ("the mask is empty (expected label 5).", "the mask is empty (expected label 5)."),
    ],
)
def test_names_are_left_out_and_the_rest_stays(reason: str, shown: str) -> None:
    found = without_file_names(reason)
    assert found.startswith(shown)
    assert "ZZQ" not in found
