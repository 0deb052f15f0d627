"""What a person sees and does on the image: volumes, overlays, and clicks over a slow connection."""

import nbformat
import pytest
from browserkit import equals, kernel, until
from canvaskit import Canvas

FLAT = """import numpy as np
import nbtrack as nbt
from nbtrack.errors import EditError
sample = nbt.sample("nuclei", n_frames=6)
detections = nbt.detect(sample.labels)
session = nbt.Session(sample.raw, detections)
session.new_track()
viewer = nbt.show(sample.raw, session)
canvas, state, picks, refused = viewer.canvas, viewer.canvas.state, [], set()
state.active_track, state.pick_color = 1, [0, 0, 255]
def pick(event):
    picks.append(event)
    if event.object_id in refused:
        raise EditError("No.")
    if event.object_id:
        session.assign(event.t, event.object_id)
        viewer.goto(event.t + 1)
canvas.on_pick(pick)
canvas.on_key(picks.append)
viewer"""

DEEP = """import numpy as np
import nbtrack as nbt
sample = nbt.sample("nuclei_3d", size=(8, 64, 96), n_frames=4)
detections = nbt.detect(sample.labels)
session = nbt.Session(sample.raw, detections, sample.truth)
viewer = nbt.show(sample.raw, session)
canvas, state, picks = viewer.canvas, viewer.canvas.state, []
state.view_keys = state.view_keys | {"PageUp": "slice_up", "PageDown": "slice_down"}
canvas.on_pick(picks.append)
labels = detections.labels[0]
viewer"""

SLOW = """{
  const held = [], Real = WebSocket;  // messages come 40 ms late, or not before they are let go
  let hold = false;
  window.hold = () => { hold = true };
  window.letGo = () => { hold = false; for (const act of held.splice(0)) act() };
  window.WebSocket = class extends Real {
    set onmessage(f) {
      super.onmessage = (e) => setTimeout(() => hold ? held.push(() => f.call(this, e)) : f.call(this, e), 40);
    }
    get onmessage() { return super.onmessage }
    send(data) { setTimeout(() => super.send(data), 40) }
  } }"""

ON_SCREEN = """([x, y]) => { const canvas = document.querySelector("canvas.nbt-canvas");
  canvas.addEventListener("pointerup", () => requestAnimationFrame(() => {
    const r = canvas.getBoundingClientRect(), k = canvas.width / r.width, c = canvas.getContext("2d");
    window.onScreen = [canvas.dataset.t, [...c.getImageData((x - r.left) * k, (y - r.top) * k, 1, 1).data].slice(0, 3)];
  }), { once: true }) }"""
"""Note what the screen shows next after a click: the frame, and the colour of a point."""


def notebook(code):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=metadata))


def info(canvas):
    return canvas.root.locator(".nbt-info").inner_text()


def test_clicks_over_a_slow_connection(open_notebook, tmp_path) -> None:
    page = open_notebook("slow.ipynb", "lab", source=notebook(FLAT), script=SLOW)
    canvas = Canvas(page, ".nbt-view")
    points = [canvas.inner_points(t)[0] for t in range(5)]
    until(lambda: int(canvas.data("cached")) == 6)

    # before any message has come, the object has its colour and its track
    object_id, y, x = points[0]
    canvas.hover(y, x)
    until(lambda: "no track" in info(canvas))
    yellow = canvas.color(y, x)
    page.evaluate("hold()")
    canvas.click(y, x)
    assert canvas.color(y, x) != yellow
    assert "track 1" in info(canvas)
    assert canvas.data("t") == "0"
    page.evaluate("letGo()")
    canvas.wait("t", 1)
    equals(lambda: kernel(page, "session.lineage.objects_of(1)"), {"0": object_id})

    # with `advance` the next frames come without the kernel, which agrees later and takes nothing back
    kernel(page, "setattr(state, 'advance', True)")
    page.evaluate(
        """canvas => { window.seen = []; new MutationObserver(() => window.seen.push(canvas.dataset.t))
             .observe(canvas, { attributeFilter: ["data-t"] }) }""",
        canvas.node.element_handle(),
    )
    page.evaluate("hold()")
    for t in (1, 2):
        place = canvas.place(*points[t][1:])
        canvas.hover(*points[t][1:])
        before = canvas.color(*points[t][1:])
        page.evaluate(ON_SCREEN, place)
        canvas.click(*points[t][1:])
        canvas.wait("t", t + 1)
        shown, color = page.evaluate("onScreen")
        assert shown == str(t)
        assert color != before, "the object was seen in its colour before the next frame came"
    page.evaluate("letGo()")
    equals(lambda: kernel(page, "[viewer.t, len(session.lineage.objects_of(1))]"), [3, 3])
    seen = page.evaluate("seen")
    assert seen == sorted(seen), "no way back"
    assert seen[-1] == "3"

    # what the kernel refuses is taken back, and the frame comes again
    object_id, y, x = points[3]
    before = canvas.color(y, x)
    kernel(page, f"refused.add({object_id})")
    page.evaluate("hold()")
    canvas.click(y, x)
    canvas.wait("t", 4)
    page.evaluate("letGo()")
    canvas.wait("t", 3)
    until(lambda: canvas.color(y, x) == before)
    assert kernel(page, "[viewer.t, str(viewer.last_error)]") == [3, "No."]

    # a key that is told as well: the kernel hears the frame after the step; "?" is "?"
    kernel(page, "setattr(state, 'hotkeys', [*state.hotkeys, 'ArrowLeft', '?', '1', 'Escape'])")
    until(lambda: canvas.said().endswith("No."))
    page.keyboard.press("ArrowLeft")
    for key in ("?", "1", "Escape", "5"):
        page.keyboard.press(key)
    canvas.wait("t", 2)
    wanted = [["ArrowLeft", 2], ["?", 2], ["1", 2], ["Escape", 2]]
    equals(lambda: kernel(page, "[[e.key, e.t] for e in picks if hasattr(e, 'key')]"), wanted)
    page.screenshot(path=str(tmp_path / "slow.png"))


def test_overlays_on_a_sharp_screen(open_notebook, tmp_path) -> None:
    page = open_notebook("overlays.ipynb", "notebooks", scale=2, source=notebook(FLAT))
    canvas = Canvas(page, ".nbt-view")
    first, second = (canvas.inner_points(t)[0] for t in (0, 1))
    kernel(page, f"[session.assign(t, i) for t, i in ((0, {first[0]}), (1, {second[0]}))] and viewer.refresh()")

    # every pixel of the image is a square of pixels of the screen
    kernel(page, "[viewer.toggle(name) for name in ('objects', 'tracks')]")
    for _ in range(9):
        page.keyboard.press("+") if page.locator("canvas:focus").count() else canvas.node.focus()
    box = canvas.node.bounding_box()
    assert canvas.node.evaluate("c => c.width") == pytest.approx(2 * box["width"], abs=2)
    changes = canvas.node.evaluate(
        """c => { const p = c.getContext('2d').getImageData(0, c.height / 2 | 0, c.width, 1).data, at = [];
             for (let i = 1; i < c.width; i++) if (p[4 * i] !== p[4 * i - 4]) at.push(i);
             return at.slice(1).map((x, i) => x - at[i]) }"""
    )
    side = 2 * float(canvas.data("zoom"))
    assert side > 10
    assert all(abs(step / side - round(step / side)) * side < 1.01 for step in changes)
    kernel(page, "[viewer.toggle(name) for name in ('objects', 'tracks')]")
    page.keyboard.press("0")

    # tails, ghost and badges change pixels, and go again
    kernel(page, "viewer.goto(1)")
    canvas.wait("t", 1)
    picture = "c => { const u = c.toDataURL(); return u }"
    plain = canvas.node.evaluate(picture)
    for on, off in (
        ("setattr(state, 'tails_on', True)", "setattr(state, 'tails_on', False)"),
        ("setattr(state, 'ghost_on', True)", "setattr(state, 'ghost_on', False)"),
        (f"canvas.badge(1, {{{second[0]}: '1'}})", "canvas.badge(0, {})"),
    ):
        kernel(page, on)
        until(lambda: canvas.node.evaluate(picture) != plain)
        kernel(page, off)
        until(lambda: canvas.node.evaluate(picture) == plain)
    kernel(page, "[state.set_trait('tails_on', True), state.set_trait('ghost_on', True)]")

    # zoomed in, the view goes with the active track; a copied text is on the clipboard
    canvas.hover(0, 0)
    for _ in range(12):
        canvas.wheel(-120, "Control")
    box = canvas.node.bounding_box()
    inside = {"x": box["x"] + box["width"], "y": box["y"] + box["height"]}
    assert canvas.place(*first[1:])[0] > inside["x"] or canvas.place(*first[1:])[1] > inside["y"]
    kernel(page, f"canvas.badge(0, {{{first[0]}: '1'}}) or viewer.goto(0)")
    canvas.wait("t", 0)
    until(lambda: canvas.place(*first[1:])[0] < inside["x"] and canvas.place(*first[1:])[1] < inside["y"])
    page.screenshot(path=str(tmp_path / "overlays.png"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    kernel(page, "canvas.copy('three words here')")
    equals(lambda: page.evaluate("navigator.clipboard.readText()"), "three words here")
    assert kernel(page, "repr(viewer.last_error)") == "None"


def test_three_linked_planes(open_notebook, tmp_path) -> None:
    page = open_notebook("deep.ipynb", "lab", source=notebook(DEEP))
    xy, xz, yz = (Canvas(page, ".nbt-view", plane) for plane in ("xy", "xz", "yz"))
    scale = kernel(page, "state.scale")
    for plane, down, across in ((xy, 1, 2), (xz, 0, 2), (yz, 1, 0)):
        true = float(plane.data("zoom-down")) / float(plane.data("zoom"))
        assert true == pytest.approx(scale[down] / scale[across], rel=1e-3)
    boxes = [plane.node.bounding_box() for plane in (xy, xz, yz)]
    assert boxes[2]["width"] >= 90
    root = xy.root.locator(".nbt-canvas-root").bounding_box()
    assert boxes[0]["width"] + boxes[2]["width"] < root["width"] <= 624
    assert (round(boxes[0]["height"] + boxes[1]["height"]), round(root["height"])) == (466, 470)
    until(lambda: int(xy.data("cached")) == 32)  # all frames are here

    # a click picks the voxel in any plane and moves the crosshair there, without the kernel
    z, y, x, object_id = kernel(
        page, "[[*map(int, p), int(labels[*p])] for p in np.argwhere(labels) if p.min() > 2][9]"
    )
    kernel(page, f"viewer.canvas.goto(0, y={y})")
    xz.wait("at", y)
    xz.hover(z, x)
    xz.wait("hover", object_id)
    assert f"z {z}, y {y}, x {x}" in info(xy)
    done = tmp_path / "done"
    page.evaluate(
        "code => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}) }",
        f"import os, time\nwhile not os.path.exists({str(done)!r}): time.sleep(0.02)",
    )
    xz.click(z, x)
    xy.wait("z", z)
    yz.wait("at", x)
    xy.hover(y, x)
    xy.wait("hover", object_id)
    yz.click(0, 7, button="right")
    yz.click(0, 7)  # background, or another object
    xy.wait("at", 7)
    xz.wait("at", 0)
    page.keyboard.down("Alt")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Alt")
    yz.wait("at", x - 1)
    page.keyboard.press("PageUp")
    yz.wait("at", x)
    xy.hover(3, 3)
    page.keyboard.press("PageDown")
    xy.wait("at", 6)
    page.keyboard.press("ArrowRight")
    for plane in (xy, xz, yz):
        plane.wait("t", 1)
    done.touch()
    wanted = [[0, z, y, x, object_id, 0], [0, 7, 0, x, kernel(page, f"int(labels[7, 0, {x}])"), 2]]
    equals(lambda: kernel(page, "[[e.t, e.z, e.y, e.x, e.object_id, e.button] for e in picks][:2]"), wanted)
    left, top = kernel(page, "[picks[1].left, picks[1].top]")
    place = yz.place(0, 7)
    assert (left, top) == pytest.approx((place[0] - root["x"], place[1] - root["y"]), abs=1)
    equals(lambda: kernel(page, "[state.t, state.z, state.y, state.x]"), [1, 6, 0, x])

    # zoom is shared, around the mouse in the plane where it is
    before, zoom = xz.place(4, 40), float(xy.data("zoom"))
    xz.hover(4, 40)
    for _ in range(4):
        xz.wheel(-100, "Control")
    until(lambda: float(xy.data("zoom")) > 1.5 * zoom)
    assert xz.place(4, 40)[0] == pytest.approx(before[0], abs=1.5)
    assert float(xy.data("cx")) == float(xz.data("cx"))
    page.screenshot(path=str(tmp_path / "planes.png"))

    # the same widget again, beside it, and after it was thrown away
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    again = Canvas(page, ".nbt-view")
    again.wait("z", 4)
    assert kernel(page, "repr(viewer.last_error)") == "None"
