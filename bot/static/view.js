// What a person sees of a conversation. It is the same on the page /chat, in the widget, and beside the phone of
// the newcomer's page.

import { Chat, Refusal } from "./chat.js";
import { Composer } from "./composer.js";
import { BIN, BUBBLE, button, drawn, made } from "./elements.js";
import { Log } from "./log.js";
import { Store } from "./store.js";
import { speaker } from "./words.js";

const TYPING = 6_000; // Milliseconds that "is typing" is shown after the last sign of it.
const SURE = 4_000; // Within which a second press confirms.
const LATELY = 24 * 3_600_000;

export class View {
  /** `host` is the service's (`example.ir:8080`), `secure` whether it speaks TLS; `changed` is called when there is
   * something unread, `became` with each state of the chat and with `ready` when all that was missing is shown. */
  constructor({ host, secure, language, theme = "", changed = () => {}, became = () => {} }) {
    this.words = speaker(language);
    this.changed = changed;
    this.became = became;
    this.store = new Store(host);
    this.rows = new Map(); // The person's messages that nobody has taken yet, by their ids.
    this.unread = 0;
    this.read = this.store.get("read");
    this.log = new Log(language, {
      say: (text, more) => this.chat.say(text, more),
      fetched: (id) => this.chat.fetched(id),
      focus: () => this.focus(),
    });
    this.composer = new Composer(this.words, {
      say: (text) => this.chat.say(text),
      typing: () => this.chat.typing(),
      attach: (file) => this.#attach(file),
    });
    this.element = this.#built(language, theme);
    this.chat = new Chat({
      url: `${secure ? "wss" : "ws"}://${host}/chat/ws`,
      store: this.store,
      language,
      listener: this,
    });
    this.looked = () => this.#look();
    document.addEventListener("visibilitychange", this.looked);
    this.anew();
  }

  /** Whether somebody talked here of late: then the chat connects by itself. */
  get isActive() {
    return Date.now() - (this.store.get("active") ?? 0) < LATELY;
  }

  focus() {
    this.composer.focus();
  }

  /** The chat came before the person's eyes, or went from them. */
  attend(here) {
    this.attended = here;
    this.chat.attend(here && !document.hidden);
    if (here) {
      this.chat.start();
      this.#markRead();
      this.log.toEnd();
    }
  }

  /** Connects no more, and forgets the page. */
  stop() {
    this.attended = false;
    document.removeEventListener("visibilitychange", this.looked);
    this.chat.stop();
  }

  // What the conversation tells (see chat.js).

  state(name) {
    this.element.dataset.state = name;
    this.status.textContent = this.words(name === "gone" ? "forgotten" : name);
    if (name === "gone") this.anew();
    this.became(name);
  }

  ready() {
    this.composer.takes(this.chat.limits.file_types ?? []);
    this.became("ready");
  }

  anew() {
    this.rows.clear();
    this.unread = 0;
    this.log.clear();
    this.changed();
  }

  pending(message) {
    let row = this.rows.get(message.id);
    if (row === undefined) {
      row = this.log.own(message.text, message.label, message.files, message.at);
      this.rows.set(message.id, row);
      if (message.to) this.log.answered(message.text);
    }
    row.element.dataset.sent = message.state;
    const failed = message.state === "failed";
    row.foot.replaceChildren(failed ? `${this.words("failed")} · ` : this.words("sending"));
    if (failed) {
      row.foot.append(button("retry", this.words("retry"), () => this.chat.retry(message.id)));
      if (message.why) this.log.notice(message.why);
    }
  }

  done(id) {
    const row = this.rows.get(id);
    if (row === undefined) return;
    this.rows.delete(id);
    delete row.element.dataset.sent;
    row.foot.replaceChildren(this.log.time(row.at));
  }

  refused(_id, reason) {
    if (["late", "too_long", "files"].includes(reason)) this.log.notice(this.words(reason));
  }

  shown(frame) {
    this.#typed(false);
    if (frame.type === "post") this.log.theirs(frame.by, frame);
    else this.#turn(frame);
    this.#note(frame);
  }

  typing() {
    this.#typed(true);
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => this.#typed(false), TYPING);
  }

  presence(here) {
    this.status.textContent = this.words(here ? "operatorHere" : "online");
  }

  #turn(frame) {
    const spoken = frame.said !== undefined || frame.files !== undefined;
    if (spoken && !this.rows.has(frame.ref)) {
      const row = this.log.own(frame.said ?? "", "", frame.files, frame.at);
      row.foot.append(this.log.time(frame.at));
    }
    // What ended without a word was left alone for long; its buttons are over as well.
    if (spoken || !frame.open) this.log.answered(frame.said ?? "");
    this.log.last = frame;
    if (frame.text || frame.options) this.log.theirs("bot", frame);
    if (!frame.open) this.log.offerAgain();
  }

  #typed(on) {
    if (this.typingLine.hidden === !on) return;
    this.typingLine.hidden = !on;
    this.typingLine.textContent = on ? this.words("typing") : "";
    this.log.toEnd();
  }

  async #attach(file) {
    try {
      await this.chat.attach(file);
    } catch (error) {
      this.log.notice(error instanceof Refusal ? error.message : this.words("fileFailed"));
    }
  }

  // What is read.

  #look() {
    if (!this.attended) return;
    this.chat.attend(!document.hidden);
    if (!document.hidden) this.#markRead();
  }

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

  #built(language, theme) {
    const element = made("section", "chat");
    element.lang = language;
    element.dir = language === "fa" ? "rtl" : "ltr";
    if (theme) element.dataset.theme = theme;
    element.setAttribute("aria-label", this.words("name"));

    const badge = made("span", "badge");
    badge.append(drawn(BUBBLE));
    this.status = made("p", "state");
    this.status.setAttribute("role", "status");
    const names = made("div", "names");
    names.append(made("p", "title", this.words("name")), this.status);
    this.tools = made("div", "tools");
    this.tools.append(this.#forgetting());
    const head = made("div", "head");
    head.append(badge, names, this.tools);

    this.typingLine = made("p", "typing");
    this.typingLine.setAttribute("role", "status");
    this.typingLine.hidden = true;
    element.append(head, this.log.element, this.typingLine, this.composer.element);
    return element;
  }

  /** A button that asks once more before it does what cannot be undone. */
  #forgetting() {
    const name = (text) => {
      press.setAttribute("aria-label", this.words(text));
      press.title = this.words(text);
    };
    const press = button("tool forget", "", () => {
      if (press.dataset.sure) {
        this.chat.forget();
        this.focus();
        return;
      }
      press.dataset.sure = "yes";
      name("forgetSure");
      setTimeout(() => {
        delete press.dataset.sure;
        name("forget");
      }, SURE);
    });
    press.append(drawn(BIN));
    name("forget");
    return press;
  }
}
