// Puts the page together and keeps it, the address and the reader's choices in step.

const main = document.getElementById("main");
const filters = document.getElementById("filters");
const viewer = new Viewer(document.getElementById("viewer"), { onClose: closeViewer, rows: () => list?.sorted ?? [] });
let list = null; // the picture list's table
let shownFilters = null;

function renderAll() {
  renderFilters();
  const sections = [section("Scores", ...shownTables().map(summary)), picturesSection(), figuresSection(), ...sheetSections()].filter(Boolean);
  main.replaceChildren(...sections);
  document.getElementById("sections").replaceChildren(...sections.map(sectionLink));
}

function section(title, ...children) {
  return el("section", { "aria-label": title }, el("h2", { tabindex: -1 }, title), ...children);
}

function sectionLink(part) {
  const go = () => {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    part.scrollIntoView({ behavior: isCalm ? "auto" : "smooth" });
    part.firstChild.focus({ preventScroll: true });
  };
  return el("button", { type: "button", class: "quiet", onclick: go }, part.getAttribute("aria-label"));
}

function change(changes) {
  Object.assign(state, changes);
  keep();
  renderAll();
}

function renderFilters() {
  const focused = filters.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  const titles = data.tables.map((table) => [table.stem, shortTitle(table), tableTitle(table)]);
  const tables = data.tables.length > 1 ? [...titles, [ALL, "all", "every table"]] : [];
  filters.replaceChildren(
    ...(tables.length ? [field("protocol", segmented("Table", tables, state.table, (table) => change({ table })))] : []),
    ...chips("dataset", unique(shownTables().flatMap((t) => t.datasets))),
    ...chips("metric", unique(shownTables().flatMap((t) => t.metrics))),
    ...chips("model", unique(shownTables().flatMap((t) => t.models)))
  );
  for (const [n, control] of filters.querySelectorAll("button").entries()) {
    control.dataset.id = `${control.closest("[data-kind]").dataset.kind}/${control.value || n}`;
    if (control.dataset.id === focused) control.focus();
  }
}

const unique = (indices) => [...new Set(indices)].sort((a, b) => a - b);
const field = (label, ...controls) => el("div", { class: "field", "data-kind": label }, el("span", {}, label), ...controls);

// A protocol is enough where all tables are of one scale and LR.
function shortTitle(table) {
  const scale = new Set(data.tables.map((t) => t.scale)).size > 1 ? ` x${table.scale}` : "";
  const lr = new Set(data.tables.map((t) => t.lr)).size > 1 ? ` ${table.lr}` : "";
  return table.protocol + scale + lr;
}

function chips(kind, indices) {
  if (indices.length < 2) return [];
  const names = listOf(kind);
  const chip = (index) =>
    el("button", { type: "button", class: "chip", value: names[index], "aria-pressed": String(isShown(kind, index)), onclick: () => toggle(kind, index, indices) }, kind === "model" ? dot(index) : null, names[index]);
  return [field(kind, el("div", { class: "chips", role: "group", "aria-label": `${kind}s` }, ...indices.map(chip)))];
}

// The last one that is shown cannot be hidden: instead all others come back.
function toggle(kind, index, indices) {
  const hidden = new Set(state.hidden[kind]);
  hidden.has(index) ? hidden.delete(index) : hidden.add(index);
  const none = indices.every((each) => hidden.has(each));
  change({ hidden: { ...state.hidden, [kind]: none ? new Set() : hidden } });
}

function picturesSection() {
  const table = mainTable();
  const holder = el("div");
  const fill = () => {
    const metric = pictureMetric();
    list = pictureList(table, metric);
    const count = list.rows.length;
    tally.textContent = `${count} picture${count === 1 ? "" : "s"}`;
    holder.replaceChildren(list.element);
  };
  const tally = el("span", { class: "soft", role: "status" });
  const search = el("input", { type: "search", placeholder: "find a picture", "aria-label": "find a picture", value: state.find, oninput: () => ((state.find = search.value), keep(), fill()) });
  const metrics = shown("metric", table.metrics).map((metric) => [metric, data.metrics[metric].name, data.metrics[metric].heading]);
  const choose = (metric) => ((state.metric = metric), keep(), fill());
  const which = metrics.length > 1 ? segmented("Metric of the list", metrics, pictureMetric(), choose) : null;
  fill();
  const under = state.table === ALL ? el("span", { class: "soft" }, `under ${tableTitle(table)}`) : null;
  return section("Pictures", pictureNote(), el("div", { class: "tools" }, which, search, tally, under), holder);
}

function pictureNote() {
  const sets = unique(mainTable().datasets).map((dataset) => data.sets[setOf(mainTable(), dataset)]);
  const missing = sets.filter((set) => !Object.keys(set.here).length).map((set) => data.datasets[set.dataset]);
  if (!missing.length) return el("p", { class: "source" }, "Choose a picture to compare two methods, zoom, and see their difference.", lrNote());
  const which = missing.length === sets.length ? "The pictures are" : `The pictures of ${missing.join(", ")} are`;
  return el("p", { class: "source", id: "no-pictures" }, `${which} not here: the folder images/ beside the scores does not hold them. `, "A ", el("code", {}, "bench run"), " into this folder brings them back, and ", el("code", {}, "bench page"), " then shows them.");
}

function lrNote() {
  const table = mainTable();
  const others = data.tables.filter((other) => other.scale === table.scale && other.lr !== table.lr);
  return others.length ? ` A folder keeps one picture of each model: here the one of the last run, whichever LR (${unique([table, ...others].map((t) => t.lr)).join(", ")}) that had.` : "";
}

function figuresSection() {
  const all = data.tables.flatMap((table) => table.datasets.map((dataset) => ({ table, dataset, stem: `${table.stem}_${data.datasets[dataset]}` })));
  all.sort((a, b) => b.stem.length - a.stem.length);
  const isWanted = (path) => {
    const owner = all.find(({ stem }) => isNamedAfter(path, stem));
    return !owner || (shownTables().includes(owner.table) && isShown("dataset", owner.dataset));
  };
  const figures = data.figures.filter(isWanted);
  return figures.length ? section("Figures", el("div", { class: "figures" }, ...figures.map(figure))) : null;
}

// cost_<stem>.svg, <stem>_psnr.png: what is drawn of one table's dataset has its name, whole, in its own.
function isNamedAfter(path, stem) {
  const at = path.indexOf(stem);
  return at > 0 && "/_".includes(path[at - 1]) && "._".includes(path[at + stem.length]);
}

function figure(path) {
  const href = data.base + path.split("/").map(encodeURIComponent).join("/");
  const name = path.replace(/^(plots|grids|compare)\//, "").replace(/\.\w+$/, "");
  return el("figure", {}, el("a", { href, target: "_blank", rel: "noopener" }, el("img", { src: href, alt: name, loading: "lazy", onload: widen })), el("figcaption", {}, name));
}

// A wide figure takes a line of its own.
function widen({ target }) {
  target.closest("figure").classList.toggle("wide", target.naturalWidth > 3 * target.naturalHeight);
}

function sheetSections() {
  const cost = data.sheets.filter((each) => each.title === "Cost").map(sheet);
  const origin = data.sheets.filter((each) => each.title !== "Cost").map(sheet);
  return [cost.length ? section("Cost", ...cost) : null, section("Provenance", el("p", { class: "source files" }, "Made from ", ...links(data.files)), ...origin)];
}

// Closing goes back where the picture was chosen from; a shared address has no such place.
function closeViewer() {
  if (history.state === "opened") return history.back();
  state.picture = null;
  state.view = null;
  keepNow();
  viewer.close();
}

function follow() {
  fromHash(location.hash);
  renderAll();
  if (state.picture) viewer.show();
  else viewer.close();
}

// A picture's link is an address like any other; taken by a plain click it is remembered as opened from here.
main.addEventListener("click", (event) => {
  const link = event.target.closest("a.entry");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  keepNow();
  history.pushState("opened", "", link.getAttribute("href"));
  viewFromHash(new URLSearchParams(location.hash.slice(1)));
  viewer.show();
});

addEventListener("popstate", () => {
  clearTimeout(keeping);
  const before = toHash({ picture: null });
  fromHash(location.hash);
  if (toHash({ picture: null }) !== before) renderAll();
  if (state.picture) viewer.show();
  else viewer.close();
});

function theme() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = { get: () => attempt(() => localStorage.getItem("srmos-theme")), set: (value) => attempt(() => localStorage.setItem("srmos-theme", value)) };
  let chosen = kept.get();
  const isDark = () => (chosen ? chosen === "dark" : system.matches);
  const show = () => {
    if (chosen) document.documentElement.dataset.theme = chosen;
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `switch to ${isDark() ? "light" : "dark"} colours`);
  };
  button.onclick = () => {
    chosen = isDark() ? "light" : "dark";
    kept.set(chosen);
    show();
  };
  system.addEventListener("change", show);
  show();
}

// Storage is refused to some pages opened from disk: then the choice lasts as long as the page.
function attempt(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

addEventListener("beforeprint", () => list?.complete());
document.getElementById("run").textContent = `Run: ${data.run}`;
theme();
follow();
document.documentElement.dataset.ready = "";
