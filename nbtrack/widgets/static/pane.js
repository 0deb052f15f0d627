// One canvas that shows one plane: where its voxels are on screen, and how it is drawn.

class Pane {
  constructor(board, name, cell) {
    Object.assign(this, { board, name, cell, width: 0, height: 0 }, PLANES[name]);
    this.canvas = document.createElement("canvas");
    this.canvas.className = "nbt-canvas" + (name === "xy" ? "" : "-side nbt-canvas-" + name);
    this.canvas.tabIndex = 0;
    // Lumino's own switch against notebook shortcuts; it must sit on the focused element, a parent is not enough
    this.canvas.setAttribute("data-lm-suppress-shortcuts", "true");
    this.canvas.setAttribute("aria-label", `Image with objects and tracks (${name})`);
    cell.append(this.canvas);
    this.context = this.canvas.getContext("2d");
  }
  resize(width, height) { // in CSS pixels; the canvas has those of the screen
    const ratio = window.devicePixelRatio || 1, w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
    Object.assign(this, { width, height, ratio });
    this.cell.style.width = width + "px";
    this.cell.style.height = height + "px";
    if (this.target?.width === w && this.target.height === h) return;
    this.canvas.width = w;
    this.canvas.height = h;
    this.target = new Target(this.context, w, h);
  }

  // -------------------------------------------------------------------------- geometry: pixel centres lie on integers
  scale(axis) { return this.board.zoomed.scale * this.board.unit[axis]; } // CSS pixels per voxel
  screen(place) {
    const { across, down, width, height } = this, center = this.board.zoomed.center;
    return [
      (place[across] + 0.5 - center[across]) * this.scale(across) + width / 2,
      (place[down] + 0.5 - center[down]) * this.scale(down) + height / 2,
    ];
  }
  locate({ clientX, clientY }) { // the voxel under the mouse, and the object there
    const { across, down, through, width, height, shown } = this, store = this.board.store, center = this.board.zoomed.center;
    const box = this.canvas.getBoundingClientRect();
    const a = Math.floor(center[across] + (clientX - box.left - width / 2) / this.scale(across));
    const b = Math.floor(center[down] + (clientY - box.top - height / 2) / this.scale(down));
    const inside = Boolean(shown) && a >= 0 && b >= 0 && a < store.size(across) && b < store.size(down);
    const label = (inside && shown.plane.labels?.[b * shown.plane.width + a]) || 0;
    return { pane: this, clientX, clientY, inside, label, [across]: a, [down]: b, [through]: shown?.at, object_id: store.objectId(shown?.t, label) };
  }
  radius(axis) { // of the brush, in CSS pixels
    const size = this.board.store.get("scale")[{ z: 0, y: 1, x: 2 }[axis]];
    return Math.max(0.5, (this.board.store.get("brush") / size) * this.scale(axis));
  }
  halfExtent(axis) { return (axis === this.across ? this.width : this.height) / this.scale(axis) / 2; } // of what is seen, in voxels

  // -------------------------------------------------------------------------- drawing
  get plane() { return this.board.store.plane(this.board.store.get("t"), this.name, this.board.store.get(this.through)); }
  draw(plane) {
    const { store, palette, zoomed } = this.board, { target, across, down, context, ratio } = this;
    const t = store.get("t"), at = store.get(this.through), line = Math.max(1, Math.round(ratio));
    this.shown = { t, at, plane };
    sampleAxis(target.columns, zoomed.center[across], 1 / (this.scale(across) * ratio), plane.width);
    sampleAxis(target.rows, zoomed.center[down], 1 / (this.scale(down) * ratio), plane.height);
    sample(target, plane, palette.grey);
    if (palette.any && plane.labels) paintLabels(target, palette, this.board.hover, line);
    const ghost = store.get("ghost_on") && t > 0 && store.plane(t - 1, this.name, at);
    if (ghost) paintGhost(target, ghost, line);
    context.putImageData(target.image, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (store.get("tails_on")) drawTails(context, this, this.board.tails(t));
    if (store.planes.length > 1) drawCrosshair(context, this, { z: store.get("z"), y: store.get("y"), x: store.get("x") });
    drawMarks(context, this, store.marks, t);
    drawBadges(context, this, store, t);
    if (store.stroke?.pane === this && store.stroke.t === t) drawStroke(context, this, store.stroke.points);
    if (store.get("brush") && this.board.at?.inside && this.board.at.pane === this) drawBrush(context, this, this.board.at);
    Object.assign(this.canvas.dataset, {
      t, z: store.get("z"), at, zoom: this.scale(across).toFixed(4), zoomDown: this.scale(down).toFixed(4),
      cx: zoomed.center[across].toFixed(3), cy: zoomed.center[down].toFixed(3),
      hover: store.objectId(t, this.board.hover), paints: 1 + Number(this.canvas.dataset.paints ?? 0),
    });
  }
}
