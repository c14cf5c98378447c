// The page /chat: the chat alone, as large as the window.

import { Notices } from "./notices.js";
import { sheet } from "./style.js";
import { View } from "./view.js";
import { languageOf, speaker } from "./words.js";

const language = languageOf(new URLSearchParams(location.search).get("lang"));
const words = speaker(language);
document.documentElement.lang = language;
document.documentElement.dir = language === "fa" ? "rtl" : "ltr";
document.title = words("name");
document.getElementById("name").textContent = words("bot");
const other = document.getElementById("language");
if (language === "en") {
  other.href = "?lang=fa";
  other.lang = other.hreflang = "fa";
  other.textContent = "فارسی";
}
document.adoptedStyleSheets = [sheet()];
const view = new View({
  host: location.host,
  secure: location.protocol === "https:",
  language,
  became: (name) => notices.became(name),
});
const notices = new Notices(view);
document.getElementById("chat").append(view.element);
view.attend(true);
view.focus();
