// The figures of models, as tables and as a drawing.

import { photosOfContributor } from "./confusion.js";
import { el, svg } from "./dom.js";
import { language, word } from "./words.js";

export const number = (value, digits) => value.toLocaleString(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
const tenths = (share) => number(100 * share, 1);
export const percent = (share) => (share === null ? "–" : word("percent", { percent: tenths(share) }));
const points = (share) => `${share > 0 ? "+" : ""}${tenths(share)}`;

/** How a candidate did beside the model that was in use: `names` of the classes by id, `versionOf` a model's id. */
export function measured(names, versionOf, { before, contributors, photos, difference, held_out, bank, doubtful }) {
  const rows = ["accuracy", "top2_accuracy", "coverage", "answered_accuracy"];
  const words = { accuracy: "admin_accuracy", top2_accuracy: "admin_two", coverage: "admin_coverage", answered_accuracy: "admin_answered" };
  const lines = (pair) => rows.map((row) => [word(words[row]), percent(pair.before[row]), percent(pair.after[row])]);
  const recalls = Object.keys(held_out.after.recall).map((label) => [names[label] ?? label, percent(held_out.before.recall[label] ?? null), percent(held_out.after.recall[label])]);
  const heads = ["", word("admin_before"), word("admin_this")];
  const [low, high] = [points(difference.low), points(difference.high)];
  return [
    el("p", { class: difference.low > 0 ? "gain up" : difference.high < 0 ? "gain down" : "gain" }, el("strong", {}, word("admin_points", { points: points(difference.mean) })), ` ${word("admin_interval", { low, high })}`),
    el("p", { class: "muted small" }, word("admin_from", { taught: photos[0], teachers: contributors[0], measured: photos[1], measurers: contributors[1], before: versionOf(before) })),
    table(word("admin_held_out"), heads, lines(held_out)),
    el("details", {}, el("summary", {}, word("admin_more")), table(word("admin_by_class"), heads, recalls), table(word("admin_bank"), heads, lines(bank))),
    ...doubted(names, doubtful),
  ];
}

/** Contributors whose labels fit nobody's, and their photos. */
export function doubted(names, doubtful) {
  if (!doubtful.length) return [];
  const who = doubtful.map((each) => `${each.contributor.slice(0, 8)} (${each.photos})`).join(", ");
  return [el("p", { class: "warning" }, word("admin_doubtful", { who })), ...doubtful.map((each) => photosOfContributor((id) => names[id] ?? id, each.contributor))];
}

/** What a model said in shadow, by class. */
export function beside(names, shadow) {
  const rows = shadow.map((each) => [names[each.best] ?? each.best, String(each.photos), percent(each.agreement), percent(each.confidence), `${Math.round(1000 * each.seconds)} ms`]);
  return table(word("admin_beside"), ["", word("admin_photos"), word("admin_agreement"), word("admin_sure"), word("admin_time")], rows);
}

export function table(caption, heads, rows) {
  const cells = ([first, ...rest]) => el("tr", {}, el("th", { scope: "row" }, first), rest.map((cell) => el("td", {}, cell)));
  return el(
    "div",
    { class: "sideways", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads.map((head) => (head ? el("th", { scope: "col" }, head) : el("td", {}))))), el("tbody", {}, rows.map(cells))),
  );
}

/** Accuracy by month with its interval, drawn; the same as numbers below. */
export function overTime(months) {
  const [width, height, left] = [320, 150, 34];
  const x = (n) => left + ((n + 0.5) * (width - left)) / months.length;
  const y = (share) => 10 + (1 - share) * (height - 20);
  const grid = [0, 0.5, 1].map((share) => [svg("line", { x1: left, x2: width, y1: y(share), y2: y(share), class: "grid" }), svg("text", { x: left - 5, y: y(share) + 4 }, `${100 * share}`)]);
  const dots = months.map(({ answers, right, low, high }, n) => [svg("line", { x1: x(n), x2: x(n), y1: y(low), y2: y(high), class: "interval" }), svg("circle", { cx: x(n), cy: y(right / answers), r: 4 })]);
  const rows = months.map(({ month, answers, right, low, high }) => [month, String(answers), percent(right / answers), `${percent(low)} – ${percent(high)}`]);
  return el(
    "div",
    { class: "model" },
    el("p", { class: "muted small" }, word("admin_in_use_detail")),
    svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "over-time", "aria-hidden": "true" }, grid.flat(), dots.flat()),
    table(word("admin_accuracy_in_use"), ["", word("admin_asked_about"), word("admin_accuracy"), "95 %"], rows),
  );
}
