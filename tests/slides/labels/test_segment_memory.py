"""Labels of very large slides within a bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.slides import nets

#: Most resident memory, of which 0.3 GB are imports and the network's runtime.
BOUND_MB = 1500

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from radiofib.slides.labels.files import write_labels
from radiofib.slides.reader import Slide
from radiofib.slides.labels.segment import segment_slide
from radiofib.slides.labels.segmenter import open_segmenter

model, out, width, height = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])

class Painted:
    # Slanting cores 3000 pixels wide with a dark grid of squares, painted where they are read.
    dimensions = (width, height)
    level_downsamples = (1.0, 4.0, 16.0)
    level_dimensions = tuple((width // down, height // down) for down in (1, 4, 16))
    properties = {}

    def read_region(self, location, level, size):
        down = int(self.level_downsamples[level])
        x = (np.arange(size[0]) * down + location[0])[None, :]
        y = (np.arange(size[1]) * down + location[1])[:, None]
        pixels = np.full((size[1], size[0], 4), 243, np.uint8)
        pixels[..., 3] = 255
        core = ((y + 0.2 * x) % 25_000 < 3000) & (x > 2000) & (x < width - 2000)
        pixels[core] = (222, 150, 190, 255)
        pixels[core & ((x // 400 + y // 400) % 7 == 0)] = (96, 62, 140, 255)
        return Image.fromarray(pixels)

slide = Slide(Painted(), Path("painted"), (0.25, 0.25), "given")
found = segment_slide(slide, open_segmenter(model), out, key="k", threads=2)
write_labels(out / "k.png", found.labels, [c.color for c in found.classes], (1, 1))
status = Path("/proc/self/status").read_text().split()
print(*found.labels.shape, int(status[status.index("VmHWM:") + 1]) // 1024)
"""


@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize("size", [(40_000, 30_000), (100_000, 100_000)])
def test_memory_is_bounded(tmp_path: Path, size: tuple[int, int]) -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("the highest memory is read from Linux")
    model = nets.colour_net(tmp_path / "net.onnx", tile=256, um=1.0)
    script = tmp_path / "label.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(model), str(tmp_path / "w"), *map(str, size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    height, width, peak = map(int, done.stdout.split())
    assert (width, height) == (size[0] // 4, size[1] // 4)
    assert peak < BOUND_MB
