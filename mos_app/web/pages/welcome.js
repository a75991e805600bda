// Welcome and consent: nothing is stored before "Begin".

import { entryNonce, forgetTab, postUntilAnswered } from "./client.js";
import { el, fill, paragraphs, startOnce, pageFrame, primaryButton, focusHeading, isTouchOnly, screenedOut } from "./page.js";

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    if (!data.touch_allowed && isTouchOnly()) return void refuseTouch(root, data);
    const agree = el("input", { type: "checkbox", id: "agree" });
    const trouble = el("p", { class: "trouble", role: "alert" });
    const begin = primaryButton(w.begin, async () => {
      begin.disabled = true;
      const message = {
        invite: data.invite,
        consent: data.consent_version,
        language: data.language,
        nonce: entryNonce(data.invite),
        ...data.panel,
      };
      const response = await postUntilAnswered("enter", message, () => (trouble.textContent = w.offline));
      if (response.ok) {
        forgetTab();
        return location.replace(location.pathname); // the code leaves the address bar
      }
      const reason = (await response.json()).error;
      trouble.textContent = w[`notice_${reason}`] ?? w.notice_unknown;
      begin.disabled = false;
    });
    begin.disabled = true;
    agree.onchange = () => (begin.disabled = !agree.checked);
    root.append(
      pageFrame(
        data,
        "welcome",
        languageSwitch(data),
        el("h1", {}, data.title),
        el("p", { class: "lead" }, w.welcome_lead),
        el("p", {}, fill(w[`welcome_what_${data.method}`], data)),
        el(
          "ul",
          { class: "facts" },
          el("li", { class: "clock" }, fill(w.welcome_time, data)),
          el("li", { class: "cup" }, fill(data.breaks ? w.welcome_breaks : w.welcome_no_breaks, data)),
          el("li", { class: "place" }, w.welcome_resume),
          el("li", { class: "keys" }, w.welcome_keys)
        ),
        el("h2", {}, w.consent_heading),
        el("div", { class: "consent" }, ...paragraphs(data.consent)),
        el("label", { class: "agree", for: "agree" }, agree, el("span", {}, w.agree)),
        trouble,
        el("div", { class: "actions" }, data.reusable ? beganAlready(w) : null, begin)
      )
    );
    focusHeading(root);
  });
}

function refuseTouch(root, data) {
  const w = data.words;
  const heading = el("h1", {}, w.notice_touch);
  root.append(pageFrame(data, "", heading, el("p", { class: "lead" }, w.notice_touch_why), screenedOut(data)));
  focusHeading(root);
}

// A link for many: who began by it in another browser comes back by their random name.
function beganAlready(w) {
  const url = new URL(location.href);
  url.searchParams.set("again", "1");
  return el("a", { class: "quiet", href: url.href }, w.welcome_again);
}

function languageSwitch(data) {
  const names = { en: "English", zh: "中文" };
  const links = data.languages.map((language) => {
    const url = new URL(location.href);
    url.searchParams.set("lang", language);
    const current = language === data.language;
    return el(
      "a",
      { href: url.href, lang: language, "aria-current": current ? "true" : null, class: current ? "now" : "" },
      names[language]
    );
  });
  return el("nav", { class: "languages" }, ...links);
}
