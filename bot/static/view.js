// What a person sees of a conversation: the log, the buttons of the last turn, the line to write in. It is the
// same on the page /chat, in the widget, and beside the phone of the newcomer's page.

import { write } from "./isolate.js";
import { Chat, Store } from "./chat.js";
import { clock, numeral, speaker } from "./words.js";

const TYPING = 6_000; // Milliseconds that "is typing" is shown after the last sign of it.
const SURE = 4_000; // Within which a second press confirms.
const NEAR = 80; // Pixels from the end of the log within which it follows what is new.

let count = 0;

export class View {
  /** `host` is the service's (`example.ir:8080`), `secure` whether it speaks TLS; `changed` is called when there is
   * something unread. */
  constructor({ host, secure, language, theme = "", changed = () => {} }) {
    this.language = language;
    this.words = speaker(language);
    this.changed = changed;
    this.store = new Store(host);
    this.rows = new Map();
    this.unread = 0;
    this.last = null;
    this.read = this.store.get("read");
    this.element = this.#built(theme);
    this.chat = new Chat({
      url: `${secure ? "wss" : "ws"}://${host}/chat/ws`,
      store: this.store,
      language,
      listener: this,
    });
    this.#empty();
  }

  /** Whether somebody talked here of late: then the chat connects by itself. */
  get isActive() {
    return Date.now() - (this.store.get("active") ?? 0) < 24 * 3_600_000;
  }

  /** Connects no more, and forgets the page. */
  stop() {
    this.attended = false;
    document.removeEventListener("visibilitychange", this.looked);
    this.chat.stop();
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }

  /** The chat came before the person's eyes, or went from them. */
  attend(here) {
    this.attended = here;
    this.chat.attend(here && !document.hidden);
    if (here) {
      this.chat.start();
      this.#markRead();
      this.#toEnd();
    }
  }

  // What the conversation tells.

  state(name) {
    this.element.dataset.state = name;
    this.status.textContent = this.words(name === "gone" ? "forgotten" : name);
    if (name === "gone") this.#empty();
  }

  ready() {
    if (this.rows.size === 0 && this.log.childElementCount === 0) this.#empty();
  }

  anew() {
    this.#empty();
  }

  pending(message) {
    let row = this.rows.get(message.id);
    if (row === undefined) {
      this.#greeted();
      row = this.#row("you", message.at);
      write(row.text, message.label || this.#label(message.text));
      this.rows.set(message.id, row);
      this.#append(row.element, true);
      if (message.to !== "") this.#answered(message.text);
    }
    row.element.dataset.sent = message.state;
    const failed = message.state === "failed";
    row.foot.replaceChildren(failed ? `${this.words("failed")} · ` : this.words("sending"));
    if (failed) {
      row.foot.append(button("retry", this.words("retry"), () => this.chat.retry(message.id)));
      if (message.why) this.#notice(message.why);
    }
  }

  done(id) {
    const row = this.rows.get(id);
    if (row === undefined) return;
    this.rows.delete(id);
    delete row.element.dataset.sent;
    row.foot.replaceChildren(this.#time(row.at));
  }

  refused(_id, reason) {
    if (["late", "too_long", "files"].includes(reason)) this.#notice(this.words(reason));
  }

  shown(frame) {
    this.#greeted();
    this.typed(false);
    if (frame.type === "post") {
      this.#said(frame.by, frame);
    } else {
      if (frame.said && !this.rows.has(frame.ref)) {
        const row = this.#row("you", frame.at);
        write(row.text, this.#label(frame.said));
        row.foot.append(this.#time(frame.at));
        this.#append(row.element, true);
      }
      if (frame.said) this.#answered(frame.said);
      this.last = frame;
      if (frame.text || frame.options) this.#said("bot", frame);
    }
    this.#note(frame);
  }

  typing() {
    this.typed(true);
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => this.typed(false), TYPING);
  }

  typed(on) {
    if (this.typingLine.hidden === !on) return;
    this.typingLine.hidden = !on;
    this.typingLine.textContent = on ? this.words("typing") : "";
    this.#toEnd(false);
  }

  presence(here) {
    this.status.textContent = this.words(here ? "operatorHere" : "online");
  }

  // The log.

  #said(by, frame) {
    const row = this.#row(by, frame.at);
    write(row.text, frame.text ?? "");
    row.foot.append(this.#time(frame.at));
    if (frame.options || frame.ways) row.element.append(this.#buttons(frame));
    this.#append(row.element, false);
    if (frame.type === "turn" && !frame.open) this.#offerAgain();
  }

  #row(by, at) {
    const element = made("div", `row ${by}`);
    const bubble = made("div", "bubble");
    const author = made("span", "unseen", `${this.words(by)}: `);
    const text = made("div", "text");
    const foot = made("div", "foot");
    bubble.append(author, text, foot);
    element.append(bubble);
    return { element, text, foot, at };
  }

  #buttons(frame) {
    const group = made("div", "options");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", this.words("options"));
    for (const [kind, some] of [["option", frame.options], ["way", frame.ways]]) {
      if (some === undefined) continue;
      const line = made("div", "line");
      line.append(...some.map((each) => this.#press(kind, each, frame.id)));
      group.append(line);
    }
    return group;
  }

  #press(kind, { key, label }, to) {
    const press = button(kind, "", () => this.chat.say(key, to, label));
    const number = made("span", "key", key.replace(/\d/g, (digit) => numeral(this.language, Number(digit))));
    number.setAttribute("aria-hidden", "true");
    const text = made("span", "label", label);
    text.dir = "auto";
    press.append(number, text);
    press.dataset.key = key;
    return press;
  }

  /** The buttons of the turn before are over; the one that was meant is marked. */
  #answered(said) {
    for (const press of this.log.querySelectorAll(".options button:not([disabled])")) {
      const wasHere = press.getRootNode().activeElement === press;
      if (press.dataset.key === said && press.closest(".row") === this.menu) {
        press.classList.add("chosen");
        press.append(made("span", "unseen", ` (${this.words("chosen")})`));
      }
      press.disabled = true;
      if (wasHere) this.focus();
    }
    this.menu = null;
    this.log.querySelector(".again")?.remove();
  }

  #label(said) {
    const buttons = [...(this.last?.options ?? []), ...(this.last?.ways ?? [])];
    const key = said.replace(/[۰-۹٠-٩]/g, (digit) => String(digit.charCodeAt(0) & 0xf));
    return buttons.find((each) => each.key === key)?.label ?? said;
  }

  #append(element, mine) {
    const follows = mine || this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
    if (element.querySelector(".options") !== null) {
      this.#answered("");
      this.menu = element;
    }
    this.log.append(element);
    if (follows) this.#toEnd(!mine);
  }

  /** To the end of the log; what is longer than the log is read from its beginning. */
  #toEnd(fromBeginning = false) {
    const last = this.log.lastElementChild;
    if (last === null) return;
    const room = this.log.clientHeight - 16;
    this.log.scrollTop = fromBeginning && last.offsetHeight > room ? last.offsetTop - 8 : this.log.scrollHeight;
  }

  #notice(text) {
    const row = made("p", "notice");
    write(row, text);
    this.#append(row, true);
  }

  #time(at) {
    const time = made("time", "", clock(this.language, at));
    time.dateTime = new Date(at).toISOString();
    return time;
  }

  // Beginnings and ends.

  #empty() {
    this.rows.clear();
    this.last = null;
    this.unread = 0;
    this.log.replaceChildren();
    const row = this.#row("bot", 0);
    row.element.classList.add("greeting");
    write(row.text, this.words("hello"));
    const group = made("div", "line");
    group.append(this.#beginning("begin"));
    row.element.append(group);
    this.log.append(row.element);
    this.changed();
  }

  #beginning(name) {
    const press = button("option begin", "", () => {
      this.chat.say(this.words("beginWord"), "", this.words("begin"));
      this.focus();
    });
    press.append(made("span", "label", this.words(name)));
    return press;
  }

  #greeted() {
    this.log.querySelector(".greeting")?.remove();
  }

  #offerAgain() {
    this.log.querySelector(".again")?.remove();
    const group = made("div", "again line");
    group.append(this.#beginning("again"));
    this.#append(group, false);
  }

  // What is read.

  /** Counts what a person has not seen: what comes behind the last message that was read here. */
  #note(frame) {
    if (frame.id === this.read) this.unread = 0;
    else if (frame.text) this.unread += 1;
    this.newest = frame.id;
    if (frame.type === "post") this.newestPost = frame.id;
    if (this.attended && !document.hidden) this.#markRead();
    else this.changed();
  }

  #markRead() {
    this.unread = 0;
    if (this.newest !== undefined && this.newest !== this.read) {
      this.read = this.newest;
      this.store.set("read", this.read);
      if (this.newestPost !== undefined) this.chat.seen(this.newestPost);
      this.newestPost = undefined;
    }
    this.changed();
  }

  // The elements.

  #built(theme) {
    const id = `chapar-${(count += 1)}`;
    const element = made("section", "chat");
    element.lang = this.language;
    element.dir = this.language === "fa" ? "rtl" : "ltr";
    if (theme) element.dataset.theme = theme;
    element.setAttribute("aria-label", this.words("name"));

    const head = made("div", "head");
    const title = made("p", "title", this.words("name"));
    this.status = made("p", "state");
    this.status.setAttribute("role", "status");
    this.tools = made("div", "tools");
    const names = made("div", "names");
    names.append(title, this.status);
    head.append(icon(), names, this.tools);
    this.tools.append(this.#forgetting());

    this.log = made("div", "log");
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-live", "polite");
    this.log.setAttribute("aria-label", this.words("log"));
    this.log.tabIndex = 0;

    this.typingLine = made("p", "typing");
    this.typingLine.setAttribute("role", "status");
    this.typingLine.hidden = true;

    element.append(head, this.log, this.typingLine, this.#composer(id));
    this.looked = () => {
      if (this.attended) this.attend(true);
    };
    document.addEventListener("visibilitychange", this.looked);
    return element;
  }

  #composer(id) {
    const form = made("form", "composer");
    const label = made("label", "unseen", this.words("write"));
    label.htmlFor = id;
    this.field = made("textarea", "field");
    this.field.id = id;
    this.field.rows = 1;
    this.field.maxLength = 2_000;
    this.field.placeholder = this.words("placeholder");
    this.field.enterKeyHint = "send";
    this.field.autocomplete = "off";
    const send = button("send", "", () => {});
    send.type = "submit";
    send.setAttribute("aria-label", this.words("send"));
    send.append(drawn("M3 11.5 21 3l-5.500 18-4-7.500z M11.500 13.500 21 3"));
    const submit = () => {
      const text = this.field.value.trim();
      if (text === "") return;
      this.field.value = this.field.dir = "";
      this.#grow();
      this.chat.say(text);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        submit();
      }
    });
    this.field.addEventListener("input", () => {
      // An empty line goes the way of the page, a written one that of its first letter.
      this.field.dir = this.field.value === "" ? "" : "auto";
      this.#grow();
      if (this.field.value !== "") this.chat.typing();
    });
    form.append(label, this.field, send);
    return form;
  }

  #grow() {
    this.field.style.height = "auto";
    if (this.field.value !== "") this.field.style.height = `${Math.min(this.field.scrollHeight + 2, 140)}px`;
  }

  #forgetting() {
    const press = button("tool forget", "", () => {
      if (press.dataset.sure) {
        this.chat.forget();
        this.focus();
        return;
      }
      press.dataset.sure = "yes";
      press.setAttribute("aria-label", this.words("forgetSure"));
      press.title = this.words("forgetSure");
      setTimeout(() => this.#unsure(press), SURE);
    });
    press.append(drawn("M5 7h14 M10 7V4.500h4V7 M7 7l1 12.500h8L17 7 M10.500 10.500v5.500 M13.500 10.500v5.500"));
    this.#unsure(press);
    return press;
  }

  #unsure(press) {
    delete press.dataset.sure;
    press.setAttribute("aria-label", this.words("forget"));
    press.title = this.words("forget");
  }
}

export function made(name, classes = "", text = "") {
  const element = document.createElement(name);
  element.className = classes;
  if (text !== "") element.textContent = text;
  return element;
}

export function button(classes, text, pressed) {
  const element = made("button", classes, text);
  element.type = "button";
  element.addEventListener("click", pressed);
  return element;
}

/** A drawing of strokes in a square of 24. */
export function drawn(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const strokes = document.createElementNS(space, "path");
  strokes.setAttribute("d", path);
  svg.append(strokes);
  return svg;
}

function icon() {
  const element = made("span", "badge");
  element.append(drawn("M4 5.500h16v11H11l-4.500 4v-4H4z M8 9.500h8 M8 12.700h5"));
  return element;
}
