// What is asked of the kernel, and when: first all that the screen needs, at once; then, only while nobody touches
// anything, what may come next, in one small band after the other, so that a click never waits behind a big frame.

const IDLE = 250; // ms without input before anything is fetched ahead
const BAND = 180000; // pixels of a band that is fetched ahead, which are at most 256 kB with labels
const AHEAD = 24; // frames

class Asking {
  constructor(store) {
    this.store = store;
    this.out = new Map(); // requests under way by key: whether the screen waits for them
    this.touched = 0;
    this.timer = null;
  }
  touch() { this.touched = performance.now(); }
  pump() {
    clearTimeout(this.timer);
    if (!this.store.views.size) return;
    for (const urgent of this.out.values()) if (urgent) return; // fast steps skip what is not here
    const missing = this.missing();
    for (const request of missing) if (!this.out.has(request.key)) this.send(request, true);
    if (this.out.size || missing.length || document.hidden) return;
    const wait = this.touched + IDLE - performance.now();
    if (wait > 0) {
      this.timer = setTimeout(() => this.pump(), wait);
      return;
    }
    const next = this.ahead();
    if (next) this.send(next, false);
  }
  send(request, urgent) {
    this.out.set(request.key, urgent);
    this.store.model.send(request);
  }

  // -------------------------------------------------------------------------- what
  missing() {
    const t = this.store.get("t"), extra = [];
    const needed = [this.colorsOf(t), ...this.planesOf(t)].filter(Boolean);
    if (needed.length) return needed;
    if (this.store.get("ghost_on") && t > 0) extra.push(...this.planesOf(t - 1));
    if (this.store.get("tails_on")) for (let d = 1; d <= Math.min(t, this.store.get("tail_length")); d++) extra.push(this.colorsOf(t - d));
    return extra.filter(Boolean);
  }
  planesOf(t) { return this.store.planes.map((name) => this.pixelsOf(t, name, this.store.get(PLANES[name].through), Infinity)); }
  pixelsOf(t, plane, at, pixels) { // a request for the next rows, or null if there is nothing to ask for
    const store = this.store, key = store.key(t, plane, at);
    if (store.failed.has(key) || store.plane(t, plane, at)) return null;
    const height = store.size(PLANES[plane].down), row = plane === "xy" ? store.slices.get(key)?.rows ?? 0 : 0;
    const rows = Math.min(height - row, Math.max(1, Math.floor(pixels / store.size(PLANES[plane].across))));
    return { type: "pixels", key, t, plane, at, row, rows, epoch: store.get("epoch") };
  }
  colorsOf(t) {
    const store = this.store, key = "colors/" + t;
    if (store.failed.has(key) || (store.colors.has(t) && !store.stale.has(t))) return null;
    return { type: "colors", key, t };
  }
  ahead() {
    const store = this.store, n = store.get("n_slices");
    const room = Math.floor(store.get("cache_bytes") / (store.get("width") * store.get("height") * 3) / 2); // in slices
    for (const [t, z] of room >= n && n > 1 ? this.volumes(Math.floor(room / n)) : this.frames(room)) {
      if (t < 0 || z < 0 || t >= store.get("n_frames") || z >= n) continue;
      const request = this.pixelsOf(t, "xy", z, BAND) ?? this.colorsOf(t);
      if (request) return request;
    }
    return null;
  }
  *frames(room) { // later frames before earlier ones, then the slices beside
    const t = this.store.get("t"), z = this.store.get("z");
    for (let d = 1; d <= Math.min(AHEAD, room); d++) {
      yield [t + d, z];
      if (d % 3 === 0) yield [t - d / 3, z];
    }
    if (room > 4) yield* [[t, z + 1], [t, z - 1]];
  }
  *volumes(room) { // all of this frame, then of those that follow and one before
    const t = this.store.get("t"), z = this.store.get("z"), n = this.store.get("n_slices");
    const order = [t, t + 1, t - 1];
    for (let d = 2; d <= AHEAD; d++) order.push(t + d);
    for (const frame of order.slice(0, room))
      for (let d = 0; d < n; d++) yield* d ? [[frame, z + d], [frame, z - d]] : [[frame, z]];
  }
}
