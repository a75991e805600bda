// A link was opened in a browser that somebody has used before: the same person, or the next one?

import { el, fill, startOnce, pageFrame, primaryButton, focusHeading, startAsSomeoneElse } from "./page.js";

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    const words = data.finished ? w.back_code : w.back_continue;
    const goOn = primaryButton(words, () => location.replace(location.pathname));
    const mayGoOn = !data.finished || data.own; // another's link never leads to this person's code
    const other = el("button", { type: "button" }, w.back_other);
    other.onclick = startAsSomeoneElse;
    root.append(
      pageFrame(
        data,
        "",
        el("h1", {}, w.back_heading),
        el("p", { class: "lead" }, data.finished ? w.back_finished : fill(w.back_lead, data)),
        el("div", { class: "actions" }, mayGoOn ? goOn : null, other)
      )
    );
    focusHeading(root);
  });
}
