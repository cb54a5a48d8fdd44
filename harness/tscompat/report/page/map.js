// The map: how the verdicts of a filter are spread over two of their fields.

const AXES = ["route", "dtype", "device", "environment", "direction", "check", "family"];

/** @typedef {{passed: number, divergence: number, failed: number, "not-run": number}} Counts */

/**
 * @param {Verdicts} verdicts @param {number[]} places @param {Filter} filter
 * @param {string} rows the field of the rows @param {string} columns that of the columns
 */
function map(verdicts, places, filter, rows, columns) {
  /** @type {Map<string, Counts>} */
  const cells = new Map();
  for (const place of places) {
    const key = `${verdicts.word(rows, place)}\n${verdicts.word(columns, place)}`;
    const counts = cells.get(key) ?? { passed: 0, divergence: 0, failed: 0, "not-run": 0 };
    counts[/** @type {keyof Counts} */ (verdicts.word("outcome", place))]++;
    cells.set(key, counts);
  }
  const keys = [...cells.keys()].map((key) => key.split("\n"));
  const down = verdicts.values(rows).filter((name) => keys.some(([row]) => row === name));
  const across = verdicts.values(columns).filter((name) => keys.some(([, column]) => column === name));
  return make(
    "table", {},
    make("caption", {}, `${rows} × ${columns}`),
    make("thead", {}, make("tr", {}, make("td", {}), ...across.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...down.map((row) => make(
      "tr", {},
      make("th", { scope: "row" }, row),
      ...across.map((column) => cell(cells.get(`${row}\n${column}`), { ...filter, [rows]: row, [columns]: column })),
    ))),
  );
}

/** @param {Counts | undefined} counts @param {Filter} filter what the cell opens */
function cell(counts, filter) {
  if (!counts) return make("td", {});
  const { passed, divergence, failed } = counts;
  const notRun = counts["not-run"];
  const short = [passed && `${passed}`, divergence && `${divergence}d`, failed && `${failed}F`, notRun && `${notRun}n`];
  const long = [
    passed && `${passed} passed`,
    divergence && counted(divergence, "known divergence"),
    failed && counted(failed, "failure"),
    notRun && `${notRun} not run`,
  ];
  const opens = link(filter, short.filter(Boolean).join(" "));
  opens.title = long.filter(Boolean).join(", ");
  return make("td", { class: look(counts) }, opens);
}

/** @param {Counts} counts */
function look({ passed, divergence, failed }) {
  if (failed) return "failed";
  const share = divergence / (passed + divergence);
  if (share > 0) return share > 0.5 ? "known-3" : share > 0.1 ? "known-2" : "known-1";
  return passed ? "passed" : "not-run";
}
