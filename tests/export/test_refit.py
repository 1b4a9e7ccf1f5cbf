"""Refit scripts: which models, safe names, and statements that a parser accepts."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofib.errors import ExportError
from radiofib.export import export_table, write_refit
from radiofib.export.quoting import r_text, spss_text
from radiofib.export.refit_models import read_models
from radiofib.table import FeatureTable
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
    table, frame = fitted_models(80, EVIL)
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
    assert max(map(len, (out / "refit.sps").read_text().splitlines())) <= 100


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
    assert "HOST COMMAND" not in (out / "refit.sps").read_text(encoding="utf-8")


def test_what_cannot_be_refitted_is_said(written):
    out, _ = written
    for name in ("refit.R", "refit.sps"):
        text = (out / name).read_text(encoding="utf-8")
        assert "not refitted: ebm, stage: no counterpart of it is known" in text


def frame_of(model, target, cuts, terms=("x",), note="", estimate=1.0):
    names = [*cuts, *terms]
    kinds = ["threshold"] * len(cuts) + ["term"] * len(terms)
    return pd.DataFrame(
        {"model": model, "target": target, "kind": kinds, "term": names}
        | {"estimate": estimate, "note": note}
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
    ],
)
def test_models_that_are_left_out(frame, reason):
    models, left_out = read_models(frame, ["x"], LEVELS)
    assert models == []
    assert reason in next(iter(left_out.values()))


def test_levels_may_be_absent_and_separated_classes_mean_firth():
    frame = frame_of("proportional_odds", "stage", ["s1|s3", "s3|s4"])
    models, _ = read_models(frame, ["x"], LEVELS)
    assert models[0].groups == {"s1": 1, "s3": 2, "s4": 3}
    note = "terms separate the classes; Firth's penalised likelihood"
    models, _ = read_models(
        frame_of("logistic", "s1_vs_s2-4", ["intercept"], note=note), ["x"], LEVELS
    )
    assert models[0].kind == "firth"
    assert models[0].groups == {"s1": 1, "s2": 0, "s3": 0, "s4": 0}


def test_without_coefficients_or_table_older_scripts_go(written, tmp_path):
    table, frame = fitted_models(80, "x2")
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


def test_coefficients_without_a_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no estimate"):
        read_models(pd.DataFrame(columns=["model", "target", "kind", "term"]), [], LEVELS)


def test_a_stage_stored_as_text_is_compared_as_text(tmp_path):
    X = pd.DataFrame({"x": [1.0, 2.0, 4.0, 3.0]})
    table = FeatureTable(X, pd.DataFrame({"case": list("abcd"), "stage": ["it's", "f1"] * 2}))
    export_table(table, tmp_path, ["sav"])
    frame = frame_of("logistic", "it's_vs_f1", ["intercept"])
    models, _ = read_models(frame, ["x"], ("f0", "f1"))
    assert models == []  # a target that the levels do not have
    frame_of("logistic", "f1_vs_f0", ["intercept"]).to_csv(tmp_path / "c.csv", index=False)
    write_refit(table, tmp_path / "c.csv", tmp_path, levels=("f0", "f1"))
    assert "('f1'=1)" in (tmp_path / "refit.sps").read_text()
