"""Step through frames and click objects in nbtrack, stackview and ipympl, side by side in one browser, in milliseconds.

Run it with ``python tests/benchmarks/bench_viewer.py``; ``--help`` tells the options: without any it takes 3 rounds at
512 pixels, with ``--full`` many at two sizes, and viewers that are far from their kernel as well. It needs a Chromium.
stackview and ipympl are no dependencies: the benchmark makes an environment of its own for them, in
``.venv-bench-view``, and runs there.

Each viewer has a notebook of its own, a kernel and a page of JupyterLab; all pages are open in one browser, and rounds
go over all of them. The mouse and its wheel are moved as a person moves them. The clock starts at the time stamp of the
input event, and stops at a paint: a call that puts pixels into a canvas or an image that is decoded
(`viewer_probe.js`), counted alike for all. "last" is the last paint before 0.6 s of silence. What the browser does
after that call is the same for all and is not in it. Before each input the page and its kernel have been silent.

A browser keeps the turns of a wheel back until the next frame of the screen begins, for every viewer alike; "handed" is
the time from there to the last paint, which is what a viewer can do something about.

A click in nbtrack is "recolored" when the object has its colour, and this counts as seen if it also reached the screen;
"confirmed" when the canvas has taken over what the kernel answered; "next" when the next frame is painted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
PACKAGES = ("stackview==0.19.1", "ipympl==0.10.0", "jupyterlab", "playwright", "nbformat")
ENVIRONMENT = HERE.parents[1] / ".venv-bench-view"
LAST = 19
"""The last frame of the movie."""
STILL = 600
"""Milliseconds without traffic and paint after which a page is silent: longer than any wait before fetching ahead."""
DELAY = 40
"""Milliseconds that each message is held back, each way, on the pages that are far from their kernel."""

Row = dict[str, Any]


# --------------------------------------------------------------------------- pages
@dataclass
class Measured:
    """What was measured with one viewer.

    Parameters
    ----------
    name : str
        What it is called in the tables.
    size : int
        Of a frame in pixels.
    rows : dict of str to list
        What was measured, by what was done.
    dropped : dict of str to int
        How often it was not what it should have been: a frame was cached or not, or nothing was painted.
    """

    name: str
    size: int
    rows: dict[str, list[Row]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether it is nbtrack."""
        return self.name.startswith("nbtrack")


@dataclass
class Viewer(Measured):
    """One viewer on its page, with all cells run."""

    page: Any = None

    def __post_init__(self) -> None:
        self.canvas = None
        if self.ours:
            from canvaskit import Canvas

            self.canvas = Canvas(self.page, ".nbt-tracker")
        self.node = self.canvas.node if self.ours else self.page.locator(".bench-view").last
        self.node.scroll_into_view_if_needed()
        self.silence()

    def kernel(self, expression: str) -> Any:
        """Evaluate in the kernel; the viewer is `view` there."""
        from browserkit import kernel

        return kernel(self.page, expression)

    def silence(self) -> None:
        """Wait until nothing moves."""
        assert self.page.evaluate("quiet => probe.silence(quiet)", STILL), f"{self.name} does not come to rest"

    def arm(self, watch: list[float] | None = None) -> None:
        """Note what happens from here on."""
        self.page.evaluate("watch => probe.arm(watch)", watch)

    def keep(self, what: str, event: str, least: float = 0, most: float = math.inf) -> None:
        """Wait for the end and keep what was measured, if so many bytes came."""
        row = self.page.evaluate("([event, quiet]) => probe.result(event, quiet)", [event, STILL])
        if row["last"] is not None and (not self.ours or least <= row["bytes"] <= most):
            self.rows.setdefault(what, []).append(row)
        else:
            self.dropped[what] = self.dropped.get(what, 0) + 1

    def middle(self) -> list[float]:
        """A point of the image, off the middle a little."""
        box = self.node.bounding_box()
        return [box["x"] + 0.47 * box["width"], box["y"] + 0.47 * box["height"]]

    def slide(self, t: int) -> None:
        """Click into the frame slider."""
        track = self.page.locator(f'.noUi-base:has([aria-valuemax="{LAST}.0"])').first
        box = track.bounding_box()
        self.page.mouse.click(box["x"] + box["width"] * t / LAST, box["y"] + box["height"] / 2)

    def shown(self) -> int:
        """The frame that nbtrack shows."""
        return int(self.canvas.data("t"))


# --------------------------------------------------------------------------- what is done
def step(viewer: Viewer, i: int, what: str = "step", **bounds: float) -> None:
    """Turn the wheel by one frame, three times on, three times back; the frames have been seen before."""
    viewer.page.mouse.move(*viewer.middle())
    viewer.page.keyboard.down("Shift")
    viewer.silence()
    viewer.arm()
    viewer.page.mouse.wheel(0, 100 if i // 3 % 2 == 0 else -100)
    viewer.keep(what, "wheel", **(bounds or {"most": 20_000}))
    viewer.page.keyboard.up("Shift")


def cold_step(viewer: Viewer, i: int) -> None:
    """Turn the wheel by one frame that has to be fetched."""
    step(viewer, i, "cold step", least=viewer.size**2 / 10)


def jump(viewer: Viewer, i: int) -> None:
    """Click into the frame slider, 7 frames on; each frame has to be fetched."""
    viewer.silence()
    viewer.arm()
    viewer.slide((7 * i + 3) % (LAST + 1))
    viewer.keep("jump", "pointerdown", least=viewer.size**2 / 10)


def click(viewer: Viewer, i: int) -> None:
    """Click an object that has not the colour it will get."""
    point = choose_object(viewer, 3 + 5 * i % 12) if viewer.ours else viewer.middle()
    viewer.page.mouse.move(*point)
    viewer.silence()
    viewer.arm(point)
    press(viewer)
    viewer.keep("click", "mousedown" if viewer.name == "ipympl" else "pointerup")


def click_while_fetching(viewer: Viewer, i: int) -> None:
    """Jump to frames that were never seen, and click when the first bytes of neighbours have come."""
    viewer.kernel("view.cache(False)")
    t = (5 * i + 2) % (LAST - 1)
    point = choose_object(viewer, t)
    viewer.slide((t + 9) % LAST)
    viewer.silence()
    viewer.kernel("view.cache(True)")
    viewer.silence()
    viewer.slide(t)
    viewer.page.wait_for_function("t => document.querySelector('canvas.nbt-canvas').dataset.t == t", arg=str(t))
    viewer.page.mouse.move(*point)
    viewer.arm(point)
    viewer.page.evaluate("probe.traffic(30000)")
    viewer.arm(point)
    press(viewer)
    viewer.keep("click while fetching", "pointerup", least=30_000)
    viewer.kernel("view.cache(False)")


def choose_object(viewer: Viewer, t: int) -> list[float]:
    """Start a track and tell where an object without a track is, in a frame that is then shown."""
    viewer.kernel(f"view.goto({t})")
    viewer.canvas.wait("t", t)
    before = viewer.kernel("view.session.active_track")
    viewer.node.focus()
    viewer.page.keyboard.press("s")
    while viewer.kernel("view.session.active_track") == before:
        pass
    _, y, x = viewer.kernel(f"view.free_object({t})")
    return list(viewer.canvas.place(y, x))


def press(viewer: Viewer) -> None:
    """Click where the mouse is."""
    viewer.page.mouse.down()
    viewer.page.mouse.up()


PLAN = {
    "nbtrack": ("Nbtrack", 0, [step, click]),
    "nbtrack, cold": ("Nbtrack", 0, [cold_step, jump, click_while_fetching]),
    "stackview": ("Stackview", 0, [step, jump, click]),
    "ipympl": ("Ipympl", 0, [step, click]),
    "echo": ("Echo", 0, [click]),
    "nbtrack, far": ("Nbtrack", DELAY, [step, click]),
    "stackview, far": ("Stackview", DELAY, [step, click]),
    "echo, far": ("Echo", DELAY, [click]),
}
"""Name, class in `viewer_candidates.py`, delay, and what is done."""


# --------------------------------------------------------------------------- measuring
def open_viewer(browser: Any, url: str, root: Path, name: str, size: int) -> Viewer:
    """Write a notebook with a viewer, open it, and run it."""
    import nbformat
    from browserkit import run_all

    kind, delay, _ = PLAN[name]
    file = f"{name.replace(', ', '_')}_{size}.ipynb"
    start = f"import sys\nsys.path.insert(0, {str(HERE)!r})\nimport viewer_candidates\n"
    source = f"{start}view = viewer_candidates.{kind}({size})\nview.widget"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}  # or a page asks for a kernel
    nbformat.write(notebook, root / file)
    page = browser.new_context(viewport={"width": 1000, "height": 1300}).new_page()
    page.add_init_script(f"window.benchDelay = {delay};")
    page.add_init_script(path=HERE / "viewer_probe.js")
    page.goto(f"{url}/lab/tree/{file}?reset")
    run_all(page)
    viewer = Viewer(name, size, page=page)
    if name == "nbtrack, cold":
        viewer.kernel("view.cache(False)")
    elif viewer.ours:  # see every frame once
        for t in [*range(LAST + 1), 10]:
            viewer.kernel(f"view.goto({t})")
            viewer.canvas.wait("t", t)
        viewer.silence()
    return viewer


def measure(
    browser: Any, url: str, root: Path, sizes: list[int], rounds: int, *, far: bool
) -> tuple[list[Viewer], list[float]]:
    """Open viewers at the last size, and nbtrack at the others; go over them in rounds; the first warms up.

    Gives the viewers with their rows, and the load after each round.
    """
    size = sizes[-1]
    viewers = [open_viewer(browser, url, root, name, size) for name in PLAN if far or "far" not in name]
    smaller = [open_viewer(browser, url, root, "nbtrack", other) for other in sizes[:-1]]
    loads = []
    for i in range(-1, rounds):
        turn = i % len(viewers)
        for viewer in [*viewers[turn:], *viewers[:turn], *smaller]:
            for act in [step] if viewer in smaller else PLAN[viewer.name][2]:
                # twelve rounds are few for a 95th percentile: steps are many
                n = 3 if act in (step, cold_step) else 1
                for k in range(n):
                    act(viewer, n * i + k)
            if i < 0:
                viewer.rows.clear()
                viewer.dropped.clear()
        loads.append(os.getloadavg()[0])
        print(f"{size} pixels: round {i + 1} of {rounds}, load {loads[-1]:.1f}", file=sys.stderr, flush=True)
    for viewer in [*viewers, *smaller]:
        if viewer.ours:
            error = viewer.kernel("repr(view.tracker.last_error)")
            assert error == "None", error
        viewer.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
        viewer.page.context.close()
    return [*viewers, *smaller], loads


# --------------------------------------------------------------------------- telling
class Table:
    """Medians of what was measured at one size, and ratios of them."""

    def __init__(self, size: int, viewers: Sequence[Measured]) -> None:
        self.size = size
        own = {viewer.name: viewer for viewer in viewers if viewer.size == size}
        self.viewers = own | {f"{viewer.name}, {viewer.size}": viewer for viewer in viewers if viewer.size != size}

    def values(self, name: str, what: str, which: str) -> list[float]:
        """All values, those that never came left out; "handed" is the last paint after the page has the event."""
        rows = self.viewers[name].rows.get(what, [])
        if which == "handed":
            return [row["last"] - row["handed"] for row in rows if row["last"] is not None]
        values = [row[which] for row in rows]
        return [value for value in values if value is not None]

    def median(self, name: str, what: str, which: str = "last") -> float:
        """The median."""
        return statistics.median(self.values(name, what, which) or [float("nan")])

    def lines(self) -> list[str]:
        """One row of the table for each thing done by each viewer, and each paint."""
        lines = []
        for name, viewer in self.viewers.items():
            for what, rows in viewer.rows.items():
                clicked = "click" in what and viewer.ours
                for which in ("recolored", "answered", "confirmed", "next") if clicked else ("last", "handed"):
                    values = self.values(name, what, which)
                    if not values:
                        lines.append(f"| {self.size} | {what} | {name} | {which} | never | | | 0 | |")
                        continue
                    dropped = f" ({viewer.dropped[what]} dropped)" if what in viewer.dropped else ""
                    figures = f"{statistics.median(values):.1f} | {p95(values):.1f} | {min(values):.1f}"
                    received = statistics.median(row["bytes"] for row in rows) / 1000
                    if which == "recolored":  # a paint may be covered by the next before the screen is refreshed
                        dropped += f", {sum(bool(row['seen']) for row in rows)} reached the screen"
                    cells = f"{self.size} | {what} | {name} | {which} | {figures} | {len(values)}{dropped}"
                    lines.append(f"| {cells} | {received:.1f} |")
        return lines

    def ratios(self) -> list[str]:
        """What is claimed, what was found, and what is asked for."""
        m, small = self.median, self.size < 1024
        found = [
            ("step: stackview / nbtrack", m("stackview", "step") / m("nbtrack", "step"), ">= 3.5" if small else ">= 8"),
            ("step: ipympl / nbtrack", m("ipympl", "step") / m("nbtrack", "step"), ">= 18" if small else ""),
            ("cold step: nbtrack / stackview", m("nbtrack, cold", "cold step") / m("stackview", "step"), "<= 1"),
            ("step, once the page has it: stackview / nbtrack",
             m("stackview", "step", "handed") / m("nbtrack", "step", "handed"), ">= 3.5" if small else ">= 8"),
            ("step, once the page has it: ipympl / nbtrack",
             m("ipympl", "step", "handed") / m("nbtrack", "step", "handed"), ">= 18" if small else ""),
            ("cold step, once the page has it: nbtrack / stackview",
             m("nbtrack, cold", "cold step", "handed") / m("stackview", "step", "handed"), "<= 1"),
            ("click into the slider: nbtrack, cold / stackview",
             m("nbtrack, cold", "jump") / m("stackview", "jump"), ""),
            ("click: stackview / nbtrack recolored", m("stackview", "click") / m("nbtrack", "click", "recolored"), ""),
        ]  # fmt: skip
        for name, what, echo in (
            ("nbtrack", "click", "echo"),
            ("nbtrack, cold", "click while fetching", "echo"),
            ("nbtrack, far", "click", "echo, far"),
        ):
            if name in self.viewers:
                for which, bar in (("recolored", "<= 1.3"), ("confirmed", "<= 1.3"), ("next", "")):
                    text = f"{what}{', far' * ('far' in name)}, {which}: nbtrack / echo"
                    found.append((text, m(name, what, which) / m(echo, "click"), bar))
        if "nbtrack, far" in self.viewers:
            near, far = m("nbtrack, far", "click", "recolored"), m("stackview, far", "click")
            found.append(("click, far: stackview / nbtrack recolored", far / near, ""))
            found.append(
                ("step, far: stackview / nbtrack", m("stackview, far", "step") / m("nbtrack, far", "step"), "")
            )
        own = self.values("nbtrack", "step", "last")
        for name, viewer in self.viewers.items():
            if viewer.size != self.size:
                other = self.values(name, "step", "last")
                sizes = f"{self.size} / {viewer.size}"
                found.append((f"step: {sizes}", statistics.median(own) / statistics.median(other), "<= 1.5"))
                found.append((f"step, 95th percentile: {sizes}", p95(own) / p95(other), ""))
        return [f"| {self.size} | {text} | {value:.2f} | {bar} |" for text, value, bar in found]


def tell(record: dict[str, Any]) -> str:
    """Write tables in Markdown of what was measured."""
    tables = [
        Table(int(size), [Measured(**viewer) for viewer in viewers]) for size, viewers in record["viewers"].items()
    ]
    columns = ("pixels", "what", "viewer", "paint", "median ms", "p95", "min", "n", "kB received")
    return "\n".join(
        [
            *("- " + said for said in record["load"]),
            f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}",
            *(line for table in tables for line in table.lines()),
            "\n| pixels | ratio of medians | found | asked for |\n|---|---|---|---|",
            *(line for table in tables for line in table.ratios()),
        ]
    )


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def make_environment() -> Path:
    """Make the environment of the viewers, once; give its Python."""
    python = ENVIRONMENT / "bin" / "python"
    ready = ENVIRONMENT / "ready"
    if not ready.exists():
        install = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        for command in (
            [sys.executable, "-m", "venv", ENVIRONMENT],
            [*install, "--editable", HERE.parents[1], *PACKAGES],
        ):
            if subprocess.run(command).returncode:
                raise SystemExit("stackview and ipympl could not be installed, so there is nothing to compare with.")
        ready.touch()
    return python


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, help="of a frame in pixels")
    parser.add_argument("--rounds", nargs="+", type=int, help="for each size")
    parser.add_argument(
        "--full", action="store_true", help="30 rounds at 512 and 12 at 2048 pixels, and slow connections"
    )
    parser.add_argument("--json", type=Path, help="write every single value to this file")
    parser.add_argument("--markdown", type=Path, help="measure nothing, print the tables of a file of --json")
    options = parser.parse_args()
    if options.markdown:
        print(tell(json.loads(options.markdown.read_text())))
        return
    if Path(sys.prefix) != ENVIRONMENT:
        raise SystemExit(subprocess.run([make_environment(), __file__, *sys.argv[1:]]).returncode)
    sizes = options.sizes or ([512, 2048] if options.full else [512])
    all_rounds = options.rounds or ([30, 12] if options.full else [3, 2])
    sys.path += [str(HERE), str(HERE.parent / "browser")]
    from browserkit import CHROMIUM, jupyter, launch
    from playwright.sync_api import sync_playwright

    if not CHROMIUM:
        raise SystemExit("No Chromium: install Debian's package `chromium`, or set CHROMIUM to the program.")
    movie = importlib.import_module("viewer_candidates")
    record: dict[str, Any] = {"load": [], "viewers": {}}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "notebooks"
        root.mkdir()
        for size in sizes:
            movie.make_movie(size, root)
        with jupyter(root, Path(folder) / "jupyter") as url, sync_playwright() as playwright:
            browser = launch(playwright)
            for k, rounds in enumerate(all_rounds[: len(sizes)]):
                size, begin = sizes[k], time.perf_counter()
                viewers, loads = measure(browser, url, root, sizes[: k + 1], rounds, far=options.full)
                minutes = (time.perf_counter() - begin) / 60
                mean = statistics.mean(loads)
                record["load"].append(
                    f"{size} pixels: {rounds} rounds, {minutes:.0f} min, "
                    f"load {min(loads):.1f} to {max(loads):.1f}, mean {mean:.1f}"
                )
                names = ("name", "size", "rows", "dropped")
                record["viewers"][size] = [{name: getattr(viewer, name) for name in names} for viewer in viewers]
                if options.json:
                    options.json.write_text(json.dumps(record, indent=1))
            browser.close()
    print(tell(record))


if __name__ == "__main__":
    main()
