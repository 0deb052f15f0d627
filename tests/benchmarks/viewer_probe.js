// Put into a page before anything else: notes inputs, everything that can paint, and what goes over the web socket.
// `window.benchDelay` holds each message back by so many milliseconds, both ways, in order.
(() => {
  const delay = window.benchDelay ?? 0;
  const probe = (window.probe = { heard: 0 });
  probe.arm = (watch = null) => { // from here on; `watch` is a point whose colour is noted at each paint of the canvas there
    Object.assign(probe, { inputs: {}, handed: {}, paints: [], frames: [], agreed: [], sent: null, answered: null, bytes: 0, seen: null });
    probe.t = document.querySelector("canvas.nbt-canvas")?.dataset.t;
    const there = watch ? document.elementsFromPoint(...watch) : [];
    probe.canvas = there.find((node) => node.matches("canvas.nbt-canvas")) ?? there.find((node) => node.matches("canvas"));
    if (!probe.canvas) return;
    const canvas = probe.canvas, box = canvas.getBoundingClientRect();
    probe.pixel = [(watch[0] - box.left) * canvas.width / box.width, (watch[1] - box.top) * canvas.height / box.height];
    probe.before = color();
  };
  const color = () => probe.canvas.getContext("2d").getImageData(...probe.pixel, 1, 1).data.join();
  probe.arm();

  for (const name of ["wheel", "mousedown", "pointerdown", "pointerup"])
    window.addEventListener(name, (event) => {
      probe.inputs[name] ??= event.timeStamp;
      probe.handed[name] ??= performance.now(); // the browser keeps inputs back until a frame of the screen begins
    }, true);

  // ------------------------------------------------------------------ paints
  const painted = (canvas) => {
    const at = performance.now();
    probe.heard = at;
    const now = canvas && canvas === probe.canvas ? color() : null;
    probe.paints.push({ at, color: now });
    if (now === null || now === probe.before || probe.seen !== null) return;
    probe.seen = false; // a paint that another one covers before the screen is refreshed is never seen
    requestAnimationFrame(() => { probe.seen = color() === now && canvas.dataset.t === probe.t; });
  };
  const wrap = (prototype, ...names) => {
    for (const name of names) {
      const original = prototype[name];
      prototype[name] = function (...values) {
        const result = original.apply(this, values);
        painted(this.canvas);
        return result;
      };
    }
  };
  wrap(CanvasRenderingContext2D.prototype, "putImageData", "drawImage");
  for (const context of [window.WebGLRenderingContext, window.WebGL2RenderingContext])
    if (context) wrap(context.prototype, "drawElements", "drawArrays");
  document.addEventListener("load", (event) => { // an image is there when it is decoded
    if (event.target instanceof HTMLImageElement) event.target.decode().then(() => painted(null), () => {});
  }, true);
  new MutationObserver((changes) => {
    for (const { target, attributeName } of changes) // also told when it is written anew and the same
      if (attributeName === "data-answered") probe.agreed.push({ at: performance.now() });
      else if (target.dataset.t !== probe.t) probe.frames.push({ at: performance.now() });
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-t", "data-answered"] });

  // ------------------------------------------------------------------ the web socket
  const decoder = new TextDecoder();
  const headers = (data) => { // of a message of the kernel: header and parent header
    if (typeof data === "string") {
      const { header, parent_header } = JSON.parse(data);
      return [header, parent_header];
    }
    const view = new DataView(data), at = (i) => Number(view.getBigUint64(8 * (i + 1), true));
    return [1, 2].map((i) => JSON.parse(decoder.decode(new Uint8Array(data, at(i), at(i + 1) - at(i)))));
  };
  const isComm = (header) => header?.msg_type === "comm_msg";
  window.WebSocket = class extends window.WebSocket {
    constructor(...values) {
      super(...values);
      this.isKernel = String(values[0]).includes("/channels");
      this.addEventListener("message", (event) => { // registered first, so others can be made to wait
        if (delay && event.isTrusted) {
          event.stopImmediatePropagation();
          setTimeout(() => this.dispatchEvent(new MessageEvent("message", { data: event.data })), delay);
        } else if (this.isKernel) this.hear(event.data);
      });
    }
    hear(data) {
      probe.heard = performance.now();
      probe.bytes += data.byteLength ?? data.length;
      if (!probe.sent || probe.answered) return;
      const [header, parent] = headers(data);
      if (isComm(header) && parent?.msg_id === probe.sent) probe.answered = probe.heard;
    }
    send(data) {
      if (this.isKernel) {
        probe.heard = performance.now();
        if (!probe.sent && (probe.inputs.pointerup ?? probe.inputs.wheel)) {
          const [header] = headers(data);
          if (isComm(header)) probe.sent = header.msg_id;
        }
      }
      if (!delay) return super.send(data);
      setTimeout(() => { if (this.readyState === WebSocket.OPEN) super.send(data); }, delay);
    }
  };

  // ------------------------------------------------------------------ what the benchmark asks for
  const poll = (get, timeout) => new Promise((resolve) => {
    const end = performance.now() + timeout;
    const look = () => {
      const value = get();
      if (value || performance.now() > end) resolve(value); else setTimeout(look, 5);
    };
    look();
  });
  probe.silence = (quiet, timeout = 60000) => poll(() => performance.now() - probe.heard > quiet, timeout);
  probe.traffic = (bytes, timeout = 5000) => poll(() => probe.bytes > bytes, timeout);
  probe.result = async (input, quiet, timeout = 15000) => { // milliseconds after the input; null is "never"
    const start = () => probe.inputs[input];
    const paints = () => probe.paints.filter(({ at }) => at >= start());
    await poll(() => paints().length && performance.now() - paints().at(-1).at > quiet, timeout);
    const after = (event) => (event ? event.at - start() : null), all = paints();
    return {
      handed: probe.handed[input] - start(),
      first: after(all[0]),
      last: after(all.at(-1)),
      recolored: after(all.find(({ color }) => color && color !== probe.before)),
      answered: probe.answered && probe.answered - start(),
      confirmed: after(probe.agreed.find(({ at }) => at >= start())),
      next: after(probe.frames.find(({ at }) => at >= start())),
      seen: probe.seen,
      paints: all.length,
      bytes: probe.bytes,
    };
  };
})();
