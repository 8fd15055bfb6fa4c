// "Right", or "it is really …": what makes the model better. The photo goes along only with consent, given each time.

import * as api from "./api.js";
import { classList, className, ownClasses } from "./catalog.js";
import { askField } from "./ask.js";
import { dictionary } from "./dictionary.js";
import { el, icon, randomHex, randomUuid } from "./dom.js";
import * as items from "./items.js";
import { learningNote, teach } from "./learning.js";
import { recall, remember } from "./memory.js";
import { flush } from "./queue.js";
import { say, toast } from "./screens.js";
import { language, word } from "./words.js";

/** A random name of this device, so that one person's photos stay together. It says nothing about the person. */
function contributor() {
  const known = recall("contributor") ?? randomUuid();
  remember("contributor", known);
  return known;
}

/** What the item that was chosen is called; in another language once its names have come. */
export const thingName = ({ thing, thingNamed, picked }) => dictionary()?.item(thing)?.title ?? thingNamed ?? className(picked);

const chosenName = (item) => (item.thing ? thingName(item) : className(item.picked ?? item.result.label));

/** What is sent for a class: one's own name for it where the model has no such class. */
const truthOf = (label) => (classList().some(({ id }) => id === label) ? label : "other");

async function send(item, said, consent, thing = null) {
  const { asked, unlearnt } = item.result;
  const { best, label, confidence } = unlearnt ?? item.result; // of the model that the service knows
  const truth = truthOf(said);
  // The secret stays in the item: it proves later that whoever asks for the photo's deletion is who gave it.
  const secret = randomHex(32);
  const data = { model: item.model, best, label, confidence, truth, ...(thing && { item: thing }), ...(asked && { asked }), consent, contributor: contributor(), secret, lang: language() };
  const correction = { key: randomUuid(), data, secret, state: api.hasService ? "waiting" : "kept" };
  const named = thing && dictionary()?.item(thing);
  const picked = named?.label ?? (said === "other" ? null : said);
  await items.change(item.id, { correction, picked, thing, thingNamed: named?.title, ...(thing !== (item.thing ?? null) && { answer: null }) });
  say(word("thanks"));
  flush();
  if (picked) await teach(item, picked);
}

/** The box below an answer. */
export function feedback(item) {
  if (item.correction) return thanks(item);
  const said = item.picked ?? item.result.label;
  const chosen = item.thing || (item.picked && item.picked !== item.result.label);
  const box = api.hasService ? consentBox("consent") : NOBODY;
  return el(
    "section",
    { class: "feedback" },
    el("h2", {}, word(chosen ? "feedback_chosen" : "feedback_heading")),
    el("p", { class: "muted" }, word(item.result.asked ? "feedback_asked" : "feedback_why")),
    el(
      "div",
      { class: "pair" },
      el("button", { class: "button", id: "feedback-right", onclick: () => send(item, said, box.ticked(), item.thing) }, icon("check"), word(chosen ? "feedback_send" : "feedback_right", { name: chosenName(item) })),
      el("button", { class: "button", id: "feedback-wrong", onclick: () => openSheet(item, { consent: box.ticked() }) }, icon("pencil"), word("feedback_wrong")),
    ),
    box.element,
  );
}

const NOBODY = { element: null, ticked: () => false }; // there is no service to send a photo to

function consentBox(id, ticked = false) {
  const input = el("input", { type: "checkbox", id, checked: ticked, "aria-describedby": `${id}-detail` });
  const element = el(
    "div",
    { class: "consent" },
    el("label", { class: "tick" }, input, el("span", {}, word("consent"))),
    el("p", { id: `${id}-detail`, class: "muted small" }, word("consent_detail")),
  );
  return { element, ticked: () => input.checked };
}

/** Ask what it really is. */
export function openSheet(item, { consent = false } = {}) {
  const sheet = document.getElementById("sheet");
  const box = api.hasService ? consentBox("sheet-consent", consent) : NOBODY;
  const missing = el("p", { class: "error", role: "alert" });
  const choice = (id, name, more = {}) =>
    el("label", { class: "choice" }, el("input", { type: "radio", name: "truth", value: id, ...more }), el("span", {}, name));
  const named = el("div", { class: "choices named" });
  const choose = ({ id }) => {
    const { label, title } = dictionary().item(id);
    named.replaceChildren(choice(label, `${title} (${className(label)})`, { id: "named", "data-thing": id, checked: true }));
    named.querySelector("input").focus();
  };
  const form = el(
    "form",
    {
      method: "dialog",
      novalidate: true,
      onsubmit: (event) => {
        const said = new FormData(form).get("truth");
        const { thing } = form.querySelector("[name=truth]:checked")?.dataset ?? {};
        if (said) return void send(item, said, box.ticked(), thing);
        event.preventDefault();
        missing.textContent = word("choose_first");
        form.querySelector("[name=truth]").focus();
      },
    },
    el("fieldset", {}, el("legend", {}, el("h2", {}, word("sheet_heading"))), askField("sheet-ask", word("ask_sheet"), choose), named, el("p", { class: "eyebrow" }, word("or_class")), el("div", { class: "choices grid" }, [...classList(), ...ownClasses()].map(({ id, name }) => choice(id, name)), choice("other", word("class_other")))),
    missing,
    ...[box.element].filter(Boolean),
    el("div", { class: "pair" }, el("button", { class: "button", type: "button", onclick: () => sheet.close() }, word("cancel")), el("button", { class: "button primary", id: "sheet-send" }, word("send"))),
  );
  sheet.setAttribute("aria-label", word("sheet_heading"));
  sheet.replaceChildren(form);
  sheet.showModal();
}

function thanks(item) {
  const { correction } = item;
  const { data } = correction;
  const name = data.item ? thingName(item) : item.picked ? className(item.picked) : word("class_other");
  const refused = correction.state === "refused";
  const detail = refused
    ? word("correction_refused", { detail: correction.detail ?? word("not_sent_heading") })
    : word(thanksKey(correction), { name });
  return el(
    "section",
    { class: "feedback thanks" },
    el("h2", {}, icon(refused ? "cross" : "leaf"), refused ? word("feedback_heading") : word("thanks")),
    el("p", {}, detail),
    correction.state === "waiting" && el("p", { class: "muted" }, word("thanks_later")),
    isOnServer(item) && el("button", { class: "button", id: "withdraw", onclick: () => withdrawAndSay(item) }, word("withdraw")),
    learningNote(),
  );
}

function thanksKey({ state, withdrawn, data }) {
  if (state === "kept") return "thanks_kept";
  if (withdrawn) return "withdrawn";
  return data.consent ? "thanks_photo" : "thanks_label";
}

export const isOnServer = ({ correction }) => Boolean(correction?.photoKept && !correction.withdrawn);

/** Have the photo deleted on the server. Throws `Problem` where that did not work. */
export async function withdraw(item) {
  try {
    await api.withdraw(item.correction.id, item.correction.secret);
  } catch (problem) {
    if (problem.status !== 404) throw problem; // gone already is what was asked for
  }
  await items.change(item.id, { correction: { ...item.correction, withdrawn: true } });
}

async function withdrawAndSay(item) {
  try {
    await withdraw(item);
    toast(word("withdrawn"));
  } catch {
    toast(word("withdraw_failed"));
  }
}
