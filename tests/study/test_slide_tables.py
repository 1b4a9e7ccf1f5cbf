"""What a run of slides needs of a study."""

from __future__ import annotations

import subprocess
import sys


def test_a_run_of_slides_loads_no_stager_and_no_engine() -> None:
    """Each process of a run pays for what it loads, in time and in memory."""
    code = (
        "import sys; from radiofib.study import RunFolder, slide_labeller, write_slide_tables; "
        "import radiofib.slides.run; "
        "heavy = {'numba', 'sklearn', 'xgboost', 'pywt', 'matplotlib', 'radiofib.engines'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
