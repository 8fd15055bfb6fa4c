// The answer to a name that somebody typed, without a photo; and all names from A to Z.

import { drawAdvice, sayAdvice } from "./advice.js";
import { askField } from "./ask.js";
import { drawBin, schemePicker } from "./bins.js";
import { className } from "./catalog.js";
import { useDictionary } from "./dictionary.js";
import { el, icon } from "./dom.js";
import { fill, refresh, show } from "./screens.js";
import { language, word } from "./words.js";

/** Show an item: its id, and the answer that the phrase gave, make the screen's argument. */
export const showThing = ({ id, answer = null }) => show("thing", [id, answer].filter(Boolean).join(":"));

/** Draw the screen of one item. */
export async function drawThing(section, arg) {
  const [id, answer = null] = arg.split(":");
  const known = await useDictionary();
  const item = known?.item(id);
  if (!item) return show("start");
  const old = known.language !== language();
  const advice = known.advice(id, answer);
  fill(
    section,
    el(
      "article",
      { class: "answer thing", "data-id": id },
      el(
        "div",
        { class: "told" },
        el("header", { class: "verdict" }, el("p", { class: "eyebrow" }, className(item.label)), el("h1", { tabindex: -1 }, item.title)),
        drawAdvice(
          { advice, old },
          {
            onAnswer: (given) => {
              history.replaceState({ name: "thing", arg: `${id}:${given}` }, "");
              show("thing", `${id}:${given}`);
              sayAdvice(known.advice(id, given));
            },
            onScheme: () => refresh(),
          },
        ),
        askField("thing-ask", word("ask_other"), showThing),
      ),
    ),
  );
  return undefined;
}

/** Draw the list of all items. */
export async function drawLetters(section) {
  const known = await useDictionary();
  const letters = new Map();
  for (const item of known?.listed() ?? []) {
    const letter = item.title.charAt(0);
    letters.set(letter, [...(letters.get(letter) ?? []), item]);
  }
  fill(
    section,
    el("h1", { tabindex: -1 }, word("letters")),
    el("p", { class: "muted" }, known ? word("letters_detail", { count: known.listed().length }) : word("guidance_missing")),
    askField("letters-ask", word("ask"), showThing),
    el("label", { class: "eyebrow", for: "letters-scheme" }, word("scheme")),
    schemePicker("letters-scheme", refresh),
    el("nav", { class: "letters", "aria-label": word("letters") }, [...letters.keys()].map((letter) => el("button", { class: "button", onclick: () => document.getElementById(`letter-${letter}`).scrollIntoView() }, letter))),
    ...[...letters].map(([letter, list]) =>
      el("section", { class: "letter" }, el("h2", { id: `letter-${letter}` }, letter), el("ul", { class: "rows" }, list.map((item) => el("li", {}, line(known, item))))),
    ),
  );
}

function line(known, item) {
  const bin = known.binOf(item);
  return el(
    "button",
    { class: "row", onclick: () => showThing(item) },
    el("span", { class: "row-words" }, el("strong", {}, item.title), el("span", { class: "muted" }, className(item.label))),
    bin && el("span", { class: "row-bin" }, drawBin(bin), el("span", {}, bin.name)),
    icon("right"),
  );
}
