// The line to write in, the button that sends, and the one that sends a file.

import { button, CLIP, drawn, made, PLANE } from "./elements.js";

const TALLEST = 140; // Pixels that the line grows to.

let count = 0;

export class Composer {
  /** `say(text)`, `typing()`, `attach(file)` (a promise). */
  constructor(words, { say, typing, attach }) {
    this.words = words;
    this.say = say;
    this.attach = attach;
    this.element = made("form", "composer");
    this.field = this.#line(typing);
    const label = made("label", "unseen", words("write"));
    label.htmlFor = this.field.id;
    const send = button("send", "", () => {}, words("send"));
    send.type = "submit";
    send.append(drawn(PLANE));
    this.#attaching();
    this.element.append(label, this.clip, this.files, this.field, send);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }

  /** Which files may be sent; none hides the button. */
  takes(types) {
    this.clip.hidden = types.length === 0;
    this.files.accept = types.join(",");
  }

  #line(typing) {
    const field = made("textarea", "field");
    field.id = `chapar-${(count += 1)}`;
    field.rows = 1;
    field.maxLength = 2_000;
    field.placeholder = this.words("placeholder");
    field.enterKeyHint = "send";
    field.autocomplete = "off";
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#submit();
      }
    });
    field.addEventListener("input", () => {
      // An empty line goes the way of the page, a written one that of its first letter.
      field.dir = field.value === "" ? "" : "auto";
      this.#grow();
      if (field.value !== "") typing();
    });
    return field;
  }

  #submit() {
    const text = this.field.value.trim();
    if (text === "") return;
    this.field.value = this.field.dir = "";
    this.#grow();
    this.say(text);
  }

  #grow() {
    this.field.style.height = "auto";
    if (this.field.value !== "") this.field.style.height = `${Math.min(this.field.scrollHeight + 2, TALLEST)}px`;
  }

  #attaching() {
    this.files = made("input");
    this.files.type = "file";
    this.files.hidden = true;
    this.files.addEventListener("change", async () => {
      const [file] = this.files.files;
      this.files.value = "";
      if (file === undefined) return;
      this.clip.disabled = true;
      await this.attach(file);
      this.clip.disabled = false;
      this.focus();
    });
    this.clip = button("tool attach", "", () => this.files.click(), this.words("attach"));
    this.clip.hidden = true;
    this.clip.append(drawn(CLIP));
  }
}
