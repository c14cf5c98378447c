// The client of the chat's protocol, without any page: it connects, says, resumes. docs/web-chat.md has the frames.

const PING = 50_000; // Milliseconds without a frame after which we ask whether the other side is there.
const PONG = 15_000; // That it has for an answer.
const HELLO = 15_000; // From dialling to being let in.
const SLOWEST = 30_000; // Between two attempts to connect.
const PENDING = 20; // Messages that wait to be sent.
const PATIENCE = 24 * 3_600_000; // After which a message that nobody took is given up.

// Why the server closed; others are the network's.
const GONE = 4010;
const UNWANTED = { 4008: 15_000, 4029: 8_000 };

/** A file that is not kept; the message is for the person. */
export class Refusal extends Error {}

/**
 * One conversation. `listener` is told what happens, each by a method of its own: `shown(frame)` for a turn or
 * post, `pending(message)` when one is added or its state changes, `done(id)` when it was taken, `refused(id,
 * reason)`, `state(name)` (connecting, online, offline, crowded, gone), `typing()`, `presence(here)`, `ready()`,
 * `anew()` when all that was shown belongs to another visitor.
 */
export class Chat {
  constructor({ url, store, language, listener }) {
    this.url = url;
    this.files = url.replace(/^ws/, "http").replace(/\/ws$/, "/files");
    this.pushes = this.files.replace(/files$/, "push");
    this.store = store;
    this.language = language;
    this.listener = listener;
    this.pending = this.#kept();
    this.known = new Set();
    this.after = "";
    this.socket = null;
    this.attempts = 0;
    this.sent = null;
    this.timers = new Map();
    this.wanted = false;
    this.here = null;
  }

  get isOnline() {
    return this.socket !== null && this.socket.welcomed === true;
  }

  /** Connects, and stays so until `stop`. */
  start() {
    if (this.wanted) return;
    this.wanted = true;
    this.hurry = () => this.#hurry();
    addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.hurry);
    for (const message of this.pending) this.listener.pending(message);
    this.#connect();
  }

  stop() {
    this.wanted = false;
    removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.hurry);
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    this.#drop();
  }

  /** Says something; `to` is the id of the turn whose button was pressed. It is sent when it can be. */
  say(text, { to = "", label = "", files = [] } = {}) {
    const message = { id: randomName(), text, to, label, files, at: Date.now(), state: "sending" };
    this.pending.push(message);
    this.pending = this.pending.slice(-PENDING);
    this.#keep();
    this.listener.pending(message);
    this.start();
    this.#next();
    return message.id;
  }

  /** Sends a file and says that it was sent. Throws a `Refusal`, or whatever else is wrong. */
  async attach(file) {
    const response = await fetch(this.files, {
      method: "POST",
      headers: { ...this.#proof(), "Content-Type": file.type, "X-Chapar-Name": encodeURIComponent(file.name) },
      body: file,
    });
    const answer = await response.json();
    if (!response.ok) throw answer.text ? new Refusal(answer.text) : new Error(answer.reason);
    this.say("", { files: [{ id: answer.id, name: file.name, type: answer.type, size: answer.size }] });
  }

  /** A file that was said, as a blob. */
  async fetched(id) {
    const response = await fetch(`${this.files}/${id}`, { headers: this.#proof() });
    if (!response.ok) throw new Error(String(response.status));
    return response.blob();
  }

  /** Has this browser pushed to (`PUT` with its subscription) or no longer (`DELETE`); what is answered. */
  async push(method, path, subscription) {
    const response = await fetch(this.pushes + path, {
      method,
      headers: { ...this.#proof(), "Content-Type": "application/json" },
      body: subscription && JSON.stringify(subscription),
    });
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  #proof() {
    return { Authorization: `Bearer ${this.store.get("token")}`, "Accept-Language": this.language };
  }

  /** Tries again what failed. */
  retry(id) {
    const message = this.pending.find((each) => each.id === id);
    if (message === undefined) return;
    message.state = "sending";
    message.at = Date.now();
    this.listener.pending(message);
    this.#next();
  }

  typing() {
    const now = Date.now();
    if (this.isOnline && now - (this.typed ?? 0) > 3_000) {
      this.typed = now;
      this.#send({ type: "typing" });
    }
  }

  /** Whether the person has the chat before their eyes. */
  attend(here) {
    if (this.here === here) return;
    this.here = here;
    if (this.isOnline) this.#send({ type: "here", here });
  }

  /** The person has read up to this message. */
  seen(id) {
    if (this.isOnline) this.#send({ type: "seen", id });
  }

  /** Gives up the token: what was said stays with the service, and nobody reads it here any more. */
  forget() {
    if (this.isOnline) this.#send({ type: "forget" });
    this.#forgotten();
  }

  // The connection.

  #connect() {
    if (!this.wanted || this.socket !== null) return;
    this.listener.state("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      const token = this.store.get("token") ?? "";
      this.#send({ type: "hello", token, after: token === this.token ? this.after : "", language: this.language });
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.#receive(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.#closed(event.code);
    };
    this.#set("hello", HELLO, () => this.#lost());
  }

  /** The other side gives no sign of life: closing in good form would wait for it. */
  #lost() {
    this.#drop();
    this.#closed(0);
  }

  #drop() {
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #closed(code) {
    this.socket = null;
    this.sent = null;
    for (const name of ["hello", "ping", "pong"]) this.#unset(name);
    if (!this.wanted) return;
    if (code === GONE) {
      this.#forgotten();
      return;
    }
    const crowded = code in UNWANTED;
    this.listener.state(crowded ? "crowded" : "offline");
    // A server that goes sends everybody away at once: they must not all come back at once.
    const most = Math.min(SLOWEST, 1_000 * 2 ** this.attempts++);
    const wait = (UNWANTED[code] ?? 0) + most * (0.3 + 0.7 * Math.random());
    this.#set("connect", wait, () => this.#connect());
  }

  #hurry() {
    if (document.hidden || !this.wanted) return;
    if (this.socket === null && this.timers.has("connect")) {
      this.#unset("connect");
      this.#connect();
    } else if (this.isOnline) {
      this.#ask(); // The network may have changed while nobody looked.
    }
  }

  #forgotten() {
    this.store.clear();
    this.pending = [];
    this.known.clear();
    this.after = "";
    this.token = this.visitor = undefined;
    this.stop();
    this.attempts = 0;
    this.listener.state("gone");
  }

  // What comes.

  #receive(frame) {
    this.#set("ping", PING, () => this.#ask());
    this.#unset("pong");
    switch (frame.type) {
      case "welcome":
        this.#welcome(frame);
        break;
      case "ready":
        this.attempts = 0;
        this.listener.state("online");
        this.listener.ready();
        this.#next();
        break;
      case "turn":
      case "post":
        this.#show(frame);
        break;
      case "taken":
        this.#done(frame.ref);
        break;
      case "slow":
        this.#later(frame.ref, frame.retry);
        break;
      case "sorry":
        if (frame.retry) {
          this.listener.state("crowded");
          this.#later(frame.ref, frame.retry);
        } else {
          this.#fail(frame.ref, frame.text);
        }
        break;
      case "refused":
        if (this.#done(frame.ref)) this.listener.refused(frame.ref, frame.reason);
        break;
      case "typing":
        this.listener.typing();
        break;
      case "presence":
        this.listener.presence(frame.operator === true);
        break;
    }
  }

  #welcome(frame) {
    this.#unset("hello");
    this.socket.welcomed = true;
    this.limits = frame;
    if (frame.token) this.store.set("token", frame.token);
    this.token = this.store.get("token");
    if (this.visitor !== undefined && this.visitor !== frame.visitor) {
      // The token ran out, or another window gave it up: what is shown is somebody else's now.
      this.known.clear();
      this.listener.anew();
    }
    this.visitor = frame.visitor;
    if (this.here !== null) this.#send({ type: "here", here: this.here });
  }

  #show(frame) {
    if (this.known.has(frame.id)) return;
    this.known.add(frame.id);
    this.after = frame.id;
    this.store.set("active", Date.now());
    this.listener.shown(frame);
    if (frame.ref) this.#done(frame.ref);
  }

  // What goes.

  /** Sends the first message that waits: one after another, or a retry would change their order. */
  #next() {
    if (!this.isOnline || this.sent !== null || this.timers.has("later")) return;
    const message = this.pending.find((each) => each.state === "sending");
    if (message === undefined) return;
    this.sent = message.id;
    const { id, text, to, files } = message;
    this.#send({ type: "say", id, text, ...(to && { to }), ...(files?.length && { files }) });
  }

  #done(id) {
    const place = this.pending.findIndex((each) => each.id === id);
    if (this.sent === id) this.sent = null;
    if (place >= 0) {
      this.listener.state("online");
      this.pending.splice(place, 1);
      this.#keep();
      this.listener.done(id);
    }
    this.#next();
    return place >= 0;
  }

  #later(id, seconds) {
    if (this.sent === id) this.sent = null;
    this.#set("later", seconds * 1_000, () => this.#next());
  }

  #fail(id, text) {
    if (this.sent === id) this.sent = null;
    const message = this.pending.find((each) => each.id === id);
    if (message !== undefined) {
      message.state = "failed";
      message.why = text;
      this.listener.pending(message);
    }
    this.#next();
  }

  #ask() {
    this.#send({ type: "ping" });
    if (!this.timers.has("pong")) this.#set("pong", PONG, () => this.#lost());
  }

  #send(frame) {
    if (this.socket !== null && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  // What is kept.

  #keep() {
    this.store.set("pending", this.pending);
  }

  #kept() {
    const kept = this.store.get("pending");
    const young = Date.now() - PATIENCE;
    return Array.isArray(kept) ? kept.filter((each) => each.at > young) : [];
  }

  #set(name, wait, work) {
    this.#unset(name);
    this.timers.set(
      name,
      setTimeout(() => {
        this.timers.delete(name);
        work();
      }, wait),
    );
  }

  #unset(name) {
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
  }
}

function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
