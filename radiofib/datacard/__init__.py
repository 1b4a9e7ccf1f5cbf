"""Data cards: Markdown files that document a data set and load it; stage schemes."""

from radiofib.datacard.card import DataCard
from radiofib.datacard.find import find_card, list_cards
from radiofib.datacard.schemes import (
    SCHEME_NAMES,
    StageScheme,
    derive_scheme,
    get_scheme,
    make_scheme,
    schemes_that_fit,
)
from radiofib.datacard.template import new_card_text
from radiofib.datacard.validation import CardReport

__all__ = [
    "SCHEME_NAMES",
    "CardReport",
    "DataCard",
    "StageScheme",
    "derive_scheme",
    "find_card",
    "get_scheme",
    "list_cards",
    "make_scheme",
    "new_card_text",
    "schemes_that_fit",
]
