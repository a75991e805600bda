// What the reader chose. The part of the address behind # keeps it, so that a view can be shared.

const ALL = "all";
const MODES = ["slider", "side", "difference", "grid"];
const state = blank();

function blank() {
  return {
    table: data.tables[0].stem, // or ALL
    hidden: { dataset: new Set(), metric: new Set(), model: new Set() },
    metric: 0, // of the picture list
    find: "",
    order: { summary: null, pictures: null }, // {key, reversed}
    picture: null, // {set, image}: the viewer is open
    a: null,
    b: null, // null: not chosen yet
    mode: "slider",
    gain: 8,
    split: 0.5,
    view: null, // {zoom, x, y}; null: fit
  };
}

const shownTables = () => data.tables.filter((table) => state.table === ALL || table.stem === state.table);
const mainTable = () => shownTables()[0];
const isShown = (kind, index) => !state.hidden[kind].has(index);
const shown = (kind, indices) => indices.filter((index) => isShown(kind, index));
const listOf = (kind) => ({ dataset: data.datasets, metric: data.metrics.map((m) => m.name), model: data.models.map((m) => m.name) })[kind];

// The metric of the picture list: the chosen one, where the table has it and it is not hidden.
function pictureMetric() {
  const metrics = shown("metric", mainTable().metrics);
  return metrics.includes(state.metric) ? state.metric : metrics[0];
}

function toHash(changes = {}) {
  const now = { ...state, ...changes };
  const hash = new URLSearchParams();
  if (now.table !== data.tables[0].stem) hash.set("table", now.table);
  for (const [kind, hidden] of Object.entries(now.hidden)) {
    for (const index of hidden) hash.append(`hide-${kind}`, listOf(kind)[index]);
  }
  if (now.metric !== 0) hash.set("metric", data.metrics[now.metric].name);
  if (now.find) hash.set("find", now.find);
  for (const [where, order] of Object.entries(now.order)) {
    if (order) hash.set(`sort-${where}`, (order.reversed ? "-" : "+") + order.key);
  }
  if (now.picture) viewToHash(now, hash);
  return `#${hash}`;
}

function viewToHash(now, hash) {
  const set = data.sets[now.picture.set];
  hash.set("dataset", data.datasets[set.dataset]);
  hash.set("scale", set.scale);
  if (data.sets.some((other) => other.lr !== set.lr)) hash.set("lr", set.lr);
  if (set.crop) hash.set("crop", set.crop);
  hash.set("picture", set.images[now.picture.image]);
  for (const side of ["a", "b"]) if (now[side] !== null) hash.set(side, data.models[now[side]].name);
  hash.set("mode", now.mode);
  if (now.mode === "difference") hash.set("gain", now.gain);
  if (now.mode === "slider" && now.split !== 0.5) hash.set("split", round(now.split, 4));
  if (now.view) {
    hash.set("zoom", round(now.view.zoom, 4));
    hash.set("at", `${round(now.view.x, 1)},${round(now.view.y, 1)}`);
  }
}

const round = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits;

// Reads the address. What it does not understand, a typo or a model that is gone, it leaves out.
function fromHash(text) {
  const hash = new URLSearchParams(text.replace(/^#/, ""));
  const { a, b, mode, gain, split } = state;
  Object.assign(state, blank(), { a, b, mode, gain, split });
  const stems = data.tables.map((table) => table.stem);
  if ([ALL, ...stems].includes(hash.get("table"))) state.table = hash.get("table");
  for (const kind of Object.keys(state.hidden)) {
    const found = hash.getAll(`hide-${kind}`).map((name) => listOf(kind).indexOf(name));
    state.hidden[kind] = new Set(found.filter((index) => index >= 0));
  }
  state.metric = Math.max(0, listOf("metric").indexOf(hash.get("metric")));
  state.find = hash.get("find") ?? "";
  for (const where of Object.keys(state.order)) {
    const order = hash.get(`sort-${where}`);
    if (order) state.order[where] = { key: order.slice(1), reversed: order[0] === "-" };
  }
  viewFromHash(hash);
}

function viewFromHash(hash) {
  const set = data.sets.findIndex((s) => data.datasets[s.dataset] === hash.get("dataset") && String(s.scale) === hash.get("scale") && s.lr === (hash.get("lr") ?? s.lr) && s.crop === (hash.get("crop") ?? ""));
  const image = set < 0 ? -1 : data.sets[set].images.indexOf(hash.get("picture"));
  if (image < 0 || !isAnyHere(set, image)) return;
  state.picture = { set, image };
  for (const side of ["a", "b"]) {
    const model = modelNamed(hash.get(side));
    if (model >= 0) state[side] = model;
  }
  if (MODES.includes(hash.get("mode"))) state.mode = hash.get("mode");
  if (GAINS.includes(Number(hash.get("gain")))) state.gain = Number(hash.get("gain"));
  if (hash.has("split")) state.split = clamp(Number(hash.get("split")) || 0, 0, 1);
  const [x, y] = (hash.get("at") ?? "").split(",").map(Number);
  const zoom = LEVELS.find((level) => Math.abs(level - Number(hash.get("zoom"))) < 1e-3);
  if (zoom && Number.isFinite(x) && Number.isFinite(y)) state.view = { zoom, x, y };
}

// Into the address, at most a few times a second: browsers refuse more.
let keeping = 0;
function keep() {
  clearTimeout(keeping);
  keeping = setTimeout(keepNow, 150);
}

function keepNow() {
  clearTimeout(keeping);
  const hash = toHash();
  if (hash !== (location.hash || "#")) history.replaceState(history.state, "", hash);
}
