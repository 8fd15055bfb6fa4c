// "Show me five things of each kind": a round through the kinds, camera after camera, and what it brought.

import { drawBin } from "../bins.js";
import { hasLiveCamera, openCamera } from "../camera.js";
import { classList, className, ownClasses } from "../catalog.js";
import { dictionary, useDictionary } from "../dictionary.js";
import { el, icon, randomHex } from "../dom.js";
import { canLearn } from "../learning.js";
import { openGallery, openNativeCamera } from "../pick.js";
import { fill, refresh, show } from "../screens.js";
import { shrink } from "../shrink.js";
import { word } from "../words.js";
import { askForKind } from "./kind.js";
import { learnNow, teach } from "./lessons.js";
import { brought, keepTrue, status } from "./note.js";

const WANTED = 5; // things of a kind
const started = new Map(); // photos of a kind that were taken and are not in the store yet

/** Draw the screen. */
export async function drawRound(section) {
  if (!canLearn()) return show("place");
  await useDictionary();
  const [kinds, end] = [el("ul", { class: "rows kinds" }), el("div", { class: "round-end" })];
  fill(
    section,
    el("h1", { tabindex: -1 }, word("round_heading")),
    el("p", { class: "lead" }, word("round_lead", { count: WANTED })),
    kinds,
    el("button", { class: "button", id: "round-other", onclick: () => askForKind(refresh) }, word("round_other")),
    end,
  );
  await Promise.all([keepTrue(kinds, drawKinds, counted), keepTrue(end, drawEnd)]);
  return undefined;
}

/** How many photos there are by kind, those included that are still looked at. */
function counts({ mine, waiting }) {
  const found = new Map(started);
  for (const { label } of new Map([...mine, ...waiting].map((photo) => [photo.id, photo])).values()) found.set(label, (found.get(label) ?? 0) + 1);
  return found;
}

const counted = (now) => JSON.stringify([...counts(now)]);

function drawKinds(now) {
  const found = counts(now);
  return [...classList(), ...ownClasses()].map(({ id }) => el("li", {}, kind(id, found.get(id) ?? 0)));
}

function kind(id, count) {
  const bin = dictionary()?.guide([id]).bin;
  const dots = Array.from({ length: WANTED }, (_, at) => el("span", { class: at < count ? "on" : "" }));
  return [
    el(
      "button",
      { class: "row", id: `round-${id}`, onclick: () => photograph(id, count) },
      bin ? drawBin(bin) : el("span", { class: "bin nobin", "aria-hidden": "true" }, "?"),
      el("span", { class: "row-words" }, el("strong", {}, className(id)), el("span", { class: "dots", "aria-hidden": "true" }, dots), el("span", { class: "unseen" }, word("round_count", { count, wanted: WANTED }))),
      icon("camera"),
    ),
    el("button", { class: "button", id: `round-gallery-${id}`, "aria-label": word("round_gallery", { name: className(id) }), onclick: () => openGallery((photos) => takeAll(id, photos)) }, icon("image")),
  ];
}

/** Take photos of one kind, one after the other, until there are five. */
function photograph(id, before) {
  let count = before;
  const words = () => word("round_hint", { name: className(id), next: count + 1, wanted: Math.max(WANTED, count + 1) });
  const native = () => openNativeCamera((photos) => takeAll(id, photos));
  if (!hasLiveCamera()) return native();
  const onPhoto = (photo) => {
    takeAll(id, [photo]);
    count++;
    return count % WANTED ? words() : null;
  };
  return openCamera({ onPhoto, askNative: native, hint: words() });
}

async function takeAll(label, photos) {
  const more = (by) => started.set(label, (started.get(label) ?? 0) + by);
  more(photos.length);
  for (const photo of photos) {
    const small = await shrink(photo);
    await teach({ id: randomHex(8), when: new Date().toISOString(), photo: small }, label, { wait: true });
    more(-1);
  }
}

function drawEnd(now) {
  const { mine, waiting, lesson, doing } = now;
  const isNew = mine.length + waiting.length > 0 && !lesson?.upToDate;
  if (lesson?.upToDate && mine.length && !doing) return [el("section", { class: "card gain", role: "status" }, el("h2", { id: "brought", tabindex: -1 }, word("round_brought")), ...brought(lesson)), toPlace()];
  return [status(now), isNew && !doing && el("button", { class: "button primary", id: "round-learn", onclick: finish }, icon("leaf"), word("round_learn"))];
}

const toPlace = () => el("button", { class: "button", id: "place-see", onclick: () => show("place") }, icon("list"), word("learn_list"));

async function finish() {
  await learnNow();
  document.getElementById("brought")?.focus(); // what it brought is what a screen reader goes on with
}
