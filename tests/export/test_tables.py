"""The one call: which files, all or none, the same bytes, and errors that help."""

from __future__ import annotations

import errno
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from radiofib.errors import ExportError, UsageError
from radiofib.export import FORMATS, export_table, tables
from radiofib.export.build import build_sheet
from radiofib.table import FeatureTable
from tests.export.builders import STAGE_LABELS, awkward_table


def small(**obs) -> FeatureTable:
    return FeatureTable(
        pd.DataFrame({"us_original_firstorder_mean": [1.0, 2.0]}),
        pd.DataFrame({"case": ["a", "b"], **obs}),
    )


def test_files_that_are_written(tmp_path):
    written = export_table(small(), tmp_path / "new" / "folder")
    assert [p.name for p in written] == [
        "codebook.csv",
        "features.csv",
        "features.parquet",
        "features.rds",
        "features.sav",
        "load.R",
        "load.sps",
        "missing.csv",
    ]
    assert sorted(written) == sorted((tmp_path / "new" / "folder").iterdir())


def test_bytes_are_equal_across_runs(tmp_path):
    table = awkward_table(extreme=False)
    for run in ("one", "two"):
        export_table(table, tmp_path / run, FORMATS, stage_labels=STAGE_LABELS)
    # sav and xpt hold the time of writing; their content is compared elsewhere.
    same = [p for p in (tmp_path / "one").iterdir() if p.suffix not in (".sav", ".xpt")]
    assert len(same) == 9
    for path in same:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_the_stata_time_stamp_is_fixed(tmp_path):
    export_table(small(), tmp_path, ["dta"])
    assert b"<timestamp>\x1101 Jan 2000 00:00</timestamp>" in (
        (tmp_path / "features.dta").read_bytes()
    )


def test_the_table_is_not_changed(tmp_path):
    table = awkward_table(extreme=False)
    before = table.X.copy(), table.obs.copy()
    export_table(table, tmp_path, FORMATS, stage_labels=STAGE_LABELS)
    pd.testing.assert_frame_equal(table.X, before[0])
    pd.testing.assert_frame_equal(table.obs, before[1])


def test_formats_may_be_a_text(tmp_path):
    assert len(export_table(small(), tmp_path, "csv, .RDS")) == 5


@pytest.mark.parametrize(("formats", "hint"), [("savv", "'sav'"), ([], None), ("rdata", None)])
def test_an_unknown_format_names_the_known_ones(formats, hint, tmp_path):
    with pytest.raises(UsageError, match="csv, rds, sav, dta, xpt, xlsx, parquet") as info:
        export_table(small(), tmp_path, formats)
    assert hint is None or hint in str(info.value)


def test_a_failure_leaves_the_older_export_as_it_was(tmp_path, monkeypatch):
    export_table(small(), tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(sheet, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(tables._WRITERS, "rds", full)
    with pytest.raises(ExportError, match="No space left on device") as info:
        export_table(awkward_table(), tmp_path)
    assert str(tmp_path) in str(info.value)
    assert "free some space" in str(info.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "out").write_text("not a folder")
    with pytest.raises(ExportError, match="choose a folder, not a file"):
        export_table(small(), tmp_path / "out")
    with pytest.raises(ExportError, match="choose a folder, not a file"):
        export_table(small(), tmp_path / "out" / "deeper")


def test_a_folder_without_write_permission(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refused)  # the superuser may write anywhere
    with pytest.raises(ExportError, match="choose a folder you may write to") as info:
        export_table(small(), tmp_path)
    assert str(tmp_path) in str(info.value)


FORBIDDEN = """
import os, sys
from pathlib import Path
import pandas as pd
from radiofib.errors import ExportError
from radiofib.export import export_table
from radiofib.table import FeatureTable

out = Path(sys.argv[1])
table = FeatureTable(pd.DataFrame({"x": [1.0]}), pd.DataFrame({"case": ["a"]}))
out.chmod(0o555)
if os.geteuid() == 0:
    os.setuid(65534)
for folder in (out, out / "new"):
    try:
        export_table(table, folder)
    except ExportError as error:
        assert str(out) in str(error) and "you may write to" in str(error), error
    else:
        raise SystemExit("written where it is forbidden")
print("refused", list(out.iterdir()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs folders that forbid writing")
def test_a_folder_that_really_forbids_writing():
    with tempfile.TemporaryDirectory() as outer:  # pytest's own folders may not be entered
        Path(outer).chmod(0o755)
        out = Path(outer) / "out"
        out.mkdir()
        assert child(FORBIDDEN, out) == "refused []"


def child(code: str, out: Path) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code, str(out)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.strip()


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd
from radiofib.errors import ExportError
from radiofib.export import FORMATS, MODEL_FORMATS, export_model, export_table
from radiofib.staging import make_stager
from radiofib.table import FeatureTable

out = Path(sys.argv[1])
X = pd.DataFrame(np.random.default_rng(0).normal(size=(3000, 3)), columns=list("abc"))
table = FeatureTable(X, pd.DataFrame({"case": [f"c{i}" for i in range(3000)]}))
export_table(table, out / "whole", FORMATS)
for name in FORMATS:
    if name == "xlsx":
        continue
    size = (out / "whole" / f"features.{name}").stat().st_size
    for limit in (4000, size // 2, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        target = out / f"{name}{limit}"
        try:
            export_table(table, target, [name])
        except ExportError as error:
            assert str(target) in str(error), error
        else:
            raise SystemExit(f"{name} cut at {limit} of {size} bytes went unnoticed")
        assert list(target.iterdir()) == [], list(target.iterdir())
stager = make_stager("xgboost").fit(X[:60], ["s1", "s4"] * 30)
for name in MODEL_FORMATS[1:]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
    try:
        export_model(stager, out / f"model_{name}", name)
    except ExportError as error:
        assert "larger files" in str(error), error
    else:
        raise SystemExit(f"the model as {name} went unnoticed")
    assert list((out / f"model_{name}").iterdir()) == []
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
print("noticed")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_disk_that_fills_while_writing_is_noticed_in_every_format(tmp_path):
    assert child(FULL_DISK, tmp_path) == "noticed"


def test_an_error_of_the_library_is_an_export_error(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise pyreadstat.ReadstatError("Unable to write data")

    monkeypatch.setattr("pyreadstat.write_sav", broken)
    with pytest.raises(ExportError, match="sav file cannot be written"):
        export_table(small(), tmp_path, ["sav"])


def test_an_empty_table_is_refused(tmp_path):
    with pytest.raises(ExportError, match="no rows"):
        export_table(small().subset(np.array([], dtype=int)), tmp_path)


@pytest.mark.parametrize("formats", [[f] for f in FORMATS])
def test_a_table_of_one_row_without_a_single_value(formats, tmp_path):
    table = FeatureTable(
        pd.DataFrame({"v": [np.nan]}),
        pd.DataFrame({"case": ["a"], "note": [None], "day": [pd.NaT], "n": [None]}),
    )
    assert export_table(table, tmp_path, formats)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_no_program_can_hold_is_refused_with_its_place(text, tmp_path):
    with pytest.raises(ExportError, match="column 'note', case 'b'"):
        export_table(small(note=pd.Series(["fine", text], dtype=object)), tmp_path)


def test_labels_and_reasons_are_cleaned_instead(tmp_path):
    table = FeatureTable(
        pd.DataFrame({"v": [1.0]}),
        pd.DataFrame({"case": ["a"]}),
        codebook=pd.DataFrame({"column": ["v"], "label": ["a\0b\ud800"]}, dtype=object),
        missing=pd.DataFrame({"case": ["a"], "reason": ["\ud800\0"]}, dtype=object),
    )
    assert len(export_table(table, tmp_path, FORMATS)) == 11


def test_a_list_in_a_cell_is_refused(tmp_path):
    with pytest.raises(ExportError, match="one value"):
        export_table(small(note=[[1, 2], [3]]), tmp_path)


def test_mixed_objects_become_texts_in_every_format(tmp_path):
    export_table(small(note=[1, "b"]), tmp_path, FORMATS)
    back = FeatureTable.from_parquet(tmp_path / "features.parquet")
    assert back.obs["note"].tolist() == ["1", "b"]
    frame, _ = pyreadstat.read_sav(str(tmp_path / "features.sav"))
    assert frame["note"].tolist() == ["1", "b"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, None], "logical"),
        ([1, None], "double"),
        (pd.array([1, None], dtype="Int64"), "integer"),
        (np.array([1, None], dtype=object), "integer"),
        (np.array([1, 0.5], dtype=object), "double"),
        (np.array([None, None], dtype=object), "text"),
        ([2**60, 1], "text"),
        (pd.to_datetime(["2020-01-01", None]), "date"),
        (pd.to_datetime(["2020-01-01T10:00Z", None], utc=True), "datetime"),
        (pd.Categorical(["a", "b"]), "factor"),
        (pd.Categorical([1.0, 2.0], ordered=True), "ordered"),
        (["x", None], "text"),
    ],
)
def test_kinds_of_describing_columns(values, kind, tmp_path):
    sheet = build_sheet(small(extra=values))
    assert next(v.kind for v in sheet.variables if v.name == "extra") == kind


def test_whole_numbers_that_a_double_would_round_are_not_features(tmp_path):
    table = FeatureTable(pd.DataFrame({"uid": [2**60 + 1]}), pd.DataFrame({"case": ["a"]}))
    with pytest.raises(ExportError, match="too large for a double"):
        export_table(table, tmp_path)


def test_a_stage_without_order_gets_the_order_of_its_labels():
    for stage in (["f2", "f0"], pd.Categorical(["f2", "f0"])):
        sheet = build_sheet(small(stage=stage), {"f0": "F0", "f1": "F1", "f2": "F2"})
        stage_variable = sheet.variables[1]
        assert stage_variable.kind == "ordered"
        assert stage_variable.levels == ("f0", "f1", "f2")
        assert stage_variable.coded().tolist() == [2, 0]


@pytest.mark.parametrize(
    ("stage", "labels", "message"),
    [
        (["s1", "s9"], {"s1": "S1"}, r"case 'b': stage has no label"),
        (pd.Categorical(["s1", "s9"], ordered=True), {"s1": "S1"}, "found s9"),
        (["s1", "s2"], {"s1": "S", "s2": "S"}, "share one label"),
    ],
)
def test_stages_and_labels_that_do_not_fit(stage, labels, message, tmp_path):
    with pytest.raises(ExportError, match=message):
        export_table(small(stage=stage), tmp_path, stage_labels=labels)


def test_an_instance_is_named_in_messages(tmp_path):
    table = FeatureTable(
        pd.DataFrame({"v": [1.0, np.inf]}),
        pd.DataFrame({"case": ["a", "a"], "instance": ["", "roi2"]}),
    )
    with pytest.raises(ExportError, match="case 'a', instance 'roi2'"):
        export_table(table, tmp_path, ["sav"])


def test_scripts_hold_no_text_from_outside(tmp_path):
    table = small(stage=["s1", "s2"])
    table.obs["'); system('x"] = [1, 2]
    export_table(table, tmp_path, ["rds", "sav"])
    assert "system" not in (tmp_path / "load.R").read_text()
    assert "system" not in (tmp_path / "load.sps").read_text()


def test_flags_stand_beside_the_table_and_go_with_it(tmp_path: Path) -> None:
    flag = {"column": "x", "remark": "0 by convention", "regions": 2}
    X, obs = pd.DataFrame({"x": [0.0, 0.0]}), pd.DataFrame({"case": ["a", "b"]})
    export_table(FeatureTable(X, obs, provenance={"flags": [flag]}), tmp_path, ["csv"])
    assert pd.read_csv(tmp_path / "flags.csv").to_dict("records") == [flag]
    export_table(FeatureTable(X, obs), tmp_path, ["csv"])
    assert not (tmp_path / "flags.csv").exists()
