// The end: a completion code, and the way back to a panel.

import { el, fill, startOnce, pageFrame, focusHeading, startAsSomeoneElse } from "./page.js";

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    const code = el("output", { class: "code", tabindex: "0" }, data.code);
    const copy = el("button", { type: "button" }, w.copy);
    copy.onclick = async () => {
      try {
        await navigator.clipboard.writeText(data.code);
        copy.textContent = w.copied;
      } catch {
        getSelection().selectAllChildren(code);
      }
    };
    const next = el("button", { type: "button" }, w.next_person);
    next.onclick = startAsSomeoneElse;
    const back = data.completion_url
      ? el("a", { class: "primary", href: data.completion_url, rel: "noreferrer" }, w.thanks_return)
      : null;
    root.append(
      pageFrame(
        data,
        "thanks",
        el("h1", {}, w.thanks_heading),
        el("p", { class: "lead" }, fill(w.thanks_lead, data)),
        el("h2", {}, w.thanks_code),
        el("div", { class: "coderow" }, code, copy),
        el("p", { class: "small" }, fill(w.your_name, data)),
        el("div", { class: "actions" }, next, back)
      )
    );
    focusHeading(root);
  });
}
