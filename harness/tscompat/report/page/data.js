// The data that report/data.py packed: every verdict as a place in columns of numbers.

/** @typedef {{values: string[], numbers: number[]}} Column */
/** @typedef {{entry?: string, field: string, offset?: number, expected?: string, found?: string}} Difference */
/** @typedef {[offset: number, bytes: string[], different: number[], field: string, value: string, clause: string]} Line */
/** @typedef {[offset: number, expected: Line[], found: Line[], stops: string]} Annotated */
/** @typedef {{name: string, kind: string, number: number, cause: string, upstream: string, issue: string,
 *             versions: string[], pieces: [language: string, code: string][], shows: string}} Fault */
/** @typedef {{what: string, id: string, before: string, after: string}} Change */
/** @typedef {{columns: Record<string, Column>, seconds: number[], differences: Difference[], difference: number[],
 *             files: Record<number, string[]>, again: Record<number, string>, annotated: Record<number, Annotated>,
 *             faults: Fault[], danger: string[], commands: Record<string, string>, changes: Change[]}} Data */
/** @typedef {Record<string, string>} Filter */

const OUTCOMES = ["failed", "divergence", "passed", "not-run"];

/** @param {string} text @returns {Promise<Data>} */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

class Verdicts {
  /** @param {Data} data */
  constructor(data) {
    this.data = data;
    this.number = data.seconds.length;
    data.columns.family = familyOf(data.columns.case);
    const danger = new Map(data.danger.map((kind, place) => [kind, place]));
    /** @param {number} place */
    const rank = (place) =>
      100 * OUTCOMES.indexOf(this.word("outcome", place)) + (danger.get(this.word("verdict", place)) ?? 99);
    const ranks = Array.from({ length: this.number }, (_, place) => rank(place));
    /** All places, the unexpected first, then the known divergences by danger. */
    this.order = ranks.map((_, place) => place).sort((one, other) => ranks[one] - ranks[other] || one - other);
    /** @type {string[]} */
    this.texts = [];
    /** @type {Map<string, number[]> | undefined} */
    this.places = undefined;
  }

  /** @param {string} field @param {number} place */
  word(field, place) {
    const { values, numbers } = this.data.columns[field];
    return values[numbers[place]];
  }

  /** @param {number} place */
  id(place) {
    return ["route", "direction", "device", "case", "check"].map((field) => this.word(field, place)).join("/");
  }

  /** The places of a verdict's id: one for each environment. @param {string} id @returns {number[]} */
  find(id) {
    if (!this.places) {
      this.places = new Map();
      for (let place = 0; place < this.number; place++) {
        const here = this.id(place);
        this.places.set(here, [...(this.places.get(here) ?? []), place]);
      }
    }
    return this.places.get(id) ?? [];
  }

  /** The values of a field, numbers in names by value, `mixed` last. @param {string} field */
  values(field) {
    const names = this.data.columns[field].values.filter(Boolean);
    if (field === "outcome") return OUTCOMES.filter((name) => names.includes(name));
    return names.sort((one, other) => Number(one === "mixed") - Number(other === "mixed") || NATURAL.compare(one, other));
  }

  /** The places that a filter lets through, in the order of `order`. @param {Filter} filter */
  matching(filter) {
    const wanted = Object.entries(this.data.columns)
      .filter(([field]) => filter[field])
      .map(([field, { values, numbers }]) => ({ numbers, number: values.indexOf(filter[field]) }));
    const words = [...(filter.q ?? "").toLowerCase().matchAll(/"([^"]*)"|(\S+)/g)].map((found) => found[1] ?? found[2]);
    return this.order.filter(
      (place) =>
        wanted.every(({ numbers, number }) => numbers[place] === number) &&
        words.every((word) => this.text(place).includes(word)),
    );
  }

  /** What a search looks into. @param {number} place */
  text(place) {
    return (this.texts[place] ??= [
      this.id(place), this.word("detail", place), this.word("reason", place), this.word("divergence", place),
    ].join("\n").toLowerCase());
  }

  /** @param {string} name @returns {Fault | undefined} */
  fault(name) {
    return this.data.faults.find((fault) => fault.name === name);
  }
}

const NATURAL = new Intl.Collator("en", { numeric: true });

/** The column of the families: the first part of a case's id. @param {Column} cases @returns {Column} */
function familyOf(cases) {
  const families = cases.values.map((id) => id.split("/")[0]);
  const values = [...new Set(families)];
  const numbers = families.map((family) => values.indexOf(family));
  return { values, numbers: cases.numbers.map((number) => numbers[number]) };
}
