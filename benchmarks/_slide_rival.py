"""One way to label one slide, run by its own Python: a line of JSON for every line it reads.

Started by slides_segment.py as ``python _slide_rival.py NAME FOLDER THREADS``. The folder holds
slide.svs (so called because one rival takes a tiled TIFF for a picture); hotspot.pt, a TorchScript
from tiles (N, 3, 256, 256) of 0 to 1 at 1 um a pixel to logits of 3 classes (N, 3, 64, 64); and
hotspot.onnx, the same with its card. Labels go to FOLDER/NAME.npz: `at`, left and top of each tile
in um, and `labels`. torchvision and other packages that are imported but not used for this are
replaced by stubs where they are not installed; rivals need nothing of radiofib.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
import types
from pathlib import Path

import numpy as np

TILE, UM, CLASSES = 256, 1.0, 3
STUBS = (
    "torchvision",
    "timm",
    "umap",
    "transformers",
    "wsidicom",
    "glymur",
    "bokeh",
    "flask",
    "s3fs",
)


def nothing(*_, **__):
    """Take anything, do nothing."""


class Anything(type):
    """A class whose every attribute is a class as empty as itself."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {"__init__": nothing})


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds empty modules in place of those that are absent."""

    def find_spec(self, name, *_):
        if name.split(".")[0] in STUBS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__path__ = []
        module.__version__ = "0"

        def absent(name):
            if name.startswith("__"):
                raise AttributeError(name)
            return Anything(name, (), {"__init__": nothing})

        module.__getattr__ = absent
        return module

    def exec_module(self, module):
        pass


def transforms():
    """Return what torchvision's transforms do that WSInfer needs, for pictures of Pillow."""
    import PIL.Image
    import torch

    class Compose:
        def __init__(self, steps):
            self.steps = steps

        def __call__(self, picture):
            for step in self.steps:
                picture = step(picture)
            return picture

    def resize(picture):
        return picture.resize((TILE, TILE), PIL.Image.Resampling.BILINEAR)

    def to_tensor(picture):
        array = np.array(picture)
        return torch.from_numpy(array).permute(2, 0, 1).contiguous().float().div(255)

    return Compose([resize, to_tensor])


def labels_of(model, batch):
    """Return the labels of a batch as HOTSPoT makes them."""
    import torch

    with torch.inference_mode():
        logits = torch.nn.functional.interpolate(
            model(batch), size=(TILE, TILE), mode="bilinear", align_corners=False
        )
        return logits.argmax(dim=1).to(torch.uint8).numpy()


class Radiofib:
    package = "radiofib"
    what = "tissue without artefacts, tiles, labels stitched on disk and kept as PNG"

    def __init__(self, folder, threads):
        from radiofib.slides.labels.segmenter import open_segmenter

        self.folder, self.threads = folder, threads
        self.segmenter = open_segmenter(folder / "hotspot.onnx")
        self.decoder = "vips" if importlib.util.find_spec("pyvips") else "openslide"
        self.what = f"{Radiofib.what}; --decoder {self.decoder}"

    def run(self, out):
        from radiofib.slides.labels.files import write_labels
        from radiofib.slides.labels.segment import segment_slide
        from radiofib.slides.reader import open_slide

        with open_slide(self.folder / "slide.svs", decoder=self.decoder) as slide:
            found = segment_slide(slide, self.segmenter, out, key="k", threads=self.threads)
            write_labels(out / "k.png", found.labels, [c.color for c in found.classes], (UM, UM))
        return found.labels

    def tiles(self, labels):
        from radiofib.slides.labels.segment import plan_slide
        from radiofib.slides.reader import open_slide

        with open_slide(self.folder / "slide.svs") as slide:
            plan = plan_slide(slide, self.segmenter)
        at = np.array([(c, r) for g in plan.groups for r, c in g.tiles]) * TILE
        return at, cut(labels, at)


def cut(labels, at):
    """Cut tiles out of labels at 1 um a pixel."""
    whole = np.pad(labels, ((0, TILE), (0, TILE)))
    return np.stack([whole[y : y + TILE, x : x + TILE] for x, y in at])


class WSInfer:
    package = "wsinfer"
    what = "its tissue, patches, data set and loader; loop as its own, labels in place of scores"

    def __init__(self, folder, threads):
        import torch
        import wsinfer.wsi

        self.folder, self.threads = folder, threads
        self.model = torch.jit.load(str(folder / "hotspot.pt")).eval()
        wsinfer.wsi.set_backend("openslide")

    def run(self, out):
        import torch
        from wsinfer.modellib.data import WholeSlideImagePatches
        from wsinfer.patchlib import segment_and_patch_one_slide

        slide = self.folder / "slide.svs"
        segment_and_patch_one_slide(slide, out, TILE, UM)
        data = WholeSlideImagePatches(slide, out / "patches/slide.h5", transforms())
        loader = torch.utils.data.DataLoader(
            data,
            batch_size=32,
            shuffle=False,
            num_workers=self.threads,
            worker_init_fn=data.worker_init,
        )
        found, places = [], []
        for pictures, coords in loader:
            found.append(labels_of(self.model, pictures))
            places.append(coords.clone().numpy())
        at = np.concatenate(places)
        return at[:, :2] * (UM * TILE / at[0, 2]), np.concatenate(found)

    def tiles(self, found):
        return found


class TIAToolbox:
    package = "tiatoolbox"
    what = "SemanticSegmentor on the whole slide with its own tissue mask, labels as zarr"

    def __init__(self, folder, threads):
        import torch
        from tiatoolbox.models.engine.io_config import IOSegmentorConfig
        from tiatoolbox.models.engine.semantic_segmentor import SemanticSegmentor
        from tiatoolbox.models.models_abc import ModelABC

        class Net(ModelABC):
            def __init__(self):
                super().__init__()
                self.inner = torch.jit.load(str(folder / "hotspot.pt")).eval()

            def forward(self, pictures):
                return self.inner(pictures)

            @staticmethod
            def infer_batch(model, batch_data, **_):
                pictures = batch_data.permute(0, 3, 1, 2).contiguous().float().div(255)
                with torch.inference_mode():
                    logits = torch.nn.functional.interpolate(
                        model(pictures), size=(TILE, TILE), mode="bilinear", align_corners=False
                    )
                return logits.permute(0, 2, 3, 1).numpy()

            @staticmethod
            def postproc(image):
                return np.argmax(image, axis=-1)

        resolution = {"units": "mpp", "resolution": UM}
        self.folder, self.threads = folder, threads
        self.config = IOSegmentorConfig(
            input_resolutions=[resolution],
            output_resolutions=[resolution],
            patch_input_shape=(TILE, TILE),
            patch_output_shape=(TILE, TILE),
            stride_shape=(TILE, TILE),
            save_resolution=resolution,
        )
        self.engine = SemanticSegmentor(
            model=Net(), batch_size=32, num_workers=threads, device="cpu", verbose=False
        )

        self.coordinates = None
        after = self.engine.post_process_wsi

        def noted(raw_predictions, **more):
            self.coordinates = raw_predictions["coordinates"]
            return after(raw_predictions=raw_predictions, **more)

        self.engine.post_process_wsi = noted

    def run(self, out):
        import zarr

        found = self.engine.run(
            images=[self.folder / "slide.svs"],
            patch_mode=False,
            ioconfig=self.config,
            auto_get_mask=True,
            save_dir=out / "tia",
            output_type="zarr",
        )
        path = found if isinstance(found, str | Path) else next(iter(found.values()))
        store = zarr.open(str(path), mode="r")
        return np.asarray(store["predictions"]).astype(np.uint8), np.asarray(self.coordinates)

    def tiles(self, found):
        labels, at = found
        return at[:, :2], cut(labels, at[:, :2])


def main():
    name, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    absent = [n for n in STUBS if importlib.util.find_spec(n) is None]
    globals()["STUBS"] = tuple(absent)
    sys.meta_path.append(Stubs())
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if name != "radiofib":
        import torch

        torch.set_num_threads(threads)
    answer, sys.stdout = sys.stdout, sys.stderr
    kind = {"radiofib": Radiofib, "wsinfer": WSInfer, "tiatoolbox": TIAToolbox}[name]
    way = kind(folder, threads)
    facts = {"version": importlib.metadata.version(kind.package), "what": way.what}
    print(json.dumps(facts | {"stubs": absent}), file=answer, flush=True)
    for _ in sys.stdin:
        out = Path(tempfile.mkdtemp())
        start, cpu = time.perf_counter(), sum(os.times()[:4])
        found = way.run(out)
        seconds, cpu = time.perf_counter() - start, sum(os.times()[:4]) - cpu
        peak = peak_mb()
        at, labels = way.tiles(found)
        shutil.rmtree(out, ignore_errors=True)
        np.savez(folder / f"{name}.npz", at=at, labels=labels)
        told = {"seconds": seconds, "cpu_s": cpu, "tiles": len(at), "peak_mb": peak}
        print(json.dumps(told), file=answer, flush=True)


def peak_mb():
    """Return the highest memory of this process (Linux); workers that read come on top.

    Not that of getrusage, which goes on from the process that started this one.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None


if __name__ == "__main__":
    main()
