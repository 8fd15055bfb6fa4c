// The screen of what this phone was taught: seen, forgotten, handed on.

import { className } from "../catalog.js";
import { el, icon, picture } from "../dom.js";
import { canLearn } from "../learning.js";
import { fill, say, show, toast } from "../screens.js";
import { word } from "../words.js";
import { exported, take } from "./file.js";
import { forget, forgetAll, renew } from "./lessons.js";
import { Unusable } from "./notebook.js";
import { keepTrue, learnSwitch, status } from "./note.js";

/** Draw the screen. */
export async function drawPlace(section) {
  const heading = el("h1", { tabindex: -1 }, word("learn_heading"));
  if (!canLearn()) return fill(section, heading, el("p", { class: "lead" }, word("learn_cannot")));
  const [far, list] = [el("div"), el("div", { class: "rest" })];
  fill(
    section,
    heading,
    el("section", { class: "card" }, learnSwitch(), far),
    el("button", { class: "button primary", id: "round-open", onclick: () => show("round") }, icon("camera"), word("learn_more")),
    list,
  );
  await Promise.all([keepTrue(far, (now) => [now.on && status(now)]), keepTrue(list, drawTaught, ({ mine, aside, again }) => [...mine, ...aside, again.length].map((photo) => photo.id ?? photo).join())]);
  return undefined;
}

function drawTaught({ mine, aside, again }) {
  return [
    mine.length ? taught(mine) : el("p", { class: "muted" }, word("learn_empty")),
    aside.length > 0 && putAside(aside, again),
    file(mine),
    mine.length + aside.length > 0 && el("button", { class: "button danger", id: "forget-all", onclick: () => askToForget(mine.length + aside.length) }, icon("trash"), word("forget_all")),
  ];
}

function taught(photos) {
  const labels = [...new Set(photos.map(({ label }) => label))];
  const kind = (label, some) => [
    el("h3", {}, className(label), el("span", { class: "muted" }, ` ${some.length}`)),
    el("ul", { class: "taught" }, some.map((photo) => el("li", {}, tile(photo)))),
  ];
  return el("section", { class: "day" }, el("h2", {}, word("learn_list")), labels.map((label) => el("section", { class: "kind" }, kind(label, photos.filter((photo) => photo.label === label)))));
}

function tile({ id, label, thumbnail }) {
  return el(
    "button",
    { class: "taught-photo", id: `forget-${id}`, "aria-label": word("forget_one", { name: className(label) }), onclick: () => forget(id).then(() => say(word("forgotten"))) },
    thumbnail ? picture(thumbnail, "") : el("span", { class: "unpictured" }, icon("leaf")),
    el("span", { class: "taught-forget" }, icon("cross")),
  );
}

/** Photos of an older model: its features are not those of this one. */
function putAside(photos, again) {
  return el(
    "section",
    { class: "card" },
    el("p", {}, word("learn_aside", { count: photos.length })),
    again.length > 0 && el("button", { class: "button", id: "renew", onclick: renew }, word("learn_renew", { count: again.length })),
  );
}

/** To another phone, and from one. */
function file(photos) {
  const input = el("input", { type: "file", accept: ".ecosorter,application/json", id: "learn-file", hidden: true, onchange: () => input.files[0] && takeIn(input.files[0]).finally(() => (input.value = "")) });
  return el(
    "section",
    { class: "day" },
    el("h2", {}, word("learn_hand_on")),
    el("p", { class: "muted" }, word("learn_hand_on_detail")),
    el(
      "div",
      { class: "pair" },
      photos.length > 0 && el("button", { class: "button", id: "learn-export", onclick: save }, word("learn_export")),
      el("button", { class: "button", id: "learn-import", onclick: () => input.click() }, word("learn_import")),
    ),
    input,
  );
}

async function save() {
  const made = await exported();
  const address = URL.createObjectURL(made);
  el("a", { href: address, download: made.name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser may ask first where to
}

async function takeIn(given) {
  try {
    const { added, known, aside } = await take(given);
    toast([word("learn_added", { count: added }), known && word("learn_known", { count: known }), aside && word("learn_added_aside", { count: aside })].filter(Boolean).join(" "));
  } catch (error) {
    if (!(error instanceof Unusable) && error.name !== "QuotaExceededError") throw error;
    toast(word(error instanceof Unusable ? `file_${error.code}` : "file_full"));
  }
}

function askToForget(count) {
  const sheet = document.getElementById("sheet");
  const form = el(
    "form",
    { method: "dialog", onsubmit: () => void forgetAll().then(() => toast(word("forgotten_all"))) },
    el("h2", {}, word("forget_all_heading")),
    el("p", {}, word("forget_all_detail", { count })),
    el("div", { class: "pair" }, el("button", { class: "button", type: "button", onclick: () => sheet.close() }, word("cancel")), el("button", { class: "button danger", id: "forget-all-yes" }, word("forget_all_yes"))),
  );
  sheet.setAttribute("aria-label", word("forget_all_heading"));
  sheet.replaceChildren(form);
  sheet.showModal();
}
