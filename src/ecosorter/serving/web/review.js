// The page for people who review corrections: one case after the other, by touch or by keyboard.

import * as api from "./api.js";
import { el, icon, picture } from "./dom.js";
import { drawDoor, forget, put, refused, say, startPage, token } from "./door.js";
import { recall, remember } from "./memory.js";
import { language, word } from "./words.js";

const FAR = 0.95; // novelty from which a photo is near none that the model knows
const WEAK = 0.3; // share of a class's photos that the model misses, above which it is weak there
const main = document.getElementById("main");
let person = null;
let classes = [];
let queue = [];
let left = 0;
let phrases = [];
let busy = false;

const nameOf = (id) => (id === "other" ? word("class_other") : (classes.find((each) => each.id === id)?.name ?? id ?? word("not_sure")));
const keysOn = () => recall("keys") !== "off";

const door = (problem) => drawDoor({ heading: word("review_heading"), lead: word("review_lead") }, open, problem);

/** Draw it, and let it be read out. */
function show(...content) {
  put(...content);
  main.querySelector("h1")?.focus();
}

/** Sign in with the token and fetch the queue. */
async function open() {
  try {
    person = await api.review.me(token());
    ({ classes } = await api.classes(language()));
    await fill();
  } catch (problem) {
    if (refused(problem)) forget();
    door(refused(problem) ? word("review_wrong_token") : problem.detail || word("broken"));
  }
}

async function fill() {
  ({ phrases } = await api.review.phrases(token()).catch(() => ({ phrases: [] })));
  const answer = await api.review.queue(token());
  queue = answer.items;
  left = answer.left;
  await drawCase();
}

async function drawCase() {
  const item = queue[0];
  if (!item) return drawDone();
  const photo = item.photo ? await api.review.photo(token(), item.id).catch(() => null) : null;
  const keys = el("input", { type: "checkbox", id: "keys", checked: keysOn(), onchange: () => setKeys(keys.checked) });
  show(
    el(
      "article",
      { class: keysOn() ? "case" : "case keys-off" },
      el("header", {}, el("h1", { tabindex: -1 }, word("review_heading")), el("p", { class: "muted" }, word("review_hello", { name: person.name, left }))),
      el("figure", { class: "photo" }, photo ? el("div", { class: "frame" }, picture(photo, word("review_photo_alt"))) : el("p", { class: "none" }, word("review_no_photo"))),
      el(
        "div",
        { class: "desk" },
        facts(item),
        el(
          "div",
          { class: "pair" },
          deed("accept", "check", "A", () => decide("accept", null, word("review_said_accept"))),
          deed("reject", "cross", "R", () => decide("reject", null, word("review_said_reject"))),
          deed("next", "right", "→", next),
        ),
        el("h2", {}, word("review_relabel")),
        el("div", { class: "relabel" }, classes.map(({ id, name }, index) => el("button", { class: "button", id: `as-${id}`, onclick: () => relabel(id) }, el("kbd", { "aria-hidden": "true" }, String(index + 1)), name))),
        el("label", { class: "tick" }, keys, el("span", {}, word("review_keys"), el("span", { class: "muted small" }, `: ${word("review_keys_detail")}`))),
      ),
    ),
  );
  return undefined;
}

const deed = (name, mark, key, act) =>
  el("button", { class: name === "accept" ? "button primary" : "button", id: name, onclick: act }, icon(mark), word(`review_${name}`), el("kbd", { "aria-hidden": "true" }, key));

function facts({ best, label, truth, item, confidence, votes, novelty, weakness }) {
  const fact = (key, value, attributes = {}) => el("div", {}, el("dt", {}, word(key)), el("dd", attributes, value));
  const sure = word("percent", { percent: Math.round(100 * confidence) });
  const said = votes.map((vote) => [vote.reviewer, word(`review_${vote.decision}`), vote.label && nameOf(vote.label)].filter(Boolean).join(" "));
  const helps = [new Set(votes.map((vote) => vote.label)).size > 1 && "review_helps_disputed", !label && "review_helps_unsure", novelty >= FAR && "review_helps_new", weakness > WEAK && "review_helps_weak"].filter(Boolean);
  return el(
    "dl",
    { class: "facts" },
    fact("review_model_said", `${nameOf(label ?? best)} (${sure})`),
    fact("review_person_said", item ? `${nameOf(truth)} (${item})` : nameOf(truth)),
    fact("review_votes", said.join(", ") || word("review_no_votes"), { class: "votes" }),
    helps.length > 0 && fact("review_helps", helps.map((key) => word(key)).join(", "), { class: "votes" }),
  );
}

function drawDone() {
  show(
    el(
      "div",
      { class: "door" },
      el("h1", { tabindex: -1 }, word("review_done")),
      el("p", { class: "lead" }, word("review_done_detail")),
      el("button", { class: "button", id: "reload", onclick: open }, word("review_reload")),
      phrases.length > 0 && el("section", { class: "phrases" }, el("h2", {}, word("review_phrases")), el("ul", {}, phrases.map(({ phrase, count, day }) => el("li", {}, `${phrase} (${count} ×, ${day})`)))),
    ),
  );
}

const relabel = (id) => decide("relabel", id, word("review_said_relabel", { name: nameOf(id) }));

async function decide(decision, label, said) {
  if (busy) return;
  busy = true; // a key held down decides one case and not five
  try {
    await api.review.decide(token(), queue[0].id, decision, label);
    say(said);
    left = Math.max(0, left - 1);
    await go();
  } catch (problem) {
    say(problem.detail || word("broken"));
    if (refused(problem)) door(word("review_wrong_token"));
    else if (!problem.passing) await go(); // somebody else decided it meanwhile
  } finally {
    busy = false;
  }
}

/** Go to the next case; at the end, see whether more have come. */
async function go() {
  queue.shift();
  await (queue.length ? drawCase() : fill());
}

/** Put the case back to the end of this round. */
function next() {
  queue.push(queue.shift());
  drawCase();
}

function setKeys(on) {
  remember("keys", on ? "on" : "off");
  document.querySelector(".case").classList.toggle("keys-off", !on);
}

document.addEventListener("keydown", (event) => {
  if (!keysOn() || event.repeat || event.ctrlKey || event.metaKey || event.altKey || !document.querySelector(".case")) return;
  const key = event.key.toLowerCase();
  const label = /^[1-9]$/.test(key) ? classes[Number(key) - 1]?.id : null;
  if (label) relabel(label);
  else document.getElementById({ a: "accept", r: "reject", arrowright: "next" }[key])?.click();
});

startPage(open, door);
