// Draws the page: what stands still once, what a filter changes each time that the address changes.
// The part of the address behind # is the filter, the axes of the map (rows, columns), and the verdict that is open (v) with
// its environment (e), where there are several.

const FILTERS = ["outcome", "verdict", "route", "direction", "device", "dtype", "family", "check", "divergence", "environment"];
const SHOWN = 25;
/** @type {Verdicts} */
let verdicts;

function filterOfAddress() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** @param {string} name @param {string[]} values @param {string} all the words for no choice; empty where one must be made */
function choice(name, values, all) {
  const options = [...(all ? [make("option", { value: "" }, all)] : []), ...values.map((value) => make("option", {}, value))];
  return make("label", {}, `${name[0].toUpperCase()}${name.slice(1)} `, make("select", { name }, ...options));
}

function drawFilters() {
  const several = FILTERS.filter((field) => verdicts.values(field).length > 1);
  the(".filters").append(...several.map((field) => choice(field, verdicts.values(field), "all")));
  the(".axes").append(choice("rows", AXES, ""), choice("columns", AXES, ""));
}

/** @param {Filter} filter */
function drawVerdicts(filter) {
  const form = /** @type {HTMLFormElement} */ (the("form"));
  const axes = Object.fromEntries(["rows", "columns"].filter((axis) => AXES.includes(filter[axis])).map((axis) => [axis, filter[axis]]));
  const none = Object.fromEntries(FILTERS.map((field) => [field, ""]));
  const shown = { q: "", ...none, ...filter, rows: "route", columns: "dtype", ...axes };
  for (const [name, value] of Object.entries(shown)) {
    const control = form.elements.namedItem(name);
    if ((control instanceof HTMLInputElement || control instanceof HTMLSelectElement) && control.value !== value) control.value = value;
  }
  const places = verdicts.matching(filter);
  the("output").textContent = `${counted(places.length, "verdict")} of ${verdicts.number}`;
  the(".map").replaceChildren(map(verdicts, places, withoutVerdict(filter), shown.rows, shown.columns));
  paged(the(".list"), places, SHOWN, (rows) => table(["Verdict", "What was found"], rows.map((place) => [
    make("span", {}, make("span", { class: `mark ${verdicts.word("outcome", place)}` }, verdicts.word("verdict", place))),
    make("span", {},
      linkOf(place, filter),
      ...(several() ? [` (${verdicts.word("environment", place)})`] : []),
      make("br", {}), make("span", { class: "found" }, shortened(verdicts.word("detail", place))),
    ),
  ])));
}

function several() {
  return verdicts.data.columns.environment.values.length > 1;
}

/** A link that opens a verdict and keeps the filter. @param {number} place @param {Filter} filter */
function linkOf(place, filter) {
  return linkTo({ ...filter, v: verdicts.id(place), e: several() ? verdicts.word("environment", place) : "" });
}

/** @param {Filter} filter */
function withoutVerdict({ v: _, e: __, ...filter }) {
  return filter;
}

/** @param {string} words */
function shortened(words) {
  return words.length > 240 ? `${words.slice(0, 240)}…` : words;
}

/** @param {Filter} filter */
function drawVerdict(filter) {
  const places = filter.v ? verdicts.find(filter.v) : [];
  const place = places.find((each) => verdicts.word("environment", each) === filter.e) ?? places[0];
  the("#verdict").hidden = !filter.v;
  if (!filter.v) return;
  the("#verdict-title").textContent = filter.v;
  const body = place === undefined ? [make("p", {}, "No verdict of this run has this id. ", link({ q: filter.v.split("/").slice(3, -1).join("/") }, "Look for its case"))] : verdict(verdicts, place);
  the("#verdict .body").replaceChildren(...body, make("p", {}, link(withoutVerdict(filter), "Close")));
}

function drawFailures() {
  const body = document.querySelector("#failures .body");
  if (!(body instanceof HTMLElement)) return;
  paged(body, verdicts.matching({ outcome: "failed" }), SHOWN, (some) => table(["Verdict", "Why"], some.map((place) => {
    const words = [verdicts.word("reason", place), verdicts.word("detail", place)].filter(Boolean).join(": ");
    return [linkOf(place, {}), shortened(words)];
  })));
}

function drawFaults() {
  const rows = verdicts.data.faults.map((fault) => {
    const more = make("details", {}, make("summary", {}, fault.cause.split(/(?<=[.!?])\s/)[0]), ...divergence(fault));
    return [
      fault.kind, link({ divergence: fault.name }, fault.name), `${fault.number}`, more,
    ];
  });
  paged(the("#faults .body"), rows, 10, (some) => table(["Kind", "Name", "Verdicts", "Cause"], some, [2]));
  if (!rows.length) the("#faults .body").textContent = "None was seen.";
}

function drawReasons() {
  /** @type {Map<string, number>} */
  const reasons = new Map();
  for (const place of verdicts.matching({ outcome: "not-run" })) {
    const reason = verdicts.word("detail", place);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const rows = [...reasons].sort((one, other) => other[1] - one[1]);
  the("#reasons .body").replaceChildren(rows.length
    ? table(["Verdicts", "Reason"], rows.map(([reason, number]) => [`${number}`, link({ outcome: "not-run", q: `"${reason}"` }, reason)]), [0])
    : "Everything was run.");
}

function drawChanges() {
  const body = document.querySelector("#changes .body");
  if (!(body instanceof HTMLElement)) return;
  const groups = Map.groupBy(verdicts.data.changes, ({ what }) => what);
  if (!groups.size) body.textContent = "No verdict differs.";
  for (const [what, changes] of groups) {
    const part = make("div", {});
    body.append(make("details", { open: what === "regression" || groups.size === 1 }, make("summary", {}, `${what}: ${counted(changes.length, "verdict")}`), part));
    paged(part, changes, SHOWN, (some) => table(["Verdict", "Before", "Now"], some.map(({ what: _, id, before, after }) =>
      [linkTo({ v: id }), shortened(before) || "not there", shortened(after) || "not there"])));
  }
}

function drawTime() {
  for (const [field, most] of /** @type {[string, number][]} */ ([["route", 15], ["case", 20]])) {
    /** @type {Map<string, number>} */
    const sums = new Map();
    verdicts.data.seconds.forEach((seconds, place) => {
      const name = verdicts.word(field, place);
      sums.set(name, (sums.get(name) ?? 0) + seconds);
    });
    const slowest = [...sums].filter(([, seconds]) => seconds > 0).sort((one, other) => other[1] - one[1]);
    const rows = slowest.slice(0, most).map(([name, seconds]) => [
      link(field === "case" ? { q: `/${name}/` } : { [field]: name }, name), seconds.toFixed(1), make("span", { class: "bar", style: `width:${(100 * seconds) / slowest[0][1]}px` }),
    ]);
    the("#time .body").append(make("h3", {}, `By ${field}, the longest first`), table([field, "Seconds", "Share"], rows, [1]));
  }
}

function draw() {
  const filter = filterOfAddress();
  drawVerdicts(filter);
  drawVerdict(filter);
}

/** Change the address, and bring a part of the page into sight. @param {string} address @param {string} name */
function follow(address, name) {
  history.pushState(null, "", address);
  draw();
  goTo(name);
}

/** Bring a part into sight and give it the focus. @param {string} name */
function goTo(name) {
  const title = the(`#${name}-title`);
  title.scrollIntoView({ block: "start" });
  title.focus({ preventScroll: true });
}

function listen() {
  the("form").addEventListener("input", (event) => {
    const { name, value } = /** @type {HTMLInputElement} */ (event.target);
    history.replaceState(null, "", addressOf({ ...withoutVerdict(filterOfAddress()), [name]: value }));
    draw();
  });
  the("form").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => {
    const clicked = event.target instanceof Element ? event.target.closest("a[href^='#']") : null;
    if (!clicked || event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser opens another tab or window
    event.preventDefault();
    const [address, name] = [clicked.getAttribute("href") ?? "#", clicked.getAttribute("data-to")];
    if (name) follow(address, name);
    else goTo(address.slice(1)); // a section: the filter in the address stays
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && filterOfAddress().v) follow(addressOf(withoutVerdict(filterOfAddress())), "verdicts");
  });
  addEventListener("hashchange", draw);
}

async function start() {
  verdicts = new Verdicts(await unpack(the("#data").textContent ?? ""));
  for (const drawPart of [drawFilters, drawFailures, drawChanges, drawFaults, drawReasons, drawTime, draw, listen]) drawPart();
  if (filterOfAddress().v) goTo("verdict");
  document.documentElement.dataset.drawn = "";
}

start().catch((error) => {
  const words = `The tables cannot be shown: ${error}. The page needs a browser of 2024 or later.`;
  the("main").prepend(make("p", { class: "problem" }, words));
});
