// Makes the page's elements. Text is always set as text, so that no name in a file becomes markup.

/**
 * @param {string} tag
 * @param {Record<string, string | boolean>} attributes
 * @param {...(Node | string)} children
 */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** @param {string} selector @param {ParentNode} within @returns {HTMLElement} */
function the(selector, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`the page has no ${selector}`);
  return found;
}

/** @param {string[]} heads @param {(Node | string)[][]} rows @param {number[]} numeric the columns with numbers */
function table(heads, rows, numeric = []) {
  /** @param {number} column */
  const look = (column) => ({ class: numeric.includes(column) && "number" });
  return make(
    "div", { class: "scroll" },
    make(
      "table", {},
      make("thead", {}, make("tr", {}, ...heads.map((head, column) => make("th", { scope: "col", ...look(column) }, head)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, column) => make("td", look(column), cell))))),
    ),
  );
}

/** @param {Filter} filter */
function addressOf(filter) {
  return `#${new URLSearchParams(Object.entries(filter).filter(([, value]) => value))}`;
}

/** A link to the verdicts that a filter lets through. @param {Filter} filter @param {string} words */
function link(filter, words) {
  return make("a", { href: addressOf(filter), "data-to": "verdicts" }, words);
}

/** A link that opens the verdict that a filter names (v, e). @param {Filter} filter */
function linkTo(filter) {
  return make("a", { href: addressOf(filter), "data-to": "verdict" }, filter.v);
}

/**
 * Show the first rows, and a button for more. `draw` makes an element of some rows.
 * @template T
 * @param {HTMLElement} parent @param {T[]} rows @param {number} most @param {(rows: T[]) => Node} draw
 */
function paged(parent, rows, most, draw) {
  const left = rows.length - most;
  parent.replaceChildren(draw(rows.slice(0, most)));
  if (left > 0) {
    const button = make("button", { type: "button" }, `Show ${Math.min(left, 10 * most)} more of ${left}`);
    button.addEventListener("click", () => paged(parent, rows, most + Math.min(left, 10 * most), draw));
    parent.append(button);
  }
}

/** @param {number} number @param {string} thing */
function counted(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
