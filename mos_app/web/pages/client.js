// Talks to the rating routes. An answer is kept in this browser until the server says that it is stored.

export const SEND_PAUSES_MS = [250, 500, 1000, 2000, 4000];
const ENTRY = "srmos-entry:";
export const TAB = "srmos-tab:";
const REQUEST_TIMEOUT_MS = 8000;
const ROOT = new URL("mos/", document.baseURI.endsWith("/") ? document.baseURI : location.origin + "/");

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function request(path, options = {}) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), REQUEST_TIMEOUT_MS);
  try {
    return await fetch(new URL(path, ROOT), { credentials: "same-origin", signal: stop.signal, ...options });
  } finally {
    clearTimeout(timer);
  }
}

const post = (path, message) =>
  request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(message),
  });

// Sends until the server answers; network errors and overload are waited out.
export async function postUntilAnswered(path, message, onTrouble = () => {}) {
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await post(path, message);
      if (response.status < 500 && response.status !== 429) return response;
    } catch {
      onTrouble();
    }
    await sleep(SEND_PAUSES_MS[Math.min(attempt, SEND_PAUSES_MS.length - 1)]);
  }
}

// A number that this browser draws once for a link: sent again after a lost answer, it is the same person.
export function entryNonce(invite) {
  const key = ENTRY + invite;
  let nonce = null;
  try {
    nonce = sessionStorage.getItem(key);
  } catch {
    /* private mode: a reload then asks for the random name */
  }
  if (nonce) return nonce;
  nonce = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    sessionStorage.setItem(key, nonce);
  } catch {
    /* private mode */
  }
  return nonce;
}

// The session of this tab is another's from here on.
export function forgetTab() {
  forget(TAB);
}

export function forgetEntries() {
  forget(ENTRY);
  forget(TAB);
}

function forget(prefix) {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(prefix)) sessionStorage.removeItem(key);
  } catch {
    /* private mode */
  }
}

// One entry an answer, in localStorage, so that a closed tab or a second one loses nothing.
export class Outbox {
  constructor(study, rater) {
    this.prefix = `srmos:${study}:${rater}:`;
    this.memory = new Map(); // where the browser allows no storage
    this.sending = null;
  }

  put(position, answer) {
    const key = this.prefix + String(position).padStart(7, "0");
    const text = JSON.stringify(answer);
    this.memory.set(key, text);
    try {
      localStorage.setItem(key, text);
    } catch {
      /* private mode: the memory has it */
    }
  }

  keys() {
    const keys = new Set(this.memory.keys());
    try {
      for (let i = 0; i < localStorage.length; i++) {
        const key = localStorage.key(i);
        if (key.startsWith(this.prefix)) keys.add(key);
      }
    } catch {
      /* private mode */
    }
    return [...keys].sort();
  }

  get(key) {
    return this.memory.get(key) ?? localStorage.getItem(key);
  }

  drop(key) {
    this.memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      /* private mode */
    }
  }

  get size() {
    return this.keys().length;
  }

  // Positions that are answered here, sent or not.
  positions() {
    return new Set(this.keys().map((key) => Number(key.slice(this.prefix.length))));
  }

  // Sends everything, oldest first. report(what): "saved", "offline", "conflict", "signed_out", "closed".
  flush(report) {
    this.sending ??= this.sendAll(report).finally(() => (this.sending = null));
    return this.sending;
  }

  async sendAll(report) {
    for (let key = this.keys()[0]; key; key = this.keys()[0]) {
      const text = this.get(key);
      if (text === null) {
        this.drop(key); // another tab has sent it
        continue;
      }
      const response = await postUntilAnswered("rate", JSON.parse(text), () => report("offline"));
      // Of another person, or nobody: the answer waits here until its own rater is back.
      if (response.status === 401 || response.status === 404) return report("signed_out");
      if (response.status === 403) return report("closed");
      this.drop(key);
      if (!response.ok) report("conflict"); // stored already by another tab, or never due: the server's word counts
    }
    report("saved");
  }
}

// Of all tabs of one rater, the one that claimed last is the one that rates.
export class Tabs {
  constructor(name, onLost) {
    this.me = `${Date.now()}-${Math.random()}`;
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(name) : null;
    if (this.channel) this.channel.onmessage = (event) => event.data !== this.me && onLost();
  }

  claim() {
    this.channel?.postMessage(this.me);
  }

  close() {
    this.channel?.close();
  }
}
