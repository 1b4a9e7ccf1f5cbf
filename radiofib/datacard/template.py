"""The text of a new card, to be filled in."""

from __future__ import annotations

import re

from radiofib.errors import DataCardError

__all__ = ["new_card_text"]

_TEMPLATE = """---
name: {name}
title: {title}
licence: not stated            # what may be done with the data, in the words of its owner
source: not stated             # where it is from: address, department, study
citation: ""
status: private                # published, private or simulated
scheme: metavir                # scheuer, lifs, metavir, ishak, ludwig, ludwig_0_4, batts_ludwig,
                               # binary, or {{name, levels, labels, ordered}}
channels:                      # one letter, then at most nine letters or digits
  t1: {{title: T1-weighted, files: [T1]}}
  ged4: {{title: hepatobiliary phase, files: [GED4], misnamed: []}}
layouts:
  - images: "{{scanner}}/{{case}}/{{channel}}.nii.gz"   # or {{name:regex}}
    mask: {{pattern: "{{scanner}}/{{case}}/mask_{{channel}}.nii.gz", channels: [ged4], label: 1}}
    columns: {{split: train}}                           # the same for all files here
    derive:
      stage: {{from: case, match: "-F([0-4])$"}}         # one group: the value
# labels:                      # instead of the stage in a name: a CSV beside the images
#   - table: labels.csv
#     key: "{{case}}"
#     key_column: case
#     columns: {{stage: stage}}
#     translate: {{stage: {{"cirrhosis": F4}}}}
scanners: {{}}                   # name: {{vendor: ..., model: ..., field_t: 3}}
splits:
  train: {{title: all cases}}
expected: []                   # - {{split: train, cases: 0, cases_by_scanner: {{A: {{f4: 0}}}}}}
traps: []                      # - {{name: misnamed_channel, text: what goes wrong}}
---

# {title}

One paragraph: who was imaged, how, and what the stage was read from (biopsy or resection, how
many days apart).

## Not to be forgotten

Who labelled the images, what was left out, and what is known to be wrong.
"""


def new_card_text(name: str, title: str = "") -> str:
    """Return the text of a card that is valid and meant to be edited.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and ``_``, beginning with a letter.
    title : str
        For people; the name when empty.

    Raises
    ------
    DataCardError
        When the name cannot be used.

    Examples
    --------
    >>> new_card_text("my_liver").splitlines()[1]
    'name: my_liver'
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise DataCardError(
            "card name cannot be used",
            expected="lower-case letters, digits and '_', beginning with a letter",
            found=repr(name),
        )
    line = " ".join(title.split()) or name
    if not re.fullmatch(r"\w[\w ,.()-]*", line):
        raise DataCardError(
            "card title cannot be used", expected="letters, digits, spaces and , . ( ) -"
        )
    return _TEMPLATE.format(name=name, title=line)
