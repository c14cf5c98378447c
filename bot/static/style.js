// How the chat looks, as one sheet that a shadow root or a page adopts: a page's content security policy need
// not allow any style for it. Sizes follow the person's own (medium), not the page's (rem). Every pair of colours keeps
// a contrast of 4.5 to 1 or more.

const dark = `
  --paper: #14181b; --card: #20272b; --ink: #ece9e1; --soft: #a9b0ae; --rule: #3a4349;
  --accent: #7fd3c3; --on-accent: #0c211d; --accent-soft: #1d3a38; --mine: #1f5149; --on-mine: #f0fbf8;
  --wrong: #ff9a8d; --focus: #8ab8ff; --edge: #78838a; color-scheme: dark;`;

const css = `
.chat, .launcher, .panel { all: initial; box-sizing: border-box; }
.chat, .launcher {
  --paper: #f3f0e8; --card: #fffdf8; --ink: #22282d; --soft: #565b5a; --rule: #d9d3c4;
  --accent: #0b6358; --on-accent: #ffffff; --accent-soft: #dcebe5; --mine: #0b6358; --on-mine: #ffffff;
  --wrong: #a3271b; --focus: #0a58ca; --edge: #7d7a70; color-scheme: light;
  font: 400 medium/1.7 Vazirmatn, "Noto Sans Arabic", "Segoe UI", Tahoma, system-ui, sans-serif;
  color: var(--ink);
}
@media (prefers-color-scheme: dark) {
  .chat:not([data-theme="light"]), .launcher:not([data-theme="light"]) {${dark}}
}
.chat[data-theme="dark"], .launcher[data-theme="dark"] {${dark}}
.chat *, .launcher * { box-sizing: border-box; }
.chat p { margin: 0; }
.chat button, .chat textarea, .launcher { font: inherit; color: inherit; }
.chat button { cursor: pointer; }
.chat [hidden] { display: none !important; }
.chat :focus-visible, .launcher:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.chat svg, .launcher svg {
  inline-size: 1.4em; block-size: 1.4em; fill: none; stroke: currentcolor; stroke-width: 1.8;
  stroke-linecap: round; stroke-linejoin: round; display: block;
}
.chat .unseen {
  position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.chat {
  position: relative; display: flex; flex-direction: column; min-block-size: 0; overflow: hidden;
  background: var(--paper); border: 1px solid var(--rule); border-radius: 1em;
}
.chat .head {
  display: flex; align-items: center; gap: .75em; padding: .6em .85em;
  background: var(--card); border-block-end: 1px solid var(--rule);
}
.chat .badge {
  display: grid; place-content: center; flex: none; inline-size: 2.5em; block-size: 2.5em; border-radius: 50%;
  background: var(--accent); color: var(--on-accent);
}
.chat .names { flex: 1; min-inline-size: 0; }
.chat .title { font-weight: 700; line-height: 1.45; }
.chat .state { min-block-size: 1.35em; color: var(--soft); font-size: .8em; line-height: 1.35; }
.chat[data-state="online"] .state::before {
  content: ""; display: inline-block; inline-size: .5em; block-size: .5em; margin-inline-end: .35em;
  border-radius: 50%; background: #2f9e58;
}
.chat[data-state="offline"] .state, .chat[data-state="crowded"] .state { color: var(--wrong); }
.chat .tools { display: flex; gap: .15em; }
.chat .tool {
  display: grid; place-content: center; inline-size: 2.4em; block-size: 2.4em; padding: 0;
  border: 0; border-radius: .6em; background: transparent; color: var(--soft);
}
.chat .tool:hover { background: var(--accent-soft); color: var(--ink); }
.chat .tool[aria-pressed="true"] { background: var(--accent-soft); color: var(--accent); }
.chat .tool[data-sure] { background: var(--wrong); color: var(--card); }
.chat .log {
  flex: 1; min-block-size: 6em; overflow-y: auto; overscroll-behavior: contain; padding: 1em .85em .6em;
  display: flex; flex-direction: column; gap: .6em; scrollbar-width: thin;
}
.chat .log > :first-child { margin-block-start: auto; }
.chat .log:focus-visible { outline-offset: -3px; }
.chat .row { display: flex; flex-direction: column; align-items: flex-start; max-inline-size: 100%; }
.chat .row.you { align-items: flex-end; }
.chat .bubble {
  max-inline-size: min(85%, 34em); padding: .5em .85em .35em; border-radius: 1.1em; border-end-start-radius: .3em;
  background: var(--card); border: 1px solid var(--rule); overflow-wrap: anywhere;
}
.chat .you .bubble {
  background: var(--mine); border-color: var(--mine); color: var(--on-mine);
  border-end-start-radius: 1.1em; border-end-end-radius: .3em;
}
.chat .operator .bubble { border-color: var(--accent); border-inline-start-width: 4px; }
.chat .system .bubble { background: transparent; border-style: dashed; }
.chat .text .row, .chat .notice .row { display: block; }
.chat .foot { font-size: .72em; line-height: 1.5; color: var(--soft); }
.chat .you .foot { color: inherit; text-align: end; }
.chat .you[data-sent="sending"] .bubble { opacity: .85; }
.chat .retry { border: 0; padding: 0; background: none; text-decoration: underline; font-weight: 700; }
.chat .you[data-sent="failed"] .bubble { background: var(--card); border-color: var(--wrong); color: var(--wrong); }
.chat .line { display: flex; flex-wrap: wrap; gap: .45em; margin-block-start: .5em; max-inline-size: 34em; }
.chat .option, .chat .way {
  display: flex; align-items: baseline; gap: .5em; padding: .35em .85em; min-block-size: 2.5em;
  border: 1px solid var(--accent); border-radius: 1.3em; background: var(--card); color: var(--accent); text-align: start;
}
.chat .way { border-color: var(--edge); color: var(--soft); }
.chat .option:hover, .chat .way:hover { background: var(--accent-soft); }
.chat .key { font-size: .78em; font-variant-numeric: tabular-nums; opacity: .9; }
.chat .begin { background: var(--accent); color: var(--on-accent); font-weight: 700; }
.chat .begin:hover { background: var(--accent); filter: brightness(1.1); }
.chat .options button:disabled {
  border-color: var(--rule); background: transparent; color: var(--soft); cursor: default;
}
.chat .options button.chosen { background: var(--accent-soft); border-color: var(--accent); color: var(--ink); font-weight: 700; }
.chat .again { margin-block-start: 0; }
.chat .notice { align-self: center; padding: .2em .9em; color: var(--wrong); font-size: .85em; text-align: center; }
.chat .notice.plain { color: var(--soft); }
.chat .typing { padding: 0 1em .4em; color: var(--soft); font-size: .85em; }
.chat .composer {
  display: flex; align-items: flex-end; gap: .5em; padding: .6em .75em; background: var(--card);
  border-block-start: 1px solid var(--rule);
}
.chat .field {
  flex: 1; min-inline-size: 0; block-size: 2.75em; max-block-size: 9em; padding: .5em .9em; resize: none;
  border: 1px solid var(--edge); border-radius: 1.375em; background: var(--paper); line-height: 1.6;
}
.chat .field:focus-visible { outline: 2px solid var(--accent); outline-offset: 0; border-color: var(--accent); }
.chat .field::placeholder { color: var(--soft); opacity: 1; }
.chat .attach { flex: none; inline-size: 2.75em; block-size: 2.75em; }
.chat .attach:disabled { opacity: .5; cursor: progress; }
.chat .file {
  display: flex; align-items: center; gap: .5em; max-inline-size: 100%; padding: .3em .6em; margin-block: .15em;
  border: 1px solid currentcolor; border-radius: .7em; background: transparent; color: inherit; text-align: start;
}
.chat .file bdi { overflow-wrap: anywhere; }
.chat .file small { font-size: .8em; white-space: nowrap; }
.chat .picture { display: block; max-inline-size: 100%; max-block-size: 20em; border-radius: .7em; margin-block: .2em; }
.chat .send {
  display: grid; place-content: center; flex: none; inline-size: 2.75em; block-size: 2.75em; padding: 0;
  border: 0; border-radius: 50%; background: var(--accent); color: var(--on-accent);
}
.chat[dir="rtl"] .send svg { transform: scaleX(-1); }
.launcher {
  position: fixed; inset-block-end: 1.1em; z-index: 2147483000; display: grid; place-content: center;
  inline-size: 3.6em; block-size: 3.6em; padding: 0; border: 0; border-radius: 50%; cursor: pointer;
  background: var(--accent); color: var(--on-accent); box-shadow: 0 .35em 1.2em rgb(0 0 0 / 30%);
}
.launcher svg { inline-size: 1.8em; block-size: 1.8em; }
.launcher .count {
  position: absolute; inset-block-start: -.2em; inset-inline-end: -.2em; min-inline-size: 1.75em; padding: 0 .4em;
  border-radius: 1em; background: #a3271b; color: #fff; font-size: .85em; line-height: 1.75em; text-align: center;
}
.launcher [hidden] { display: none; }
.launcher[data-side="left"], .panel[data-side="left"] { left: 1.1em; }
.launcher[data-side="right"], .panel[data-side="right"] { right: 1.1em; }
.panel {
  position: fixed; inset-block-end: 5.4em; z-index: 2147483000; display: flex;
  inline-size: min(24em, calc(100vw - 2.2em)); block-size: min(38em, calc(100dvh - 6.5em));
  border-radius: 1em; box-shadow: 0 .6em 2.4em rgb(0 0 0 / 30%);
}
.panel[hidden] { display: none; }
.panel .chat, :host(.whole) .chat { flex: 1; }
@media (max-width: 480px) {
  .panel { inset: 0; inline-size: auto; block-size: auto; border-radius: 0; }
  .panel[data-side] { left: 0; right: 0; }
  .panel .chat { border: 0; border-radius: 0; }
  .launcher[aria-expanded="true"] { display: none; }
}
@media (prefers-reduced-motion: no-preference) {
  .chat .row, .chat .again { animation: chapar-in .18s ease-out; }
  @keyframes chapar-in { from { opacity: 0; transform: translateY(.35em); } }
}
@media (forced-colors: active) {
  .chat .bubble, .chat .send, .launcher { border: 1px solid; }
  .chat .options button.chosen { border-width: 3px; }
}
`;

export function sheet() {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}
