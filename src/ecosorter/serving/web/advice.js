// What to do with an item: the bin, the question, do and do not, and who says so.

import * as api from "./api.js";
import { binColour, drawBin, schemePicker } from "./bins.js";
import { ownClasses, schemeId } from "./catalog.js";
import { useDictionary } from "./dictionary.js";
import { el, icon } from "./dom.js";
import * as items from "./items.js";
import { say } from "./screens.js";
import { language, word } from "./words.js";

/** The classes that the advice is about: the person's choice, the model's answer, or all that it may be. */
export function candidatesOf(item) {
  if (item.picked) return [item.picked];
  const { label, candidates } = item.result;
  return label ? [label] : candidates.map(({ id }) => id);
}

const fits = (advice, item, candidates) =>
  advice &&
  advice.scheme === (schemeId() ?? advice.scheme) &&
  advice.language === language() &&
  advice.candidates.join() === candidates.join() &&
  (!item.answer || advice.answer === item.answer);

function fitting(advice, item, candidates) {
  if (!fits(advice, item, candidates)) throw new Error("there is no such advice on this phone");
  return advice;
}

/** Return {advice, old}: for the scheme, language and answer of now; the last one there was, marked old, without a network. */
export async function adviceFor(item) {
  if (item.result.certainty === "no_waste" && !item.picked) return { advice: null, old: false };
  const candidates = candidatesOf(item);
  if (item.thing) {
    const known = await useDictionary();
    const advice = known?.advice(item.thing, item.answer) ?? null;
    return { advice, old: Boolean(advice) && advice.language !== language() };
  }
  if (fits(item.guidance, item, candidates)) return { advice: item.guidance, old: false };
  const ask = () => api.guidance(candidates, schemeId(), item.answer, language());
  const lookUp = async () => fitting((await useDictionary())?.guide(candidates, item.answer ?? ""), item, candidates);
  const isOurs = item.by === "phone" || ownClasses().some(({ id }) => candidates.includes(id));
  const [first, second] = isOurs ? [lookUp, ask] : [ask, lookUp];
  const advice = await first().catch(second).catch(() => null);
  if (advice) {
    await items.change(item.id, { guidance: advice });
    return { advice, old: false };
  }
  const same = item.guidance?.candidates.join() === candidates.join();
  return { advice: same ? item.guidance : null, old: true };
}

/** Draw the advice. `onAnswer` gets the id of an answer, `onScheme` is called when another scheme was chosen. */
export function drawAdvice({ advice, old }, { onAnswer, onScheme }) {
  const box = el("div", { class: "advice" });
  if (!advice) {
    box.append(el("p", { class: "note" }, word("guidance_missing")));
    return box;
  }
  box.append(
    ...[
      old && el("p", { class: "note" }, word("guidance_old")),
      advice.cautious && el("p", { class: "caution" }, icon("warn"), el("span", {}, advice.caution)),
      binCard(advice),
      advice.item && ownWords(advice.item),
      advice.question && question(advice, onAnswer),
      steps(advice.do, "do", "check"),
      steps(advice.do_not, "do_not", "cross"),
      footer(advice, onScheme),
    ].filter(Boolean),
  );
  return box;
}

/** Tell a screen reader where the item goes now. */
export function sayAdvice(advice) {
  if (!advice) return;
  const { bin } = advice;
  say(advice.accepted && bin ? word("said_bin", { colour: bin.colour, bin: bin.name }) : advice.reason);
}

function binCard({ bin, accepted, reason }) {
  if (!bin) {
    return el(
      "div",
      { class: "bincard" },
      el("span", { class: "bin nobin", "aria-hidden": "true" }, "?"),
      el("div", {}, el("h2", { class: "bin-name" }, word("no_bin")), el("p", {}, reason)),
    );
  }
  const card = el(
    "div",
    { class: "bincard" },
    drawBin(bin),
    el(
      "div",
      {},
      el("p", { class: "eyebrow" }, word(accepted ? "put_into" : "not_accepted")),
      el("h2", { class: "bin-name" }, bin.name),
      el("p", { class: "bin-colour" }, `${binColour(bin)} `, el("span", { "aria-hidden": "true" }, bin.symbol)),
      bin.how && el("p", { class: "bin-how" }, bin.how),
    ),
  );
  card.style.setProperty("--bin", bin.hex);
  return card;
}

/** What is said of one item: a tip, what goes apart, and whether somebody else says so too. */
function ownWords({ tip, parts, differs, own_reading: ownReading }) {
  return el(
    "div",
    { class: "own-words" },
    tip && el("p", { class: "tip" }, icon("leaf"), el("span", {}, tip)),
    parts.length > 0 && el("section", { class: "parts" }, el("h2", {}, word("parts")), el("ul", { class: "tiles" }, parts.map((part) => partTile(part)))),
    ownReading && el("p", { class: "muted small" }, word(differs ? "own_reading_differs" : "own_reading")),
  );
}

function partTile({ name, bin }) {
  return el(
    "li",
    { class: "tile" },
    bin ? drawBin(bin) : el("span", { class: "bin nobin", "aria-hidden": "true" }, "?"),
    el("span", { class: "tile-words" }, el("strong", {}, name), el("span", { class: "muted" }, bin?.name ?? word("no_bin"))),
  );
}

function question({ question: { text, answers }, answer }, onAnswer) {
  return el(
    "fieldset",
    { class: "question" },
    el("legend", {}, text),
    el(
      "div",
      { class: "choices" },
      answers.map(({ id, name }) =>
        el(
          "label",
          { class: "choice" },
          el("input", { type: "radio", name: "answer", id: `answer-${id}`, value: id, checked: id === answer, onchange: () => onAnswer(id) }),
          el("span", {}, name),
        ),
      ),
    ),
  );
}

function steps(lines, key, mark) {
  if (!lines.length) return null;
  return el(
    "section",
    { class: `steps ${key}` },
    el("h2", {}, word(key)),
    el("ul", {}, lines.map((line) => el("li", {}, icon(mark), el("span", {}, line)))),
  );
}

function footer(advice, onScheme) {
  const sources = [...(advice.item?.sources ?? []), ...advice.sources, ...advice.advice_sources];
  const checked = new Date(`${advice.checked}T12:00`).toLocaleDateString(language(), { dateStyle: "long" });
  return el(
    "div",
    { class: "according" },
    el("label", { for: "answer-scheme" }, word("according_to")),
    schemePicker("answer-scheme", onScheme),
    el(
      "details",
      {},
      el("summary", {}, word("sources")),
      el("p", {}, `${advice.place}. ${word("checked", { date: checked })}.`),
      advice.note && el("p", {}, advice.note),
      el(
        "ul",
        {},
        sources.map(({ title, url, date }) =>
          el("li", {}, url ? el("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, title) : title, date && ` (${date})`),
        ),
      ),
    ),
  );
}
