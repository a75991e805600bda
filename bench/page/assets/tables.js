// The means: one table for each scale, LR and protocol; and the tables behind them.

const MARKS = { 0: "", 1: "best", 2: "second" };
const tableTitle = (table) => `${table.protocol}, x${table.scale}, LR: ${table.lr}`;

function modelHead(models) {
  return {
    key: "model",
    text: "model",
    kind: "text",
    value: (model) => data.models[model].name,
    cell: (model) => {
      const { name, label } = data.models[model];
      const also = label === name ? null : el("small", {}, label);
      return el("th", { scope: "row" }, dot(model), name, also);
    },
  };
}

function summary(table) {
  const datasets = shown("dataset", table.datasets);
  const metrics = shown("metric", table.metrics);
  const cells = new Map(table.cells.map((cell) => [`${cell.model}/${cell.dataset}/${cell.metric}`, cell]));
  const columns = datasets.flatMap((dataset) => metrics.map((metric) => [dataset, metric]));
  const sorted = new SortedTable({
    caption: tableTitle(table),
    groups: [["", 1], ...datasets.map((dataset) => [data.datasets[dataset], metrics.length])],
    heads: [modelHead(), ...columns.map(([dataset, metric]) => meanHead(cells, dataset, metric))],
    rows: shown("model", table.models),
    order: state.order.summary,
    onOrder: (order) => ((state.order.summary = order), keep()),
    className: "summary",
  });
  return el("article", { class: "board" }, el("h3", {}, tableTitle(table)), el("p", { class: "source" }, table.source), sorted.element, notes(table, metrics));
}

function meanHead(cells, dataset, metric) {
  const facts = data.metrics[metric];
  const of = (model) => cells.get(`${model}/${dataset}/${metric}`);
  return {
    key: `${data.datasets[dataset]}/${facts.name}`,
    text: `${facts.heading} ${arrow(facts)}`,
    title: `${better(facts)}. ${facts.source}`,
    kind: "number",
    best: bestEnd(facts),
    value: (model) => merit(number(of(model)?.mean ?? null), metric, 1),
    cell: (model) => meanCell(of(model)),
  };
}

function meanCell(cell) {
  if (!cell) return el("td", { class: "missing" }, "n/a");
  return el("td", { class: MARKS[cell.place], title: cell.interval }, cell.text, cell.mark ? el("sup", {}, cell.mark) : null);
}

function notes(table, metrics) {
  const signatures = table.metrics.flatMap((metric, place) =>
    metrics.includes(metric) ? [el("dt", {}, data.metrics[metric].name), el("dd", {}, el("code", {}, table.signatures[place]))] : []
  );
  const legend = el("p", {}, el("b", {}, "Best"), " and ", el("u", {}, "second"), " of all models in the table, by the printed digits.");
  const files = table.files.length ? el("p", { class: "files" }, "This table: ", ...links(table.files)) : null;
  return el("div", { class: "notes" }, el("dl", {}, ...signatures), ...table.notes.map((note) => el("p", {}, note)), legend, files);
}

function sheet({ title, heads, rows, note }) {
  const isNumber = heads.map((_, place) => rows.some((row) => typeof row[place] === "number"));
  const sorted = new SortedTable({
    caption: title,
    heads: heads.map((text, place) => ({
      key: text,
      text,
      kind: isNumber[place] ? "number" : "text",
      best: "low",
      value: (row) => row[place],
      cell: (row) => sheetCell(row[place], place),
    })),
    rows,
    order: null,
    className: "sheet",
  });
  return el("article", {}, el("h3", {}, title), note ? el("p", { class: "source" }, note) : null, sorted.element);
}

function sheetCell(value, place) {
  const text = value === null ? "n/a" : typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 3 }) : value;
  const kind = typeof value !== "string" ? "" : value.length > 40 ? "text long" : "text";
  return place === 0 ? el("th", { scope: "row", class: "text" }, text) : el("td", { class: kind }, text);
}
