// What all screens share: building elements, filling sentences in, the frame around a page.

import { TAB, forgetEntries, postUntilAnswered, request } from "./client.js";

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node[name] = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

export const paragraphs = (text) => text.split(/\n\s*\n/).map((part) => el("p", {}, part.trim()));

// Each screen is drawn once into its own root; a rerun of the script with the same screen changes nothing.
export function startOnce(component, start) {
  const root = component.parentElement.querySelector(".srmos");
  const signature = JSON.stringify(component.data);
  if (root.dataset.drawn !== signature) {
    if (isSomebodyElses(component.data)) return void location.replace(`${location.pathname}?ask=1`);
    root.stop?.();
    root.dataset.drawn = signature;
    root.lang = component.data.language;
    root.replaceChildren();
    root.stop = start(root, component.data) ?? null;
    root.querySelector("main").showPopover?.(); // the top layer: nothing of Streamlit's lies above a screen
    isolate(root);
  }
  return () => {
    root.stop?.();
    root.stop = null;
    delete root.dataset.drawn;
  };
}

// A tab belongs to the person who used it last: loaded again while somebody else is signed in, it asks.
function isSomebodyElses(data) {
  if (!data.rater) return false;
  const key = TAB + data.study;
  const asked = new URLSearchParams(location.search).has("ask");
  try {
    const last = sessionStorage.getItem(key);
    sessionStorage.setItem(key, data.rater);
    return !asked && last !== null && last !== data.rater;
  } catch {
    return false; // private mode
  }
}

// Nothing outside the screen can be reached by Tab: what Streamlit has there is hidden below it.
function isolate(root) {
  for (let node = root; node && node !== document.body; node = node.parentNode ?? node.host) {
    if (node.inert !== undefined) node.inert = false;
    if (node !== root && node.tabIndex === 0) node.tabIndex = -1; // a frame of Streamlit's that scrolls
    for (const other of node.parentNode?.children ?? []) if (other !== node) other.inert = true;
  }
}

// Asks Streamlit for the next screen; if it does not come (connection lost), the page is loaded anew.
export function moveOn(component, root) {
  component.setTriggerValue("moved", Date.now());
  const reload = async () => {
    if (!root.isConnected) return;
    try {
      if ((await request("state")).status < 500) return location.reload();
    } catch {
      /* the server is away */
    }
    setTimeout(reload, 2000);
  };
  setTimeout(reload, 4000);
}

const STEPS = ["welcome", "check", "practice", "rate", "thanks"];

export function pageFrame(data, step, ...content) {
  const w = data.words;
  const now = STEPS.indexOf(step);
  const steps = el("ol", { class: "steps", "aria-hidden": "true" });
  STEPS.forEach((name, index) => {
    if (name === "practice" && data.practice === 0) return;
    const state = index < now ? "past" : index === now ? "now" : "";
    steps.append(el("li", { class: state }, w[`step_${name}`]));
  });
  const isUnderWay = data.rater && step !== "thanks";
  const notYou = isUnderWay ? el("button", { class: "quiet", type: "button", onclick: startAsSomeoneElse }, w.not_you) : null;
  const contact = data.contact ? el("span", {}, fill(w.contact, data), " ") : null;
  const name = isUnderWay ? el("span", {}, fill(w.your_name, data), " ") : null;
  const foot = contact || notYou ? el("p", { class: "contact" }, contact, name, notYou) : null;
  return el(
    "main",
    { class: "page", popover: "manual", onkeydown: enterGoesOn },
    el("header", {}, el("span", { class: "study-title" }, data.title), step ? steps : null),
    el("section", { class: "card" }, ...content),
    foot
  );
}

// A heading holds the focus at first: Enter there is what the main button does.
function enterGoesOn(event) {
  const onControl = event.target.closest("button, a, input, output, textarea, select");
  if (event.key !== "Enter" || event.repeat || onControl) return;
  event.preventDefault();
  event.currentTarget.querySelector("button.primary:not(:disabled), a.primary")?.click();
}

// What a person gets whose screen does not fit: a panel's code and the way back, where the study has them.
export function screenedOut(data) {
  const w = data.words;
  if (!data.screen_out_code && !data.screen_out_url) return null;
  const code = data.screen_out_code ? el("output", { class: "code" }, data.screen_out_code) : null;
  const back = data.screen_out_url
    ? el("a", { class: "primary", href: data.screen_out_url, rel: "noreferrer" }, w.thanks_return)
    : null;
  return el(
    "div",
    { class: "screenedout" },
    el("p", {}, data.screen_out_code ? w.screen_out_code : w.screen_out),
    el("div", { class: "coderow" }, code, back)
  );
}

// A screen that is touched and nothing else: a phone or a tablet. A laptop whose screen can be touched has a mouse, too.
export const isTouchOnly = () => matchMedia("(pointer: coarse)").matches && !matchMedia("(any-pointer: fine)").matches;

// The session ends here; the ratings stay. A link in the address then lets the next person in.
export async function startAsSomeoneElse() {
  forgetEntries();
  await postUntilAnswered("leave", {});
  location.reload();
}

export function primaryButton(text, onclick) {
  return el("button", { class: "primary", type: "button", onclick }, text);
}

// The heading takes the focus, so that a screen reader starts there and Tab goes on to what follows.
export function focusHeading(root) {
  const heading = root.querySelector("h1");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

export function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

export const viewportText = () => `${Math.round(innerWidth)}x${Math.round(innerHeight)}`;

// The CSS pixels that the largest picture needs on this screen, with what stands around it.
export function neededWindow(data) {
  return [0, 1].map((axis) => Math.ceil(data.frame[axis] / devicePixelRatio) + data.chrome[axis]);
}
