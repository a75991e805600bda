// There is nothing to rate here, and why.

import { el, fill, startOnce, pageFrame, focusHeading } from "./page.js";

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    root.append(
      pageFrame(
        data,
        "",
        el("h1", {}, w[`notice_${data.kind}`]),
        el("p", { class: "lead" }, fill(w[`notice_${data.kind}_why`], data))
      )
    );
    focusHeading(root);
  });
}
