// The page: the handset's keys and screen, the chat beside it, the caller's number, the list of messages.

import { write } from "./isolate.js";
import { measure, UNITS } from "./measure.js";
import { Dialog, digits, e164, NetworkError, readCode } from "./network.js";
import { Post } from "./post.js";
import { choose, chooseFirst, language, number, sayAll, words } from "./words.js";

const at = (id) => document.getElementById(id);
const handset = at("handset");
const screen = at("screen");
const typed = at("typed");
const said = at("said");
const mine = at("number");

const CODES = [
  ["*733#", "openMenu"],
  ["*733*2#", "openComplaint"],
];

let dialog = null;
let waiting = false;
let view = null;
// What the handset shows, so that another language can say it again: words of ours by name, or a screen.
let shown = { name: "ready" };

function show(next) {
  shown = next;
  draw();
  // Read out by itself: a live region that is redrawn as a whole.
  said.textContent = [shown.text, shown.name && words(shown.name)].filter(Boolean).join("\n");
}

function draw() {
  if (shown.text === undefined) write(screen, words(shown.name));
  else write(screen, shown.text);
  if (shown.text !== undefined && shown.name) {
    const note = document.createElement("span");
    note.className = "row note";
    note.textContent = words(shown.name);
    screen.append(note);
  }
  screen.scrollTop = 0;
  screen.classList.toggle("ours", shown.text === undefined);
  handset.classList.toggle("talking", dialog !== null && dialog.open);
  handset.classList.toggle("waiting", waiting);
  typed.placeholder = dialog !== null && dialog.open ? "" : "*733#";
  fill();
}

function fill() {
  const meter = at("meter");
  if (shown.text === undefined) {
    at("count").textContent = words("blank", { limit: number(UNITS) });
    at("fill").style.width = "0";
    meter.className = "meter";
    return;
  }
  const { kind, used, limit } = measure(shown.text);
  at("count").textContent = words(kind, { used: number(used), limit: number(limit) });
  at("fill").style.width = `${Math.min(100, (used / limit) * 100)}%`;
  meter.className = used > limit ? "meter over" : "meter";
}

async function send() {
  if (waiting) return;
  const text = typed.value.trim();
  const talking = dialog !== null && dialog.open;
  if (talking && text === "") {
    said.textContent = words("empty");
    return;
  }
  if (!talking) {
    const caller = checkNumber();
    const dialled = readCode(digits(text === "" ? "*733#" : text));
    if (caller === null) return;
    if (dialled === null) {
      show({ name: "wrongCode" });
      return;
    }
    dialog = new Dialog(caller, dialled);
  }
  const now = dialog;
  waiting = true;
  typed.value = "";
  draw();
  said.textContent = words("sending");
  try {
    const screenText = await (talking ? now.answer(text) : now.begin());
    if (dialog !== now) return; // Hung up meanwhile.
    waiting = false;
    show(now.open ? { text: screenText } : { text: screenText, name: "over" });
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    if (dialog !== now) return;
    waiting = false;
    show({ name: error.message });
  }
}

function hangUp() {
  const was = dialog;
  const talking = was !== null && was.open;
  dialog = null;
  waiting = false;
  typed.value = "";
  if (talking) was.leave();
  show({ name: talking ? "hungUp" : "ready" });
}

function press(key) {
  typed.value += key;
}

function checkNumber() {
  const caller = e164(mine.value);
  mine.toggleAttribute("aria-invalid", caller === null);
  if (caller === null) mine.setAttribute("aria-invalid", "true");
  const help = at("number-help");
  help.textContent = words(caller === null ? "numberWrong" : "numberHelp");
  help.classList.toggle("wrong", caller === null);
  if (caller === null) mine.focus();
  return caller;
}

function listCodes() {
  at("codes").replaceChildren(
    ...CODES.map(([code, name]) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "code";
      const dialled = document.createElement("bdi");
      dialled.dir = "ltr";
      dialled.textContent = code;
      const meaning = document.createElement("span");
      meaning.textContent = words(name);
      button.append(dialled, meaning);
      button.addEventListener("click", () => {
        if (dialog !== null && dialog.open) hangUp();
        typed.value = code;
        typed.focus();
        send();
      });
      item.append(button);
      return item;
    }),
  );
}

/** The web chat, where the server has one: the same that stands on /chat and in the widget. */
async function talk() {
  let chat;
  try {
    chat = await Promise.all([import("/chat/static/view.js"), import("/chat/static/style.js")]);
  } catch {
    return; // The page is the phone alone then.
  }
  const [{ View }, { sheet }] = chat;
  const host = at("chat");
  // In a shadow root, as in the widget: the styles of page and chat do not meet.
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet()];
  if (view !== null) view.stop();
  view = new View({ host: location.host, secure: location.protocol === "https:", language: language() });
  root.replaceChildren(view.element);
  at("talk").hidden = false;
  view.attend(true);
}

function speak() {
  sayAll();
  at("language").textContent = words("other");
  at("language").lang = language() === "fa" ? "en" : "fa";
  listCodes();
  checkNumber();
  draw();
}

const post = new Post({
  list: at("messages"),
  nothing: at("nothing"),
  state: at("post-state"),
  arrived(message) {
    if (message.to !== post.mine) return;
    const envelope = at("envelope");
    envelope.hidden = false;
    envelope.textContent = "✉";
  },
});

handset.addEventListener("submit", (event) => {
  event.preventDefault();
  at("envelope").hidden = true;
  send();
});
at("end").addEventListener("click", hangUp);
at("erase").addEventListener("click", () => {
  typed.value = typed.value.slice(0, -1);
});
for (const key of handset.querySelectorAll("[data-key]")) {
  key.addEventListener("click", () => press(key.dataset.key));
}
at("language").addEventListener("click", () => {
  choose(language() === "fa" ? "en" : "fa");
  speak();
  post.redraw();
  talk();
});
mine.addEventListener("change", () => {
  const caller = checkNumber();
  if (dialog !== null && dialog.open) hangUp(); // Another caller: what was begun is not his.
  if (caller !== null) {
    post.mine = caller;
    post.redraw();
  }
});
// The whole page is the handset's keyboard, but for its other fields and buttons, and the chat.
document.addEventListener("keydown", (event) => {
  if (event.target === at("chat")) return;
  if (event.key === "Escape") {
    hangUp();
    typed.focus();
    return;
  }
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input")) return;
  if (event.key.length === 1 && event.key !== " ") {
    typed.focus(); // The character itself then arrives there.
  } else if (event.key === "Backspace") {
    typed.focus();
  } else if (event.key === "Enter" && !target.matches("button, a")) {
    event.preventDefault();
    typed.focus();
    send();
  }
});
addEventListener("pagehide", () => {
  if (dialog !== null && dialog.open) dialog.leave("Incomplete", true);
});

chooseFirst();
post.mine = e164(mine.value);
speak();
post.start();
talk();
typed.focus({ preventScroll: true });
