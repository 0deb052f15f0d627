// One view: one plane, or three linked ones with a crosshair; zoom, mouse and keys.

const GAP = 4; // CSS pixels between planes
const SIDE = { width: 104, height: 64, share: 0.5 }; // the least room for the planes at the right and below, and the most
const THIN = 24; // a volume that is flatter than this is stretched, and it says so

class Board {
  constructor(store, el) {
    this.store = store;
    this.hover = 0; // label under the mouse
    this.found = 0; // an object to point at
    this.palette = new Palette();
    this.root = this.part("div", "nbt-canvas-root" + (store.planes.length > 1 ? " nbt-three" : ""));
    this.root.style.height = store.get("view_height") + "px";
    this.panes = store.planes.map((name) => new Pane(this, name, this.part("div", "nbt-pane", this.root)));
    this.main = this.panes[0];
    this.info = this.part("div", "nbt-info", this.main.cell);
    this.note = this.part("div", "nbt-note", this.main.cell);
    this.makeZoom();
    el.append(this.root);
    this.unit = { z: 1, y: 1, x: 1 };
    this.zoomed = { on: false, scale: 1, center: { z: 0, y: 0, x: 0 } };
    this.listen();
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.root);
    store.views.add(this);
    this.resize();
    store.show();
  }
  part(tag, className, parent = null) {
    const node = document.createElement(tag);
    node.className = className;
    if (parent) parent.append(node);
    return node;
  }
  makeZoom() {
    const zoom = this.part("div", "nbt-zoom", this.root);
    this.scaleText = this.part("span", "nbt-scale", zoom);
    const buttons = [
      ["−", "Zoom out (Ctrl + wheel)", () => this.zoom(0.8)],
      ["+", "Zoom in (Ctrl + wheel)", () => this.zoom(1.25)],
      ["Fit", "Show the whole image", () => this.fit()],
    ];
    for (const [text, title, act] of buttons) {
      const button = this.part("button", "nbt-zoom-button", zoom);
      Object.assign(button, { textContent: text, title, type: "button" });
      button.addEventListener("click", (e) => {
        e.stopPropagation();
        act();
        this.main.canvas.focus({ preventScroll: true });
      });
    }
  }
  close() {
    this.sizes.disconnect();
    clearTimeout(this.waiting);
    this.store.views.delete(this);
    this.panel?.removeEventListener("click", this.clicking);
    this.panel?.removeEventListener("focusin", this.focusing);
    this.panel?.removeEventListener("keydown", this.typing);
    this.root.remove();
  }

  // -------------------------------------------------------------------------- layout
  resize() {
    const width = this.root.clientWidth, height = this.root.clientHeight;
    if (!width || !height) return;
    if (!this.panel) this.adopt();
    const ratios = this.store.get("scale").map((size) => clamp(size / this.store.get("scale")[2], 0.02, 50) || 1);
    this.unit = { z: ratios[0], y: ratios[1], x: 1 };
    if (this.panes.length === 1) this.main.resize(width, height);
    else this.share(width - GAP, height - GAP);
    if (this.zoomed.on) { this.keepInside(); this.draw(); } else this.fit();
  }
  share(width, height) { // the planes get room in proportion to the volume
    const { z, y, x } = this.extents(), scale = Math.min(width / (x + z), height / (y + z));
    this.stretch = Math.max(1, Math.ceil(THIN / (z * scale)));
    this.unit.z *= this.stretch;
    const depth = z * this.stretch * scale;
    const right = Math.round(Math.min(Math.max(depth, SIDE.width), SIDE.share * width));
    const below = Math.round(Math.min(Math.max(depth, SIDE.height), SIDE.share * height));
    this.root.style.gridTemplate = `${height - below}px ${below}px / ${width - right}px ${right}px`;
    const [xy, xz, yz] = this.panes;
    xy.resize(width - right, height - below);
    xz.resize(width - right, below);
    yz.resize(right, height - below);
  }
  extents() { // of the volume, in units of a pixel along x
    const of = (axis) => this.store.size(axis) * this.unit[axis];
    return { z: of("z"), y: of("y"), x: of("x") };
  }

  // -------------------------------------------------------------------------- zoom; scale and centre are shared by the planes
  fitScale() {
    const size = this.extents();
    return Math.min(...this.panes.map((pane) => Math.min(pane.width / size[pane.across], pane.height / size[pane.down])));
  }
  fit() {
    const center = { z: this.store.size("z") / 2, y: this.store.size("y") / 2, x: this.store.size("x") / 2 };
    this.zoomed = { on: false, scale: this.fitScale(), center };
    this.draw();
  }
  zoom(factor, pane = this.main, fx = 0.5, fy = 0.5) { // around the point at these fractions of a pane, which stays where it is
    const before = this.zoomed.scale, least = this.fitScale(), scale = clamp(before * factor, least, Math.max(64, least));
    if (scale <= least * 1.001) return this.fit();
    for (const [axis, pixels] of [[pane.across, (fx - 0.5) * pane.width], [pane.down, (fy - 0.5) * pane.height]])
      this.zoomed.center[axis] += (pixels / before - pixels / scale) / this.unit[axis];
    this.zoomed.scale = scale;
    this.zoomed.on = true;
    this.keepInside();
    this.draw();
  }
  keepInside() {
    for (const axis of ["z", "y", "x"]) {
      const shown = this.panes.filter((pane) => axis !== pane.through).map((pane) => pane.halfExtent(axis));
      const half = Math.max(...shown), size = this.store.size(axis), center = this.zoomed.center;
      if (shown.length) center[axis] = half * 2 >= size ? size / 2 : clamp(center[axis], half, size - half);
    }
  }
  moveTo(place) {
    if (!this.zoomed.on) return;
    for (const axis in place) this.zoomed.center[axis] = place[axis] + 0.5;
    this.keepInside();
  }
  lookAt(place, objectId) {
    this.found = objectId;
    this.moveTo(place);
    this.draw();
  }
  follow(t) { // the view goes with the active track, once a frame, when it comes near the border
    const track = this.store.get("active_track");
    if (this.followed === t || !this.store.colors.has(t)) return;
    this.followed = t;
    const place = this.zoomed.on && track && this.store.get("follow_track") ? this.store.placesOf(t).get(track) : null;
    if (!place) return;
    const far = (pane, axis) => axis !== pane.through && Math.abs(place[axis] + 0.5 - this.zoomed.center[axis]) > 0.8 * pane.halfExtent(axis);
    const { z, y, x } = place;
    if (["z", "y", "x"].some((axis) => this.panes.some((pane) => far(pane, axis)))) this.moveTo({ z, y, x });
  }

  // -------------------------------------------------------------------------- drawing
  draw() {
    const { store, main } = this, t = store.get("t");
    clearTimeout(this.waiting);
    const failure = store.planes.map((name) => store.failed.get(store.keyNow(name))).find(Boolean);
    this.note.textContent = failure ?? "";
    if (!main.target) return;
    if (!main.plane && !failure) this.waiting = setTimeout(() => { this.note.textContent = `loading frame ${t} …`; }, 200);
    if (main.plane) this.follow(t);
    this.palette.setGreys(store);
    this.palette.setLabels(store, store.colors.get(t), this.found);
    for (const pane of this.panes) {
      const plane = pane.plane;
      if (plane && this.at?.pane === pane) { // the frame or the tracks under a resting mouse may have changed
        pane.shown = { t, at: store.get(pane.through), plane };
        this.at = this.at.inside ? pane.locate(this.at) : this.at;
        this.hover = this.at.label;
        this.info.textContent = this.describe(this.at);
      }
    }
    for (const pane of this.panes) if (pane.plane) pane.draw(pane.plane);
    const stretched = this.stretch > 1 ? ` · z × ${this.stretch}` : "";
    this.scaleText.textContent = "zoom " + this.zoomed.scale.toFixed(this.zoomed.scale < 10 ? 1 : 0) + stretched;
    this.count();
  }
  count() { this.main.canvas.dataset.cached = this.store.slices.size; }
  tails(t) {
    const state = [t, this.store.get("tail_length"), this.store.changes].join();
    if (this.tailed !== state) this.segments = findTails(this.store, t);
    this.tailed = state;
    return this.segments;
  }
  describe(at) {
    if (!at.inside) return "";
    const place = (this.panes.length > 1 ? `z ${at.z}, ` : "") + `y ${at.y}, x ${at.x}`;
    if (!at.object_id) return place;
    const tracks = this.store.tracksOf(at.pane.shown.t, at.object_id);
    const text = tracks[0] === -1 ? "false detection" : tracks.length > 1 ? `tracks ${tracks.join(" and ")} (merger)` : tracks.length ? `track ${tracks[0]}` : "no track";
    return `object ${at.object_id}  ·  ${text}  ·  ${place}`;
  }

  // -------------------------------------------------------------------------- mouse
  listen() {
    this.root.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    this.root.addEventListener("contextmenu", (e) => { // not the menu of the notebook, on the buttons neither
      e.preventDefault();
      e.stopPropagation();
      const pane = this.panes.find((pane) => pane.canvas === e.target);
      if (pane) this.pick(pane, e, 2);
    });
    for (const pane of this.panes) {
      const canvas = pane.canvas;
      canvas.addEventListener("pointerdown", (e) => this.grab(pane, e));
      canvas.addEventListener("pointermove", (e) => {
        if (this.drag) return this.pull(e);
        if (this.store.stroke?.open) for (const step of e.getCoalescedEvents?.() ?? [e]) this.paint(step);
        this.point(pane.locate(e));
      });
      canvas.addEventListener("pointerup", (e) => {
        const drag = this.drag;
        this.drag = null;
        if (this.store.stroke?.open) return this.lift();
        if (drag && !drag.moved && drag.button === 0) this.pick(pane, e, 0);
      });
      canvas.addEventListener("pointercancel", () => { this.drag = this.store.stroke = null; });
      canvas.addEventListener("pointerleave", () => this.point({ pane, inside: false, label: 0, object_id: 0 }));
      canvas.addEventListener("keydown", (e) => this.press(e));
    }
  }
  wheel(e) { // only with a modifier: a plain wheel scrolls the page
    if (!e.shiftKey && !e.ctrlKey && !e.metaKey && !e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    this.store.asking.touch();
    const pane = this.panes.find((pane) => pane.canvas === e.target) ?? this.main;
    const delta = (e.deltaY || e.deltaX) * (e.deltaMode === 1 ? 40 : e.deltaMode === 2 ? 400 : 1);
    if (e.ctrlKey || e.metaKey) {
      const box = pane.canvas.getBoundingClientRect();
      this.zoom(Math.exp(-clamp(delta, -120, 120) * 0.002), pane, (e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height);
      return;
    }
    this.rolled = (this.rolled ?? 0) + delta;
    if (Math.abs(this.rolled) < 40) return;
    this.store.step(e.shiftKey ? "t" : pane.through, Math.sign(this.rolled));
    this.rolled = 0;
  }
  grab(pane, e) {
    this.store.asking.touch();
    pane.canvas.focus({ preventScroll: true });
    if (e.button > 1) return;
    e.preventDefault();
    try { pane.canvas.setPointerCapture(e.pointerId); } catch { /* a pointer made by a script */ }
    if (e.button === 0 && this.store.get("brush")) return this.brush(pane, e);
    this.drag = { pane, x: e.clientX, y: e.clientY, center: { ...this.zoomed.center }, button: e.button, moved: false };
  }
  held(e) { return ["shift", "ctrl", "alt", "meta"].filter((name) => e[name + "Key"]); }
  brush(pane, e) { // a stroke begins
    const at = pane.locate(e), { z, y, x, object_id } = at;
    if (!at.inside) return;
    this.store.land();
    this.store.answered = null;
    this.store.stroke = { pane, t: pane.shown.t, object_id, points: [{ z, y, x }], modifiers: this.held(e), open: true };
    this.store.redraw();
  }
  paint(e) {
    const { stroke } = this.store, at = stroke.pane.locate(e), last = stroke.points.at(-1);
    this.store.asking.touch();
    if (!at.inside || ["z", "y", "x"].every((axis) => at[axis] === last[axis])) return;
    stroke.points.push({ z: at.z, y: at.y, x: at.x, [stroke.pane.through]: last[stroke.pane.through] });
  }
  lift() { // the stroke is done; what it does is shown when the kernel has answered
    const { t, pane, points, object_id, modifiers } = this.store.stroke;
    this.store.stroke.open = false;
    const rows = points.map(({ z, y, x }) => [z, y, x]);
    this.store.model.send({ type: "stroke", t, through: pane.through, points: rows, object_id, modifiers });
  }
  pull(e) {
    const { pane, x, y, center } = this.drag, dx = e.clientX - x, dy = e.clientY - y;
    this.store.asking.touch();
    if (Math.hypot(dx, dy) > 4) this.drag.moved = true;
    if (!this.drag.moved || !this.zoomed.on) return;
    this.zoomed.center[pane.across] = center[pane.across] - dx / pane.scale(pane.across);
    this.zoomed.center[pane.down] = center[pane.down] - dy / pane.scale(pane.down);
    this.keepInside();
    this.draw();
  }
  point(at) {
    this.at = at;
    this.info.textContent = this.describe(at);
    if (this.store.get("brush")) this.store.redraw();
    if (at.label !== this.hover) {
      this.hover = at.label;
      this.draw();
    }
  }
  pick(pane, e, button) {
    const { store } = this, at = pane.locate(e), { z, y, x, object_id } = at, corner = this.root.getBoundingClientRect();
    if (!at.inside) return;
    const t = pane.shown.t, modifiers = this.held(e);
    this.found = 0;
    store.land();
    if (button === 0 && this.panes.length > 1) store.set({ z, y, x });
    const claimed = button === 0 && !modifiers.length && store.claim(t, object_id);
    const leads = claimed && store.get("advance") && t + 1 < store.get("n_frames");
    store.stepsThen = store.steps;
    const left = e.clientX - corner.left, top = e.clientY - corner.top, shown = leads ? t + 1 : store.get("t");
    store.model.send({ type: "pick", t, z, y, x, object_id, button, modifiers, left, top, shown, n: ++store.picks });
    store.redraw(); // after this task, while the kernel is at work
    if (leads) store.advance(t + 1);
  }

  // -------------------------------------------------------------------------- keys
  adopt() { // after a press on a button or a switch of the panel the keys still mean the image, not the notebook
    this.panel = this.root.closest(".nbt-tracker") ?? this.root.closest(".nbt-view") ?? this.root;
    const canvases = this.panes.map((pane) => pane.canvas);
    const ours = (node) => !canvases.includes(node) && node.matches?.("button, input[type=checkbox]");
    this.focusing = (e) => { if (ours(e.target)) e.target.setAttribute("data-lm-suppress-shortcuts", "true"); };
    this.typing = (e) => { if (ours(e.target) && e.key !== " " && e.key !== "Enter") this.press(e); };
    // a button of a menu goes away when it was clicked, and the focus would go with it
    this.clicking = (e) => { if (e.detail && e.target.closest?.("button")) this.main.canvas.focus({ preventScroll: true }); };
    this.panel.addEventListener("click", this.clicking);
    this.panel.addEventListener("focusin", this.focusing);
    this.panel.addEventListener("keydown", this.typing);
  }
  nameOf(e) {
    const ctrl = e.ctrlKey || e.metaKey, letter = e.key.length === 1;
    const shift = e.shiftKey && (ctrl || !letter || /^[a-z]$/i.test(e.key)); // "?" has its own name
    return (ctrl ? "ctrl+" : "") + (shift ? "shift+" : "") + (letter ? e.key.toLowerCase() : e.key);
  }
  press(e) {
    if (e.altKey) return;
    const { store } = this, name = this.nameOf(e), act = store.get("view_keys")[name], told = store.get("hotkeys").includes(name);
    if (!act && !told) return;
    e.preventDefault();
    e.stopPropagation();
    store.asking.touch();
    store.land();
    if (act) this.act(act);
    if (!told) return;
    const at = this.at?.inside ? this.at : { z: store.get("z"), y: -1, x: -1, object_id: 0 };
    const { z, y, x } = at, t = store.get("t"), object_id = at.pane && at.pane.shown.t !== t ? 0 : at.object_id;
    store.model.send({ type: "key", key: name, t, z, y, x, object_id, moves: store.get("moves") });
  }
  act(name) {
    const through = (this.at?.inside ? this.at.pane : this.main).through;
    if (name === "next") this.store.step("t", 1);
    else if (name === "previous") this.store.step("t", -1);
    else if (name === "slice_up") this.store.step(through, 1);
    else if (name === "slice_down") this.store.step(through, -1);
    else if (name === "zoom_in") this.zoom(1.25);
    else if (name === "zoom_out") this.zoom(0.8);
    else if (name === "fit") this.fit();
    else if (name === "play") this.store.set({ playing: !this.store.get("playing") });
  }
}
