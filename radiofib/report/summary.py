"""The first paragraph: what was found, in plain words, with what speaks against it."""

from __future__ import annotations

from radiofib.report.audit import audit_findings
from radiofib.report.blocks import Block, Note, Paragraph, Section
from radiofib.report.context import Context, Metric
from radiofib.report.format import estimate, pluralise, shorten, side_label, signed, target_levels
from radiofib.report.prediction_sets import set_cautions

__all__ = ["summary_section", "summary_sentences"]

_CONTROLS = (("control_geometry", "the image size"), ("control_scanner", "the scanner"))
#: A loss on unseen scanners smaller than this is not worth a sentence of its own.
_WORTH_SAYING = 0.03


def _with_interval(metric: Metric) -> str:
    shown = estimate(metric.value, 2)
    if not metric.has_interval:
        return f"{shown} (no interval)"
    return f"{shown} (95 % CI {signed(metric.low, 2)} to {signed(metric.high, 2)})"


def _who(metric: Metric, context: Context) -> str:
    noun = "patient" if context.main_unit == "patient" else "row"
    sides = target_levels(context.main_target, context.levels)
    n = pluralise(metric.n, noun)
    if sides is None or metric.n_pos != metric.n_pos:
        return n
    return f"{n}, {metric.n_pos:.0f} with {side_label(sides[0], context.labels)}"


def _known(context: Context, model: str, setting: str) -> Metric | None:
    found = context.auc(model, setting, context.main_unit, context.main_target)
    return found if found is not None and found.value == found.value else None


def summary_sentences(context: Context) -> tuple[list[str], list[str]]:
    """Return the summary and the cautions that belong to it.

    Parameters
    ----------
    context : Context
        The run.

    Returns
    -------
    tuple of two lists of str
        Sentences of the paragraph; cautions, each a sentence or two.
    """
    places = (context.inside, context.outside)
    known, unseen = (_known(context, context.main_model, s) for s in places)
    if known is None and unseen is None:
        return ["No performance was computed in this run, so nothing is claimed here."], [
            f"What failed: {reason}" for reason in _failed_steps(context)
        ]
    name = context.model_name(context.main_model)
    if name[1:2].islower():
        name = name[0].lower() + name[1:]
    asked = context.target_name(context.main_target).replace(" vs ", " from ")
    said = [f"The stager ({shorten(name, 60)}) was asked to tell {shorten(asked, 100)}."]
    if known is not None:
        several = context.several_scanners and context.inside == "cv"
        where = "from scanners it had been trained on" if several else "it had not seen"
        where = "of the test set" if context.inside == "test" else where
        said.append(
            f"On patients {where}, its AUC is {_with_interval(known)} [{_who(known, context)}]."
        )
    if unseen is not None:
        start = "On scanners it never saw, "
        start = "On the external set, " if context.outside == "external" else start
        start += "it is" if known is not None else "its AUC is"
        who = _who(unseen, context)
        same = known is not None and who == _who(known, context)
        said.append(f"{start} {_with_interval(unseen)}{'' if same else f' [{who}]'}.")
    said += _control_sentences(context)
    cautions = [*_left_out(context), *_cautions(context, known, unseen), *set_cautions(context)]
    return said, [*cautions, *audit_findings(context)]


def _failed_steps(context: Context) -> list[str]:
    """Return why training or evaluation failed, if failures.csv says."""
    failures = context.folder.table("failures")
    if failures is None:
        return []
    reasons = failures.loc[failures["step"].isin(("train", "evaluate")), "reason"]
    return [shorten(reason, 400) for reason in dict.fromkeys(reasons)][:3]


def _left_out(context: Context) -> list[str]:
    """Return which feature sets were left out, and why."""
    failures = context.folder.table("failures")
    if failures is None:
        return []
    reasons = failures.loc[failures["step"] == "feature sets", "reason"]
    return [shorten(str(reason), 400) for reason in reasons]


def _control_sentences(context: Context) -> list[str]:
    said: list[str] = []
    for setting in (context.inside, context.outside):
        found = [
            (fact, metric)
            for control, fact in _CONTROLS
            if (metric := _known(context, control, setting)) is not None
        ]
        if not found:
            continue
        if said:
            values = " and ".join(f"{estimate(m.value, 2)} ({fact})" for fact, m in found)
            verb = "these controls reach" if len(found) > 1 else "this control reaches"
            said.append(f"On {_place(context, setting)} {verb} {values}.")
            continue
        where = f" on {_place(context, setting)}" if setting == context.outside else ""
        first, *rest = [f"that knows only {fact} reaches {_with_interval(m)}" for fact, m in found]
        said.append("; ".join([f"A model {first}{where}", *(f"one {r}" for r in rest)]) + ".")
    return said


def _place(context: Context, setting: str) -> str:
    """Return where a setting is, as it follows "on"."""
    name = context.setting_name(setting)
    return f"the {name}" if name.endswith(" set") else name


def _cautions(context: Context, known: Metric | None, unseen: Metric | None) -> list[str]:
    cautions: list[str] = []
    for found, setting in ((known, context.inside), (unseen, context.outside)):
        if found is not None and found.has_interval and found.low <= 0.5:
            where = _place(context, setting)
            cautions.append(
                f"{'In' if where == 'cross-validation' else 'On'} {where} the interval includes "
                "0.5: the result cannot be told apart from guessing."
            )
    cautions += _shortcuts(context, known, unseen)
    if known is not None and unseen is not None and known.value - unseen.value >= _WORTH_SAYING:
        cautions.append(
            f"The AUC on {_place(context, context.outside)} is "
            f"{estimate(known.value - unseen.value, 2)} lower than on "
            f"{'known ones' if context.inside == 'cv' else _place(context, context.inside)} "
            "(difference of the two estimates, not a test)."
        )
    if unseen is None:
        cautions.append(
            "The stager was not tested on unseen scanners: nothing here says how it would do on "
            "images from another scanner or hospital."
        )
    sparse = [m for m in (known, unseen) if m is not None and m.sparse]
    if sparse:
        fewest = min(m.fewest for m in sparse)
        stages = context.main_target == "stages"
        noun = "patient" if stages or context.main_unit == "patient" else "row"
        what = "one stage" if stages else "one side of the comparison"
        so = "too narrow" if stages else "wide"
        cautions.append(
            f"Sparse: {what} holds only {pluralise(fewest, noun)}, so the interval is {so} and its "
            "method matters (see the glossary)."
        )
    cautions += [
        f"{note[0].upper()}{note[1:]}." for note in _collapses(context) if "covers 0.5" not in note
    ]
    return cautions


def _shortcuts(context: Context, known: Metric | None, unseen: Metric | None) -> list[str]:
    inside = (context.inside, known)
    setting, reference = inside if known is not None else (context.outside, unseen)
    found = [
        (control, fact)
        for control, fact in _CONTROLS
        if (control_auc := _known(context, control, setting)) is not None
        and reference is not None
        and reference.has_interval
        and control_auc.value >= reference.low
    ]
    said = [
        f"A model that knows only {fact} comes within the stager's own interval: this comparison "
        "does not show that the stager reads the liver rather than the way the images were made."
        for _, fact in found
    ]
    if not any(_known(context, control, setting) for control, _ in _CONTROLS):
        said.append("No negative control was run, so shortcuts cannot be ruled out.")
    return said


def _collapses(context: Context) -> list[str]:
    """Return the collapses that the evaluation noted for the main model, each once."""
    frame = context.metrics
    if frame is None or "note" not in frame:
        return []
    part = frame[
        (frame["model"] == context.main_model)
        & (frame["unit"] == context.main_unit)
        & frame["target"].isin([context.main_target, "stages"])
    ]
    notes = part["note"].str.split("; ").explode()
    return [shorten(context.note_text(n), 160) for n in dict.fromkeys(notes) if "collapse" in n][:4]


def summary_section(context: Context) -> Section:
    """Build the summary section."""
    said, cautions = summary_sentences(context)
    blocks: list[Block] = []
    if context.folder.text("description"):
        blocks.append(Paragraph(shorten(context.folder.text("description"), 1200)))
    blocks.append(Paragraph(" ".join(said), lead=True))
    blocks += [Note(text, caution=True) for text in cautions]
    blocks += [Note(shorten(text, 400)) for text in context.folder.strings("notes")[:20]]
    return Section("summary", "Summary", tuple(blocks))
