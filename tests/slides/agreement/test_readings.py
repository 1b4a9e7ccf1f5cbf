"""Tables of readings: names of measures, several readers, and cells that are wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from radiofib.errors import RadiofibError, TableError
from radiofib.slides.agreement.readings import measure_of, read_readings


def written(folder: Path, text: str) -> Path:
    path = folder / "readers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_readers_cases_and_columns_are_told_apart(tmp_path: Path) -> None:
    found = read_readings(
        written(
            tmp_path,
            "case,reader,patient,portal_tract_count,Core_length_mm,stage,remark\n"
            "007,A,p1,9,12.5,F1,\n"
            "008,A,p1,,11,F4,seen\n"
            ",,,,,,\n"
            "007,B,p1,8,12,2,\n",
        )
    )
    assert list(found.readers) == ["A", "B"]
    first = found.readers["A"]
    assert first.index.tolist() == ["007", "008"]
    assert math.isnan(first.loc["008", "portal_tract_count"])
    assert first.loc["007", "morphometry_core_length_mm"] == 12.5
    assert found.readers["B"]["stage"].tolist() == [2.0]
    assert found.unused[0].startswith("remark")
    assert found.repeated
    assert found.cases == {"007", "008"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,tract_count\na,1\n", "no column case"),
        ("case,remark\na,1\n", "no column names a measure"),
        ("case,tract_count\na,nine\n", "row 2, case 'a', column 'tract_count': not a number"),
        ('case,tract_count\na,1\nb,"4,5"\n', "row 3, case 'b'.*'4,5'|row 3, case 'b'.*4,5"),
        ("case,tract_count\na,inf\n", "not a number"),
        (
            "case,tract_count\na,1\na,2\n",
            "row 3: a reader has read this case twice .*column reader",
        ),
        ("case,tract_count\n,1\n", "row 2: no case is named"),
        ("case,tract_count,portal_tract_count\na,1,1\n", "two columns name the same measure"),
        ("case,tract_count,stage\na,1,severe\n", "row 2, case 'a': not a stage"),
        ("case,nuclei_count\na,1\n", "several measures have this name"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RadiofibError, match=said):
        read_readings(written(tmp_path, text))


def test_a_misspelt_measure_is_said_with_the_nearest(tmp_path: Path) -> None:
    found = read_readings(written(tmp_path, "case,tract_count,core_lenght_mm\na,1,2\n"))
    assert found.unused == ("core_lenght_mm (did you mean core_length_mm?)",)


def test_names_that_several_measures_have_are_refused() -> None:
    assert measure_of("collagen_percent") == "collagen_percent"
    with pytest.raises(TableError, match=r"portal_area_mm2.*lobule_area_mm2"):
        measure_of("area_mm2")
