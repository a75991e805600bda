// Two versions of a picture, or all of them: the dialog around the stage.

const MODE_NAMES = [
  ["slider", "Slider", "drag the divider (S)"],
  ["side", "Side by side", "zoom and place in step (D)"],
  ["difference", "Difference", "|A - B|, amplified (F)"],
  ["grid", "All", "every method (G)"],
];
const KEYS = [
  ["space", "hold: A over the whole picture"],
  ["x", "swap A and B"],
  ["+ − 0 1", "zoom in, out, fit, 1:1"],
  ["← → ↑ ↓", "move"],
  [", .", "divider left, right"],
  ["n p", "next, previous picture"],
  ["s d f g", "slider, side by side, difference, all"],
  ["Esc", "back to the tables"],
];
const KEPT = 40; // decoded pictures
const NARROW = 150; // CSS pixels: a pane has room for a name and no more

class Viewer {
  constructor(dialog, hooks) {
    Object.assign(this, { dialog, hooks, loaded: new Map(), turn: 0, peek: false });
    this.build();
    this.stage = new Stage(this.canvas, {
      onView: (view) => this.onView(view),
      onDraw: () => this.label(),
      onSplit: (split) => this.setSplit(split),
      onPoint: (point) => this.point(point),
    });
    dialog.addEventListener("keydown", (event) => this.key(event));
    dialog.addEventListener("keyup", (event) => event.key === " " && this.setPeek(false));
    dialog.addEventListener("cancel", (event) => (event.preventDefault(), hooks.onClose()));
    addEventListener("blur", () => this.setPeek(false));
  }

  build() {
    this.canvas = el("canvas", { class: "canvas", role: "img", tabindex: 0 });
    this.labels = el("div", { class: "labels" });
    const slide = (event) => this.slideKey(event);
    this.divider = el("div", { class: "divider", role: "slider", tabindex: 0, "aria-label": "divider between A and B", "aria-valuemin": 0, "aria-valuemax": 100, onkeydown: slide }, el("i"));
    this.says = el("p", { class: "says", role: "status" });
    this.title = el("h2", { tabindex: -1 });
    this.panel = el("aside", { class: "panel" });
    this.modes = segmented("How to compare", MODE_NAMES, state.mode, (mode) => this.setMode(mode));
    this.gains = segmented("Amplification", GAINS.map((gain) => [gain, `×${gain}`]), state.gain, (gain) => this.setGain(gain));
    this.level = el("output", { class: "level", title: "screen pixels for one picture pixel" });
    this.dialog.append(
      this.bar(),
      el("div", { class: "stage" }, this.canvas, this.divider, this.labels, this.says),
      this.panel
    );
  }

  bar() {
    const button = (text, label, onclick) => el("button", { type: "button", "aria-label": label, title: label, onclick }, text);
    const leaf = el("span", { class: "buttons" }, button("‹", "previous picture (P)", () => this.leaf(-1)), button("›", "next picture (N)", () => this.leaf(1)));
    const zoom = el(
      "span",
      { class: "buttons" },
      button("−", "zoom out (-)", () => this.stage.step(-1)),
      this.level,
      button("+", "zoom in (+)", () => this.stage.step(1)),
      button("1:1", "one picture pixel on one screen pixel (1)", () => this.stage.zoomTo(1)),
      button("Fit", "the whole picture (0)", () => this.stage.look(null))
    );
    return el("header", {}, leaf, this.title, this.modes, this.gains, zoom, button("✕", "close (Esc)", () => this.hooks.onClose()));
  }

  // Shows what the state says; called whenever it has changed.
  show() {
    const { set, image } = state.picture;
    this.choose(set, image);
    const { names, dataset } = data.sets[set];
    this.title.replaceChildren(names[image], el("small", {}, data.datasets[dataset]));
    this.modes.press(state.mode);
    this.gains.press(state.gain);
    this.gains.hidden = state.mode !== "difference";
    this.fillPanel();
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.title.focus();
    }
    this.load();
  }

  close() {
    this.turn++;
    this.stage.show([], { split: null, view: null });
    if (this.dialog.open) this.dialog.close();
  }

  // A and B, where they have this picture; else HR and the model with the best score.
  choose(set, image) {
    const here = range(data.models.length).filter((model) => isHere(set, model, image));
    this.here = here;
    const row = scored(mainTable(), pictureMetric(), { set, image });
    const hr = modelNamed("hr");
    const best = here.find((model) => row.places[model] === 1 && model !== hr) ?? here.find((model) => model !== hr);
    const other = here.find((model) => model !== best) ?? here[0];
    if (!here.includes(state.a)) state.a = here.includes(hr) ? hr : other;
    if (!here.includes(state.b)) state.b = best ?? here[0];
  }

  async load() {
    const turn = ++this.turn;
    const { set, image } = state.picture;
    const models = state.mode === "grid" ? this.here : [state.a, state.b];
    const addresses = models.map((model) => address(set, model, image));
    const waiting = setTimeout(() => this.say("loading …"), 150);
    try {
      const pictures = await Promise.all(addresses.map((each) => this.picture(each)));
      if (turn !== this.turn) return;
      this.say(misfit(pictures));
      this.stage.show(misfit(pictures) ? [] : this.panes(models, pictures), { split: this.splitNow(), view: state.view });
      requestAnimationFrame(() => (this.dialog.dataset.shown = addresses.join(" "))); // once it is drawn
      this.ahead();
    } catch (error) {
      if (turn !== this.turn) return;
      this.stage.show([], { split: null, view: null });
      this.say(error.message);
    } finally {
      clearTimeout(waiting);
    }
  }

  panes(models, pictures) {
    const [a, b] = pictures;
    switch (state.mode) {
      case "slider":
        return [{ sources: [a, b], models }];
      case "difference":
        return [{ sources: [difference(a, b, state.gain)], models }];
      default:
        return models.map((model, n) => ({ sources: [pictures[n]], models: [model] }));
    }
  }

  picture(source) {
    if (!this.loaded.has(source)) {
      const image = new Image();
      image.src = source;
      const ready = image.decode().then(() => image);
      ready.catch(() => this.loaded.delete(source));
      this.loaded.set(source, ready);
      if (this.loaded.size > KEPT) this.loaded.delete(this.loaded.keys().next().value);
    }
    return this.loaded.get(source).catch(() => {
      throw new Error(`${decodeURIComponent(source)} cannot be shown: is it where the page expects it?`);
    });
  }

  // The next picture is fetched while this one is looked at.
  ahead() {
    const next = this.neighbour(1);
    for (const model of next && state.mode !== "grid" ? [state.a, state.b] : []) {
      if (isHere(next.set, model, next.image)) this.picture(address(next.set, model, next.image)).catch(() => {});
    }
  }

  neighbour(by) {
    const rows = this.hooks.rows().filter(({ set, image }) => isAnyHere(set, image));
    const at = rows.findIndex(({ set, image }) => set === state.picture.set && image === state.picture.image);
    const { set, image } = rows[(at + by + rows.length) % rows.length] ?? state.picture;
    return { set, image };
  }

  leaf(by) {
    this.change({ picture: this.neighbour(by), view: null });
  }

  change(changes) {
    Object.assign(state, changes);
    this.show();
    keep();
  }

  setMode(mode) {
    const sameRoom = (name) => (name === "slider" || name === "difference" ? "one" : name);
    this.change({ mode, view: sameRoom(mode) === sameRoom(state.mode) ? state.view : null });
  }

  setGain(gain) {
    this.change({ gain });
  }

  setSplit(split) {
    state.split = split;
    this.stage.split = this.splitNow();
    this.stage.request();
    keep();
  }

  setPeek(peek) {
    if (this.peek === peek) return;
    this.peek = peek;
    this.stage.split = this.splitNow();
    this.stage.request();
  }

  splitNow() {
    if (state.mode !== "slider") return null;
    return this.peek ? 1 : state.split;
  }

  onView(view) {
    state.view = view;
    keep();
  }

  say(text) {
    this.says.textContent = text;
  }

  point({ x, y }) {
    const [w, h] = this.stage.pictureSize();
    const inside = x >= 0 && y >= 0 && x < w && y < h;
    this.where.textContent = inside ? `x ${Math.floor(x)}, y ${Math.floor(y)}` : "";
  }

  // Names and scores over the panes, the divider, the zoom: after each drawing.
  label() {
    const { zoom } = this.stage.current();
    this.level.textContent = zoom >= 1 ? `×${zoom}` : `1/${Math.round(1 / zoom)}`;
    const { ratio } = this.stage;
    const texts = this.stage.layout().map((pane, n) => this.paneLabel(this.stage.panes[n], pane, ratio));
    this.labels.replaceChildren(...texts.flat());
    this.divider.hidden = this.stage.split === null || this.peek;
    this.divider.style.setProperty("left", `${(Math.round((this.stage.split ?? 0) * this.stage.size[0]) / ratio).toFixed(3)}px`);
    this.divider.setAttribute("aria-valuenow", Math.round(state.split * 100));
    const [a, b] = [state.a, state.b].map((model) => data.models[model].name);
    this.divider.setAttribute("aria-valuetext", `${Math.round(state.split * 100)} % ${a}, then ${b}`);
    this.canvas.setAttribute("aria-label", `${this.title.textContent}: ${texts.flat().map((each) => each.textContent).join("; ")}, zoom ${this.level.textContent}`);
  }

  paneLabel({ models }, pane, ratio) {
    const place = (side, share = 1) => ({ "max-width": `${(share * pane.w) / ratio - 20}px`, top: `${pane.y / ratio + 10}px`, [side]: `${(side === "left" ? pane.x : this.stage.size[0] - pane.x - pane.w) / ratio + 10}px` });
    if (state.mode === "difference") {
      const [a, b] = models.map((model) => data.models[model].name);
      return [el("span", { style: place("left") }, el("b", {}, `|${a} − ${b}| × ${state.gain}`), " each channel, cut off at 255")];
    }
    const isNarrow = pane.w / ratio / models.length < NARROW;
    const text = (model) => [isNarrow ? "" : dot(model), el("b", {}, data.models[model].name), isNarrow ? "" : ` ${this.scores(model)}`];
    if (models.length === 2) {
      const left = this.stage.split > 0 ? el("span", { class: "a", style: place("left", 0.5) }, ...text(models[0])) : null;
      const right = this.stage.split < 1 ? el("span", { class: "b", style: place("right", 0.5) }, ...text(models[1])) : null;
      return [left, right].filter(Boolean);
    }
    return [el("span", { style: place("left") }, ...text(models[0]))];
  }

  scores(model) {
    const table = mainTable();
    const { set, image } = state.picture;
    return shown("metric", table.metrics)
      .slice(0, 3)
      .map((metric) => [valueOf(table, set, metric, model, image), metric])
      .filter(([value]) => value !== null)
      .map(([value, metric]) => `${printed(value, metric)} ${data.metrics[metric].unit}`.trim())
      .join(" / ");
  }

  fillPanel() {
    const { set, image } = state.picture;
    const table = mainTable();
    const metrics = shown("metric", table.metrics);
    const size = data.sets[set].sizes[image];
    this.where = el("span", { class: "where" });
    const heads = ["A", "B", "method", ...metrics.map((metric) => data.metrics[metric].heading)];
    const rows = this.methods(table).map((model) => this.methodRow(table, metrics, model));
    const held = this.panel.contains(document.activeElement) ? document.activeElement.name : "";
    this.panel.replaceChildren(
      el("p", { class: "facts" }, size ? `${size[0]} × ${size[1]} pixels, x${data.sets[set].scale}` : "", this.where),
      el(
        "div",
        { class: "scroll" },
        el(
          "table",
          {},
          el("caption", {}, `${tableTitle(table)}; choose A and B`),
          el("thead", {}, el("tr", {}, ...heads.map((text, n) => el("th", { scope: "col", class: n < 3 ? "text" : "" }, text)))),
          el("tbody", {}, ...rows)
        )
      ),
      el("p", { class: "open" }, "Open the file: ", ...this.here.flatMap((model) => [el("a", { href: address(set, model, image), target: "_blank", rel: "noopener" }, data.models[model].name), " "])),
      el("details", { class: "keys" }, el("summary", {}, "Keys"), el("dl", {}, ...KEYS.flatMap(([key, text]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, text)])))
    );
    if (held) this.panel.querySelector(`[name="${held}"]:checked`)?.focus();
  }

  methods(table) {
    return range(data.models.length).filter((model) => this.here.includes(model) || table.models.includes(model));
  }

  methodRow(table, metrics, model) {
    const { set, image } = state.picture;
    const pick = (side) => {
      const onchange = () => this.change({ [side]: model });
      const { name } = data.models[model];
      return el("td", {}, el("input", { type: "radio", name: `side-${side}`, checked: state[side] === model, disabled: !this.here.includes(model), "aria-label": `${side.toUpperCase()}: ${name}`, onchange }));
    };
    const cells = metrics.map((metric) => {
      const row = scored(table, metric, { set, image });
      return el("td", { class: MARKS[row.places[model]] }, row.values[model] === null ? "" : printed(row.values[model], metric));
    });
    return el("tr", {}, pick("a"), pick("b"), el("th", { scope: "row" }, dot(model), data.models[model].name), ...cells);
  }

  slideKey(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -100, End: 100 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    this.setSplit(clamp(state.split + (by * (event.shiftKey ? 10 : 1)) / 100, 0, 1));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTaken = event.target.matches("input") ? /^(Arrow| $)/ : event.target.matches("button, summary, a") ? /^ $/ : /^$/;
    const far = event.shiftKey ? 0.5 : 0.1;
    const [w, h] = this.stage.size;
    const action = {
      " ": () => this.setPeek(true),
      x: () => this.change({ a: state.b, b: state.a }),
      "+": () => this.stage.step(1),
      "=": () => this.stage.step(1),
      "-": () => this.stage.step(-1),
      0: () => this.stage.look(null),
      1: () => this.stage.zoomTo(1),
      ArrowLeft: () => this.stage.pan(far * w, 0),
      ArrowRight: () => this.stage.pan(-far * w, 0),
      ArrowUp: () => this.stage.pan(0, far * h),
      ArrowDown: () => this.stage.pan(0, -far * h),
      ",": () => this.setSplit(clamp(state.split - 0.02, 0, 1)),
      ".": () => this.setSplit(clamp(state.split + 0.02, 0, 1)),
      n: () => this.leaf(1),
      p: () => this.leaf(-1),
      s: () => this.setMode("slider"),
      d: () => this.setMode("side"),
      f: () => this.setMode("difference"),
      g: () => this.setMode("grid"),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || isTaken.test(event.key) || (event.repeat && event.key === " ")) return;
    event.preventDefault();
    if (this.stage.panes.length || /^[npsdfgx]$/i.test(event.key)) action();
  }
}

function misfit(pictures) {
  const sizes = new Set(pictures.map((picture) => `${picture.naturalWidth} × ${picture.naturalHeight}`));
  return sizes.size > 1 ? `These pictures are not of one size: ${[...sizes].join(", ")}.` : "";
}
