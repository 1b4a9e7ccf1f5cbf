"""Options that take one of a few words: help lists them, others are refused with the list."""

from __future__ import annotations

from enum import StrEnum
from typing import get_args

import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.cli.data import EngineName, MapsFormat
from radiofib.cli.onnx_convert import Layout
from radiofib.cli.prepare import Grid, OnFailure, Transform
from radiofib.cli.ultrasound import Source
from radiofib.deep.convert.common import ConvertSettings
from radiofib.engines.base import get_engine
from radiofib.extract.map_files import MAP_FORMATS
from radiofib.prepare import RegistrationPlan
from radiofib.prepare.ultrasound_config import RegionSettings
from radiofib.preprocess.register import RegistrationSettings

CHOICES = {
    ("register", "--transform"): Transform,
    ("register", "--grid"): Grid,
    ("register", "--on-failure"): OnFailure,
    ("ultrasound clean", "--region"): Source,
    ("extract", "--maps-format"): MapsFormat,
    ("extract", "--engine"): EngineName,
    ("onnx convert", "--layout"): Layout,
}


@pytest.mark.parametrize(("where", "known"), CHOICES.items(), ids=lambda v: str(v))
def test_help_and_refusal_list_the_choices(where: tuple[str, str], known: type[StrEnum]) -> None:
    command, option = where
    wide = {"COLUMNS": "300"}
    told = CliRunner().invoke(app, [*command.split(), "--help"], env=wide).output
    assert "|".join(known) in told
    needed = ["a", "b", "--out", "c"] if command == "onnx convert" else ["a", "--out", "c"]
    done = CliRunner().invoke(app, [*command.split(), *needed, option, "nonsense"], env=wide)
    assert done.exit_code == 2
    assert option in done.output
    assert all(f"'{word}'" in done.output for word in known)


def test_the_choices_are_those_of_the_settings() -> None:
    fields = {
        Transform: RegistrationSettings.model_fields["transform"].annotation,
        Grid: RegistrationPlan.model_fields["grid"].annotation,
        OnFailure: RegistrationPlan.model_fields["on_failure"].annotation,
        Source: RegionSettings.model_fields["source"].annotation,
    }
    for ours, theirs in fields.items():
        assert tuple(map(str, ours)) == get_args(theirs)
    assert tuple(map(str, MapsFormat)) == MAP_FORMATS
    for layout in Layout:
        assert ConvertSettings(layout=layout.value).layout == layout
    for name in EngineName:
        assert get_engine(name.value) is not None
