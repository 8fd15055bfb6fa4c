// Starts the page and joins its parts: photos come in, go into the queue, and their answers are shown.

import { drawAnswer, followAnswer } from "./answer.js";
import * as api from "./api.js";
import { askField } from "./ask.js";
import { legend, schemePicker } from "./bins.js";
import { hasLiveCamera, openCamera, prepareCamera } from "./camera.js";
import { drawCampaigns } from "./campaigns.js";
import { classList, loadCatalog, schemeId } from "./catalog.js";
import { fetchOtherLanguage, useDictionary } from "./dictionary.js";
import { el, icon, picture, randomHex } from "./dom.js";
import { drawHistory, followHistory } from "./history.js";
import { BASE } from "./host.js";
import * as items from "./items.js";
import { prepareLearning } from "./learning.js";
import { drawList, followList } from "./list.js";
import { openGallery, openNativeCamera, preparePicking } from "./pick.js";
import { phoneCard } from "./phone/card.js";
import * as download from "./phone/download.js";
import { preparePhone, warmUp } from "./phone/phone.js";
import { flush } from "./queue.js";
import { current, fill, openScreens, refresh, say, screen, show, toast } from "./screens.js";
import { shrink } from "./shrink.js";
import { drawLetters, drawThing, showThing } from "./thing.js";
import { firstLanguage, language, speak, word } from "./words.js";

const SHOWN_WAITING = 4; // thumbnails
let retry;

/** Take photos in: small, stored, shown, sent. */
async function take(files) {
  const batch = randomHex(8);
  const started = Date.now();
  let firstId = null;
  for (const [index, file] of files.entries()) {
    // One after the other: four photos of 12 megapixels decoded at once are too much for a cheap phone.
    const photo = await shrink(file);
    const id = randomHex(8);
    await items.put({
      id,
      batch,
      photo,
      when: started + index,
      name: (file.name ?? "").slice(0, 80),
      state: "waiting",
      lang: language(),
      scheme: schemeId(),
    });
    firstId ??= id;
    if (index === 0) files.length > 1 ? show("list", batch) : show("answer", id);
    send();
  }
  say(word("looking"));
  await items.prune();
}

/** Send what waits, and again when the service asked for patience. Without a network the worker goes on later. */
async function send() {
  clearTimeout(retry);
  // The line may have dropped before the classes' names came.
  if (!classList().length) await loadCatalog().then(refresh, () => null);
  const { left, retryAfter } = await flush();
  if (!left) return;
  if (retryAfter) retry = setTimeout(send, 1000 * retryAfter);
  const worker = await navigator.serviceWorker?.getRegistration();
  await worker?.sync?.register("photos").catch(() => null); // refused in private windows: `online` is left
}

async function drawStart(section) {
  const place = section.querySelector("#ask-place");
  if (place.dataset.lang !== language()) fill(place, askField("ask", word("ask"), showThing)); // what is typed stays when the rest is drawn anew
  place.dataset.lang = language();
  section.querySelector("#poster").href = BASE + api.poster(schemeId(), language());
  fill(section.querySelector("#scheme-place"), schemePicker("scheme", refresh));
  fill(section.querySelector("#legend"), legend());
  drawPhone();
  const waiting = (await items.all()).filter((item) => item.state === "waiting");
  fill(section.querySelector("#waiting"), ...(waiting.length ? [waitingCard(waiting)] : []));
}

/** What is said of use without a network; it changes while a download goes on. */
function drawPhone() {
  const [place, privacy] = ["phone-place", "privacy"].map((id) => document.getElementById(id));
  fill(place, ...[phoneCard()].filter(Boolean));
  privacy.dataset.text = api.hasService ? (download.now().name === "ready" ? "privacy_phone" : "privacy") : "privacy_alone";
  privacy.textContent = word(privacy.dataset.text);
}

function waitingCard(waiting) {
  return el(
    "section",
    { class: "card waiting" },
    el("h2", {}, icon("cloud"), word("waiting", { count: waiting.length })),
    el("p", { class: "muted" }, word("waiting_hint")),
    el(
      "div",
      { class: "pair" },
      el("span", { class: "thumbs" }, waiting.slice(0, SHOWN_WAITING).map((item) => picture(item.photo, "", { class: "thumb" }))),
      el("button", { class: "button", id: "try-now", onclick: send }, word("try_now")),
    ),
  );
}

/** A photo that waits for the download shows how far it is. */
async function refreshUnanswered() {
  const { name, arg } = current();
  if (name === "answer" && !api.hasService && (await items.get(arg))?.state === "waiting") await refresh();
}

/** Say that photos which had to wait were answered, unless they are being looked at. */
function announceLateAnswers() {
  const late = new Set();
  items.onChange(async (id) => {
    const item = id && (await items.get(id));
    const at = current();
    if (at.name === "start") refresh();
    if (item?.problem?.code === "not_sent" && at.arg !== id) {
      toast(word("not_sent_heading"), { text: word("look"), run: () => show("answer", id) });
    }
    if (!item?.held || item.state !== "done" || late.has(id)) return;
    late.add(id);
    if (at.arg === id || at.arg === item.batch || at.name === "history") return;
    toast(word("list_done", { count: late.size }), { text: word("look"), run: () => show("history") });
  });
}

async function switchLanguage(wanted) {
  await speak(wanted);
  markLanguage();
  await loadCatalog().catch(() => null);
  await refresh();
  await drawCampaigns();
}

function markLanguage() {
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language()));
  }
}

function wire() {
  const on = (id, act) => document.getElementById(id).addEventListener("click", act);
  const camera = () => {
    warmUp();
    return hasLiveCamera() ? openCamera() : openNativeCamera();
  };
  for (const id of ["take", "again"]) on(id, camera);
  for (const id of ["gallery", "again-gallery"]) on(id, () => openGallery());
  on("home", () => show("start"));
  on("back", () => (history.length > 1 ? history.back() : show("start"))); // an installed page shows no browser's own
  on("letters", () => show("letters"));
  on("history-button", () => show("history"));
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => switchLanguage(button.dataset.language));
  }
  prepareCamera((photo) => take([photo]), () => openNativeCamera());
  preparePicking(take, () => toast(word("no_photo_found")));
  window.addEventListener("online", send);
  document.addEventListener("visibilitychange", () => document.hidden || send());
  window.addEventListener("unhandledrejection", () => toast(word("broken")));
}

/** Start the worker; browsers that know no modules there get one that opens the page, and sends nothing by itself. */
async function keepForLater() {
  const { serviceWorker } = navigator;
  await serviceWorker
    ?.register(`${BASE}sw.js`, { type: "module" })
    .catch(() => serviceWorker.register(`${BASE}offline.js`))
    .catch(() => null);
}

async function start() {
  await speak(firstLanguage());
  markLanguage();
  const fresh = loadCatalog().catch(() => null); // without a network, the copy on the device does
  const screens = { start: drawStart, answer: drawAnswer, list: drawList, history: drawHistory, thing: drawThing, letters: drawLetters };
  for (const [name, draw] of Object.entries(screens)) screen(name, draw);
  screen("place", async (section) => (await import("./learn/place.js")).drawPlace(section));
  screen("round", async (section) => (await import("./learn/round.js")).drawRound(section));
  wire();
  await openScreens();
  for (const follow of [followAnswer, followList, followHistory, announceLateAnswers]) follow();
  document.documentElement.dataset.ready = "true";
  await fresh;
  await refresh();
  download.onChange(() => (current().name === "start" ? drawPhone() : refreshUnanswered()));
  await preparePhone(send);
  prepareLearning();
  await send();
  // Last: what is fetched for the next visit must not compete with this one.
  await keepForLater();
  await useDictionary();
  download.lookForNews();
  if (current().name === "answer") await refresh(); // it lacked the names of the items
  await fetchOtherLanguage();
  await drawCampaigns();
}

start();
