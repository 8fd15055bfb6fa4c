// Drift: how what is answered, and what the photos look like, change from week to week, drawn and as numbers.

import { el, svg } from "./dom.js";
import { number, percent, table } from "./figures.js";
import { language, word } from "./words.js";

const CHANGES = { little: "admin_change_little", moderate: "admin_change_moderate", significant: "admin_change_significant" };
const [WIDTH, HEIGHT, LEFT, FOOT] = [320, 150, 34, 16];
const DAY = 86_400_000; // ms

const dayOf = (week) => new Date(`${week}T00:00:00Z`).toLocaleDateString(language(), { day: "numeric", month: "short", timeZone: "UTC" });
const two = (value) => (value === null ? "–" : number(value, 2));

/** Both kinds of drift. `names` of the classes by id; `switches`: when another model came into use, as dates. */
export function driftOf(names, weeks, switches) {
  const labels = [...new Set(weeks.flatMap(({ shares }) => Object.keys(shares)))].sort();
  const nameOf = (id) => (id === "no_waste" ? word("admin_no_waste") : (names[id] ?? id));
  const change = (week) => (week.change ? `${two(week.stability_index)} (${word(CHANGES[week.change])})` : "–");
  return el(
    "div",
    { class: "model" },
    el("p", { class: "muted small" }, word("admin_drift_detail")),
    chart(weeks, switches, (week) => week.stability_index, { title: word("admin_drift_classes"), least: 0.3, marks: [0.1, 0.25], show: two }),
    chart(weeks, switches, (week) => week.far, { title: word("admin_drift_features"), least: 0.1, marks: [0.05], show: percent }),
    el(
      "details",
      {},
      el("summary", {}, word("admin_drift_by_week")),
      table(
        word("admin_drift_by_week"),
        [word("admin_week"), word("admin_photos"), word("admin_distance"), word("admin_far"), word("admin_index")],
        weeks.map((week) => [dayOf(week.week), String(week.photos), two(week.distance), percent(week.far), change(week)]),
      ),
      table(word("admin_shares"), [word("admin_week"), ...labels.map(nameOf)], weeks.map(({ week, shares }) => [dayOf(week), ...labels.map((label) => percent(shares[label] ?? 0))])),
    ),
  );
}

/** One number by week, as dots in time; `marks` are drawn across, and a dashed line where another model came. */
function chart(weeks, switches, valueOf, { title, least, marks, show }) {
  const first = Date.parse(weeks[0].week);
  const span = Date.parse(weeks.at(-1).week) - first + 7 * DAY;
  const top = Math.max(least, ...weeks.map(valueOf)) * 1.1;
  const x = (time) => LEFT + 6 + ((time - first) / span) * (WIDTH - LEFT - 12);
  const y = (value) => 8 + (1 - value / top) * (HEIGHT - FOOT - 8);
  const level = (value, className) => [svg("line", { x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value), class: className }), svg("text", { x: LEFT - 5, y: y(value) + 4 }, show(value))];
  const measured = weeks.filter((week) => valueOf(week) !== null).map((week) => [x(Date.parse(week.week) + 3.5 * DAY), y(valueOf(week))]);
  const inside = switches.map(Date.parse).filter((time) => time >= first && time < first + span);
  return el(
    "figure",
    { class: "drift" },
    el("figcaption", {}, title),
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "over-time", "aria-hidden": "true" },
      level(0, "grid"),
      marks.flatMap((mark) => level(mark, "grid mark")),
      inside.map((time) => svg("line", { x1: x(time), x2: x(time), y1: 8, y2: HEIGHT - FOOT, class: "switch" })),
      svg("polyline", { points: measured.map((at) => at.join()).join(" "), class: "path" }),
      measured.map(([cx, cy]) => svg("circle", { cx, cy, r: 3.5 })),
      svg("text", { x: LEFT, y: HEIGHT - 3, class: "from" }, dayOf(weeks[0].week)),
      svg("text", { x: WIDTH, y: HEIGHT - 3 }, dayOf(weeks.at(-1).week)),
    ),
  );
}
