// The data of the page, and the few words in which the rest of the script speaks of it.

const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";

const range = (n) => [...Array(n).keys()];
const number = (value) => (typeof value === "string" ? { inf: Infinity, "-inf": -Infinity }[value] ?? null : value);
const modelNamed = (name) => data.models.findIndex((model) => model.name === name);

// A value in units of its last printed digit, as text.
function printed(value, metric) {
  if (value === null || value === undefined) return "n/a";
  if (typeof value === "string") return value;
  const { digits } = data.metrics[metric];
  return (value / 10 ** digits).toFixed(digits);
}

function setOf(table, dataset) {
  return data.sets.findIndex((set) => set.dataset === dataset && set.scale === table.scale && set.lr === table.lr && set.crop === table.crop);
}

function valuesOf(table, set, metric, model) {
  table.index ??= new Map(table.columns.map((c) => [`${c.set}/${c.metric}/${c.model}`, c.values]));
  return table.index.get(`${set}/${metric}/${model}`);
}

function valueOf(table, set, metric, model, image) {
  return valuesOf(table, set, metric, model)?.[image] ?? null;
}

// What a column sorts by: a value, or its distance from the ideal where neither more nor less is better.
// `unit` is 1 for means, 10 ** digits for values in units of the last printed digit.
function merit(value, metric, unit) {
  const { ideal } = data.metrics[metric];
  return value === null || ideal === null ? value : Math.abs(value - ideal * unit);
}

const bestEnd = ({ higher_is_better, ideal }) => (ideal === null && higher_is_better ? "high" : "low");

// 1 for the best of several values, 2 for the second, by the printed digits; else 0.
function places(values, metric) {
  const { higher_is_better, ideal, digits } = data.metrics[metric];
  const badness = (value) => (ideal !== null ? Math.abs(value - ideal * 10 ** digits) : higher_is_better ? -value : value);
  const known = values.map(number).filter((value) => value !== null);
  if (known.length < 2) return values.map(() => 0);
  const ranks = [...new Set(known.map(badness))].sort((a, b) => a - b);
  return values.map((value) => {
    const place = number(value) === null ? -1 : ranks.indexOf(badness(number(value)));
    return place === 0 || place === 1 ? place + 1 : 0;
  });
}

const arrow = ({ higher_is_better, ideal }) => (ideal !== null ? `→ ${ideal}` : higher_is_better ? "↑" : "↓");
const better = ({ higher_is_better, ideal }) => (ideal !== null ? `best at ${ideal}` : `${higher_is_better ? "higher" : "lower"} is better`);

const isHere = (set, model, image) => data.sets[set].here[model]?.[image] === "1";
const isAnyHere = (set, image) => data.models.some((_, model) => isHere(set, model, image));

function address(set, model, image) {
  const { dataset, folder, images } = data.sets[set];
  const parts = ["images", data.models[model].name, data.datasets[dataset], folder, `${images[image]}.png`];
  return data.base + parts.map(encodeURIComponent).join("/");
}

// Links to files beside the page.
function links(paths) {
  const link = (path) => el("a", { href: data.base + path.split("/").map(encodeURIComponent).join("/") }, path);
  return paths.flatMap((path, n) => [n ? ", " : "", link(path)]);
}

// An element. Text is only ever set as text; styles go through the object model, which the page's policy allows.
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function shape(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const dot = (model) => el("i", { class: "dot", style: { "--colour": data.models[model].colour }, "aria-hidden": "true" });

// Buttons of which one is pressed.
function segmented(label, options, chosen, onChoose) {
  const group = el("div", { class: "segmented", role: "group", "aria-label": label });
  const press = (value) => {
    for (const button of group.children) button.setAttribute("aria-pressed", String(button.value === String(value)));
  };
  for (const [value, text, title] of options) {
    const choose = () => (press(value), onChoose(value));
    group.append(el("button", { type: "button", value, title, onclick: choose }, text));
  }
  press(chosen);
  group.press = press;
  return group;
}
