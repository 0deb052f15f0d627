// What is drawn over the pixels with lines and letters: tails of tracks, crosshair, marks, badges. Places are voxels.

function findTails(store, t) { // from frame to frame, across gaps, and from the first object of a child to its parent
  const last = new Map(), segments = [], length = store.get("tail_length");
  for (let s = Math.max(0, t - length); s <= t; s++) {
    const parents = store.colors.get(s)?.parents;
    if (!parents) continue;
    for (const [track, to] of store.placesOf(s)) {
      const from = last.get(track) ?? last.get(parents[track]);
      if (from) segments.push({ from, to, alpha: 1 - (t - s) / (length + 1) });
      last.set(track, to);
    }
  }
  return segments;
}

function drawTails(context, pane, segments) {
  const paths = new Map(); // those that look the same are drawn at once
  for (const { from, to, alpha } of segments)
    for (const [style, width] of [["#000", 4], [to.css, 2]]) {
      const key = `${width}/${alpha}/${style}`;
      if (!paths.has(key)) paths.set(key, { path: new Path2D(), style, width, alpha: width > 2 ? alpha / 2 : alpha });
      const path = paths.get(key).path;
      path.moveTo(...pane.screen(from));
      path.lineTo(...pane.screen(to));
    }
  context.lineCap = "round";
  for (const { path, style, width, alpha } of [...paths.values()].sort((a, b) => b.width - a.width)) {
    Object.assign(context, { strokeStyle: style, lineWidth: width, globalAlpha: alpha });
    context.stroke(path);
  }
  context.globalAlpha = 1;
}

function drawCrosshair(context, pane, place) { // open in the middle
  const [x, y] = pane.screen(place), gap = 10;
  const path = new Path2D();
  for (const [a, b] of [[0, x - gap], [x + gap, pane.width]]) if (b > a) { path.moveTo(a, y); path.lineTo(b, y); }
  for (const [a, b] of [[0, y - gap], [y + gap, pane.height]]) if (b > a) { path.moveTo(x, a); path.lineTo(x, b); }
  for (const [style, width] of [["#0006", 3], ["#fffc", 1]]) {
    Object.assign(context, { strokeStyle: style, lineWidth: width, lineCap: "butt" });
    context.stroke(path);
  }
}

function drawMarks(context, pane, { rows, colors }, t) { // a ring at an object, a line along a link
  const paths = colors.map(() => new Path2D());
  for (let i = 0; i < rows.length; i += 9) {
    const [first, last, z, y, x, z2, y2, x2, side] = rows.subarray(i, i + 9);
    if (t < first || t > last) continue;
    const from = pane.screen({ z, y, x }), leads = Number.isFinite(x2), to = leads ? pane.screen({ z: z2, y: y2, x: x2 }) : from;
    const ring = leads && t === last && last > first ? to : from;
    if (leads) { paths[side].moveTo(...from); paths[side].lineTo(...to); }
    paths[side].moveTo(ring[0] + 11, ring[1]);
    paths[side].arc(...ring, 11, 0, 2 * Math.PI);
  }
  context.lineCap = "round";
  for (const [style, width] of [["#000a", 4], [null, 2]])
    paths.forEach((path, side) => {
      Object.assign(context, { strokeStyle: style ?? colors[side], lineWidth: width });
      context.stroke(path);
    });
}

function drawStroke(context, pane, points) { // what the brush covers: painted white, or red where pixels are taken away
  const across = pane.radius(pane.across), down = pane.radius(pane.down);
  context.save();
  context.scale(1, down / across); // one length along both axes, so that a line has the width of the brush
  const path = new Path2D();
  points.forEach((point, i) => {
    const [x, y] = pane.screen(point), at = [x, (y * across) / down];
    if (i) path.lineTo(...at); else path.moveTo(...at);
    if (points.length === 1) path.lineTo(at[0] + 0.01, at[1]);
  });
  Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: 2 * across, globalAlpha: 0.55 });
  context.strokeStyle = pane.board.store.get("erases") ? "#e63c28" : "#fff";
  context.stroke(path);
  context.restore();
}

function drawBrush(context, pane, at) { // a ring around the mouse
  const [x, y] = pane.screen(at), path = new Path2D();
  path.ellipse(x, y, pane.radius(pane.across), pane.radius(pane.down), 0, 0, 2 * Math.PI);
  for (const [style, width] of [["#000a", 3], [pane.board.store.get("erases") ? "#ff6a55" : "#fff", 1.5]]) {
    Object.assign(context, { strokeStyle: style, lineWidth: width });
    context.stroke(path);
  }
}

function drawBadges(context, pane, store, t) {
  if (store.badges.t !== t) return;
  Object.assign(context, { font: "bold 12px system-ui, sans-serif", textAlign: "center", textBaseline: "middle", lineWidth: 1 });
  for (const [id, text] of Object.entries(store.badges.texts)) {
    const place = store.centerOf(t, Number(id));
    if (!place) continue;
    const [x, y] = pane.screen(place), width = Math.max(17, context.measureText(text).width + 9);
    context.beginPath();
    context.roundRect(x - width / 2, y - 8.5, width, 17, 4);
    Object.assign(context, { fillStyle: "#000d", strokeStyle: "#fff" });
    context.fill();
    context.stroke();
    context.fillStyle = "#fff";
    context.fillText(text, x, y + 0.5);
  }
}
