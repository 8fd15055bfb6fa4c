// What was photographed on this device, and nowhere else: seen, and cleared.

import { el, icon } from "./dom.js";
import { isOnServer, withdraw } from "./feedback.js";
import * as items from "./items.js";
import { forgetMissed, missed } from "./missed.js";
import { row } from "./list.js";
import { current, fill, refresh, show, toast } from "./screens.js";
import { language, word } from "./words.js";

/** Draw the screen. The advice of the time is shown, not asked for again: it must open quickly and without a network. */
export async function drawHistory(section) {
  const all = await items.all();
  const days = Map.groupBy ? Map.groupBy(all, day) : grouped(all);
  fill(
    section,
    el("h1", { tabindex: -1 }, word("history")),
    el("p", { class: "muted" }, word(all.length ? "history_detail" : "history_empty")),
    ...[...days].map(([name, list]) =>
      el(
        "section",
        { class: "day" },
        el("h2", {}, name),
        el("ul", { class: "rows" }, list.map((item) => el("li", {}, row(item, item.guidance), isOnServer(item) && el("p", { class: "shared" }, icon("leaf"), word("shared_photo"))))),
      ),
    ),
    ...(missed().length ? [el("section", { class: "day" }, el("h2", {}, word("missed")), el("p", { class: "muted" }, missed().join(", ")))] : []),
    ...(all.length || missed().length ? [el("button", { class: "button danger", id: "clear", onclick: () => askToClear(all) }, icon("trash"), word("clear"))] : []),
  );
}

function grouped(all) {
  const days = new Map();
  for (const item of all) days.set(day(item), [...(days.get(day(item)) ?? []), item]);
  return days;
}

function day({ when }) {
  const date = new Date(when);
  const ago = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(when).setHours(0, 0, 0, 0)) / 86_400_000);
  if (ago < 2) return word(ago === 1 ? "yesterday" : "today");
  return date.toLocaleDateString(language(), { weekday: "long", day: "numeric", month: "long" });
}

/** Ask before clearing; with photos on the server, offer to take them back first: afterwards nobody can. */
function askToClear(all) {
  const sheet = document.getElementById("sheet");
  const given = all.filter(isOnServer);
  const also = el("input", { type: "checkbox", id: "clear-withdraw", checked: true });
  const form = el(
    "form",
    { method: "dialog", onsubmit: () => void clear(all, given.length && also.checked ? given : []) },
    el("h2", {}, word("clear_heading")),
    el("p", {}, word("clear_detail")),
    given.length > 0 && el("label", { class: "tick" }, also, el("span", {}, word("clear_withdraw", { count: given.length }))),
    el("div", { class: "pair" }, el("button", { class: "button", type: "button", onclick: () => sheet.close() }, word("cancel")), el("button", { class: "button danger", id: "clear-yes" }, word("clear_yes"))),
  );
  sheet.setAttribute("aria-label", word("clear_heading"));
  sheet.replaceChildren(form);
  sheet.showModal();
}

async function clear(all, given) {
  const stuck = [];
  for (const item of given) await withdraw(item).catch(() => stuck.push(item.id));
  forgetMissed();
  await items.remove(all.map(({ id }) => id).filter((id) => !stuck.includes(id))); // their secrets are still needed
  toast(word(stuck.length ? "withdraw_failed" : "cleared"));
  show("history");
}

export function followHistory() {
  items.onChange(() => current().name === "history" && refresh());
}
