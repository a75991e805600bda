// There is nothing to rate here, and why.

import { el, startOnce, pageFrame, focusHeading } from "./page.js";

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    root.append(
      pageFrame(
        data,
        "",
        el("h1", {}, w[`notice_${data.kind}`]),
        el("p", { class: "lead" }, w[`notice_${data.kind}_why`])
      )
    );
    focusHeading(root);
  });
}
