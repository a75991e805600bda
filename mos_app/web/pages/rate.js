// The rating page: a picture at exact device pixels, a scale, and an answer that is never lost.
//
// One picture's way: fetched ahead, decoded, drawn, painted, unlocked, answered, kept in the outbox, sent.

import { SEND_PAUSES_MS, sleep, request, Outbox, Tabs } from "./client.js";
import { el, fill, startOnce, moveOn, primaryButton, toggleFullscreen, viewportText, neededWindow } from "./page.js";

const UNLOCK_MS = 300; // after the picture is painted; earlier keys were meant for the last one
const GREY_MS = 250; // between two pictures, the same for all: no after-image, no hint by loading time
const LOOK_MS = 5000; // while the study is paused
const PRESSED_MS = 120;
const AHEAD = 8;
const PAIR_GAP_PX = 16;

export default function (component) {
  return startOnce(component, (root, data) => {
    const page = new RatingPage(component, root, data);
    page.run();
    return () => page.stop();
  });
}

class RatingPage {
  constructor(component, root, data) {
    this.component = component;
    this.root = root;
    this.data = data;
    this.w = data.words;
    this.two = data.method !== "acr";
    this.outbox = new Outbox(data.study, data.rater);
    this.tabs = new Tabs(this.outbox.prefix, () => this.pauseBecause("elsewhere"));

    // The whole state of the page. What comes:
    this.queue = []; // items that the server named, by position
    this.pictures = new Map(); // id to a promise of bitmaps
    this.position = data.done; // of the picture on the screen, or the next one
    this.blockEnd = data.block_end;
    this.secondsEach = (60 * data.minutes) / Math.max(1, data.total - data.done);
    // What is on the screen:
    this.item = null;
    this.bitmaps = null;
    this.shown = null; // { item, seen, at, start } once it is drawn
    this.covering = null; // the name of what lies over the picture
    // What may happen now:
    this.locked = true; // no answer is taken
    this.moving = false; // an answer was given, the next picture is not up
    this.paused = false; // another tab rates, or nobody is signed in
    this.leaving = false;
    this.stopped = false;
    this.waiting = false; // until the study is open again
    this.onward = null; // ends a comment while practising
    this.build();
  }

  build() {
    const w = this.w;
    this.canvases = this.two ? [el("canvas"), el("canvas")] : [el("canvas")];
    for (const canvas of this.canvases) canvas.setAttribute("role", "img");
    this.stage = el("div", { class: "stage" }, ...this.canvases);
    this.fillBar = el("i");
    this.counter = el("span", { class: "counter" });
    this.left = el("span", { class: "left" });
    this.saved = el("span", { class: "saved", role: "status" });
    this.spoken = el("p", { class: "spoken", role: "status", "aria-live": "polite" });
    this.feedback = el("p", { class: "feedback", role: "status" });
    this.buttons = this.data.labels.map((label, index) => this.scaleButton(label, index + 1));
    this.full = el("button", { class: "quiet", type: "button", onclick: toggleFullscreen }, w.fullscreen);
    this.cover = el("div", { class: "cover", hidden: true, role: "alert" });
    this.page = el(
      "main",
      { class: "rating", popover: "manual", "aria-label": w[`question_${this.data.method}`] },
      el("div", { class: "progress", "aria-hidden": "true" }, this.fillBar),
      el("header", {}, this.counter, this.left, el("span", { class: "space" }), this.saved, this.full),
      this.stage,
      el(
        "footer",
        {},
        el("p", { class: "question" }, w[`question_${this.data.method}`]),
        this.feedback,
        el("div", { class: "scale", role: "group" }, ...this.buttons)
      ),
      this.spoken,
      this.cover
    );
    this.root.append(this.page);
    this.onKey = (event) => this.key(event);
    this.onKeyUp = (event) => event.key === " " && this.buttonOf(event) && event.preventDefault();
    this.onResize = () => this.resized();
    this.onOnline = () => this.send();
    addEventListener("keydown", this.onKey, true);
    addEventListener("keyup", this.onKeyUp, true);
    addEventListener("resize", this.onResize);
    addEventListener("online", this.onOnline);
    document.addEventListener("fullscreenchange", this.onResize);
  }

  scaleButton(label, score) {
    const button = el("button", { type: "button", "aria-label": `${score}, ${label}` });
    button.append(el("kbd", {}, String(score)), el("span", {}, label));
    button.dataset.score = score;
    button.onclick = () => this.answer(score);
    button.onpointerdown = (event) => event.preventDefault(); // a mouse leaves no focus behind for the space bar
    button.onmousedown = (event) => event.preventDefault();
    return button;
  }

  stop() {
    this.stopped = true;
    removeEventListener("keydown", this.onKey, true);
    removeEventListener("keyup", this.onKeyUp, true);
    removeEventListener("resize", this.onResize);
    removeEventListener("online", this.onOnline);
    document.removeEventListener("fullscreenchange", this.onResize);
    this.tabs.close();
    this.page.remove();
  }

  async run() {
    this.tabs.claim();
    this.lock();
    this.send(); // what an earlier visit could not deliver
    if (await this.refresh()) this.next();
  }

  // -- what comes ---------------------------------------------------------------------------

  // Asks the server where we are; waits while it is away. False when this page is not the one to rate now.
  async refresh() {
    for (let attempt = 0; !this.stopped; attempt++) {
      try {
        const response = await request("state");
        if (response.status === 401) return this.pauseBecause("signed_out");
        if (response.ok) return this.take(await response.json());
      } catch {
        this.report("offline");
      }
      await sleep(SEND_PAUSES_MS[Math.min(attempt, SEND_PAUSES_MS.length - 1)]);
    }
    return false;
  }

  take(state) {
    if (state.rater !== this.data.rater) return this.pauseBecause("signed_out"); // somebody else sits here now
    if (state.shut) return state.shut === "closed" ? this.close() : this.waitUntilOpen(state.shut);
    if (state.stage !== "rate" && this.outbox.size === 0) return this.leave();
    this.blockEnd = state.block_end;
    this.secondsEach = state.seconds_left / Math.max(1, state.total - state.done);
    const answered = this.outbox.positions();
    this.position = state.done;
    while (answered.has(this.position)) this.position++;
    const known = new Set(this.queue.map((item) => item.id));
    this.queue.push(...state.upcoming.filter((item) => !known.has(item.id)));
    this.queue.sort((a, b) => a.position - b.position);
    this.preload();
    return true;
  }

  preload() {
    this.queue = this.queue.filter((item) => item.position >= this.position);
    const wanted = new Set(this.queue.slice(0, AHEAD).map((item) => item.id));
    for (const id of this.pictures.keys()) if (!wanted.has(id) && id !== this.item?.id) this.pictures.delete(id);
    for (const id of wanted) if (!this.pictures.has(id)) this.pictures.set(id, this.fetchPictures(id));
  }

  async fetchPictures(id) {
    const paths = this.two ? [`picture/${id}`, `picture/${id}/other`] : [`picture/${id}`];
    if (this.data.method === "dcr") paths.reverse(); // the original stands left
    return Promise.all(paths.map((path) => this.fetchPicture(path)));
  }

  async fetchPicture(path) {
    for (let attempt = 0; !this.stopped; attempt++) {
      try {
        const response = await request(path);
        if (response.ok) {
          const picture = await response.blob();
          return await createImageBitmap(picture, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
        }
        if (response.status === 404) return null; // another tab is further on
      } catch {
        this.report("offline");
      }
      await sleep(SEND_PAUSES_MS[Math.min(attempt, SEND_PAUSES_MS.length - 1)]);
    }
    return null;
  }

  // -- showing ------------------------------------------------------------------------------

  async next() {
    if (this.stopped || this.paused) return;
    this.blank();
    const grey = sleep(GREY_MS);
    if (this.position >= this.blockEnd) return this.leave();
    let item = this.queue.find((candidate) => candidate.position === this.position);
    if (!item) {
      this.say(this.outbox.size ? this.w.waiting : "");
      await this.outbox.sending;
      if (!(await this.refresh())) return;
      item = this.queue.find((candidate) => candidate.position === this.position);
      if (!item) return void setTimeout(() => this.next(), 500);
    }
    this.item = item;
    this.preload();
    const bitmaps = await this.pictures.get(item.id);
    await grey;
    if (this.stopped || this.paused || this.item !== item) return;
    if (bitmaps.includes(null)) {
      this.pictures.delete(item.id);
      this.queue = [];
      if (await this.refresh()) this.next();
      return;
    }
    this.show(item, bitmaps);
  }

  async show(item, bitmaps) {
    this.bitmaps = bitmaps;
    this.canvases.forEach((canvas, index) => {
      canvas.width = bitmaps[index].width;
      canvas.height = bitmaps[index].height;
      canvas.getContext("2d", { alpha: false }).drawImage(bitmaps[index], 0, 0);
    });
    this.describe(item);
    if (!this.fit()) return; // shown again when the window is large enough
    for (const canvas of this.canvases) canvas.style.visibility = "visible";
    const shown = (this.shown = { item, seen: document.visibilityState === "visible" });
    await nextFrame();
    await nextFrame(); // the frame with the picture is on the screen
    if (this.shown !== shown) return;
    shown.at = new Date();
    shown.start = performance.now();
    setTimeout(() => this.shown === shown && this.unlock(), UNLOCK_MS);
  }

  blank() {
    this.lock();
    this.shown = null;
    for (const canvas of this.canvases) canvas.style.visibility = "hidden";
    this.feedback.textContent = "";
  }

  describe(item) {
    const { data, w } = this;
    const practice = item.practice;
    const done = practice ? item.position + 1 : item.position + 1 - data.practice;
    const total = practice ? data.practice : data.total - data.practice;
    const values = { done, total };
    this.counter.textContent = fill(practice ? w.practice : w.progress, values);
    const minutes = Math.round(((data.total - item.position) * this.secondsEach) / 60);
    this.left.textContent = practice ? "" : minutes ? fill(w.left, { minutes }) : w.left_last;
    this.fillBar.style.width = `${(100 * (done - 1)) / total}%`;
    this.say(fill(this.two ? w.pair_label : w.picture_label, values));
    const sides = data.method === "dcr" ? [w.original, "?"] : data.labels;
    this.canvases.forEach((canvas, index) =>
      canvas.setAttribute("aria-label", this.two ? sides[index] : fill(w.picture_label, values))
    );
  }

  say(text) {
    this.spoken.textContent = text;
  }

  // Puts each canvas on whole device pixels, one picture pixel to one device pixel. False: no room.
  fit() {
    if (!this.bitmaps) return true;
    const ratio = devicePixelRatio;
    const box = this.stage.getBoundingClientRect();
    const width = this.bitmaps.reduce((sum, bitmap) => sum + bitmap.width, 0) + (this.two ? PAIR_GAP_PX : 0);
    const height = Math.max(...this.bitmaps.map((bitmap) => bitmap.height));
    const fits = width <= Math.floor(box.width * ratio) && height <= Math.floor(box.height * ratio);
    this.tooSmall(fits ? null : [width, height]);
    if (!fits) return false;
    let left = Math.round((box.left + box.width / 2) * ratio - width / 2);
    this.canvases.forEach((canvas, index) => {
      const bitmap = this.bitmaps[index];
      const top = Math.round((box.top + box.height / 2) * ratio - bitmap.height / 2);
      // A transform, because lengths and offsets are cut to fractions of a CSS pixel and snapped to whole ones.
      canvas.style.transform = `translate(${left / ratio}px, ${top / ratio}px) scale(${1 / ratio})`;
      left += bitmap.width + PAIR_GAP_PX;
    });
    return true;
  }

  tooSmall(size) {
    if (!size) {
      if (this.covering === "too_small") this.uncover();
      return;
    }
    const needed = neededWindow({ frame: size, chrome: this.data.chrome });
    const values = { need: needed.join(" × "), have: `${innerWidth} × ${innerHeight}` };
    this.shown = null;
    this.lock();
    for (const canvas of this.canvases) canvas.style.visibility = "hidden";
    const full = primaryButton(this.w.fullscreen, toggleFullscreen);
    this.coverWith("too_small", this.w.too_small, fill(this.w.too_small_why, values), full);
  }

  resized() {
    this.full.textContent = document.fullscreenElement ? this.w.leave_fullscreen : this.w.fullscreen;
    if (this.page.matches(":popover-open")) {
      this.page.hidePopover();
      this.page.showPopover(); // back above an element that has just gone full screen
    }
    const wasShown = this.shown !== null;
    if (this.fit() && !wasShown && this.item && this.bitmaps && !this.paused && this.locked && !this.moving) {
      if (this.item.position === this.position) this.show(this.item, this.bitmaps);
    }
  }

  // -- answering ----------------------------------------------------------------------------

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isGo = event.key === " " || event.key === "Enter";
    const button = this.buttonOf(event);
    if (isGo && this.onward) {
      event.preventDefault();
      if (!event.repeat) this.onward();
      return;
    }
    // A button's own click by key would come again and again while the key is held.
    const score = isGo && button ? Number(button.dataset.score) : this.scoreOf(event);
    if (score === null) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.answer(score);
  }

  // The scale's button that an event happened on, from outside the component's shadow too.
  buttonOf(event) {
    const target = event.composedPath()[0];
    return this.buttons.find((button) => button === target || button.contains(target)) ?? null;
  }

  // The digit on the key, or else the key's place: on a French keyboard the digit row types & é " ' (.
  scoreOf(event) {
    if (this.data.method === "pairs" && event.key === "ArrowLeft") return 1;
    if (this.data.method === "pairs" && event.key === "ArrowRight") return 2;
    const typed = /^[0-9]$/.test(event.key) ? event.key : /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
    const score = Number(typed ?? 0);
    return score >= 1 && score <= this.buttons.length ? score : null;
  }

  async answer(score) {
    if (this.locked || this.paused || !this.shown) return;
    const { item, at, start, seen } = this.shown;
    this.lock();
    this.moving = true;
    this.outbox.put(item.position, {
      presentation: item.id,
      score,
      seconds: Math.round(performance.now() - start) / 1000,
      shown_at: at.toISOString(),
      device_pixel_ratio: devicePixelRatio,
      rect: this.rect(),
      viewport: viewportText(),
      visible: seen && document.visibilityState === "visible",
      fullscreen: document.fullscreenElement !== null,
    });
    this.send();
    const button = this.buttons[score - 1];
    button.classList.add("pressed");
    this.position = item.position + 1;
    await (item.practice ? this.comment(item, score) : sleep(PRESSED_MS));
    button.classList.remove("pressed");
    this.moving = false;
    if (this.position % 4 === 0) this.refreshSoon();
    this.next();
  }

  // While practising: what the picture was an example of, until the space bar or a moment later.
  async comment(item, score) {
    const { data, w } = this;
    const label = data.labels[item.expected - 1];
    let text = item.expected >= 5 ? w.feedback_best : w.feedback_worst;
    if (data.method === "pairs") text = score === item.expected ? w.feedback_pair_right : w.feedback_pair_wrong;
    this.feedback.replaceChildren(fill(text, { label }), el("small", {}, w.feedback_next));
    const expected = this.buttons[item.expected - 1];
    expected.classList.add("expected");
    await new Promise((resolve) => {
      this.onward = resolve;
      setTimeout(resolve, 6000);
    });
    this.onward = null;
    expected.classList.remove("expected");
  }

  // The first picture's corner and size in device pixels.
  rect() {
    const box = this.canvases[this.data.method === "dcr" ? 1 : 0].getBoundingClientRect();
    return [box.left, box.top, box.width, box.height].map((value) => Math.round(value * devicePixelRatio * 100) / 100);
  }

  lock() {
    this.locked = true;
    this.page.classList.add("locked");
  }

  unlock() {
    this.locked = false;
    this.page.classList.remove("locked");
  }

  // -- keeping ------------------------------------------------------------------------------

  send() {
    if (this.outbox.size) this.report("saving");
    return this.outbox.flush((what) => this.report(what));
  }

  async refreshSoon() {
    try {
      const response = await request("state");
      if (!response.ok || this.stopped) return;
      const state = await response.json();
      if (state.shut || state.rater !== this.data.rater) return void this.take(state);
      const known = new Set(this.queue.map((item) => item.id));
      this.queue.push(...state.upcoming.filter((item) => !known.has(item.id)));
      this.queue.sort((a, b) => a.position - b.position);
      this.secondsEach = state.seconds_left / Math.max(1, state.total - state.done);
      this.preload();
    } catch {
      /* the next picture's own turn will ask again */
    }
  }

  report(what) {
    if (what === "signed_out") return this.pauseBecause("signed_out");
    if (what === "closed") return void this.close();
    if (what === "conflict") return void this.resync();
    this.saved.textContent = this.w[what];
    this.saved.dataset.state = what;
  }

  async resync() {
    this.queue = [];
    this.blank();
    this.item = null;
    if (await this.refresh()) this.next();
  }

  pauseBecause(kind) {
    this.paused = true;
    this.blank();
    const button =
      kind === "elsewhere"
        ? primaryButton(this.w.continue_here, () => {
            this.paused = false;
            this.uncover();
            this.queue = [];
            this.item = null;
            this.run();
          })
        : null;
    this.coverWith(kind, this.w[kind], fill(this.w[`${kind}_why`], this.data), button);
    return false;
  }

  // The study was closed while somebody rated: no further answer is taken, and what is not stored is named.
  close() {
    this.paused = true;
    this.blank();
    const unsent = this.outbox.size;
    const why = unsent ? fill(this.w.closed_unsent, { count: unsent }) : this.w.notice_closed_why;
    this.coverWith("closed", this.w.notice_closed, why, null);
    return false;
  }

  // Paused, or outside the opening hours: what was given is stored, and the page goes on by itself.
  waitUntilOpen(shut) {
    if (this.waiting) return false;
    this.waiting = true;
    this.pauseBecause(`notice_${shut}`);
    this.send();
    const look = async () => {
      if (this.stopped) return;
      try {
        const response = await request("state");
        const state = response.ok ? await response.json() : { shut };
        if (state.shut !== shut) {
          this.waiting = false;
          this.paused = false;
          this.uncover();
          this.queue = [];
          this.item = null;
          return void this.run();
        }
      } catch {
        /* the server is away: asked again */
      }
      setTimeout(look, LOOK_MS);
    };
    setTimeout(look, LOOK_MS);
    return false;
  }

  coverWith(kind, heading, why, button) {
    this.covering = kind;
    this.cover.replaceChildren(el("h1", {}, heading), el("p", {}, why), ...(button ? [button] : []));
    this.cover.hidden = false;
    button?.focus();
  }

  uncover() {
    this.covering = null;
    this.cover.hidden = true;
  }

  // To the next screen, once everything is stored.
  async leave() {
    if (this.leaving) return false;
    this.leaving = true;
    this.blank();
    while (this.outbox.size && !this.stopped && !this.paused) {
      this.say(this.w.saving);
      await this.send();
      if (this.outbox.size) await sleep(500);
    }
    if (!this.stopped && !this.paused) moveOn(this.component, this.root);
    this.leaving = false;
    return false;
  }
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
