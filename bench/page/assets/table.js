// A table whose heads sort it. Rows beyond the first screens are made when they are scrolled to.

const CHUNK = 60;

// heads: [{key, text, title, kind, best, value(row), cell(row)}]; kind is "text" or "number"; best is "high" or "low".
class SortedTable {
  constructor({ caption, groups, heads, rows, order, onOrder, className }) {
    Object.assign(this, { heads, rows, order, onOrder });
    this.body = el("tbody");
    this.cells = heads.map((head) => this.head(head));
    const top = groups ? [el("tr", { class: "groups" }, ...groups.map(([text, span]) => el("th", { colspan: span, scope: "colgroup", class: span > 4 ? "text" : "" }, text)))] : [];
    this.table = el("table", { class: className ?? "" }, el("caption", {}, caption), el("thead", {}, ...top, el("tr", {}, ...this.cells)), this.body);
    this.more = el("div", { class: "more", "aria-hidden": "true" });
    this.element = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, this.table, this.more);
    new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && this.extend(), { root: this.element, rootMargin: "800px" }).observe(this.more);
    this.sort();
  }

  head(head) {
    const sort = el("button", { type: "button", title: head.title, onclick: () => this.turn(head) }, head.mark ?? null, head.text);
    return el("th", { scope: "col", class: `${head.kind === "text" ? "text" : ""} ${head.className ?? ""}`.trim() }, sort);
  }

  // Best first, worst first, as it came.
  turn(head) {
    const same = this.order?.key === head.key;
    if (!same) this.order = { key: head.key, reversed: false };
    else if (!this.order.reversed) this.order = { key: head.key, reversed: true };
    else this.order = null;
    this.onOrder?.(this.order);
    this.sort();
  }

  sort() {
    const head = this.order && this.heads.find((each) => each.key === this.order.key);
    const descending = head && (head.kind === "number" && head.best !== "low") !== this.order.reversed;
    this.cells.forEach((cell, place) => {
      if (this.heads[place] === head) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    this.sorted = head ? sortedBy(this.rows, head.value, descending) : this.rows;
    this.body.replaceChildren();
    this.extend();
  }

  extend(count = CHUNK) {
    const made = this.body.children.length;
    const next = this.sorted.slice(made, made + count);
    this.body.append(...next.map((row) => el("tr", {}, ...this.heads.map((head) => head.cell(row)))));
    this.more.hidden = made + next.length >= this.sorted.length;
  }

  complete() {
    this.extend(this.sorted.length);
  }
}

// What is missing stays at the end, whichever way the rest is turned.
function sortedBy(rows, value, descending) {
  const keyed = rows.map((row) => [value(row), row]);
  const sign = descending ? -1 : 1;
  return keyed.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : sign * compare(a, b))).map(([, row]) => row);
}

function compare(a, b) {
  if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
  return a === b ? 0 : a < b ? -1 : 1;
}
