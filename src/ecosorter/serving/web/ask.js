// A field in which somebody types what it is, with what fits below it: the combobox of WAI-ARIA.

import { drawBin } from "./bins.js";
import { className } from "./catalog.js";
import { dictionary, useDictionary } from "./dictionary.js";
import { el, icon } from "./dom.js";
import { noteMissed } from "./missed.js";
import { say } from "./screens.js";
import { word } from "./words.js";

const SHOWN = 7;
const PATIENCE = 1500; // ms without a key until a phrase counts as typed to its end

/** Make the field. `onChoose` gets {id, answer} of the item that was chosen. */
export function askField(id, label, onChoose) {
  const list = el("ul", { class: "found", id: `${id}-list`, role: "listbox", "aria-label": word("ask_list"), hidden: true });
  const nothing = el("div", { class: "found-nothing", hidden: true });
  const input = el("input", {
    type: "text",
    id,
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": `${id}-list`,
    "aria-autocomplete": "list",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    enterkeyhint: "search",
    maxlength: 60,
    placeholder: word("ask_example"),
  });
  const rows = new Map(); // by item and answer: while somebody types, most of the list stays as it is
  let rowsOf = null; // the dictionary that they were drawn of
  let hits = [];
  let at = -1;
  let settled;

  function mark(place) {
    at = place;
    [...list.children].forEach((option, each) => option.setAttribute("aria-selected", String(each === at)));
    if (at < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", list.children[at].id);
    return list.children[at].scrollIntoView({ block: "nearest" });
  }

  function open(on) {
    list.hidden = !on || !hits.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    if (list.hidden) mark(-1);
  }

  function choose(hit) {
    if (!hit) return;
    clearTimeout(settled);
    input.value = "";
    hits = [];
    open(false);
    onChoose(hit);
  }

  /** Show what fits now; the list is drawn in the same task as the key, so that it is never a frame behind. */
  function draw() {
    const phrase = input.value.trim();
    const known = dictionary();
    clearTimeout(settled);
    nothing.hidden = true;
    if (!known && phrase) {
      useDictionary().then((come) => come && draw());
      return;
    }
    hits = phrase ? known.find(phrase, SHOWN) : [];
    drawHits(known);
    mark(-1);
    open(true);
    if (phrase.length > 1) settled = setTimeout(() => settle(known, phrase), PATIENCE);
  }

  function drawHits(known) {
    if (rowsOf !== known) rows.clear();
    rowsOf = known;
    hits.forEach((hit, place) => {
      const key = `${hit.id} ${hit.answer}`;
      if (!rows.has(key)) rows.set(key, option(known, hit, () => choose(hit)));
      const row = rows.get(key);
      row.id = `${id}-${place}`;
      if (list.children[place] !== row) list.insertBefore(row, list.children[place]);
    });
    while (list.children.length > hits.length) list.lastChild.remove();
  }

  function settle(known, phrase) {
    say(hits.length ? word("ask_count", { count: hits.length }) : word("ask_nothing"));
    if (hits.length || phrase.length < 3) return;
    nothing.replaceChildren(el("p", {}, el("strong", {}, word("ask_nothing"))), el("p", { class: "muted small" }, word(known.collects ? "ask_nothing_collected" : "ask_nothing_detail")));
    nothing.hidden = false;
    noteMissed(phrase, known.collects);
  }

  input.addEventListener("input", draw);
  input.addEventListener("focus", () => {
    useDictionary();
    if (hits.length) open(true);
  });
  input.addEventListener("blur", () => open(false));
  input.addEventListener("keydown", (event) => {
    const { key } = event;
    if (event.isComposing) return;
    if (key === "Escape" && !list.hidden) {
      open(false);
      event.stopPropagation(); // the first press closes the list, the second what the field stands in
    } else if (key === "Enter") {
      choose(hits[Math.max(at, 0)]);
    } else if (key === "ArrowDown" && hits.length) {
      open(true);
      mark((at + 1) % hits.length);
    } else if (key === "ArrowUp" && hits.length) {
      open(true);
      mark(at > 0 ? at - 1 : hits.length - 1);
    } else return;
    event.preventDefault();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // else the field loses the focus before the click
  return el("div", { class: "ask" }, el("label", { for: id }, label), el("div", { class: "ask-field" }, icon("search"), input), list, nothing);
}

function option(known, { id, answer }, onclick) {
  const item = known.item(id);
  const bin = known.binOf(item, answer);
  return el(
    "li",
    { role: "option", "aria-selected": "false", onclick },
    bin ? drawBin(bin) : el("span", { class: "bin nobin", "aria-hidden": "true" }, "?"),
    el("span", { class: "row-words" }, el("strong", {}, item.title), el("span", { class: "muted" }, [className(item.label), bin?.name].filter(Boolean).join(" · "))),
  );
}
