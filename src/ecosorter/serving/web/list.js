// Several photos: a row for each, and how much goes into which bin.

import { adviceFor } from "./advice.js";
import { binTile, drawBin } from "./bins.js";
import { className } from "./catalog.js";
import { el, icon, picture } from "./dom.js";
import { thingName } from "./feedback.js";
import * as items from "./items.js";
import { current, fill, refresh, say, show } from "./screens.js";
import { word } from "./words.js";

/** Draw the screen of one batch. */
export async function drawList(section, batch) {
  const mine = (await items.all()).filter((item) => item.batch === batch).reverse();
  if (!mine.length) return show("start");
  const pairs = await withAdvice(mine);
  const waiting = mine.filter(({ state }) => state === "waiting").length;
  if (section.dataset.waiting > 0 && !waiting) say(word("list_done", { count: mine.length }));
  section.dataset.waiting = waiting;
  fill(
    section,
    el("h1", { tabindex: -1 }, word("list_heading", { count: mine.length })),
    totals(pairs),
    el("ul", { class: "rows" }, pairs.map(([item, advice]) => el("li", {}, row(item, advice)))),
  );
  return undefined;
}

const withAdvice = (list) =>
  Promise.all(list.map(async (item) => [item, item.state === "done" ? (await adviceFor(item)).advice : null]));

/** What an item counts as where it has no bin: the key of a word. */
function pile(item, advice) {
  if (item.state === "waiting") return "pile_waiting";
  if (item.state === "failed") return "pile_failed";
  if (item.result.certainty === "no_waste" && !item.picked) return "pile_no_waste";
  if (!item.result.label && !item.picked) return "pile_unsure";
  return advice?.bin ? null : "pile_answer";
}

function totals(pairs) {
  const bins = new Map();
  const piles = new Map();
  for (const [item, advice] of pairs) {
    const name = pile(item, advice);
    if (name) piles.set(name, (piles.get(name) ?? 0) + 1);
    else bins.set(advice.bin.id, { bin: advice.bin, count: (bins.get(advice.bin.id)?.count ?? 0) + 1 });
  }
  return el(
    "section",
    { class: "totals", "aria-labelledby": "totals" },
    el("h2", { id: "totals" }, word("totals")),
    el(
      "ul",
      { class: "tiles" },
      [...bins.values()].map(({ bin, count }) => binTile(bin, word("items", { count }))),
      [...piles].map(([name, count]) =>
        el(
          "li",
          { class: "tile" },
          el("span", { class: "bin nobin", "aria-hidden": "true" }, "?"),
          el("span", { class: "tile-words" }, el("strong", {}, word(name)), el("span", { class: "muted" }, word("items", { count }))),
        ),
      ),
    ),
  );
}

/** One item as a button that opens its answer. */
export function row(item, advice) {
  const name = pile(item, advice);
  const label = item.picked ?? item.result?.label;
  const title = item.thing ? thingName(item) : label ? className(label) : name ? word(name) : className(item.result.best);
  const beneath = !item.result
    ? item.name
    : label
      ? word(item.picked ? "you_chose" : `certainty_${item.result.certainty}`)
      : item.result.certainty === "no_waste"
        ? ""
        : item.result.candidates.slice(0, 2).map(({ id }) => className(id)).join(" / ");
  return el(
    "button",
    { class: "row", id: `row-${item.id}`, onclick: () => show("answer", item.id) },
    picture(item.photo, "", { class: item.state === "waiting" ? "thumb looking" : "thumb" }),
    el("span", { class: "row-words" }, el("strong", {}, title), el("span", { class: "muted" }, beneath)),
    !name && el("span", { class: "row-bin" }, drawBin(advice.bin), el("span", {}, advice.bin.name)),
    icon("right"),
  );
}

/** Draw anew when an item of the batch that is seen changes. */
export function followList() {
  items.onChange(async (id) => {
    const at = current();
    if (at.name !== "list") return;
    if (id === null || (await items.get(id))?.batch === at.arg) refresh();
  });
}
