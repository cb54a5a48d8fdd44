// One verdict: what it means, its first difference, its divergence, how to run it again.

/** @param {Verdicts} verdicts @param {number} place @returns {Node[]} */
function verdict(verdicts, place) {
  const { data } = verdicts;
  const [outcome, fault] = [verdicts.word("outcome", place), verdicts.fault(verdicts.word("divergence", place))];
  /** @type {Node[]} */
  const parts = [
    facts([
      ["Verdict", make("span", { class: `mark ${outcome}` }, WORDS[outcome]), outcome === "not-run" ? "" : ` ${verdicts.word("verdict", place)}`],
      [outcome === "not-run" ? "Why not" : "What was found", verdicts.word("detail", place) || "All is equal."],
      ["Why it fails the run", verdicts.word("reason", place)],
      ["Environment", verdicts.data.columns.environment.values.length > 1 ? verdicts.word("environment", place) : ""],
      ["Dtype", verdicts.word("dtype", place)],
      ["Seconds", data.seconds[place] ? `${data.seconds[place]}` : ""],
    ]),
  ];
  const difference = data.differences[data.difference[place]];
  if (difference) parts.push(make("h4", {}, "First difference"), ...firstDifference(difference));
  if (data.annotated[place]) parts.push(...files(data.annotated[place]));
  if (data.files[place]) {
    const links = data.files[place].map((file) => make("li", {}, make("a", { href: file.split("/").map(encodeURIComponent).join("/") }, file.replace(/^\.\//, ""))));
    parts.push(make("h4", {}, "Kept files"), make("ul", {}, ...links));
  }
  const [, script] = /^no path to (\w+)\.py$/.exec(verdicts.word("detail", place)) ?? [];
  const command = `${data.commands[verdicts.word("environment", place)]}${script ? ` --${script} PATH/${script}.py` : ""}`;
  const title = outcome === "not-run" ? "Run it, where it can be run" : "Run it again";
  parts.push(make("h4", {}, title));
  parts.push(make("p", { class: "muted" }, "In the folder in which the run was started. Paths are those of its machine."));
  parts.push(code(data.again[place] ?? `${command} -k ${verdicts.id(place)}`, "command"));
  if (fault) parts.push(make("h4", {}, `Known divergence ${fault.name}`), ...divergence(fault));
  return parts;
}

/** @type {Record<string, string>} */
const WORDS = { failed: "failure", divergence: "known divergence", passed: "passed", "not-run": "not run" };

/** A list of facts; those without a value are left out. @param {[string, ...(Node | string)[]][]} rows */
function facts(rows) {
  const there = rows.filter(([, ...value]) => value.some(Boolean));
  return make("dl", {}, ...there.flatMap(([name, ...value]) => [make("dt", {}, name), make("dd", {}, ...value)]));
}

/** @param {string} words @param {string} look */
function code(words, look = "") {
  return make("pre", { class: look, tabindex: "0" }, words);
}

/** The cause, place, issue and reproduction of a divergence. @param {Fault} fault @returns {Node[]} */
function divergence(fault) {
  const issue = fault.issue && make("a", { href: fault.issue }, fault.issue.replace("https://github.com/", ""));
  return [
    facts([
      ["Cause", fault.cause],
      ["Where", fault.upstream],
      ["Reported as", issue || (fault.upstream && "not yet")],
      ["Versions", fault.versions.join(", ")],
    ]),
    ...(fault.pieces.length
      ? [
          make("p", {}, "Reproduction", fault.pieces.length > 1 ? "; the pieces run one after the other, in one empty folder:" : ":"),
          ...fault.pieces.flatMap(([language, text]) => [make("p", { class: "muted" }, language === "csharp" ? "C#" : "Python"), code(text)]),
          make("p", {}, "While the fault is there, the last piece prints what matches ", make("code", {}, fault.shows)),
        ]
      : []),
  ];
}

/** @param {Difference} difference @returns {Node[]} */
function firstDifference({ entry, field, offset, expected, found }) {
  const parts = [
    facts([
      ["Where", [entry && `'${entry}'`, field, offset !== undefined && `at byte 0x${offset.toString(16)}`].filter(Boolean).join(", ")],
      ["Expected", expected ?? "nothing"],
      ["Found", found ?? "nothing"],
    ]),
  ];
  const [wanted, there] = [bytesOf(expected), bytesOf(found)];
  if (wanted.length && wanted.length === there.length) {
    parts.push(hex([
      ["expected", marked(wanted, unlike(wanted, there)), bits(wanted, there)],
      ["found", marked(there, unlike(there, wanted)), bits(there, wanted)],
    ], "First difference", ["Side", "Bytes, as they lie in memory and in the file", "Bits of each number, the highest first"]));
  }
  return parts;
}

/** The bytes of an element from its words, `0x33d5 (0.2448)`, little-endian; complex ones have two numbers.
 * @param {string | undefined} words @returns {string[][]} a list of bytes for each number */
function bytesOf(words) {
  const [, numbers] = /^((?:0x(?:[0-9a-f]{2})+\|?)+) \(/.exec(words ?? "") ?? [];
  return (numbers ?? "").split("|").filter(Boolean).map((number) => (number.slice(2).match(/../g) ?? []).reverse());
}

/** @param {string[][]} these @param {string[][]} others @returns {number[]} the places of the bytes that differ */
function unlike(these, others) {
  const other = others.flat();
  return these.flat().flatMap((byte, place) => (byte === other[place] ? [] : [place]));
}

/** @param {string[][]} these @param {string[][]} others */
function bits(these, others) {
  /** @param {string[]} bytes */
  const digits = (bytes) => bytes.toReversed().map((byte) => parseInt(byte, 16).toString(2).padStart(8, "0")).join("");
  return make("span", { class: "bits" }, ...these.flatMap((bytes, number) => {
    const other = digits(others[number]);
    const parts = [...digits(bytes)].map((bit, place) => (bit === other[place] ? bit : make("mark", {}, bit)));
    return [...(number ? [" | "] : []), ...parts];
  }));
}

/** @param {string[][] | string[]} bytes @param {number[]} different */
function marked(bytes, different) {
  const parts = bytes.flat().map((byte, place) => (different.includes(place) ? make("mark", {}, byte) : byte));
  return make("span", {}, ...parts.flatMap((part, place) => (place ? [" ", part] : [part])));
}

/** @param {(Node | string)[][]} rows @param {string} label @param {string[]} heads */
function hex(rows, label, heads) {
  const drawn = table(heads, rows);
  drawn.classList.add("hex");
  drawn.setAttribute("role", "region");
  drawn.setAttribute("aria-label", label);
  drawn.tabIndex = 0;
  return drawn;
}

/** The fields of both files around the first byte that differs. @param {Annotated} annotated @returns {Node[]} */
function files([offset, expected, found, stops]) {
  const heads = ["At byte", "Bytes", "Field", "Value", "FORMAT.md"];
  /** @param {Line[]} lines */
  const rows = (lines) => lines.map(([at, bytes, different, field, value, clause]) =>
    [`0x${at.toString(16)}`, marked(bytes, different), field, value, clause]);
  return [
    make("p", {}, `The files differ from byte 0x${offset.toString(16)} on. Expected:`),
    hex(rows(expected), "Bytes expected", heads),
    make("p", {}, "Found:"),
    hex(rows(found), "Bytes found", heads),
    ...(stops ? [make("p", { class: "muted" }, `There the file cannot be read on: ${stops}`)] : []),
  ];
}
