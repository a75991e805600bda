// The viewing check: window, zoom, grey steps. What may hold somebody up is the study's choice (`data.gates`).

import { postUntilAnswered } from "./client.js";
import { el, fill, startOnce, moveOn, pageFrame, primaryButton, focusHeading, toggleFullscreen, viewportText, neededWindow, isTouchOnly, screenedOut } from "./page.js";

const GREY_STEPS = { dark: [0, 6, 12, 20, 30, 42], light: [255, 249, 243, 235, 225, 213] };

export default function (component) {
  return startOnce(component, (root, data) => {
    const w = data.words;
    const size = el("dd", { role: "status" });
    const zoom = el("dd", { role: "status" });
    const dark = stepsQuestion(w.check_grey_dark, "dark");
    const light = stepsQuestion(w.check_grey_light, "light");
    const trouble = el("p", { class: "trouble", role: "alert" });
    const out = screenedOut(data);
    const full = el("button", { type: "button", onclick: toggleFullscreen }, w.fullscreen);
    const done = primaryButton(w.check_done, async () => {
      done.disabled = true;
      const response = await postUntilAnswered("check", {
        rater: data.rater,
        device_pixel_ratio: devicePixelRatio,
        viewport: viewportText(),
        screen: `${screen.width}x${screen.height}`,
        zoom_percent: Math.min(1000, Math.max(1, zoomPercent())),
        dark_steps: dark.answer(),
        light_steps: light.answer(),
        touch: isTouchOnly(),
      });
      if (response.status === 401) return location.reload();
      if (response.status !== 403) return moveOn(component, root);
      trouble.textContent = w.check_refused;
      done.disabled = false;
    });
    const look = () => {
      const [needWidth, needHeight] = neededWindow(data);
      const fits = innerWidth >= needWidth && innerHeight >= needHeight;
      const sizes = { have: `${innerWidth} × ${innerHeight}`, need: `${needWidth} × ${needHeight}` };
      size.textContent = fits ? w.check_window_good : fill(w.check_window_small, sizes);
      size.className = fits ? "good" : "bad";
      const straight = Math.abs(zoomPercent() - 100) <= data.zoom_tolerance;
      zoom.textContent = straight ? w.check_zoom_good : fill(w.check_zoom_bad, { zoom: zoomPercent() });
      zoom.className = straight ? "good" : "bad";
      full.textContent = document.fullscreenElement ? w.leave_fullscreen : w.fullscreen;
      const steps = [dark.answer(), light.answer()];
      const answered = !steps.includes(null);
      const unreadable = answered && Math.min(...steps) < data.least_grey_steps;
      const held = (data.gates.includes("zoom") && !straight) || (data.gates.includes("grey") && unreadable);
      trouble.textContent = unreadable ? w.check_grey_few : "";
      if (out) out.hidden = !(held || !fits);
      done.disabled = !fits || held || !answered;
    };
    dark.node.onchange = light.node.onchange = look;
    addEventListener("resize", look);
    root.append(
      pageFrame(
        data,
        "check",
        el("h1", {}, w.check_heading),
        el("p", { class: "lead" }, w.check_lead),
        el("dl", { class: "checks" }, el("dt", {}, w.check_window), size, el("dt", {}, w.check_zoom), zoom),
        el("h2", {}, w.check_grey),
        el("p", {}, w.check_grey_ask),
        dark.node,
        light.node,
        trouble,
        out,
        el("div", { class: "actions" }, full, done)
      )
    );
    look();
    focusHeading(root);
    return () => removeEventListener("resize", look);
  });
}

// A window's outer width is in screen pixels that zoom does not change. A side bar takes width, too, but leaves
// devicePixelRatio alone: that is at least 1 before any zoom.
function zoomPercent() {
  if (document.fullscreenElement || !outerWidth) return 100;
  const percent = Math.round((outerWidth / innerWidth) * 100);
  const isBarOnly = outerWidth - innerWidth <= 40 || (100 * devicePixelRatio) / percent < 0.95;
  return percent > 100 && isBarOnly ? 100 : percent;
}

function stepsQuestion(label, kind) {
  const strip = el("div", { class: `strip ${kind}`, "aria-hidden": "true" });
  for (const grey of GREY_STEPS[kind]) {
    const square = el("span");
    square.style.background = `rgb(${grey},${grey},${grey})`;
    strip.append(square);
  }
  const choices = el("div", { class: "choices" });
  for (let count = 0; count <= GREY_STEPS[kind].length; count++) {
    const input = el("input", { type: "radio", name: kind, value: count, id: `${kind}${count}` });
    choices.append(el("label", { for: `${kind}${count}` }, input, el("span", {}, String(count))));
  }
  const node = el("fieldset", { class: "grey" }, el("legend", {}, label), strip, choices);
  const answer = () => {
    const chosen = node.querySelector("input:checked");
    return chosen ? Number(chosen.value) : null;
  };
  return { node, answer };
}
