// Every picture, with the score of every model on it.

function pictureRows(table) {
  const wanted = state.find.trim().toLowerCase();
  return shown("dataset", table.datasets).flatMap((dataset) => {
    const set = setOf(table, dataset);
    const { images, names } = data.sets[set];
    const isWanted = (image) => `${data.datasets[dataset]} ${images[image]} ${names[image]}`.toLowerCase().includes(wanted);
    return range(images.length).filter(isWanted).map((image) => ({ set, image }));
  });
}

function pictureList(table, metric) {
  const models = shown("model", table.models);
  const rows = pictureRows(table).map((row) => scored(table, metric, row));
  const bounds = boundsOf(rows);
  return new SortedTable({
    caption: `${data.metrics[metric].heading} of each picture, ${tableTitle(table)}`,
    heads: [nameHead(), stripHead(models, bounds, metric), ...models.map((model) => scoreHead(model, metric)), spreadHead(models, metric)],
    rows,
    order: state.order.pictures,
    onOrder: (order) => ((state.order.pictures = order), keep()),
    className: "pictures",
  });
}

function scored(table, metric, { set, image }) {
  const values = data.models.map((_, model) => (table.models.includes(model) ? valueOf(table, set, metric, model, image) : null));
  return { set, image, values, places: places(values, metric) };
}

function boundsOf(rows) {
  const known = rows.flatMap((row) => row.values.map(number)).filter(Number.isFinite);
  return known.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

function nameHead() {
  return {
    key: "picture",
    text: "picture",
    kind: "text",
    value: ({ set, image }) => data.sets[set].names[image],
    cell: ({ set, image }) => el("th", { scope: "row", class: "name" }, pictureLink(set, image)),
  };
}

function pictureLink(set, image) {
  const { dataset, names, thumbnails } = data.sets[set];
  const words = el("span", {}, names[image], el("small", {}, data.datasets[dataset]));
  if (!isAnyHere(set, image)) return el("span", { class: "entry" }, words);
  const thumbnail = el("img", { src: thumbnails[image], alt: "", width: 64, height: 48, decoding: "async" });
  return el("a", { class: "entry", href: toHash({ picture: { set, image }, view: null }), title: "Compare" }, thumbnail, words);
}

function scoreHead(model, metric) {
  return {
    key: data.models[model].name,
    text: data.models[model].name,
    mark: dot(model),
    className: "model",
    title: data.models[model].name,
    kind: "number",
    best: bestEnd(data.metrics[metric]),
    value: (row) => merit(number(row.values[model]), metric, 10 ** data.metrics[metric].digits),
    cell: (row) => {
      const text = printed(row.values[model], metric);
      return el("td", { class: text === "n/a" ? "missing" : MARKS[row.places[model]] }, text);
    },
  };
}

function spread(row, models) {
  const known = models.map((model) => number(row.values[model])).filter(Number.isFinite);
  return known.length < 2 ? null : Math.max(...known) - Math.min(...known);
}

function spreadHead(models, metric) {
  return {
    key: "spread",
    text: "spread",
    title: "the largest value of the shown models minus the smallest",
    kind: "number",
    best: "high",
    value: (row) => spread(row, models),
    cell: (row) => el("td", { class: "soft" }, printed(spread(row, models), metric)),
  };
}

// All models of a row on one axis that all rows share.
function stripHead(models, bounds, metric) {
  const best = bestEnd(data.metrics[metric]);
  const unit = 10 ** data.metrics[metric].digits;
  return {
    key: "best",
    className: "strip",
    text: data.metrics[metric].ideal !== null ? "less · more" : best === "high" ? "worse · better" : "better · worse",
    title: "each model as a dot, on one axis for all pictures; sorts by the best value",
    kind: "number",
    best,
    value: (row) => {
      const known = models.map((model) => merit(number(row.values[model]), metric, unit)).filter((value) => value !== null);
      return known.length ? (best === "high" ? Math.max(...known) : Math.min(...known)) : null;
    },
    cell: (row) => el("td", { class: "strip", "aria-hidden": "true" }, strip(row, models, bounds)),
  };
}

const STRIP = { width: 168, height: 24, margin: 6 };

function strip(row, models, [low, high]) {
  const span = high > low ? high - low : 1;
  const at = (value) => STRIP.margin + ((STRIP.width - 2 * STRIP.margin) * (value - low)) / span;
  const middle = STRIP.height / 2;
  const line = shape("line", { x1: STRIP.margin, x2: STRIP.width - STRIP.margin, y1: middle, y2: middle, class: "axis" });
  const dots = models
    .filter((model) => Number.isFinite(number(row.values[model])))
    .map((model) => shape("circle", { cx: at(number(row.values[model])).toFixed(1), cy: middle, r: 4.5, fill: data.models[model].colour }));
  return shape("svg", { viewBox: `0 0 ${STRIP.width} ${STRIP.height}`, width: STRIP.width, height: STRIP.height }, line, ...dots);
}
