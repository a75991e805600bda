// Pictures at exact screen pixels: one canvas, one zoom and place for all of its panes.
//
// Everything is in device pixels; a picture pixel is `zoom` of them, a whole number from 1:1 on. The canvas may be
// drawn to but not read when the page was opened from disk, and nothing here reads it: the difference is made by
// drawing one picture over the other with the operator "difference" and doubling what is left with "lighter",
// both exact on 8-bit samples.

const LEVELS = [1 / 16, 1 / 12, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32];
const FIT_AT_MOST = 8;
const GAINS = [1, 2, 4, 8, 16, 32];
const WHEEL_STEP = 60; // of deltaY, in CSS pixels: one notch of a mouse is 100 to 120
const GRIP = 22; // CSS pixels beside the divider that still take hold of it

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

class Stage {
  // hooks: onView(view), onDraw(), onSplit(split), onPoint({x, y}).
  constructor(canvas, hooks) {
    Object.assign(this, { canvas, hooks, panes: [], view: null, split: null, size: [0, 0] });
    this.context = canvas.getContext("2d", { alpha: false });
    this.pointers = new Map();
    this.wheeled = 0;
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    addEventListener("resize", () => this.resize()); // the browser's zoom, another screen
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => this[kind](event));
    }
  }

  // The canvas begins and ends on the edges of device pixels, wherever the stage does.
  resize() {
    const box = this.canvas.parentElement.getBoundingClientRect();
    const ratio = (this.ratio = devicePixelRatio);
    const unit = commonPixel(ratio);
    const up = (edge) => Math.ceil(edge / unit - 1e-3) * unit;
    const down = (edge) => Math.floor(edge / unit + 1e-3) * unit;
    const [left, top] = [up(box.left), up(box.top)];
    const [width, height] = [Math.max(0, down(box.right) - left), Math.max(0, down(box.bottom) - top)];
    for (const [name, value] of Object.entries({ left: left - box.left, top: top - box.top, width, height })) {
      this.canvas.style.setProperty(name, `${value}px`);
    }
    this.size = [width, height].map((side) => Math.round(side * ratio));
    [this.canvas.width, this.canvas.height] = this.size;
    this.draw(); // at once: a resized canvas is empty
  }

  // panes: [{sources}], all of one size; two sources in one pane are shown either side of the divider.
  show(panes, { split, view }) {
    Object.assign(this, { panes, split, view });
    this.request();
  }

  request() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => ((this.waiting = 0), this.draw()));
  }

  // The panes' rectangles: the grid in which a picture of this shape comes out largest.
  layout() {
    const [width, height] = this.size;
    const count = this.panes.length;
    const gap = count > 1 ? Math.round(2 * this.ratio) : 0;
    const [w, h] = this.pictureSize();
    const shapes = range(count).map((n) => [n + 1, Math.ceil(count / (n + 1))]);
    const scale = ([columns, rows]) => Math.min(width / columns / w, height / rows / h);
    const [columns, rows] = shapes.reduce((best, next) => (scale(next) > scale(best) * 1.001 ? next : best));
    const cell = [Math.floor((width - gap * (columns - 1)) / columns), Math.floor((height - gap * (rows - 1)) / rows)];
    return range(count).map((n) => ({ x: (n % columns) * (cell[0] + gap), y: Math.floor(n / columns) * (cell[1] + gap), w: cell[0], h: cell[1] }));
  }

  pictureSize() {
    const source = this.panes[0].sources[0];
    return [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height];
  }

  fit() {
    const [w, h] = this.pictureSize();
    const pane = this.layout()[0];
    const fits = LEVELS.filter((level) => level <= FIT_AT_MOST && level * w <= pane.w && level * h <= pane.h);
    return { zoom: fits.at(-1) ?? LEVELS[0], x: w / 2, y: h / 2 };
  }

  // The view, never off the picture: a side that fits is centred.
  current() {
    const view = this.view ?? this.fit();
    const [w, h] = this.pictureSize();
    const pane = this.layout()[0];
    const within = (at, side, room) => (side * view.zoom <= room ? side / 2 : clamp(at, room / view.zoom / 2, side - room / view.zoom / 2));
    return { zoom: view.zoom, x: within(view.x, w, pane.w), y: within(view.y, h, pane.h) };
  }

  corner(pane, view) {
    return [Math.round(pane.x + pane.w / 2 - view.x * view.zoom), Math.round(pane.y + pane.h / 2 - view.y * view.zoom)];
  }

  draw() {
    const { context } = this;
    context.fillStyle = getComputedStyle(this.canvas).backgroundColor;
    context.fillRect(0, 0, ...this.size);
    if (!this.panes.length || !this.size[0]) return;
    const view = this.current();
    this.layout().forEach((pane, n) => {
      const { sources } = this.panes[n];
      const cut = sources.length > 1 ? Math.round(this.split * pane.w) : pane.w;
      this.paint(sources[0], pane, view, 0, cut);
      if (sources.length > 1) this.paint(sources[1], pane, view, cut, pane.w);
    });
    this.hooks.onDraw();
  }

  // Columns from..to of a pane. Only what is seen is drawn: at x32 a picture would be wider than a canvas can be.
  paint(source, pane, view, from, to) {
    if (to <= from) return;
    const { context } = this;
    const [w, h] = this.pictureSize();
    const [left, top] = this.corner(pane, view);
    const { zoom } = view;
    context.save();
    context.beginPath();
    context.rect(pane.x + from, pane.y, to - from, pane.h);
    context.clip();
    context.imageSmoothingEnabled = zoom < 1;
    context.imageSmoothingQuality = "high";
    if (zoom < 1) context.drawImage(source, left, top, w * zoom, h * zoom);
    else {
      const [x0, y0] = [Math.max(0, Math.floor((pane.x - left) / zoom)), Math.max(0, Math.floor((pane.y - top) / zoom))];
      const [x1, y1] = [Math.min(w, Math.ceil((pane.x + pane.w - left) / zoom)), Math.min(h, Math.ceil((pane.y + pane.h - top) / zoom))];
      if (x1 > x0 && y1 > y0) {
        const [width, height] = [x1 - x0, y1 - y0];
        context.drawImage(source, x0, y0, width, height, left + x0 * zoom, top + y0 * zoom, width * zoom, height * zoom);
      }
    }
    context.restore();
  }

  // The picture point under a place of the canvas (device pixels), and its pane.
  under([x, y], view = this.current()) {
    const pane = this.layout().find((p) => x >= p.x && x < p.x + p.w && y >= p.y && y < p.y + p.h) ?? this.layout()[0];
    const [left, top] = this.corner(pane, view);
    return { pane, x: (x - left) / view.zoom, y: (y - top) / view.zoom };
  }

  // Zoom so that the picture point under `place` stays there.
  zoomTo(zoom, place = null) {
    if (!this.panes.length) return;
    const view = this.current();
    const pane = this.layout()[0];
    const at = place ?? [pane.x + pane.w / 2, pane.y + pane.h / 2];
    const held = this.under(at, view);
    const fromCentre = [at[0] - held.pane.x - held.pane.w / 2, at[1] - held.pane.y - held.pane.h / 2];
    this.look({ zoom, x: held.x - fromCentre[0] / zoom, y: held.y - fromCentre[1] / zoom });
  }

  step(by, place) {
    const now = LEVELS.indexOf(this.current().zoom);
    this.zoomTo(LEVELS[clamp(now + by, 0, LEVELS.length - 1)], place);
  }

  pan(dx, dy) {
    const view = this.current();
    this.look({ zoom: view.zoom, x: view.x - dx / view.zoom, y: view.y - dy / view.zoom });
  }

  look(view) {
    this.view = view;
    this.view = view && this.current();
    this.hooks.onView(this.view);
    this.request();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * this.ratio, (event.clientY - box.top) * this.ratio];
  }

  wheel(event) {
    event.preventDefault();
    if (!this.panes.length) return;
    const unit = event.deltaMode === 1 ? 33 : event.deltaMode === 2 ? 400 : event.ctrlKey ? 6 : 1;
    if (Math.sign(event.deltaY) !== Math.sign(this.wheeled)) this.wheeled = 0;
    this.wheeled += event.deltaY * unit;
    if (Math.abs(this.wheeled) < WHEEL_STEP) return;
    this.step(this.wheeled > 0 ? -1 : 1, this.place(event));
    this.wheeled = 0;
  }

  pointerdown(event) {
    if (!this.panes.length || event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    this.held = this.pointers.size === 1 && this.isOnDivider(event) ? "divider" : "picture";
    if (this.pointers.size === 2) this.pinch = { ...spanOf(this.pointers), zoom: this.current().zoom };
  }

  isOnDivider(event) {
    return this.split !== null && Math.abs(this.place(event)[0] - this.split * this.size[0]) <= GRIP * this.ratio;
  }

  pointermove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.canvas.classList.toggle("on-divider", this.isOnDivider(event));
      return this.panes.length && this.hooks.onPoint(this.under(this.place(event)));
    }
    const now = this.place(event);
    this.pointers.set(event.pointerId, now);
    if (this.pointers.size === 2) return this.pinched();
    if (this.held === "divider") this.hooks.onSplit(clamp(now[0] / this.size[0], 0, 1));
    else this.pan(now[0] - before[0], now[1] - before[1]);
  }

  pinched() {
    const { middle, distance } = spanOf(this.pointers);
    this.pan(middle[0] - this.pinch.middle[0], middle[1] - this.pinch.middle[1]);
    this.pinch.middle = middle;
    const wanted = (this.pinch.zoom * distance) / this.pinch.distance;
    const nearest = LEVELS.reduce((best, level) => (Math.abs(Math.log(level / wanted)) < Math.abs(Math.log(best / wanted)) ? level : best));
    if (nearest !== this.current().zoom) this.zoomTo(nearest, middle);
  }

  pointerup(event) {
    this.pointers.delete(event.pointerId);
    this.held = "picture"; // the finger that stays moves the picture
  }

  pointercancel(event) {
    this.pointerup(event);
  }
}

// The least length, in CSS pixels, that is a whole number both of them and of device pixels; else a device pixel.
function commonPixel(ratio) {
  const isWhole = (length) => Math.abs(length - Math.round(length)) < 1e-4;
  return [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].find((length) => isWhole(length * ratio)) ?? 1 / ratio;
}

function spanOf(pointers) {
  const [a, b] = [...pointers.values()];
  return { middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], distance: Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])) };
}

// |a - b| of each channel, times gain (a power of two), cut off at 255: made at the pictures' own size, then zoomed.
function difference(a, b, gain) {
  const canvas = new OffscreenCanvas(a.naturalWidth, a.naturalHeight);
  const context = canvas.getContext("2d", { alpha: false });
  context.drawImage(a, 0, 0);
  context.globalCompositeOperation = "difference";
  context.drawImage(b, 0, 0);
  context.globalCompositeOperation = "lighter";
  for (let done = 1; done < gain; done *= 2) context.drawImage(canvas, 0, 0);
  return canvas;
}
