// What the browser keeps of one widget: slices, cuts through volumes, and colours; and what the kernel says to it.

const PLANES = { // a plane by its axes on screen, and the axis along which it moves
  xy: { across: "x", down: "y", through: "z" },
  xz: { across: "x", down: "z", through: "y" },
  yz: { across: "z", down: "y", through: "x" },
};
const SIZES = { z: "n_slices", y: "height", x: "width" };
const KEPT_CUTS = 24;
const LOOKS = ["contrast", "window", "raw_on", "objects_on", "tracks_on", "raw_opacity", "objects_opacity"];
LOOKS.push("tracks_opacity", "object_color", "active_track");

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const numbers = (view, Type) => new Type(bytes(view).slice().buffer); // a copy, because views may start anywhere

class Store {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.slices = new Map(); // by key, in order of use, oldest first
    this.cuts = new Map(); // the same, through the volume
    this.colors = new Map(); // by t
    this.stale = new Set(); // t whose colours changed in the kernel
    this.failed = new Map(); // texts by key
    this.badges = { t: -1, texts: {} };
    this.stroke = null; // where the brush goes, until the kernel has answered
    this.marks = { rows: new Float32Array(0), colors: [] };
    this.bytes = 0;
    this.steps = this.picks = this.changes = 0;
    this.asking = new Asking(this);
    this.seen = () => this.asking.pump();
    document.addEventListener("visibilitychange", this.seen);
    model.on("msg:custom", (message, buffers) => this.hear(message, buffers));
    model.on("change:epoch", () => this.forget());
    this.coming = null; // the frame that a click leads to, for the blink of an eye until it is shown
    model.on("change:t", () => { this.coming = null; });
    for (const name of ["t", "z", "y", "x", "tails_on", "tail_length", "ghost_on"]) model.on("change:" + name, () => this.show());
    for (const name of [...LOOKS, "brush", "erases"]) model.on("change:" + name, () => this.redraw());
    model.on("change:playing", () => this.play());
  }

  // -------------------------------------------------------------------------- state
  get(name) { return this.model.get(name); }
  size(axis) { return this.get(SIZES[axis]); }
  set(values) {
    for (const name in values) this.model.set(name, values[name]);
    this.model.save_changes();
  }
  step(axis, by) {
    this.land();
    const size = axis === "t" ? this.get("n_frames") : this.size(axis);
    const value = clamp(this.get(axis) + by, 0, size - 1);
    if (axis === "t") this.steps++;
    if (value !== this.get(axis)) this.set({ [axis]: value });
  }
  advance(t) { // not at once: a paint that the next one covers within the same task is never seen
    this.coming = t;
    requestAnimationFrame(() => setTimeout(() => this.land()));
  }
  land() { // shown, but not told: that this is the frame now is for the kernel to say
    if (this.coming !== null) this.model.set("t", this.coming);
    this.coming = null;
  }
  get planes() { return this.get("n_slices") > 1 ? ["xy", "xz", "yz"] : ["xy"]; }
  key(t, name, at) { return `${t}/${name}/${at}`; }
  keyNow(name) { return this.key(this.get("t"), name, this.get(PLANES[name].through)); }
  show() {
    const key = this.keyNow("xy"), slice = this.slices.get(key);
    if (slice) { // now it is the youngest
      this.slices.delete(key);
      this.slices.set(key, slice);
    }
    this.redraw();
    this.asking.pump();
  }
  redraw() { // once, however many traits changed
    if (this.due) return;
    this.due = true;
    queueMicrotask(() => {
      this.due = false;
      for (const view of this.views) view.draw();
    });
  }
  play() {
    clearInterval(this.player);
    if (!this.get("playing")) return;
    const here = (name) => this.failed.has(this.keyNow(name)) || this.plane(this.get("t"), name, this.get(PLANES[name].through));
    this.player = setInterval(() => { // waits for a frame that is not here yet
      if (this.views.size && this.planes.every(here)) this.step("t", this.get("t") + 1 < this.get("n_frames") ? 1 : -this.get("t"));
    }, 1000 / this.get("fps"));
  }
  close() {
    clearInterval(this.player);
    clearTimeout(this.asking.timer);
    document.removeEventListener("visibilitychange", this.seen);
  }

  // -------------------------------------------------------------------------- pixels
  plane(t, name, at) { // complete, or null
    const key = this.key(t, name, at);
    if (name !== "xy") return this.cuts.get(key) ?? this.assemble(t, name, at);
    const slice = this.slices.get(key);
    return slice && slice.rows === slice.height ? slice : null;
  }
  assemble(t, name, at) { // a cut through the volume, if all of its slices are here
    const slices = [], depth = this.get("n_slices"), W = this.get("width"), H = this.get("height");
    for (let z = 0; z < depth; z++) {
      const slice = this.plane(t, "xy", z);
      if (!slice) return null;
      slices.push(slice);
    }
    const cut = this.makePixels(name, slices[0].labels?.constructor);
    slices.forEach((slice, z) => {
      for (const part of slice.labels ? ["raw", "labels"] : ["raw"]) {
        const from = slice[part], to = cut[part];
        if (name === "xz") to.set(from.subarray(at * W, at * W + W), z * W);
        else for (let y = 0; y < H; y++) to[y * depth + z] = from[y * W + at];
      }
    });
    return this.keepCut(this.key(t, name, at), cut);
  }
  makePixels(name, Labels) {
    const width = this.size(PLANES[name].across), height = this.size(PLANES[name].down), n = width * height;
    return { width, height, rows: 0, raw: new Uint8Array(n), labels: Labels ? new Labels(n) : null };
  }
  keepCut(key, cut) {
    this.cuts.set(key, cut);
    if (this.cuts.size > KEPT_CUTS) this.cuts.delete(this.cuts.keys().next().value);
    return cut;
  }
  keepSlice(key, t, slice) {
    const cost = (s) => s.raw.length + (s.labels?.byteLength ?? 0);
    this.slices.set(key, slice);
    this.bytes += cost(slice);
    for (const [old, other] of this.slices) {
      if (this.bytes <= this.get("cache_bytes")) return;
      if (old.startsWith(t + "/") || old.startsWith(this.get("t") + "/")) continue;
      this.slices.delete(old);
      this.bytes -= cost(other);
    }
  }
  forget() { // the grey values have another meaning now
    this.slices.clear();
    this.cuts.clear();
    this.failed.clear();
    this.bytes = 0;
    this.asking.out.clear();
    this.asking.pump();
  }

  // -------------------------------------------------------------------------- objects; labels are sent as 1, 2, .. n in the order of `ids`
  objectId(t, label) { return label ? this.colors.get(t)?.ids[label - 1] ?? 0 : 0; }
  tracksOf(t, objectId) { return this.colors.get(t)?.tracks[objectId] ?? []; }
  centerOf(t, objectId) {
    const colors = this.colors.get(t), row = colors?.rows.get(objectId);
    return row === undefined ? null : this.place(colors, row);
  }
  place(colors, row) {
    const n = colors.centers.length / colors.ids.length, p = colors.centers.subarray(n * row, n * row + n);
    return { z: n > 2 ? p[0] : 0, y: p[n - 2], x: p[n - 1] };
  }
  placesOf(t) { // where each track is in a frame, and its colour
    const colors = this.colors.get(t);
    if (colors.places) return colors.places;
    colors.places = new Map();
    for (const id in colors.tracks) {
      const row = colors.rows.get(Number(id)), [r, g, b] = colors.rgba.subarray(4 * row);
      for (const track of colors.tracks[id]) if (track > 0) colors.places.set(track, { ...this.place(colors, row), css: `rgb(${r} ${g} ${b})` });
    }
    return colors.places;
  }
  claim(t, objectId) { // paint an object as the kernel will; it confirms or takes it back
    const colors = this.colors.get(t), color = this.get("pick_color"), row = colors?.rows.get(objectId);
    if (row === undefined || !color.length || colors.rgba[4 * row + 3]) return false;
    colors.rgba.set([...color, 255], 4 * row);
    colors.tracks[objectId] = [this.get("active_track")];
    this.recolored(t);
    return true;
  }
  recolored(t) {
    this.colors.get(t).places = null;
    this.changes++;
    if (t === this.get("t") || (t < this.get("t") && this.get("tails_on"))) this.redraw();
  }

  // -------------------------------------------------------------------------- hearing
  hear(message, buffers) {
    if ("epoch" in message && message.epoch !== this.get("epoch")) return;
    this.asking.out.delete(message.key);
    const act = this["hear_" + message.type];
    if (act) act.call(this, message, buffers);
  }
  hear_pixels({ key, t, plane, at, row, rows, bits }, [raw, packed]) {
    const Labels = packed.byteLength ? (bits === 32 ? Uint32Array : Uint16Array) : null;
    let target = plane === "xy" ? this.slices.get(key) : null;
    if (!target) {
      target = this.makePixels(plane, Labels);
      if (plane === "xy") this.keepSlice(key, t, target); else this.keepCut(key, target);
    }
    if (target.rows !== row) return this.asking.pump(); // it was thrown away meanwhile
    const start = row * target.width;
    target.raw.set(bytes(raw), start);
    if (Labels) {
      const runs = numbers(packed, Labels), n = runs.length / 2; // all lengths, then all labels
      for (let i = 0, o = start; i < n; o += runs[i++]) target.labels.fill(runs[n + i], o, o + runs[i]);
    }
    target.rows = row + rows;
    if (this.answered && !this.stroke?.open && key === this.keyNow(plane) && target.rows === target.height) this.stroke = this.answered = null;
    if (key === this.keyNow(plane) || t + 1 === this.get("t")) this.redraw();
    else for (const view of this.views) view.count();
    this.asking.pump();
  }
  hear_colors({ t, tracks, parents }, [rgba, ids, centers]) {
    const list = numbers(ids, Uint32Array), rows = new Map();
    list.forEach((id, i) => rows.set(id, i));
    this.colors.set(t, { rgba: bytes(rgba).slice(), ids: list, centers: numbers(centers, Float32Array), tracks, parents, rows });
    this.stale.delete(t);
    this.recolored(t);
    this.asking.pump();
  }
  hear_paint({ t, ids, tracks, parents }, [rgba]) {
    const colors = this.colors.get(t), painted = bytes(rgba);
    if (!colors) return;
    let news = JSON.stringify(parents) !== JSON.stringify(colors.parents);
    ids.forEach((id, i) => {
      const row = colors.rows.get(id), color = painted.subarray(4 * i, 4 * i + 4);
      if (row === undefined) return;
      news ||= color.some((value, c) => value !== colors.rgba[4 * row + c]) || tracks[i].join() !== (colors.tracks[id] ?? []).join();
      colors.rgba.set(color, 4 * row);
      if (tracks[i].length) colors.tracks[id] = tracks[i]; else delete colors.tracks[id];
    });
    colors.parents = parents;
    if (news) this.recolored(t); // most often a click was painted rightly before
  }
  hear_objects({ frames }) { // other labels: the old ones stay on screen until the new ones are here, colours first
    const gone = (key) => !frames || frames.includes(Number(key.split("/", 1)[0]));
    for (const kept of [this.slices, this.cuts])
      for (const [key, pixels] of kept)
        if (gone(key)) {
          kept.delete(key);
          if (kept === this.slices) this.bytes -= pixels.raw.length + (pixels.labels?.byteLength ?? 0);
        }
    for (const key of this.failed.keys()) if (gone(key)) this.failed.delete(key);
    for (const t of this.colors.keys()) if (!frames || frames.includes(t)) this.stale.add(t);
    this.answered = Boolean(this.stroke && !this.stroke.open);
    this.asking.pump();
  }
  hear_stale({ frames }) {
    for (const t of frames ?? this.colors.keys()) if (this.colors.has(t)) this.stale.add(t);
    this.asking.pump();
  }
  hear_failed({ key, text }) {
    this.failed.set(key, text);
    this.redraw();
    this.asking.pump();
  }
  hear_picked({ n, t }) {
    for (const view of this.views) view.main.canvas.dataset.answered = n;
    if (n !== this.picks || t === this.coming || this.stepsThen !== this.steps) return;
    this.coming = null;
    if (t !== this.get("t")) this.set({ t }); // the kernel is elsewhere than the click was thought to lead to
  }
  hear_badge({ t, texts }) {
    this.badges = { t, texts };
    this.redraw();
  }
  hear_mark({ colors }, [rows]) {
    this.marks = { rows: numbers(rows, Float32Array), colors };
    this.redraw();
  }
  hear_look({ object_id, ...place }) {
    for (const view of this.views) view.lookAt(place, object_id);
  }
  hear_copy({ text }) {
    copyText(text).then((ok) => this.model.send({ type: "copied", ok }));
  }
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // no permission, or no secure page
    const area = document.createElement("textarea"), focused = document.activeElement;
    area.value = text;
    area.style.cssText = "position: fixed; opacity: 0";
    document.body.append(area);
    area.select();
    const ok = document.execCommand("copy");
    area.remove();
    focused?.focus({ preventScroll: true });
    return ok;
  }
}
