// Pixels: a plane is sampled at the resolution of the screen, contrast and colours are applied to what is seen only.

const FALSE_ALPHA = 254;
const RIM = 1, HATCHED = 2;

class Target { // the pixels of one canvas, and what was sampled for each; nothing is made anew while drawing
  constructor(context, width, height) {
    Object.assign(this, { width, height, image: context.createImageData(width, height) });
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.labels = new Uint32Array(width * height);
    this.columns = new Int32Array(width);
    this.rows = new Int32Array(height);
  }
}

class Palette { // how each grey value and each label of a frame looks
  constructor() {
    this.grey = new Uint32Array(256);
    this.reserve(256);
  }
  reserve(n) {
    this.fill = new Float32Array(n);
    this.edge = new Float32Array(n);
    this.rgb = new Uint8Array(3 * n);
    this.kind = new Uint8Array(n);
    this.keep = new Uint16Array(2 * n); // of 256 parts of a pixel, inside an object, then at its border
    this.add = new Uint32Array(2 * n); // the colour that is put on top
  }
  setGreys(store) { // the eight bits that were sent span `window`
    const [low, high] = store.get("contrast"), [first, last] = store.get("window"), span = Math.max(high - low, 1e-12);
    const opacity = store.get("raw_on") ? store.get("raw_opacity") : 0;
    for (let i = 0; i < 256; i++) {
      const g = Math.round(255 * opacity * clamp((first + (i / 255) * (last - first) - low) / span, 0, 1));
      this.grey[i] = 0xff000000 | (g << 16) | (g << 8) | g;
    }
  }
  setLabels(store, colors, found) {
    const tracksOn = store.get("tracks_on"), objectsOn = store.get("objects_on"), active = store.get("active_track");
    const tracked = store.get("tracks_opacity"), untracked = store.get("objects_opacity"), yellow = store.get("object_color");
    const n = (colors?.ids.length ?? 0) + 1;
    this.any = n > 1 && (tracksOn || objectsOn);
    if (!this.any) return;
    if (n > this.fill.length) this.reserve(2 * n);
    for (let l = 1; l < n; l++) {
      const q = 4 * (l - 1), alpha = colors.rgba[q + 3], id = colors.ids[l - 1];
      this.kind[l] = this.fill[l] = 0;
      if (alpha && tracksOn) {
        for (let c = 0; c < 3; c++) this.rgb[3 * l + c] = colors.rgba[q + c];
        this.fill[l] = tracked;
        if (alpha === FALSE_ALPHA) { this.kind[l] = HATCHED; this.fill[l] = tracked && Math.max(tracked, 0.6); }
        else if (active && colors.tracks[id]?.includes(active)) this.kind[l] = RIM;
      } else if (objectsOn) {
        for (let c = 0; c < 3; c++) this.rgb[3 * l + c] = yellow[c];
        this.fill[l] = untracked;
      }
      this.edge[l] = this.fill[l] && Math.max(this.fill[l], 0.9);
      if (id === found && this.fill[l]) this.kind[l] = RIM;
      this.mix(l);
    }
  }
  mix(l) { // whole numbers, rounded down: no channel runs over
    const [r, g, b] = this.rgb.subarray(3 * l, 3 * l + 3), n = this.fill.length;
    const put = (at, r, g, b, a) => {
      this.keep[at] = 256 * (1 - a);
      this.add[at] = ((b * a) << 16) | ((g * a) << 8) | (r * a);
    };
    put(l, r, g, b, this.fill[l]);
    if (this.kind[l] === RIM) put(n + l, 255, 255, 255, 1); // the active track has a white rim
    else if (this.kind[l] === HATCHED) put(n + l, 150, 150, 150, 0.9);
    else put(n + l, r, g, b, this.edge[l]);
  }
}

function sampleAxis(out, center, step, size) { // the index of a pixel of the plane for each pixel of the screen, -1 outside
  for (let i = 0, n = out.length; i < n; i++) {
    const index = Math.floor(center + (i + 0.5 - n / 2) * step);
    out[i] = index >= 0 && index < size ? index : -1;
  }
}

function sample(target, plane, grey) {
  const { width: w, height: h, pixels, labels, columns, rows } = target, { raw, labels: marks, width } = plane;
  let first = 0, last = w; // the columns inside the plane
  while (first < w && columns[first] < 0) first++;
  while (last > first && columns[last - 1] < 0) last--;
  for (let j = 0, o = 0; j < h; j++, o += w) {
    const y = rows[j], row = y * width;
    if (y < 0) {
      pixels.fill(0, o, o + w);
      labels.fill(0, o, o + w);
    } else if (j && y === rows[j - 1]) { // zoomed in, rows are repeated
      pixels.copyWithin(o, o - w, o);
      labels.copyWithin(o, o - w, o);
    } else {
      pixels.fill(0, o, o + first);
      labels.fill(0, o, o + first);
      for (let i = first; i < last; i++) pixels[o + i] = grey[raw[row + columns[i]]];
      if (marks) for (let i = first; i < last; i++) labels[o + i] = marks[row + columns[i]];
      else labels.fill(0, o + first, o + last);
      pixels.fill(0, o + last, o + w);
      labels.fill(0, o + last, o + w);
    }
  }
}

function paintLabels(target, palette, hover, line) {
  const { width: w, height: h, pixels, labels } = target, { fill, keep, add, kind } = palette, n = fill.length;
  for (let j = 0, o = 0; j < h; j++)
    for (let i = 0; i < w; i++, o++) {
      const l = labels[o];
      if (!l || !fill[l]) continue;
      const d = kind[l] === RIM ? 2 * line : line;
      const border = i < d || i >= w - d || j < d || j >= h - d
        || labels[o - d] !== l || labels[o + d] !== l || labels[o - d * w] !== l || labels[o + d * w] !== l;
      const look = border || (kind[l] === HATCHED && (i + j) % (7 * line) < line) ? n + l : l, k = keep[look], p = pixels[o];
      const mixed = ((Math.imul(p & 0xff00ff, k) >>> 8) & 0xff00ff) + ((Math.imul(p & 0xff00, k) >>> 8) & 0xff00) + add[look];
      pixels[o] = 0xff000000 | (l === hover ? lighter(mixed) : mixed);
    }
}

function lighter(color) { // for the object under the mouse
  const more = (shift) => Math.min(255, ((color >> shift) & 255) + 36) << shift;
  return more(16) | more(8) | more(0);
}

function paintGhost(target, plane, line) { // dashed outlines of the objects of another frame, light and dark in turn
  const { width: w, height: h, pixels, columns, rows } = target, { labels, width } = plane;
  if (!labels) return;
  const at = (j, i) => (rows[j] < 0 || columns[i] < 0 ? 0 : labels[rows[j] * width + columns[i]]);
  for (let j = 0; j < h - line; j++)
    for (let i = 0; i < w - line; i++) {
      const l = at(j, i);
      if (at(j, i + line) !== l || at(j + line, i) !== l) pixels[j * w + i] = (i + j) % (8 * line) < 5 * line ? 0xfff0f0f0 : 0xff303030;
    }
}
