// The messages of a conversation, and the buttons of the last turn.

import { button, drawn, made, PAGE } from "./elements.js";
import { write } from "./isolate.js";
import { clock, numeral, speaker } from "./words.js";

const NEAR = 80; // Pixels from the end within which it follows what is new.

export class Log {
  /** `say(text, { to, label })`, `fetched(id)` (a promise of a blob), `focus()`. */
  constructor(language, { say, fetched, focus }) {
    this.language = language;
    this.words = speaker(language);
    this.say = say;
    this.fetched = fetched;
    this.focus = focus;
    this.last = null; // The last turn, whose buttons are live.
    this.menu = null;
    this.element = made("div", "log");
    this.element.setAttribute("role", "log");
    this.element.setAttribute("aria-live", "polite");
    this.element.setAttribute("aria-label", this.words("log"));
    this.element.tabIndex = 0;
  }

  /** Nothing but the greeting. */
  clear() {
    this.last = this.menu = null;
    this.element.replaceChildren();
    const row = this.#row("bot", 0);
    row.element.classList.add("greeting");
    write(row.text, this.words("hello"));
    row.element.append(this.#line(this.#beginning("begin")));
    this.element.append(row.element);
  }

  /** The person's own words: what they typed, or what the button that they pressed is called. */
  own(text, label, files, at) {
    const row = this.#row("you", at);
    write(row.text, label || this.#label(text));
    this.#files(row, files);
    this.#append(row.element, true);
    return row;
  }

  /** What a turn or a post shows. */
  theirs(by, frame) {
    const row = this.#row(by, frame.at);
    write(row.text, frame.text ?? "");
    row.foot.append(this.time(frame.at));
    if (frame.file) this.#files(row, [{ id: frame.file }]);
    if (frame.options || frame.ways) {
      this.answered("");
      row.element.append(this.#buttons(frame));
      this.menu = row.element;
    }
    this.#append(row.element, false);
  }

  /** A word about the chat itself; `plain` where nothing is wrong. */
  notice(text, plain = false) {
    const row = made("p", plain ? "notice plain" : "notice");
    write(row, text);
    this.#append(row, true);
  }

  /** After a dialog that is over. */
  offerAgain() {
    this.element.querySelector(".again")?.remove();
    const line = this.#line(this.#beginning("again"));
    line.classList.add("again");
    this.#append(line, false);
  }

  /** The buttons of the turn before are over; the one that was meant is marked. */
  answered(said) {
    const key = folded(said);
    for (const press of this.element.querySelectorAll(".options button:not([disabled])")) {
      const wasHere = press.getRootNode().activeElement === press;
      if (press.dataset.key === key && press.closest(".row") === this.menu) {
        press.classList.add("chosen");
        press.append(made("span", "unseen", ` (${this.words("chosen")})`));
      }
      press.disabled = true;
      if (wasHere) this.focus();
    }
    this.menu = null;
    this.element.querySelector(".again")?.remove();
  }

  /** To the end; what is longer than the log is read from its beginning. */
  toEnd(fromBeginning = false) {
    const log = this.element;
    const last = log.lastElementChild;
    if (last === null) return;
    const tall = last.offsetHeight > log.clientHeight - 16;
    log.scrollTop = fromBeginning && tall ? last.offsetTop - 8 : log.scrollHeight;
  }

  time(at) {
    const time = made("time", "", clock(this.language, at));
    time.dateTime = new Date(at).toISOString();
    return time;
  }

  #append(element, mine) {
    const log = this.element;
    const follows = mine || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    // What is said of the chat itself leaves the greeting, and the button in it, where they are.
    if (!element.classList.contains("notice")) log.querySelector(".greeting")?.remove();
    log.append(element);
    if (follows) this.toEnd(!mine);
  }

  #row(by, at) {
    const element = made("div", `row ${by}`);
    const bubble = made("div", "bubble");
    const text = made("div", "text");
    const foot = made("div", "foot");
    bubble.append(made("span", "unseen", `${this.words(by)}: `), text, foot);
    element.append(bubble);
    return { element, text, foot, at };
  }

  #label(said) {
    const key = folded(said);
    const buttons = [...(this.last?.options ?? []), ...(this.last?.ways ?? [])];
    return buttons.find((each) => each.key === key)?.label ?? said;
  }

  // Buttons.

  #buttons(frame) {
    const group = made("div", "options");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", this.words("options"));
    for (const [kind, some] of [["option", frame.options], ["way", frame.ways]]) {
      if (some !== undefined) group.append(this.#line(...some.map((each) => this.#press(kind, each, frame.id))));
    }
    return group;
  }

  #press(kind, { key, label }, to) {
    const press = button(kind, "", () => this.say(key, { to, label }));
    const number = made("span", "key", key.replace(/\d/g, (digit) => numeral(this.language, Number(digit))));
    number.setAttribute("aria-hidden", "true");
    const text = made("span", "label", label);
    text.dir = "auto";
    press.append(number, text);
    press.dataset.key = key;
    return press;
  }

  #line(...buttons) {
    const line = made("div", "line");
    line.append(...buttons);
    return line;
  }

  #beginning(name) {
    const press = button("option begin", "", () => {
      this.say(this.words("beginWord"), { label: this.words("begin") });
      this.focus();
    });
    press.append(made("span", "label", this.words(name)));
    return press;
  }

  // Files: each is fetched when somebody wants it, and a picture is then shown in its place.

  #files(row, files = []) {
    row.text.hidden = files.length > 0 && row.text.textContent.trim() === "";
    for (const file of files) {
      const press = button("file", "", async () => {
        try {
          this.#open(press, file, await this.fetched(file.id));
        } catch {
          this.notice(this.words("fileAway"));
        }
      });
      press.append(drawn(PAGE), made("bdi", "", file.name || this.words("file")));
      if (file.size) press.append(made("small", "", this.words("bytes", { size: Math.ceil(file.size / 1_000) })));
      row.foot.before(press);
    }
  }

  #open(press, file, blob) {
    const address = URL.createObjectURL(blob);
    if (blob.type.startsWith("image/")) {
      const image = made("img", "picture");
      image.alt = file.name || this.words("file");
      image.onload = () => URL.revokeObjectURL(address);
      image.onerror = () => image.replaceWith(press); // The page around us shows no pictures.
      image.src = address;
      press.replaceWith(image);
      return;
    }
    const link = made("a");
    link.href = address;
    link.download = file.name || "file";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}

/** Persian and Arabic digits as keys have them. */
function folded(text) {
  return text.replace(/[۰-۹٠-٩]/g, (digit) => String(digit.charCodeAt(0) & 0xf));
}
