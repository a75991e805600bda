// Between blocks: how it works, practice is over, a break.

import { postUntilAnswered } from "./client.js";
import { el, fill, startOnce, moveOn, pageFrame, primaryButton, focusHeading } from "./page.js";

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    const go = primaryButton("", async () => {
      go.disabled = true;
      const response = await postUntilAnswered("rested", { rater: data.rater, at: data.done });
      if (response.status === 401) return location.reload();
      moveOn(component, root);
    });
    const content = { instructions, ready, more, break: rest }[data.stage](data, w, go);
    root.append(pageFrame(data, data.stage === "instructions" ? "practice" : "rate", ...content));
    focusHeading(root);
  });
}

function instructions(data, w, go) {
  go.textContent = data.practice ? w.start_practice : w.start;
  const keys = el("div", { class: "keyrow", "aria-hidden": "true" });
  data.labels.forEach((label, i) => {
    keys.append(el("span", {}, el("kbd", {}, String(i + 1)), el("small", {}, label)));
  });
  return [
    el("h1", {}, w.instructions_heading),
    el("p", { class: "lead" }, w[`instructions_${data.method}`]),
    keys,
    el("p", {}, data.practice ? fill(w.instructions_practice, data) : w.instructions_no_practice),
    el("div", { class: "actions" }, go),
  ];
}

function ready(data, w, go) {
  go.textContent = w.start;
  return [el("h1", {}, w.ready_heading), el("p", { class: "lead" }, w.ready_lead), el("div", { class: "actions" }, go)];
}

// The pictures of the first block are done, and the study has got more since.
function more(data, w, go) {
  go.textContent = w.go_on;
  const lead = el("p", { class: "lead" }, fill(w.more_lead, { count: data.total - data.done, minutes: data.minutes }));
  const code = data.code ? el("p", {}, `${w.thanks_code}: `, el("output", {}, data.code)) : null;
  return [el("h1", {}, w.more_heading), lead, code, el("div", { class: "actions" }, go)];
}

function rest(data, w, go) {
  go.textContent = w.go_on;
  const values = { done: data.done - data.practice, total: data.total - data.practice, minutes: data.minutes };
  const bar = el("div", { class: "bar", "aria-hidden": "true" }, el("i"));
  bar.firstChild.style.width = `${(100 * values.done) / values.total}%`;
  return [
    el("h1", {}, w.break_heading),
    el("p", { class: "lead" }, w.break_lead),
    bar,
    el("p", {}, fill(w.break_progress, values)),
    el("div", { class: "actions" }, go),
  ];
}
