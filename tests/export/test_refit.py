"""Refit scripts: which models, safe names, and statements that a parser accepts."""

from __future__ import annotations

import re
import unicodedata
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import ExportError
from radiofib.export import export_table, write_refit
from radiofib.export.build import build_sheet
from radiofib.export.quoting import r_text, spss_text
from radiofib.export.refit_models import read_models
from radiofib.export.sheet import Variable
from radiofib.study import InterpretConfig, RunFolder, interpret_table
from radiofib.study.progress import silent
from radiofib.study.run import _export
from radiofib.table import FeatureTable, unguard_frame
from tests.export.builders import EVIL, STAGE_LABELS, fitted_models

LEVELS = tuple(STAGE_LABELS)
ESCAPE = re.compile(r'\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|([n"\\]))')


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_an_r_literal_is_one_line_of_ascii_and_gives_the_text_back(text):
    literal = r_text(text)
    inside = literal[1:-1]
    assert literal[0] == literal[-1] == '"'
    assert literal.isascii()
    assert literal.isprintable()
    # No quote or backslash is left when the escapes are taken out.
    assert not set(ESCAPE.sub("", inside)) & {'"', "\\"}

    def back(match: re.Match[str]) -> str:
        if match[3]:
            return "\n" if match[3] == "n" else match[3]
        return chr(int(match[1] or match[2], 16))

    assert ESCAPE.sub(back, inside) == text


@given(st.text())
def test_an_spss_literal_is_one_line_or_refused(text):
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in text):
        with pytest.raises(ExportError, match="SPSS syntax"):
            spss_text(text)
        return
    literal = spss_text(text)
    assert len(literal.splitlines()) == 1
    assert literal[1:-1].replace("''", "").count("'") == 0
    assert literal[1:-1].replace("''", "'") == text


def statements(syntax: str) -> list[str]:
    """Split SPSS syntax into commands; quotes are blanked, comments dropped."""
    blank = re.sub(r"'(?:[^'\n]|'')*'", "''", syntax)
    assert "'" not in blank.replace("''", ""), "a quote is left open"
    commands, current = [], ""
    for line in blank.splitlines():
        if not current and not line.strip():
            continue
        current = f"{current} {line.strip()}".strip()
        if line.rstrip().endswith("."):
            commands.append(current[:-1].strip())
            current = ""
    assert current == "", f"a command does not end: {current}"
    return [c for c in commands if not c.startswith("*")]


NAME = r"[A-Za-z@\u0080-\uffff][\w.$#@]*"
NUMBER = r"\d+(?:\.\d+)?(?:E[+-]?\d+)?"
SIGNED = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
PLUM = re.compile(
    rf"PLUM {NAME} WITH(?: {NAME})+"
    rf" /CRITERIA=(?:(?:CIN|DELTA|LCONVERGE|MXITER|MXSTEP|PCONVERGE|SINGULAR)\({NUMBER}\) ?)+"
    r" ?/LINK=(?:CAUCHIT|CLOGLOG|LOGIT|NLOGLOG|PROBIT)"
    r" /PRINT=(?:FIT|PARAMETER|SUMMARY|TPARALLEL|CELLINFO|CORB|COVB|KERNEL| )+"
)
GRAMMAR = [
    re.compile(r"SET (DECIMAL=DOT|FORMAT=F20\.12)"),
    re.compile(r"GET FILE=''"),
    re.compile(r"ECHO ''"),
    re.compile(r"EXECUTE"),
    re.compile(rf"SELECT IF (NOT MISSING\({NAME}\)|{NAME} NE ''|{NAME} = {NAME})"),
    re.compile(
        rf"AGGREGATE OUTFILE=\* /BREAK={NAME}(?: /{NAME}=(?:MIN|MAX|MEAN|FIRST)\({NAME}\))+"
    ),
    re.compile(rf"IF \({NAME} NE ''\) {NAME} = \({NAME} = ''\)"),
    re.compile(rf"IF \(NOT MISSING\({NAME}\)\) {NAME} = \({NAME} = \d+\)"),
    re.compile(rf"COMPUTE {NAME} = \({NAME} - \({SIGNED}\)\) / {SIGNED}"),
    re.compile(rf"RECODE {NAME}(?: \((?:''|-?\d+)=\d+\))+ \(ELSE=SYSMIS\) INTO {NAME}"),
    re.compile(
        rf"LOGISTIC REGRESSION VARIABLES={NAME} WITH(?: {NAME})+"
        rf" /CRITERIA=BCON\({NUMBER}\) ITERATE\(\d+\)"
    ),
    PLUM,
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An export with a logistic, a proportional odds, a Firth and an unknown model."""
    out = tmp_path_factory.mktemp("refit")
    table, frame, _ = fitted_models(80, EVIL, rows=2)
    export_table(table, out, ["rds", "sav"], stage_labels=STAGE_LABELS)
    frame.to_csv(out / "coefficients.csv", index=False)
    files = write_refit(
        table, out / "coefficients.csv", out, levels=LEVELS, stage_labels=STAGE_LABELS
    )
    return out, files


def test_every_statement_of_the_spss_syntax_is_one_we_know(written):
    out, files = written
    assert [p.name for p in files] == ["refit.R", "refit.sps"]
    commands = statements((out / "refit.sps").read_text(encoding="utf-8"))
    for command in commands:
        assert any(rule.fullmatch(command) for rule in GRAMMAR), command
    kinds = [command.split()[0] for command in commands]
    assert kinds.count("LOGISTIC") == kinds.count("PLUM") == 1
    assert kinds[-1] == "PLUM"  # PSPP stops there
    assert "has not been run" in (out / "refit.sps").read_text()
    assert max(map(len, (out / "refit.sps").read_text().splitlines())) <= 200


def test_the_parser_refuses_what_spss_would_not_take():
    good = "PLUM y WITH a b /CRITERIA=CIN(95) DELTA(0) /LINK=LOGIT /PRINT=FIT PARAMETER"
    assert PLUM.fullmatch(good)
    for old, new in [("WITH a b", "WITH"), ("LOGIT", "LOGITS"), ("(95)", "95"), ("PLUM y", "PLUM")]:
        assert not PLUM.fullmatch(good.replace(old, new))


def test_names_stand_only_in_literals(written):
    out, _ = written
    script = (out / "refit.R").read_text(encoding="utf-8")
    code = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', re.sub(r"(?m)^#.*$", "", script))
    assert "pwned" in script
    assert "pwned" not in code
    syntax = (out / "refit.sps").read_text(encoding="utf-8")
    assert "HOST COMMAND" in syntax
    assert "HOST COMMAND" not in re.sub(r"'(?:[^'\n]|'')*'", "''", syntax)


def test_what_cannot_be_refitted_is_said(written):
    out, _ = written
    for name in ("refit.R", "refit.sps"):
        text = (out / name).read_text(encoding="utf-8")
        assert "not refitted: ebm, stage: no counterpart of it is known" in text


def variables_of(table: FeatureTable) -> dict[str, Variable]:
    return {v.name: v for v in build_sheet(table, STAGE_LABELS).variables}


def frame_of(model, target, cuts, terms=("x",), note="", estimate=1.0):
    names = [*cuts, *terms]
    kinds = ["threshold"] * len(cuts) + ["term"] * len(terms)
    return pd.DataFrame(
        {"model": model, "target": target, "kind": kinds, "term": names}
        | {"unit": "", "estimate": estimate, "note": note}
    )


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (frame_of("partial_proportional_odds", "stage", ["s1|s2"]), "no counterpart"),
        (frame_of("logistic", "s9_vs_s1", ["intercept"]), "no counterpart"),
        (frame_of("proportional_odds", "stage", ["s1|s3", "s2|s4"]), "no counterpart"),
        (frame_of("proportional_odds", "stage", ["s1|s2"], note="ridge penalty 1"), "penalised"),
        (frame_of("logistic", "s4_vs_s1-3", ["intercept"], ["age:sex"]), "age:sex"),
        (frame_of("logistic", "s4_vs_s1-3", ["intercept"], estimate=np.nan), "no complete"),
        (frame_of("logistic", "s4_vs_s1-3", ["intercept"], []), "no counterpart"),
        (frame_of("logistic", "s4_vs_s1-3", ["intercept"], ["x2"]), "other coefficients"),
        (frame_of("proportional_odds", "stage", ["s1|s2"], ["case"]), "no column of the table"),
    ],
)
def test_models_that_are_left_out(frame, reason):
    table, _, _ = fitted_models(80, "x2")
    variables = variables_of(FeatureTable(table.X.assign(x=1.0), table.obs))
    models, left_out = read_models(frame, variables, LEVELS)
    assert models == []
    assert reason in next(iter(left_out.values()))


def test_a_model_of_half_of_the_patients_is_not_pretended_to_be_refitted():
    table, _, _ = fitted_models(120, "x2")
    config = InterpretConfig(model="logistic", select={"terms": 1, "pairs": 5}, split=True)
    frame = interpret_table(table, config, levels=LEVELS).coefficients
    models, left_out = read_models(frame, variables_of(table), LEVELS)
    assert models == []
    assert "other coefficients" in left_out["logistic, s4_vs_s1-3"]


def test_levels_may_be_absent_and_separated_classes_mean_firth():
    table, _, _ = fitted_models(80, "x2")
    few = table.subset(table.obs["stage"].isin(["s1", "s3", "s4"]).to_numpy())
    frame = interpret_table(few, InterpretConfig(terms=("x2",)), levels=LEVELS).coefficients
    models, _ = read_models(frame, variables_of(few), LEVELS)
    assert models[0].groups == {"s1": 1, "s3": 2, "s4": 3}
    apart = table.obs["stage"].cat.codes == 3
    X = table.X.assign(apart=apart + np.arange(len(apart)) / 1000)
    apart = FeatureTable(X, table.obs)
    config = InterpretConfig(model="logistic", terms=("apart",))
    frame = interpret_table(apart, config, levels=LEVELS).coefficients
    models, _ = read_models(frame, variables_of(apart), LEVELS)
    assert models[0].kind == "firth"
    assert models[0].groups == {"s1": 0, "s2": 0, "s3": 0, "s4": 1}


def test_without_coefficients_or_table_older_scripts_go(written, tmp_path):
    table, frame, _ = fitted_models(80, "x2")
    export_table(table, tmp_path, ["rds"], stage_labels=STAGE_LABELS)
    source = tmp_path / "coefficients.csv"
    frame.to_csv(source, index=False)
    (tmp_path / "refit.sps").write_text("old")
    files = write_refit(table, source, tmp_path, levels=LEVELS, stage_labels=STAGE_LABELS)
    assert [p.name for p in files] == ["refit.R"]
    assert not (tmp_path / "refit.sps").exists()
    source.unlink()
    assert write_refit(table, source, tmp_path, levels=LEVELS) == []
    assert not (tmp_path / "refit.R").exists()


def test_coefficients_without_a_column_are_refused() -> None:
    with pytest.raises(ExportError, match="no unit"):
        read_models(pd.DataFrame(columns=["model", "target", "kind", "term"]), {}, LEVELS)


def test_a_stage_stored_as_text_is_compared_as_text_and_a_line_break_is_not_written(tmp_path):
    table, _, _ = fitted_models(80, "x2", rows=2)
    obs = table.obs.assign(stage=table.obs["stage"].astype(object))
    obs["scanner"] = obs["scanner"].replace({"Zürich": "Zü\nrich"})
    table = FeatureTable(table.X, obs)
    export_table(table, tmp_path, ["sav"])
    frames = []
    for model, scanner in (
        ("logistic", "none"),
        ("firth", "none"),
        ("proportional_odds", "covariate"),
    ):
        config = InterpretConfig(model=model, terms=("x2",), scanner=scanner)
        frames.append(interpret_table(table, config, levels=LEVELS).coefficients)
    pd.concat(frames).to_csv(tmp_path / "c.csv", index=False)
    write_refit(table, tmp_path / "c.csv", tmp_path, levels=LEVELS)
    text = (tmp_path / "refit.sps").read_text(encoding="utf-8")
    assert "('s4'=1)" in text
    assert "SELECT IF stage NE ''." in text
    assert "not refitted: proportional_odds, stage: a text cannot be written" in text
    for command in statements(text):
        assert any(rule.fullmatch(command) for rule in GRAMMAR), command


def test_a_run_writes_them_beside_its_export_and_forgets_them(tmp_path):
    table, frame, _ = fitted_models(80, "x2")
    folder = RunFolder(tmp_path)
    scheme = SimpleNamespace(levels=LEVELS, labels=STAGE_LABELS, ordered=True)
    study = SimpleNamespace(export=["csv", "rds", "sav"])
    cohort = SimpleNamespace(scheme=scheme)
    path = folder.write_frame("interpret/coefficients.csv", unguard_frame(frame))
    assert _export(study, table, cohort, folder, silent) == []
    assert (tmp_path / "export/refit.R").is_file()
    assert (tmp_path / "export/refit.sps").is_file()
    folder.write_frame("interpret/coefficients.csv", frame[["model", "term"]])
    failures = _export(study, table, cohort, folder, silent)
    assert [f.step for f in failures] == ["export refit"]
    path.unlink()
    assert _export(study, table, cohort, folder, silent) == []
    assert not (tmp_path / "export/refit.R").exists()
