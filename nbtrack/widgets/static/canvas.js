// The image canvas: frames are kept here, composited at screen resolution, hit-tested and recoloured without the kernel.
// The kernel hears of picks and keys, and answers requests for bands of rows, one request at a time: the frame on
// screen first; neighbours only when nobody touches anything, so that a click never waits behind a big frame.

const IDLE = 250; // ms without input before anything is fetched ahead
const BAND = 1 << 18; // pixels of a band that is fetched ahead
const FALSE_ALPHA = 254;
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

async function inflate(view) {
  const stream = new Blob([view]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

// ---------------------------------------------------------------------------------------------- frames of one model
class Store {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.frames = new Map(); // in order of use, oldest first
    this.colors = new Map(); // by t
    this.stale = new Set(); // t whose colours changed in the kernel
    this.failed = new Map();
    this.bytes = 0;
    this.pending = false;
    this.touched = 0;
    this.timer = null;
    model.on("msg:custom", (message, buffers) => this.receive(message, buffers));
    model.on("change:epoch", () => { this.frames.clear(); this.failed.clear(); this.bytes = 0; this.pending = false; this.pump(); });
    model.on("change:t", () => this.show());
    model.on("change:z", () => this.show());
    model.on("change:playing", () => this.play());
    for (const name of ["contrast", "window", "raw_on", "objects_on", "tracks_on", "raw_opacity", "objects_opacity", "tracks_opacity", "active_track"])
      model.on("change:" + name, () => this.redraw());
  }
  get(name) { return this.model.get(name); }
  key(t, z) { return t * this.get("n_slices") + z; }
  current() { return this.key(this.get("t"), this.get("z")); }
  ready(key) { const f = this.frames.get(key); return f && f.rows === this.get("height") ? f : null; }
  redraw() { for (const view of this.views) view.draw(); }
  show() { const f = this.ready(this.current()); if (f) this.use(this.current(), f); this.redraw(); this.pump(); }
  use(key, f) { this.frames.delete(key); this.frames.set(key, f); }
  touch() { this.touched = performance.now(); }
  set(values) { for (const name in values) this.model.set(name, values[name]); this.model.save_changes(); }
  step(by) {
    const t = clamp(this.get("t") + by, 0, this.get("n_frames") - 1);
    if (t !== this.get("t")) this.set({ t });
  }

  // -------------------------------------------------------------------------- asking
  pump() {
    clearTimeout(this.timer);
    if (this.pending || !this.views.size) return;
    const key = this.current(), t = this.get("t");
    if (!this.ready(key) && !this.failed.has(key)) return this.ask(key, this.get("height"));
    if (this.stale.has(t) || !this.colors.has(t)) { this.pending = true; return this.model.send({ type: "colors", t }); }
    const wait = this.touched + IDLE - performance.now();
    if (wait > 0 || document.hidden) { this.timer = setTimeout(() => this.pump(), Math.max(wait, IDLE)); return; }
    const next = this.neighbour();
    if (next !== null) this.ask(next, Math.max(1, Math.floor(BAND / this.get("width"))));
  }
  ask(key, rows) {
    const n = this.get("n_slices"), t = Math.floor(key / n), row = this.frames.get(key)?.rows ?? 0;
    this.pending = true;
    this.model.send({ type: "band", t, z: key % n, row, rows: Math.min(rows, this.get("height") - row), epoch: this.get("epoch"), colors: !this.colors.has(t) });
  }
  neighbour() { // what to fetch ahead: later frames before earlier ones, then slices above and below
    const t = this.get("t"), z = this.get("z"), size = this.get("width") * this.get("height") * 3;
    const room = Math.floor(this.get("cache_bytes") / size / 2);
    const order = [];
    for (let d = 1; d <= Math.min(24, room); d++) { order.push([t + d, z]); if (d % 3 === 0) order.push([t - d / 3, z]); }
    if (room > 4) order.push([t, z + 1], [t, z - 1]);
    for (const [a, b] of order) {
      if (a < 0 || b < 0 || a >= this.get("n_frames") || b >= this.get("n_slices")) continue;
      const key = this.key(a, b);
      if (!this.ready(key) && !this.failed.has(key)) return key;
    }
    return null;
  }

  // -------------------------------------------------------------------------- hearing
  async receive(message, buffers) {
    if (message.type === "band") {
      if (message.epoch !== this.get("epoch")) return;
      const key = this.key(message.t, message.z), size = this.get("width") * this.get("height");
      const raw = bytes(buffers[0]), packed = buffers[1].byteLength ? await inflate(buffers[1]) : null;
      if (message.epoch !== this.get("epoch")) return;
      let f = this.frames.get(key);
      if (!f) {
        const Labels = message.bits === 32 ? Uint32Array : Uint16Array;
        f = { raw: new Uint8Array(size), labels: packed ? new Labels(size) : null, rows: 0 };
        f.bytes = size + (f.labels?.byteLength ?? 0);
        this.frames.set(key, f);
        this.bytes += f.bytes;
        this.evict(key);
      }
      const start = message.row * this.get("width");
      f.raw.set(raw, start);
      if (packed) f.labels.set(new f.labels.constructor(packed), start);
      f.rows = Math.max(f.rows, message.row + message.rows);
      this.pending = false;
      if (key === this.current()) this.show(); else { this.redraw_counters(); this.pump(); }
    } else if (message.type === "colors") {
      const ids = new Uint32Array(bytes(buffers[1]).slice().buffer);
      this.colors.set(message.t, { rgba: bytes(buffers[0]).slice(), ids, tracks: message.tracks, rows: new Map(Array.from(ids, (id, i) => [id, i])) });
      this.stale.delete(message.t);
      if (message.answer) this.pending = false;
      if (message.t === this.get("t")) this.redraw();
      this.pump();
    } else if (message.type === "paint") {
      const colors = this.colors.get(message.t);
      if (!colors) return;
      const rgba = bytes(buffers[0]);
      message.ids.forEach((id, i) => {
        colors.rgba.set(rgba.subarray(4 * i, 4 * i + 4), 4 * colors.rows.get(id));
        if (message.tracks[i].length) colors.tracks[id] = message.tracks[i]; else delete colors.tracks[id];
      });
      if (message.t === this.get("t")) this.redraw();
    } else if (message.type === "stale") {
      for (const t of message.frames ?? this.colors.keys()) if (this.colors.has(t)) this.stale.add(t);
      this.pump();
    } else if (message.type === "failed") {
      this.failed.set(this.key(message.t, message.z), message.text);
      this.pending = false;
      this.redraw();
      this.pump();
    } else if (message.type === "look") {
      for (const view of this.views) view.lookAt(message.y, message.x, message.object_id);
    } else if (message.type === "fit") for (const view of this.views) view.fit();
  }
  redraw_counters() { for (const view of this.views) view.canvas.dataset.cached = this.frames.size; }
  evict(keep) {
    for (const [key, f] of this.frames) {
      if (this.bytes <= this.get("cache_bytes")) return;
      if (key === keep || key === this.current()) continue;
      this.frames.delete(key);
      this.bytes -= f.bytes;
    }
  }
  // The index of an object in the colour table: labels are sent as 1, 2, .. n in the order of `ids`.
  objectId(t, label) { return label ? this.colors.get(t)?.ids[label - 1] ?? 0 : 0; }

  play() {
    clearInterval(this.player);
    if (!this.get("playing")) return;
    this.player = setInterval(() => {
      if (!this.views.size) return;
      if (!this.ready(this.current()) && !this.failed.has(this.current())) return; // wait for a frame that is not here yet
      this.set({ t: (this.get("t") + 1) % this.get("n_frames") });
    }, 1000 / this.get("fps"));
  }
  close() { clearInterval(this.player); clearTimeout(this.timer); }
}

// ---------------------------------------------------------------------------------------------- one view of it
class View {
  constructor(store, el) {
    this.store = store;
    this.hover = 0;
    this.found = 0; // an object to point at
    this.root = document.createElement("div");
    this.root.className = "nbt-canvas-root";
    this.root.style.height = store.get("view_height") + "px";
    this.canvas = document.createElement("canvas");
    this.canvas.className = "nbt-canvas";
    this.canvas.tabIndex = 0;
    // Lumino's own switch against notebook shortcuts; it must sit on the focused element, a parent is not enough
    this.canvas.setAttribute("data-lm-suppress-shortcuts", "true");
    this.canvas.setAttribute("aria-label", "Image with objects and tracks");
    this.info = this.part("div", "nbt-info");
    this.note = this.part("div", "nbt-note");
    const zoom = this.part("div", "nbt-zoom");
    this.scaleText = this.part("span", "nbt-scale", zoom);
    for (const [text, title, act] of [["−", "Zoom out (Ctrl + wheel)", () => this.zoom(0.8)], ["+", "Zoom in (Ctrl + wheel)", () => this.zoom(1.25)], ["Fit", "Show the whole image", () => this.fit()]]) {
      const button = this.part("button", "nbt-zoom-button", zoom);
      button.textContent = text;
      button.title = title;
      button.type = "button";
      button.addEventListener("click", (e) => { e.stopPropagation(); act(); this.canvas.focus({ preventScroll: true }); });
    }
    this.root.append(this.canvas, this.info, this.note, zoom);
    el.append(this.root);
    this.context = this.canvas.getContext("2d");
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

  // After a press on a button or a switch of the panel the keys still mean the image, not the notebook.
  adopt() {
    this.panel = this.root.closest(".nbt-tracker") ?? this.root.closest(".nbt-view") ?? this.root;
    const ours = (node) => node !== this.canvas && node.matches?.("button, input[type=checkbox]");
    this.focusing = (e) => { if (ours(e.target)) e.target.setAttribute("data-lm-suppress-shortcuts", "true"); };
    this.typing = (e) => { if (ours(e.target) && e.key !== " " && e.key !== "Enter") this.press(e); };
    this.panel.addEventListener("focusin", this.focusing);
    this.panel.addEventListener("keydown", this.typing);
  }

  // -------------------------------------------------------------------------- where things are
  resize() {
    const width = this.root.clientWidth, height = this.root.clientHeight, ratio = window.devicePixelRatio || 1;
    if (!width || !height) return;
    if (!this.panel) this.adopt();
    const fitted = !this.zoomed;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.shown = new Uint32Array(this.pixels.length);
    if (fitted) this.fit(); else this.draw();
  }
  fitScale() { return Math.min(this.root.clientWidth / this.store.get("width"), this.root.clientHeight / this.store.get("height")); }
  fit() {
    this.zoomed = false;
    this.scale = this.fitScale(); // CSS pixels per image pixel
    this.cx = this.store.get("width") / 2;
    this.cy = this.store.get("height") / 2;
    this.draw();
  }
  zoom(factor, fx = 0.5, fy = 0.5) { // around the point at these fractions of the view, which stays where it is
    const width = this.root.clientWidth, height = this.root.clientHeight;
    const scale = clamp(this.scale * factor, this.fitScale(), Math.max(64, this.fitScale()));
    if (scale <= this.fitScale() * 1.001) return this.fit();
    const dx = (fx - 0.5) * width, dy = (fy - 0.5) * height;
    this.cx += dx / this.scale - dx / scale;
    this.cy += dy / this.scale - dy / scale;
    this.scale = scale;
    this.zoomed = true;
    this.keepInside();
    this.draw();
  }
  keepInside() {
    const halfX = this.root.clientWidth / this.scale / 2, halfY = this.root.clientHeight / this.scale / 2;
    const width = this.store.get("width"), height = this.store.get("height");
    this.cx = halfX * 2 >= width ? width / 2 : clamp(this.cx, halfX, width - halfX);
    this.cy = halfY * 2 >= height ? height / 2 : clamp(this.cy, halfY, height - halfY);
  }
  lookAt(y, x, objectId) {
    this.found = objectId;
    if (this.zoomed) { this.cx = x; this.cy = y; this.keepInside(); }
    this.draw();
  }
  locate(event) { // image coordinates: pixel centres lie on integers
    const box = this.canvas.getBoundingClientRect();
    const x = this.cx + (event.clientX - box.left - box.width / 2) / this.scale;
    const y = this.cy + (event.clientY - box.top - box.height / 2) / this.scale;
    const inside = x >= 0 && y >= 0 && x < this.store.get("width") && y < this.store.get("height");
    const f = this.frame, column = Math.floor(x), row = Math.floor(y);
    const label = inside && f?.labels ? f.labels[row * this.store.get("width") + column] : 0;
    return { clientX: event.clientX, clientY: event.clientY, y: row, x: column, inside, label, object_id: this.store.objectId(this.t, label) };
  }

  // -------------------------------------------------------------------------- drawing
  draw() {
    const store = this.store, key = store.current(), f = store.ready(key), failure = store.failed.get(key);
    clearTimeout(this.waiting);
    this.note.textContent = failure ?? "";
    if (!this.pixels) return;
    if (!f) {
      if (!failure) this.waiting = setTimeout(() => { this.note.textContent = `loading frame ${store.get("t")} …`; }, 200);
      return;
    }
    this.frame = f;
    this.t = store.get("t");
    this.z = store.get("z");
    if (this.at) { // the frame or the tracks under a resting mouse may have changed
      if (this.at.inside) this.at = this.locate(this.at);
      this.hover = this.at.label;
      this.info.textContent = this.describe(this.at);
    }
    this.composite(f, store.colors.get(this.t));
    this.context.putImageData(this.image, 0, 0);
    this.scaleText.textContent = "zoom " + this.scale.toFixed(this.scale < 10 ? 1 : 0);
    Object.assign(this.canvas.dataset, { t: this.t, z: this.z, zoom: this.scale.toFixed(4), cx: this.cx.toFixed(3), cy: this.cy.toFixed(3), hover: store.objectId(this.t, this.hover), cached: store.frames.size, paints: 1 + Number(this.canvas.dataset.paints ?? 0) });
  }
  composite(f, colors) {
    const s = this.store, W = s.get("width"), H = s.get("height"), w = this.canvas.width, h = this.canvas.height, ratio = w / this.root.clientWidth;
    const px = this.pixels, shown = this.shown, labels = f.labels, k = 1 / (this.scale * ratio);
    const columns = new Int32Array(w), grey = this.greys();
    for (let i = 0; i < w; i++) { const x = Math.floor(this.cx + (i + 0.5 - w / 2) * k); columns[i] = x >= 0 && x < W ? x : -1; }
    let o = 0;
    for (let j = 0; j < h; j++) {
      const y = Math.floor(this.cy + (j + 0.5 - h / 2) * k), row = y * W, outside = y < 0 || y >= H;
      for (let i = 0; i < w; i++, o++) {
        const x = columns[i];
        if (outside || x < 0) { px[o] = 0; shown[o] = 0; continue; }
        px[o] = grey[f.raw[row + x]];
        shown[o] = labels ? labels[row + x] : 0;
      }
    }
    if (labels && colors && (s.get("objects_on") || s.get("tracks_on"))) this.paintLabels(colors, w, h, Math.max(1, Math.round(ratio)));
  }
  greys() { // contrast is applied to the eight bits that were sent, which span `window`
    const s = this.store, [low, high] = s.get("contrast"), [first, last] = s.get("window");
    const opacity = s.get("raw_on") ? s.get("raw_opacity") : 0, table = new Uint32Array(256), span = Math.max(high - low, 1e-12);
    for (let i = 0; i < 256; i++) {
      const g = Math.round(255 * opacity * clamp((first + (i / 255) * (last - first) - low) / span, 0, 1));
      table[i] = 0xff000000 | (g << 16) | (g << 8) | g;
    }
    return table;
  }
  paintLabels(colors, w, h, line) {
    const s = this.store, px = this.pixels, shown = this.shown, n = colors.ids.length + 1;
    const tracksOn = s.get("tracks_on"), objectsOn = s.get("objects_on"), active = s.get("active_track");
    const yellow = s.get("object_color"), fill = new Float32Array(n), edge = new Float32Array(n), rgb = new Uint8Array(3 * n), kind = new Uint8Array(n);
    for (let l = 1; l < n; l++) {
      const q = 4 * (l - 1), a = colors.rgba[q + 3], id = colors.ids[l - 1];
      if (a && tracksOn) {
        rgb.set(colors.rgba.subarray(q, q + 3), 3 * l);
        fill[l] = s.get("tracks_opacity");
        if (a === FALSE_ALPHA) { kind[l] = 2; fill[l] = fill[l] && Math.max(fill[l], 0.6); }
        else if (active && colors.tracks[id]?.includes(active)) kind[l] = 1;
      } else if (objectsOn) {
        rgb.set(yellow, 3 * l);
        fill[l] = s.get("objects_opacity");
      }
      edge[l] = fill[l] && Math.max(fill[l], 0.9);
      if (id === this.found && fill[l]) kind[l] = 1;
    }
    const wide = 2 * line;
    for (let j = 0, o = 0; j < h; j++)
      for (let i = 0; i < w; i++, o++) {
        const l = shown[o];
        if (!l || !fill[l]) continue;
        const d = kind[l] === 1 ? wide : line;
        const border = (i < d || shown[o - d] !== l) || (i >= w - d || shown[o + d] !== l) || (j < d || shown[o - d * w] !== l) || (j >= h - d || shown[o + d * w] !== l);
        let r = rgb[3 * l], g = rgb[3 * l + 1], b = rgb[3 * l + 2], a = border ? edge[l] : fill[l];
        if (border && kind[l] === 1) { r = g = b = 255; a = 1; } // the active track has a white rim
        else if (kind[l] === 2 && (border || (i + j) % (7 * line) < line)) { r = g = b = 150; a = 0.9; } // false detections are hatched
        const p = px[o], c = 1 - a, light = l === this.hover ? 36 : 0;
        px[o] = 0xff000000 | (Math.min(255, ((p >> 16) & 255) * c + b * a + light) << 16) | (Math.min(255, ((p >> 8) & 255) * c + g * a + light) << 8) | Math.min(255, (p & 255) * c + r * a + light);
      }
  }
  describe(at) {
    if (!at.inside) return "";
    const place = `y ${at.y}, x ${at.x}`;
    if (!at.object_id) return place;
    const tracks = this.store.colors.get(this.t)?.tracks[at.object_id] ?? [];
    const text = tracks[0] === -1 ? "false detection" : tracks.length > 1 ? `tracks ${tracks.join(" and ")} (merger)` : tracks.length ? `track ${tracks[0]}` : "no track";
    return `object ${at.object_id}  ·  ${text}  ·  ${place}`;
  }

  // -------------------------------------------------------------------------- listening
  listen() {
    const canvas = this.canvas, store = this.store;
    this.root.addEventListener("wheel", (e) => { // only with a modifier: a plain wheel scrolls the page
      if (!e.shiftKey && !e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      e.stopPropagation();
      store.touch();
      const delta = (e.deltaY || e.deltaX) * (e.deltaMode === 1 ? 40 : e.deltaMode === 2 ? 400 : 1);
      if (e.shiftKey) {
        this.rolled = (this.rolled ?? 0) + delta;
        if (Math.abs(this.rolled) >= 40) { store.step(Math.sign(this.rolled)); this.rolled = 0; }
      } else {
        const box = canvas.getBoundingClientRect();
        this.zoom(Math.exp(-clamp(delta, -120, 120) * 0.002), (e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height);
      }
    }, { passive: false });
    canvas.addEventListener("pointerdown", (e) => {
      store.touch();
      canvas.focus({ preventScroll: true });
      if (e.button > 1) return;
      e.preventDefault();
      try { canvas.setPointerCapture(e.pointerId); } catch { /* a pointer made by a script */ }
      this.drag = { x: e.clientX, y: e.clientY, cx: this.cx, cy: this.cy, button: e.button, moved: false };
    });
    canvas.addEventListener("pointermove", (e) => {
      if (this.drag) {
        store.touch();
        const dx = e.clientX - this.drag.x, dy = e.clientY - this.drag.y;
        if (Math.hypot(dx, dy) > 4) this.drag.moved = true;
        if (this.drag.moved && this.zoomed) {
          this.cx = this.drag.cx - dx / this.scale;
          this.cy = this.drag.cy - dy / this.scale;
          this.keepInside();
          this.draw();
        }
        return;
      }
      this.point(this.locate(e));
    });
    canvas.addEventListener("pointerup", (e) => {
      const drag = this.drag;
      this.drag = null;
      if (drag && !drag.moved && drag.button === 0) this.pick(e, 0);
    });
    canvas.addEventListener("pointercancel", () => { this.drag = null; });
    canvas.addEventListener("pointerleave", () => { this.point({ inside: false, label: 0, object_id: 0 }); });
    this.root.addEventListener("contextmenu", (e) => { // not the menu of the notebook, on the buttons neither
      e.preventDefault();
      e.stopPropagation();
      if (e.target === canvas) this.pick(e, 2);
    });
    canvas.addEventListener("keydown", (e) => this.press(e));
  }
  point(at) {
    this.at = at;
    this.info.textContent = this.describe(at);
    if (at.label !== this.hover) this.draw();
  }
  pick(e, button) {
    const at = this.locate(e);
    if (!at.inside || this.t === undefined) return;
    this.found = 0;
    const modifiers = ["shift", "ctrl", "alt", "meta"].filter((name) => e[name + "Key"]);
    const color = this.store.get("pick_color"), colors = this.store.colors.get(this.t), q = 4 * (at.label - 1);
    if (button === 0 && !modifiers.length && at.object_id && color.length && colors && !colors.rgba[q + 3]) { // shown at once; the kernel confirms or takes it back
      colors.rgba.set([...color, 255], q);
      this.draw();
    }
    this.store.model.send({ type: "pick", t: this.t, z: this.z, y: at.y, x: at.x, object_id: at.object_id, button, modifiers });
  }
  press(e) {
    const ctrl = e.ctrlKey || e.metaKey;
    if (e.altKey) return;
    const name = (ctrl ? "ctrl+" : "") + (e.shiftKey && (ctrl || /^[a-z]$/i.test(e.key)) ? "shift+" : "") + (e.key.length === 1 ? e.key.toLowerCase() : e.key);
    const act = this.store.get("view_keys")[name], listed = this.store.get("hotkeys").includes(name);
    if (!act && !listed) return;
    e.preventDefault();
    e.stopPropagation();
    this.store.touch();
    if (act === "next") this.store.step(1);
    else if (act === "previous") this.store.step(-1);
    else if (act === "zoom_in") this.zoom(1.25);
    else if (act === "zoom_out") this.zoom(0.8);
    else if (act === "fit") this.fit();
    else if (act === "play") this.store.set({ playing: !this.store.get("playing") });
    else if (listed && this.t !== undefined) {
      const at = this.at?.inside ? this.at : { y: -1, x: -1, object_id: 0 };
      this.store.model.send({ type: "key", key: name, t: this.t, z: this.z, y: at.y, x: at.x, object_id: at.object_id });
    }
  }
  close() {
    this.sizes.disconnect();
    clearTimeout(this.waiting);
    this.store.views.delete(this);
    this.panel?.removeEventListener("focusin", this.focusing);
    this.panel?.removeEventListener("keydown", this.typing);
    this.root.remove();
  }
}

export default () => {
  let store;
  return {
    initialize({ model }) { store = new Store(model); return () => store.close(); },
    render({ el }) { const view = new View(store, el); return () => view.close(); },
  };
};
