"""Make the pictures of the README with a real browser: ``python docs/make_pictures.py``.

It needs Chromium and playwright. JupyterLab shows the panels, Chromium takes the pictures, and an animation is put
together from them. They are small on purpose: pages are read on telephones, too.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from browserkit import jupyter, launch, run_all, until  # noqa: E402 (the folder of the tests comes first)
from PIL import Image  # noqa: E402

START = """import nbtrack as nbt
sample = nbt.sample("nuclei", size=(240, 320), n_frames=24)
detections = nbt.segment(sample.prediction, channel=1, size=(30, 5000))
result = nbt.track(detections, movie=sample.raw)
"""
WORKBENCH = """session = nbt.Session(sample.raw, detections, result.lineage)
tracker = nbt.ManualTracker(session)
tracker.goto(12)
tracker"""
APP = """workflow = nbt.Workflow()
workflow.load(raw=sample.raw, prediction=sample.prediction)
workflow.apply(nbt.SegmentationParams(channel=1, size=(30, 5000)))
app = nbt.App(workflow)
app.goto("Track automatically")
app"""
LARGEST = 300_000
COLORS = 256
METHOD = Image.Quantize.MAXCOVERAGE
"""Keeps the colours of the tracks, few as their pixels are."""
WIDTH, HEIGHT, FEW_COLORS, STEPS = 560, 410, 64, 6
"""Of the animation."""


def write_notebook(folder: Path, name: str, code: str) -> None:
    """Write a notebook of one cell."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cell = nbformat.v4.new_code_cell(START + code)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=metadata), folder / name)


def shoot(locator, width: int) -> Image.Image:
    """Take a picture of an element, at most so many pixels wide."""
    picture = Image.open(io.BytesIO(locator.screenshot())).convert("RGB")
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)


def save(picture: Image.Image, path: Path) -> None:
    """Write a PNG of few colours, and refuse a large one."""
    picture.quantize(COLORS, method=METHOD, dither=Image.Dither.NONE).save(path, optimize=True)
    check(path)


def check(path: Path) -> None:
    """Say how large a file is, and refuse a large one."""
    size = path.stat().st_size
    sys.stdout.write(f"{path.name}: {size / 1000:.0f} kB\n")
    if size > LARGEST:
        raise SystemExit(f"{path.name} is larger than {LARGEST // 1000} kB. Make it smaller.")


def take_pictures(out: Path) -> None:
    """Open the panels one after the other."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        root = Path(place) / "notebooks"
        root.mkdir()
        write_notebook(root, "workbench.ipynb", WORKBENCH)
        write_notebook(root, "app.ipynb", APP)
        browser = launch(playwright)
        with jupyter(root, Path(place) / "jupyter") as url:

            def visit(name: str):
                page = browser.new_page(viewport={"width": 1300, "height": 1150}, device_scale_factor=1)
                page.goto(f"{url}/notebooks/{name}")
                run_all(page)
                return page

            page = visit("workbench.ipynb")
            page.locator(".nbt-tracker canvas").first.wait_for()
            page.wait_for_timeout(1500)  # the tree is drawn by bqplot, which does not say when it is done
            save(shoot(page.locator(".nbt-tracker"), 880), out / "workbench.png")
            page.close()

            page = visit("app.ipynb")
            app = page.locator(".nbt-app")
            app.locator(".nbt-auto canvas").first.wait_for()
            page.wait_for_timeout(800)
            frames, durations = [shoot(app, WIDTH)], [1500]
            app.locator(".nbt-auto button[title^='Track all']").click()
            until(lambda: "Run 1: " in app.locator(".nbt-said:visible").first.inner_text())
            page.wait_for_timeout(800)
            frames.append(shoot(app, WIDTH))
            durations.append(1200)
            box = app.locator(".nbt-auto canvas").first.bounding_box()
            page.mouse.move(box["x"] + 10, box["y"] + 10)
            for _ in range(STEPS):
                page.keyboard.down("Shift")
                for _ in range(3):
                    page.mouse.wheel(0, 100)
                page.keyboard.up("Shift")
                page.wait_for_timeout(250)
                frames.append(shoot(app, WIDTH))
                durations.append(450)
            browser.close()
    height = min(frame.height for frame in frames)
    frames = [frame.crop((0, 0, WIDTH, min(height, HEIGHT))) for frame in frames]
    palette = frames[-1].quantize(FEW_COLORS, method=METHOD)
    flat = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    target = out / "automatic.gif"
    flat[0].save(target, save_all=True, append_images=flat[1:], duration=durations, loop=0, optimize=True)
    check(target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    take_pictures(parser.parse_args().out)
