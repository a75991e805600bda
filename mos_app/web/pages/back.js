// A link for many people was opened in a browser that somebody has used before.

import { postUntilAnswered } from "./client.js";
import { el, fill, startOnce, pageFrame, primaryButton, focusHeading } from "./page.js";

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    const goOn = primaryButton(w.back_continue, () => location.replace(location.pathname));
    const other = el("button", { type: "button" }, w.back_other);
    other.onclick = async () => {
      await postUntilAnswered("leave", {});
      location.reload();
    };
    root.append(
      pageFrame(
        data,
        "",
        el("h1", {}, w.back_heading),
        el("p", { class: "lead" }, data.finished ? w.back_finished : fill(w.back_lead, data)),
        el("div", { class: "actions" }, data.finished ? null : goOn, other)
      )
    );
    focusHeading(root);
  });
}
