// Numbers, codes and Latin words inside Persian lines, each in a <bdi> of its own.

// A full stop after one belongs to the Persian sentence.
const WORD = "[A-Za-z0-9*#+@](?:[\\w*#+@.:/?=&%-]*[\\w*#/=])?";
const RUN = new RegExp(`${WORD}(?: ${WORD})*`, "g");

/** Fills `element` with `text`, one block a line; nothing in it is taken as markup. A line without letters
 * goes the way of the text's first letter. */
export function write(element, text) {
  const rtl = isPersian(text);
  element.replaceChildren(
    ...text.split("\n").map((line) => {
      const persian = /\p{L}/u.test(line.replace(RUN, "")) ? isPersian(line) : rtl;
      const row = document.createElement("span");
      row.className = "row";
      row.dir = persian ? "rtl" : "ltr";
      row.lang = persian ? "fa" : "en";
      row.append(...(persian ? isolated(line) : [line === "" ? "\u00a0" : line]));
      return row;
    }),
  );
}

function isPersian(text) {
  const letter = /\p{L}/u.exec(text.replace(RUN, "")) ?? /\p{L}/u.exec(text);
  return letter !== null && /[\u0590-\u08ff\ufb1d-\ufefc]/.test(letter[0]);
}

function isolated(line) {
  const parts = [];
  let end = 0;
  for (const match of line.matchAll(RUN)) {
    parts.push(line.slice(end, match.index));
    const run = document.createElement("bdi");
    run.dir = "ltr";
    run.textContent = match[0];
    parts.push(run);
    end = match.index + match[0].length;
  }
  parts.push(line.slice(end));
  return parts;
}
