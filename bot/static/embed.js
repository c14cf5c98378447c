// The widget: a round button in the corner of somebody's page, and the chat behind it. All of it is in a shadow
// root: the page's styles do not reach in, ours do not reach out.

import { BUBBLE, button, CROSS, drawn, made } from "./elements.js";
import { sheet } from "./style.js";
import { View } from "./view.js";
import { languageOf, speaker } from "./words.js";

/** Puts the widget on the page. `source` is where its script came from, `options` the attributes of the tag. */
export function embed(source, options) {
  const language = languageOf(options.lang, document.documentElement.lang);
  const words = speaker(language);
  const side = options.side === "left" || options.side === "right" ? options.side : language === "fa" ? "left" : "right";
  const theme = options.theme === "dark" || options.theme === "light" ? options.theme : "";

  const host = document.createElement("div");
  host.id = "chapar-chat";
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet()];

  const launcher = button("launcher", "", () => show(panel.hidden));
  launcher.append(drawn(BUBBLE));
  const count = made("span", "count");
  count.setAttribute("aria-hidden", "true");
  count.hidden = true;
  launcher.append(count);
  launcher.dataset.side = side;
  launcher.dir = language === "fa" ? "rtl" : "ltr";
  if (theme) launcher.dataset.theme = theme;
  launcher.setAttribute("aria-expanded", "false");
  launcher.setAttribute("aria-controls", "panel");
  launcher.lang = language;

  let panel = null;
  let view = null;
  view = new View({
    host: source.host,
    secure: source.protocol === "https:",
    language,
    theme,
    changed: () => label(),
  });
  panel = made("div", "panel");
  panel.id = "panel";
  panel.dataset.side = side;
  panel.hidden = true;
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", words("name"));
  panel.lang = language;
  const close = button("tool", "", () => show(false), words("close"));
  close.append(drawn(CROSS));
  view.tools.append(close);
  panel.append(view.element);

  function label() {
    const unread = panel !== null && panel.hidden ? view.unread : 0;
    count.hidden = unread === 0;
    count.textContent = new Intl.NumberFormat(language === "fa" ? "fa-IR" : "en-GB").format(unread);
    launcher.setAttribute("aria-label", unread ? words("openWith", { count: unread }) : words("open"));
  }

  function show(open) {
    panel.hidden = !open;
    launcher.setAttribute("aria-expanded", String(open));
    view.attend(open);
    label();
    if (open) view.focus();
    else launcher.focus({ preventScroll: true });
  }

  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      show(false);
    }
  });

  root.append(launcher, panel);
  document.body.append(host);
  label();
  if ("open" in options) show(true);
  else if (view.isActive) view.chat.start(); // Who talked here of late is told what comes.
}
