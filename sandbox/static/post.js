// The list of what the system sent, asked for again and again while the page is seen.

import { write } from "./isolate.js";
import { time, words } from "./words.js";

const EVERY = 1_200; // Milliseconds.
const SHOWN = 50;

export class Post {
  /** `arrived` is called with each message that was not there before. */
  constructor({ list, nothing, state, arrived }) {
    this.list = list;
    this.nothing = nothing;
    this.state = state;
    this.arrived = arrived;
    this.mine = null;
    this.messages = [];
    this.cards = new Map();
    this.tag = null;
    this.first = true;
  }

  start() {
    const look = async () => {
      if (!document.hidden) await this.look();
      setTimeout(look, EVERY);
    };
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    look();
  }

  async look() {
    try {
      const headers = this.tag === null ? {} : { "If-None-Match": this.tag };
      const response = await fetch(`/sandbox/messages?limit=${SHOWN}`, { headers, cache: "no-store" });
      if (response.status !== 304) {
        if (!response.ok) throw new Error(String(response.status));
        this.messages = (await response.json()).messages;
        this.tag = response.headers.get("ETag");
        this.show();
      }
      if (this.state.textContent !== "") this.state.textContent = "";
    } catch {
      // The page goes on as it is, and says so.
      if (this.state.textContent !== words("stale")) this.state.textContent = words("stale");
    }
  }

  /** Everything again: the language or my number changed. */
  redraw() {
    this.cards.clear();
    this.list.replaceChildren();
    this.state.textContent = "";
    this.show(false);
  }

  show(tell = true) {
    this.nothing.hidden = this.messages.length > 0;
    const known = new Set(this.messages.map((message) => message.tracking));
    for (const [tracking, card] of this.cards) {
      if (!known.has(tracking)) {
        card.remove();
        this.cards.delete(tracking);
      }
    }
    // The newest stands first; what is already shown stays where it is, so that it is not read out again.
    for (const message of [...this.messages].reverse()) {
      const shown = this.cards.get(message.tracking);
      if (shown) {
        standing(shown.querySelector(".status"), message);
        continue;
      }
      const card = this.card(message);
      if (tell && !this.first) {
        card.classList.add("new");
        this.arrived(message);
      }
      this.cards.set(message.tracking, card);
      this.list.prepend(card);
    }
    if (tell) this.first = false;
  }

  card(message) {
    const card = element("li", `card ${message.channel}`);
    const top = element("div", "card-top");
    const to = element("bdi", "to", message.to.startsWith("+98") ? `0${message.to.slice(3)}` : message.to);
    to.dir = "ltr";
    top.append(element("span", "channel", words(message.channel)), to);
    if (this.mine !== null && message.to === this.mine) top.append(element("span", "mine", words("mine")));
    const when = element("time", "when", time(message.created));
    when.dateTime = message.created;
    top.append(when);
    const body = element("div", "body");
    write(body, message.body);
    const foot = element("div", "card-foot");
    const status = element("span", "status");
    standing(status, message);
    const tracking = element("bdi", "tracking", message.tracking);
    tracking.dir = "ltr";
    foot.append(status, element("span", "class", words(message.class)), tracking);
    card.append(top);
    if (message.subject !== "") {
      const subject = element("p", "subject", message.subject);
      subject.dir = "auto";
      card.append(subject);
    }
    card.append(body, foot);
    return card;
  }
}


function standing(element, message) {
  const text = words(message.status);
  if (element.textContent === text) return;
  element.textContent = text;
  element.className = `status ${message.status}`;
}

function element(name, classes, text) {
  const made = document.createElement(name);
  made.className = classes;
  if (text !== undefined) made.textContent = text;
  return made;
}
