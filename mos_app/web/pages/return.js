// A link that was used, in a browser that does not know its person: they go on, by their random name if it is asked for.

import { entryNonce, forgetTab, postUntilAnswered } from "./client.js";
import { el, startOnce, pageFrame, primaryButton, focusHeading } from "./page.js";

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    const trouble = el("p", { class: "trouble", role: "alert" });
    const name = el("input", { type: "text", id: "name", maxlength: "32", autocomplete: "off", spellcheck: "false" });
    const go = primaryButton(w.go_on, async () => {
      go.disabled = true;
      const message = { invite: data.invite, nonce: entryNonce(data.invite), name: data.at_once ? null : name.value.trim() };
      const response = await postUntilAnswered("return", message, () => (trouble.textContent = w.offline));
      if (response.ok) {
        forgetTab();
        return location.replace(location.pathname); // the code leaves the address bar
      }
      trouble.textContent = w.return_wrong;
      go.disabled = false;
    });
    name.onkeydown = (event) => event.key === "Enter" && !event.repeat && go.click();
    const field = el("p", {}, el("label", { for: "name", class: "field" }, el("span", {}, w.return_name), name));
    root.append(
      pageFrame(
        data,
        "",
        el("h1", {}, data.at_once ? w.back_heading : w.notice_used),
        el("p", { class: "lead" }, data.at_once ? w.return_at_once : w.return_ask),
        data.at_once ? null : field,
        trouble,
        el("div", { class: "actions" }, go)
      )
    );
    focusHeading(root);
  });
}
