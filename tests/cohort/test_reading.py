from __future__ import annotations

import pickle
import time
from pathlib import Path

import pandas as pd
import pytest

from radiofib.cohort import Acquisition, Cohort
from radiofib.errors import CohortError, ConfigError


def frame(**columns):
    return pd.DataFrame(columns)


def cohort(table: pd.DataFrame | str, tmp_path: Path | None = None, **options) -> Cohort:
    if isinstance(table, str):
        assert tmp_path is not None
        path = tmp_path / "cohort.csv"
        path.write_text(table, encoding="utf-8")
        return Cohort.read(path, check_files=False, **options)
    return Cohort.from_frame(table, check_files=False, **options)


TWO = {"case": ["a", "b"], "image": ["a.nii", "b.nii"], "channel": ["t1", "t1"]}


def test_least_table():
    [one, two] = cohort(frame(case=["a", "b"], image=["a.png", "x/b.png"])).acquisitions
    assert one == Acquisition("a", "a", "us", Path("a.png"), row=1)
    assert (two.case, two.row) == ("b", 2)


def test_everything_given(tmp_path):
    found = cohort(
        "case,patient,channel,instance,image,mask,mask_label,stage,scanner,vendor,field_t,site,"
        "split,reference_method,interval_days,lesion_mask,hbp_minutes,quality,age,sex\n"
        "007,p 1,GED4,3,i.nii.gz,m.nii.gz,5,S2,Skyra,Siemens,1.5T,north,train,biopsy,12,l.nii.gz,"
        "20,good,61,f\n",
        tmp_path,
        scheme="lifs",
    )
    [a] = found.acquisitions
    assert a == Acquisition(
        "007",
        "p 1",
        "ged4",
        tmp_path / "i.nii.gz",
        tmp_path / "m.nii.gz",
        5,
        "3",
        "s2",
        1,
        {
            "scanner": "Skyra",
            "vendor": "Siemens",
            "field_t": 1.5,
            "site": "north",
            "split": "train",
            "reference_method": "biopsy",
            "interval_days": 12.0,
            "lesion_mask": tmp_path / "l.nii.gz",
            "hbp_minutes": 20.0,
            "quality": "good",
            "age": 61,
            "sex": "f",
        },
    )
    assert found.covariates == ("age", "sex")
    [row] = found.obs().to_dict("records")
    assert "lesion_mask" not in row
    assert list(row)[:5] == ["case", "patient", "instance", "stage", "scanner"]
    assert pickle.loads(pickle.dumps(found)).acquisitions == found.acquisitions  # noqa: S301


@pytest.mark.parametrize(
    ("column", "values", "step"),
    [
        ("case", ["a", ""], "cell is empty"),
        ("case", ["a", "  "], "cell is empty"),
        ("case", ["a", "b\x07"], "control character"),
        ("image", ["a.nii", None], "cell is empty"),
        ("image", ["a.nii", "b\0.nii"], "control character"),
        ("channel", ["t1", ""], "cell is empty"),
        ("channel", ["t1", "DWI_800"], "dwi800"),
        ("channel", ["t1", "1t"], "channel name"),
        ("mask_label", ["1", "liver"], "mask label"),
        ("mask_label", [1.0, 1.5], "mask label"),
        ("mask_label", [1, 0], "mask label"),
        ("mask_label", [1, -5], "mask label"),
        ("field_t", ["3 T", "strong"], "a number in T"),
        ("interval_days", [3, "soon"], "is not a number"),
        ("hbp_minutes", ["20", "inf"], "is not a number"),
        ("stage", ["S1", "S7"], "outside the scheme 'lifs'"),
        ("stage", ["S1", "F1"], "outside the scheme 'lifs'"),
    ],
)
def test_a_bad_row_fails_and_the_others_go_on(column, values, step):
    found = cohort(frame(**{**TWO, column: values}), scheme="lifs")
    assert [a.case for a in found.acquisitions] == ["a"]
    [failure] = found.failures
    assert failure.step == "read"
    assert f"frame, row 2, column {column!r}" in failure.reason
    assert step in failure.reason
    assert "Next:" in failure.reason


def test_row_numbers_are_those_a_person_sees(tmp_path):
    found = cohort("case,image\na,a.png\n\n,b.png\nc,c.png\n", tmp_path)
    assert "cohort.csv, row 4, column 'case'" in found.failures[0].reason
    assert [a.row for a in found.acquisitions] == [1, 4]


def test_names_of_the_source_are_used_in_messages(tmp_path):
    found = cohort("ID,Image,Mask,Label\na,a.nii,m.nii,x\nb,b.nii,m.nii,\n", tmp_path)
    assert "column 'Label'" in found.failures[0].reason


def test_rows_of_a_case_that_disagree():
    table = frame(
        case=["a", "a", "b", "b"],
        image=list("wxyz"),
        channel=["t1", "t2"] * 2,
        stage=["S1", "S2", "S1", None],
        scanner=["A", "A", None, "B"],
    )
    found = cohort(table, scheme="lifs")
    assert [(a.case, a.stage, a.scanner) for a in found.acquisitions] == [("b", "s1", "B")] * 2
    [failure] = found.failures
    assert (failure.case, failure.channel) == ("a", "")
    assert "frame, rows 1, 2, column 'stage'" in failure.reason
    for column in ("patient", "scanner", "split", "vendor"):
        other = cohort(
            frame(**{**TWO, "case": ["a", "a"], "channel": ["t1", "t2"], column: [1, 2]})
        )
        assert not other.acquisitions
        assert f"disagree about {column}" in other.failures[0].reason


def test_a_bad_stage_takes_the_whole_case():
    table = frame(
        case=["a", "a", "b"],
        image=list("xyz"),
        channel=["t1", "t2", "t1"],
        stage=["S9", None, "S1"],
    )
    found = cohort(table, scheme="lifs")
    assert found.cases == ("b",)
    assert [(f.case, f.channel) for f in found.failures] == [("a", "")]


def test_repeated_rows():
    table = frame(
        case=["a", "a", "b", "b", "c"],
        image=["x", "x", "y", "z", "w"],
        channel=["t1", "T1", "t1", "t1", "t1"],
    )
    found = cohort(table)
    assert [(a.case, a.row) for a in found.acquisitions] == [("a", 1), ("c", 5)]
    assert [f.case for f in found.failures] == ["a", "b"]
    assert "the same as row 1" in found.failures[0].reason
    assert "frame, rows 3, 4: rows have the same case" in found.failures[1].reason


def test_instances_tell_rows_apart():
    table = frame(case=["a", "a"], image=["1.png", "2.png"], instance=[1, 2], stage=[1, 1])
    found = cohort(table, scheme="lifs")
    assert [key for key, _ in found.rows] == [("a", "1"), ("a", "2")]
    assert found.obs()["instance"].tolist() == ["1", "2"]
    assert found.obs()["stage"].tolist() == ["s1", "s1"]


def test_channels_by_kind_of_image():
    for names, channel in (
        (["a.png", "b.JPG"], "us"),
        (["a.nii.gz", "b.nrrd"], "img"),
        (["a.svs", "b.mrxs"], "wsi"),
    ):
        assert cohort(frame(case=["a", "b"], image=names)).channels == (channel,)
    with pytest.raises(CohortError, match="several kinds"):
        cohort(frame(case=["a", "b"], image=["a.png", "b.nii"]))


def test_channel_of_a_table_without_one(tmp_path):
    rows = "case,image\na,a.png\nb,b.nii\n"
    assert cohort(rows, tmp_path, channel="ct").channels == ("ct",)
    with pytest.raises(ConfigError, match="channel name"):
        cohort(rows, tmp_path, channel="1t")
    rows = "case,image,channel\na,a.png,t1\nb,b.nii,\n"
    found = cohort(rows, tmp_path, channel="ct")
    assert (found.channels, [f.case for f in found.failures]) == (("t1",), ["b"])


def test_channels_are_in_one_order_whatever_the_rows():
    names = ["zz", "us", "ged4", "aa", "t2", "t1"]
    found = cohort(frame(case=list("abcdef"), image=list("abcdef"), channel=names))
    assert found.channels == ("t1", "t2", "ged4", "us", "aa", "zz")


def test_missing_scanner_is_kept_and_noted():
    found = cohort(frame(**TWO, scanner=["A", None]))
    assert not found.failures
    assert found.without_scanner == ("b",)
    assert found.notes == ("1 case(s) without a scanner: 'b'",)
    assert found.obs()["scanner"].isna().tolist() == [False, True]
    none = cohort(frame(**TWO, scanner=[None, None]))
    assert none.without_scanner == none.notes == ()
    assert "scanner" not in none.obs()


def test_names_that_are_nearly_equal_are_noted():
    found = cohort(frame(**TWO, scanner=["Skyra 3T", "skyra3T"], patient=["p1", "P1"]))
    assert not found.failures
    assert found.notes == (
        "patient names that differ only in case or space, taken as different: 'p1', 'P1'",
        "scanner names that differ only in case or space, taken as different: "
        "'Skyra 3T', 'skyra3T'",
    )


def test_space_around_scanner_names_is_taken_off_and_noted():
    found = cohort(frame(**TWO, scanner=["Philips", "Philips "]))
    assert [a.scanner for a in found.acquisitions] == ["Philips", "Philips"]
    assert found.notes == ("scanner names taken without the space around them: 'Philips '",)


def test_patient_in_two_splits_is_noted():
    found = cohort(frame(**TWO, patient=["p", "p"], split=["train", "test"]))
    assert found.notes == ("patient 'p' is in several splits: train, test",)


def test_covariate_that_differs_between_channels_is_noted():
    table = frame(case=["a", "a", "b"], image=list("xyz"), channel=["t1", "t2", "t1"], tr=[1, 2, 3])
    found = cohort(table)
    assert found.notes[0].startswith("tr differs between rows of one case")
    assert found.obs()["tr"].isna().tolist() == [True, False]
    assert [a.extra["tr"] for a in found.acquisitions] == [1, 2, 3]


def test_strange_names_are_text():
    names = [
        "=cmd|' /C calc'!A0",
        "<script>",
        "../../etc/passwd",
        "肝臓 é",
        "x" * 300,
        "a/b\\c",
        "-1",
    ]
    found = cohort(frame(case=names, image=[f"{i}.png" for i in range(len(names))]))
    assert found.cases == tuple(names)
    assert not found.failures
    assert [a.image.name for a in found.acquisitions] == [f"{i}.png" for i in range(len(names))]


def test_two_ways_to_write_one_letter_are_one_case():
    found = cohort(frame(case=["é", "é"], image=["x", "y"], channel=["t1", "t2"]))
    assert found.cases == ("é",)


def test_schemes_are_hinted_and_not_applied():
    with pytest.raises(CohortError, match="metavir") as caught:
        cohort(frame(**TWO, stage=["F1", "F2"]), scheme="lifs")
    assert "all stages of this table fit metavir" in str(caught.value)
    some = cohort(frame(**TWO, stage=["0", "1"]), scheme="lifs")
    assert [a.case for a in some.acquisitions] == ["b"]
    assert "fit scheuer" in some.failures[0].reason
    none = cohort(frame(**TWO, stage=["F1", "F2"]))
    assert none.scheme.name == "as_given"
    assert none.scheme.levels == ("f1", "f2")
    with pytest.raises(CohortError, match="name the scheme of these labels"):
        cohort(frame(**TWO, stage=["mild", "bad"]), scheme="lifs")
    with pytest.raises(CohortError, match="unknown stage scheme"):
        cohort(frame(**TWO, stage=["F1", "F2"]), scheme="metavirr")


def test_a_column_of_numbers_is_no_label():
    table = frame(
        case=[f"c{i}" for i in range(30)], image=["i"] * 30, kpa=[i / 7 for i in range(30)]
    )
    with pytest.raises(CohortError, match="do not look like stages"):
        cohort(table, label="kpa")


def test_no_stage_at_all():
    found = cohort(frame(**TWO))
    assert found.scheme is None
    assert "stage" not in found.obs()
    known = cohort(frame(**TWO, stage=[None, None]), scheme="lifs")
    assert known.obs()["stage"].cat.categories.tolist() == ["s1", "s2", "s3", "s4"]
    assert known.obs()["stage"].isna().all()


def test_ordered_labels_keep_their_order():
    stage = pd.Categorical(["low", "high"], categories=["low", "mid", "high"], ordered=True)
    found = cohort(frame(**TWO, grade=stage), label="grade")
    assert found.scheme.levels == ("low", "high")
    assert found.scheme.ordered
    assert found.obs()["stage"].cat.ordered


def test_covariates_are_numbers_or_text():
    dates = pd.to_datetime(["2020-01-02", None])
    found = cohort(
        frame(**TWO, n=[1, 2], x=[1.5, None], mixed=[1, "x"], flag=[True, False], day=dates)
    )
    assert found.obs()[["n", "x", "mixed", "flag", "day"]].to_numpy().tolist()[0] == [
        1,
        1.5,
        "1",
        1,
        "2020-01-02",
    ]
    assert found.obs()["n"].dtype == "int64"
    assert found.obs()["flag"].tolist() == [1, 0]


def test_missing_files(tmp_path):
    for name in ("a.png", "b.png", "m.png"):
        (tmp_path / name).touch()
    path = tmp_path / "cohort.csv"
    path.write_text(
        "case,image,mask\na,a.png,m.png\nb,b.png,none.png\nc,none.png,\n" + f"d,{'x' * 300}.png,\n"
    )
    found = Cohort.read(path)
    assert found.cases == ("a",)
    assert [f.case for f in found.failures] == ["b", "c", "d"]
    assert "cohort.csv, row 3, column 'mask': no such file (found 'none.png')" in (
        found.failures[0].reason
    )
    assert str(tmp_path) not in " ".join(f.reason for f in found.failures)
    other = tmp_path / "elsewhere"
    other.mkdir()
    with pytest.raises(CohortError, match="none of the 4 image files exists"):
        Cohort.read(path, root=other)


def test_backslashes_are_pointed_out(tmp_path):
    path = tmp_path / "cohort.csv"
    path.write_text("case,image\na,x\\a.png\n")
    with pytest.raises(CohortError, match="write / instead of"):
        Cohort.read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", b"", "c.csv"),
        ("c.csv", b"case,image\n", "no rows"),
        ("c.csv", b"case,image\n\n,\n", "no rows"),
        ("c.csv", b"case,image\n\xff\xfe,a.png\n", "save the table as CSV"),
        ("c.xlsx", b"not a zip", "cannot be read"),
        ("c.doc", b"x", "unknown kind"),
        ("c.csv", b"case,image,scaner\na,b,c\n", "'scanner'"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CohortError, match=message):
        Cohort.read(tmp_path / name)


def test_missing_table(tmp_path):
    with pytest.raises(CohortError, match="no such file"):
        Cohort.read(tmp_path / "none.csv")


def test_nameless_columns(tmp_path):
    found = cohort(",case,image,\n0,a,a.png,\n1,b,b.png,\n", tmp_path)
    assert found.covariates == ()
    assert found.notes == ("1 column(s) without a name are ignored",)


def test_batch_file(tmp_path):
    found = cohort(
        "ID,Image,Mask,Label,Reader\n"
        "007,i.nrrd,m.nrrd,1,x\n007,i.nrrd,m.nrrd,2,x\n007,i.nrrd,m.nrrd,2,x\n8,i.nrrd,n.nrrd,,y\n",
        tmp_path,
    )
    assert [(a.case, a.instance, a.mask_label) for a in found.acquisitions] == [
        ("007", "1", 1),
        ("007", "2", 2),
        ("8", "", None),
    ]
    assert found.patients == ("007", "8")
    assert found.covariates == ("Reader",)
    assert "row 4" in found.failures[0].reason
    assert found.channels == ("img",)


def test_batch_file_without_id(tmp_path):
    found = cohort(
        "Image,Mask\nx/brain.nii.gz,m\ny/brain.nii.gz,m\nlung.nrrd,m\nlung.nrrd,n\n", tmp_path
    )
    assert [(a.case, a.instance) for a in found.acquisitions] == [
        ("x/brain", ""),
        ("y/brain", ""),
        ("lung", "1"),
        ("lung", "2"),
    ]


def test_batch_file_with_mask_channels(tmp_path):
    found = cohort("ID,Image,Mask,Label_channel\na,i,m,0\nb,j,m,1\n", tmp_path)
    assert found.cases == ("a",)
    assert "several channels" in found.failures[0].reason


def test_failures_are_in_the_order_of_the_rows():
    table = frame(
        case=["a", "b", "", "d", "d"],
        image=list("vwxyz"),
        channel=["t1", "b@d name", "t1", "t1", "t1"],
        stage=["S9", "S1", "S1", "S1", "S1"],
    )
    found = cohort(table, scheme="lifs")
    assert [f.case for f in found.failures] == ["a", "b", "", "d"]


def test_many_missing_files_take_time_in_proportion(tmp_path):
    """30,000 failures took minutes when each one went through all rows again."""
    n = 30_000
    table = frame(
        case=[f"c{i}" for i in range(n)],
        image=["here.png", *(f"gone/{i}.png" for i in range(1, n))],
        stage=["S1"] * n,
    )
    (tmp_path / "here.png").write_bytes(b"")
    start = time.process_time()
    found = Cohort.from_frame(table, root=tmp_path, scheme="lifs")
    assert time.process_time() - start < 10
    assert [a.case for a in found.acquisitions] == ["c0"]
    assert len(found.failures) == n - 1
    assert [f.case for f in found.failures[:2]] == ["c1", "c2"]
