"""The first paragraph: what was found, in plain words, with what speaks against it."""

from __future__ import annotations

from radiofib.report.blocks import Block, Note, Paragraph, Section
from radiofib.report.context import Context, Metric
from radiofib.report.format import estimate, pluralise, target_levels

__all__ = ["summary_section", "summary_sentences"]

_CONTROLS = (("control_geometry", "the image size"), ("control_scanner", "the scanner"))


def _with_interval(metric: Metric) -> str:
    shown = estimate(metric.value, 2)
    if not metric.has_interval:
        return f"{shown} (no interval)"
    return f"{shown} (95 % CI {estimate(metric.low, 2)} to {estimate(metric.high, 2)})"


def _who(metric: Metric, context: Context) -> str:
    noun = "patient" if context.main_unit == "patient" else "row"
    sides = target_levels(context.main_target, context.levels)
    n = pluralise(metric.n, noun)
    if sides is None or metric.n_pos != metric.n_pos:
        return n
    first, last = (context.labels.get(level, level) for level in (sides[0][0], sides[0][-1]))
    return f"{n}, {metric.n_pos:.0f} with {first if first == last else f'{first}–{last}'}"


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
    said: list[str] = []
    cautions: list[str] = []
    target, unit = context.main_target, context.main_unit
    model = context.main_model
    name = context.model_name(model)
    name = name[0].lower() + name[1:] if name[:2] not in ("XG",) and name else name
    known = context.auc(model, "cv", unit, target)
    unseen = context.auc(model, "loso", unit, target)
    if known is None and unseen is None:
        return ["No performance was computed in this run, so nothing is claimed here."], []
    asked = context.target_name(target).replace(" vs ", " from ")
    said.append(f"The stager ({name}) was asked to tell {asked}.")
    if known is not None:
        said.append(
            f"On patients from scanners it had been trained on, its AUC is {_with_interval(known)} "
            f"[{_who(known, context)}]."
        )
    if unseen is not None:
        said.append(
            f"On scanners it never saw, it is {_with_interval(unseen)} [{_who(unseen, context)}]."
            if known is not None
            else f"On scanners it never saw, its AUC is {_with_interval(unseen)}."
        )
    said += _control_sentences(context, cautions, known, unseen)
    if unseen is None:
        cautions.append(
            "The stager was not tested on unseen scanners: nothing here says how it would do "
            "on images from another scanner or hospital."
        )
    elif unseen.has_interval and unseen.low <= 0.5:
        cautions.append(
            "On unseen scanners the interval includes 0.5: the result cannot be told apart from "
            "guessing."
        )
    if known is not None and known.has_interval and known.low <= 0.5:
        cautions.append(
            "On known scanners the interval includes 0.5: the result cannot be told apart from "
            "guessing."
        )
    if known is not None and unseen is not None and known.value - unseen.value >= 0.05:
        cautions.append(
            f"The AUC on unseen scanners is {estimate(known.value - unseen.value, 2)} lower than "
            "on known ones (difference of the two estimates, not a test)."
        )
    sparse = [m for m in (known, unseen) if m is not None and m.sparse]
    if sparse:
        fewest = min(min(m.n_pos, m.n - m.n_pos) for m in sparse)
        cautions.append(
            f"Sparse: one side of the comparison holds only {fewest:.0f} "
            f"{'patients' if unit == 'patient' else 'rows'}, so the interval is wide and its "
            "method matters (see the glossary)."
        )
    return said, cautions


def _control_sentences(
    context: Context, cautions: list[str], known: Metric | None, unseen: Metric | None
) -> list[str]:
    setting, reference = ("cv", known) if known is not None else ("loso", unseen)
    said: list[str] = []
    for control, known_fact in _CONTROLS:
        found = context.auc(control, setting, context.main_unit, context.main_target)
        if found is None:
            continue
        words = "one" if said else "A model"
        said.append(f"{words} that knows only {known_fact} reaches {_with_interval(found)}")
        if reference is not None and reference.has_interval and found.value >= reference.low:
            cautions.append(
                f"A model that knows only {known_fact} comes within the stager's own interval: "
                "this comparison does not show that the stager reads the liver rather than the "
                "way the images were made."
            )
    if not said:
        cautions.append("No negative control was run, so shortcuts cannot be ruled out.")
        return []
    return ["; ".join(said) + "."]


def summary_section(context: Context) -> Section:
    """Build the summary section."""
    said, cautions = summary_sentences(context)
    blocks: list[Block] = [Paragraph(" ".join(said), lead=True)]
    blocks += [Note(text, caution=True) for text in cautions]
    blocks += [Note(text) for text in context.folder.strings("notes")[:20]]
    return Section("summary", "Summary", tuple(blocks))
