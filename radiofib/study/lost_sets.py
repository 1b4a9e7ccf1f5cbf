"""Feature sets that no case has values for: left out of training and evaluation, with a reason."""

from __future__ import annotations

from collections import Counter

from radiofib.errors import ConfigError, Failure, TableError
from radiofib.study.channel_sets import ChannelSet, channel_sets, of_families
from radiofib.study.config import StudyConfig
from radiofib.study.model import labelled
from radiofib.table import FeatureTable
from radiofib.table.reasons import matching_columns

__all__ = ["LOST_SET", "why_all_missing", "without_lost_sets"]

#: Step of the failure that names a set that was left out; the report looks for it.
LOST_SET = "feature sets"


def without_lost_sets(study: StudyConfig, table: FeatureTable) -> tuple[StudyConfig, list[Failure]]:
    """Return the study without feature sets of which a family has no value in any case.

    A set that is to see handcrafted features and an embedding, and has no embedding, would be
    the handcrafted features under another name; one that has nothing would be shown with an AUC
    of .5. Each is one failure. The first set that is left is the study's main one.

    Parameters
    ----------
    study : StudyConfig
        With ``feature_sets``; another is returned as it is.
    table : FeatureTable
        What was measured; cases without a stage do not count.

    Raises
    ------
    TableError
        When no set is left.

    Examples
    --------
    >>> import pandas as pd
    >>> study = StudyConfig(title="A", cohort="a.csv",
    ...                     feature_sets={"Net": ["embedding"], "Grey": ["firstorder"]})
    >>> X = pd.DataFrame({"us_original_deep_net_e001": [None, None],
    ...                   "us_original_firstorder_mean": [1.0, 2.0]}, dtype=float)
    >>> obs = pd.DataFrame({"case": ["a", "b"], "stage": ["f0", "f1"]})
    >>> left, [failure] = without_lost_sets(study, FeatureTable(X, obs))
    >>> list(left.feature_sets), failure.step
    (['Grey'], 'feature sets')
    """
    rows = labelled(table)
    if not study.feature_sets or not rows.n_rows:
        return study, []
    lost = {s.name: why for s in channel_sets(study) if (why := _why_lost(s, rows)) is not None}
    failures = [Failure.from_error(why, case="", step=LOST_SET) for why in lost.values()]
    kept = {name: set_ for name, set_ in study.feature_sets.items() if name not in lost}
    if not kept:
        first = next(iter(lost.values()))
        raise TableError(
            "no feature set has values: there is nothing to train on",
            where="study, 'feature_sets'",
            found=str(first),
        )
    return study.model_copy(update={"feature_sets": kept}), failures


def _why_lost(channels: ChannelSet, rows: FeatureTable) -> TableError | None:
    for family in channels.families:
        try:
            columns = [str(c) for c in of_families(rows, [family]).X]
        except ConfigError:
            continue  # a family the table does not have is told where the set is used
        why = why_all_missing(rows, columns)
        if why is not None:
            return TableError(
                f"feature set {channels.name!r} is left out: no case has a value of its family "
                f"{family!r}",
                expected=f"values in {len(columns)} columns, such as {columns[0]}",
                found=why,
            )
    return None


def why_all_missing(rows: FeatureTable, columns: list[str]) -> str | None:
    """Return the commonest reason why columns have no value in any row; None when one has.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"us_original_glcm_contrast": [float("nan")]})
    >>> why = pd.DataFrame({"case": ["a"], "instance": [""],
    ...                     "column": ["us_original_*"], "reason": ["too small"]})
    >>> table = FeatureTable(X, pd.DataFrame({"case": ["a"]}), missing=why)
    >>> why_all_missing(table, list(X))
    'none in 1 row; the commonest reason: too small'
    """
    if rows.X[columns].notna().to_numpy().any():
        return None
    found = f"none in {rows.n_rows} row{'' if rows.n_rows == 1 else 's'}"
    told = rows.missing.drop_duplicates(["case", "instance", "reason"])
    reasons = Counter(
        str(row.reason)
        for row in told.itertuples(index=False)
        if matching_columns(str(row.column), columns)
    )
    if not reasons:
        return found
    [(reason, _)] = reasons.most_common(1)
    return f"{found}; the commonest reason: {reason}"
