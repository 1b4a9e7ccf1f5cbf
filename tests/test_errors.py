"""Errors say where, expected, found and next, and survive the way between processes."""

from __future__ import annotations

import pickle

import pytest

from radiofib import errors
from radiofib.errors import Failure, MaskError, RadiofibError, SplitError, UsageError


def test_message_has_place_expected_found_and_next() -> None:
    error = MaskError(
        "label is absent", where="m.nii", expected="2", found="1, 3", hint="choose another"
    )
    assert str(error) == ("m.nii: label is absent (expected 2; found 1, 3). Next: choose another.")


def test_bare_message_ends_with_one_stop() -> None:
    assert str(RadiofibError("nothing to do.")) == "nothing to do."


@pytest.mark.parametrize("name", [n for n in errors.__all__ if n.endswith("Error")])
def test_every_error_crosses_processes_whole(name: str) -> None:
    kind = getattr(errors, name)
    error = kind("p", where="w", expected="e", found="f", hint="h")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - what multiprocessing does
    assert type(back) is kind
    assert str(back) == str(error)


def test_what_the_user_can_mend_by_another_call_is_a_usage_error() -> None:
    usage = {n for n in errors.__all__ if n.endswith("Error")}
    usage = {n for n in usage if issubclass(getattr(errors, n), UsageError)}
    assert usage == {
        "UsageError",
        "ConfigError",
        "DataCardError",
        "CohortError",
        "TableError",
        "MissingExtraError",
        "MissingModelError",
    }


def test_unexpected_exceptions_keep_their_class() -> None:
    failure = Failure.from_error(ZeroDivisionError("x"), case="a", step="extract")
    assert failure.error == "ZeroDivisionError"
    assert failure.reason == "ZeroDivisionError: x"
    assert list(failure.as_row()) == ["case", "channel", "instance", "step", "error", "reason"]


def test_an_error_that_was_found_is_told_without_brackets_in_brackets() -> None:
    inner = SplitError("too few patients", where="fold 2", expected="5", found="3", hint="use 2")
    outer = SplitError("no setting could be tested", found=str(inner))
    assert str(outer) == (
        "no setting could be tested: fold 2: too few patients (expected 5; found 3). Next: use 2."
    )
    outermost = SplitError("nothing is left", where="study", expected="a setting", found=str(outer))
    assert str(outermost) == (
        "study: nothing is left (expected a setting): no setting could be tested: fold 2: too few "
        "patients (expected 5; found 3). Next: use 2."
    )
