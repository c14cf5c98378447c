// The chat on any page, by one line:
//   <script src="https://chapar.example.ir/chat/widget.js" async></script>
// Attributes: data-lang (fa, en; else the page's), data-theme (light, dark; else the person's), data-side (left,
// right), data-open (opened at once).
(() => {
  const script = document.currentScript;
  import(new URL("static/embed.js", script.src).href)
    .then(({ embed }) => embed(new URL(script.src), script.dataset))
    .catch((error) => console.error("chat:", error));
})();
