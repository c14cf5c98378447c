// Elements, made without any markup.

export function made(name, classes = "", text = "") {
  const element = document.createElement(name);
  element.className = classes;
  if (text !== "") element.textContent = text;
  return element;
}

/** A button; `label` is what it is called where it shows no words. */
export function button(classes, text, pressed, label = "") {
  const element = made("button", classes, text);
  element.type = "button";
  if (label !== "") {
    element.setAttribute("aria-label", label);
    element.title = label;
  }
  element.addEventListener("click", pressed);
  return element;
}

export const BUBBLE = "M4 5.500h16v11H11l-4.500 4v-4H4z M8 9.500h8 M8 12.700h5";
export const CROSS = "M6 6l12 12 M18 6 6 18";
export const BIN = "M5 7h14 M10 7V4.500h4V7 M7 7l1 12.500h8L17 7 M10.500 10.500v5.500 M13.500 10.500v5.500";
export const BELL = "M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 2h-15z M10 21h4 M12 5V3.500";
export const PLANE = "M3 11.500 21 3l-5.500 18-4-7.500z M11.500 13.500 21 3";
export const PAGE = "M7 3.500h7l4 4v13H7z M14 3.500v4h4";
export const CLIP =
  "M19 11.500 12 18.500a4.500 4.500 0 0 1-6.500-6.500l7.500-7.500a3 3 0 0 1 4.300 4.300L9.800 16.300a1.500 1.500 0 0 1-2.200-2.200L14 7.800";

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
