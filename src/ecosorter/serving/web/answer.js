// The answer to one photo.

import { adviceFor, drawAdvice, sayAdvice } from "./advice.js";
import { className } from "./catalog.js";
import { dictionary } from "./dictionary.js";
import { el, icon, picture } from "./dom.js";
import { feedback, openSheet, thingName } from "./feedback.js";
import * as items from "./items.js";
import { paint } from "./overlay.js";
import { current, fill, refresh, say, show } from "./screens.js";
import { untold } from "./untold.js";
import { word } from "./words.js";

const CHIPS = 8;
const LEAVES = { sure: 3, likely: 2, unsure: 1 };

/** Draw the screen of an item, whatever state it is in. */
export async function drawAnswer(section, id) {
  const item = await items.get(id);
  if (!item) return show("start");
  const advice = item.state === "done" ? await adviceFor(item) : null;
  const words = item.state === "done" ? told(item, advice) : untold(item);
  const seen = section.querySelector("article");
  const same = seen?.dataset.id === id;
  const before = same ? seen.dataset.state : null;
  if (same && before === item.state && item.state !== "waiting") {
    fill(seen.querySelector(".told"), ...words); // the picture stays, with the light on it
    return undefined;
  }
  const article = el("article", { class: "answer", "data-id": id, "data-state": item.state }, photo(item), el("div", { class: "told" }, words));
  fill(section, article);
  if (item.state === "done" && before === "waiting") sayAnswer(item, advice.advice);
  return undefined;
}

function sayAnswer(item, advice) {
  const { certainty } = item.result;
  if (certainty === "no_waste") return say(`${word("no_waste_heading")}. ${word("no_waste_detail")}`);
  const bin = advice?.accepted && advice.bin && word("said_bin", { colour: advice.bin.colour, bin: advice.bin.name });
  return say([word("said_answer", { name: heading(item), certainty: word(`certainty_${certainty}`) }), bin || advice?.reason].filter(Boolean).join(" "));
}

/** The photo, with the model's view over it on a tap. */
function photo(item) {
  const cam = item.result?.cam;
  const frame = el("div", { class: "frame" }, picture(item.photo, word("photo_alt")));
  const figure = el("figure", { class: item.state === "waiting" && !item.held ? "photo looking" : "photo" }, frame);
  if (!cam?.levels) return figure; // none, or kept by an earlier version
  const canvas = el("canvas", { class: "heat", "aria-hidden": "true" });
  const words = el("span", {}, word("show_heat"));
  const toggle = el(
    "button",
    {
      class: "button overlay",
      id: "heat",
      "aria-pressed": "false",
      onclick: () => {
        const on = toggle.getAttribute("aria-pressed") === "false";
        if (on) paint(canvas, cam);
        figure.classList.toggle("heated", on);
        toggle.setAttribute("aria-pressed", String(on));
        words.textContent = word(on ? "hide_heat" : "show_heat");
        if (on) say(word("heat_shown"));
      },
    },
    icon("eye"),
    words,
  );
  frame.append(canvas);
  figure.append(toggle);
  return figure;
}

function heading(item) {
  const { result, picked } = item;
  if (item.thing) return thingName(item);
  if (picked) return className(picked);
  if (result.certainty === "no_waste") return word("no_waste_heading");
  if (result.label) return className(result.label);
  const [first, second] = likeliest(result);
  return second ? word("either_or", { first: className(first), second: lower(className(second)) }) : `${className(first)}?`;
}

const lower = (name) => name.charAt(0).toLowerCase() + name.slice(1);

/** The two classes to choose from: the model's candidates, filled up by what is next in probability. */
function likeliest({ candidates, probabilities }) {
  const byProbability = Object.keys(probabilities).sort((a, b) => probabilities[b] - probabilities[a]);
  return [...new Set([...candidates.map(({ id }) => id), ...byProbability])].slice(0, 2);
}

function told(item, advice) {
  const { result, picked } = item;
  const nothing = result.certainty === "no_waste" && !picked;
  const doubt = !result.label && !nothing;
  return [
    el(
      "header",
      { class: "verdict" },
      !nothing && el("p", { class: "eyebrow" }, word(picked && picked !== result.label ? "you_chose" : doubt ? "not_sure" : "it_is")),
      el("h1", { tabindex: -1 }, heading(item)),
      !nothing && (!picked || picked === result.label) && certainty(result),
      item.by === "phone" && el("p", { class: "muted small on-phone" }, icon("phone"), word(result.unlearnt ? "on_phone_learnt" : "on_phone")),
    ),
    ...(nothing
      ? noWaste(item)
      : [
          doubt && choices(item),
          doubt && !item.correction && chips(item),
          doubt && !picked && advice.advice && !advice.advice.cautious && el("p", { class: "eyebrow" }, word("if_it_is", { name: className(advice.advice.label) })),
          adviceBox(item, advice),
          // In doubt the two buttons above ask already; once one is chosen, it may be sent.
          (!doubt || picked || item.correction) && feedback(item),
        ]),
  ].filter(Boolean);
}

function certainty({ certainty: level, confidence }) {
  return el(
    "p",
    { class: "certainty" },
    el("span", { class: "leaves", "aria-hidden": "true" }, [1, 2, 3].map((each) => el("span", { class: each <= LEAVES[level] ? "on" : "" }, icon("leaf")))),
    el("span", {}, word(`certainty_${level}`)),
    level !== "unsure" && el("span", { class: "muted" }, word("percent", { percent: Math.round(100 * confidence) })),
  );
}

function choices(item) {
  const pick = (picked) => items.change(item.id, { picked, thing: null, answer: null });
  const [first, second] = likeliest(item.result);
  return el(
    "div",
    { class: "either", role: "group", "aria-label": word("which_is_it") },
    [first, second].filter(Boolean).map((id) =>
      el("button", { class: "button big", id: `pick-${id}`, "aria-pressed": String(item.picked === id && !item.thing), onclick: () => pick(id) }, className(id)),
    ),
    !item.correction && el("button", { class: "button quiet", id: "pick-other", onclick: () => openSheet(item) }, word(second ? "something_else" : "something_else_single")),
  );
}

/** The likeliest things of the classes in question. Choosing one is more than choosing a class, and ends every question. */
function chips(item) {
  const known = dictionary();
  const wanted = known?.likely(likeliest(item.result), CHIPS) ?? [];
  if (!wanted.length) return null;
  return el(
    "div",
    { class: "chips", role: "group", "aria-label": word("chips") },
    el("p", { class: "eyebrow" }, word("chips")),
    el("ul", {}, wanted.map(({ id, label, title }) => el("li", {}, el("button", { class: "button chip", id: `chip-${id}`, "aria-pressed": String(item.thing === id), onclick: () => items.change(item.id, { picked: label, thing: id, answer: null }) }, title)))),
  );
}

function noWaste(item) {
  return [
    el("p", { class: "lead" }, word("no_waste_detail")),
    item.correction ? feedback(item) : el("button", { class: "button", id: "is-waste", onclick: () => openSheet(item) }, word("it_is_waste")),
  ];
}

function adviceBox(item, advice) {
  return drawAdvice(advice, {
    onAnswer: async (answer) => {
      await items.change(item.id, { answer });
      await refresh();
      sayAdvice((await items.get(item.id))?.guidance);
    },
    onScheme: async () => {
      await refresh();
      sayAdvice((await items.get(item.id))?.guidance);
    },
  });
}

/** Draw anew when the item that is seen changes, from wherever it was changed. */
export function followAnswer() {
  items.onChange((id) => {
    const at = current();
    if (at.name === "answer" && (id === at.arg || id === null)) refresh();
  });
}
