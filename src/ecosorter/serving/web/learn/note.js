// What is said of learning in a few lines: the switch, what it means, and how far it is. Drawn anew as that changes.

import { el, icon } from "../dom.js";
import { learns } from "../learning.js";
import { fill, show } from "../screens.js";
import { language, word } from "../words.js";
import { fetchAndLearn, onChange, situation, turn } from "./lessons.js";

const drawn = new Map(); // by element: what draws it anew

onChange(() => drawn.forEach((act) => act()));

/** Keep what `draw` draws into an element true while it is seen; it is drawn anew when `key` of the situation is another. */
export function keepTrue(place, draw, key = null) {
  let [pending, last] = [false, null];
  const act = async () => {
    if (!place.isConnected || place.closest("[hidden]")) return drawn.delete(place);
    if (pending) return undefined; // the drawing to come shows this too
    pending = true;
    const now = await situation();
    pending = false;
    if (key && last === (last = key(now))) return undefined;
    return fill(place, ...draw(now).filter(Boolean));
  };
  drawn.set(place, act);
  return act();
}

/** The note below a correction. */
export const drawNote = (place) =>
  keepTrue(place, (now) => [
    learnSwitch(),
    now.on && status(now),
    el("button", { class: "button quiet", id: "note-open", onclick: () => show("place") }, icon("list"), word("learn_list")),
  ]);

/** The switch, with the one sentence that says what it does. */
export function learnSwitch() {
  const input = el("input", { type: "checkbox", role: "switch", id: "learn-switch", checked: learns(), "aria-describedby": "learn-why", onchange: () => turn(input.checked) });
  return el("div", { class: "learn-switch" }, el("label", { class: "tick" }, input, el("strong", {}, word("learn_place"))), el("p", { class: "small muted", id: "learn-why" }, word("learn_why")));
}

/** How far it is, what stands in the way, or what it brought. */
export function status({ doing, problem, lacking, mine, lesson }) {
  const line = (text, ...more) => el("div", { class: "learn-status", role: "status" }, el("p", {}, text), ...more);
  const bar = (text, share) => line(text, el("progress", { max: 100, value: Math.round(100 * share), "aria-label": text }));
  if (doing?.name === "looking") return line(word("learn_looking", { count: doing.left }));
  if (doing) return bar(word(`learn_${doing.name}`), doing.share);
  if (problem) return line(word(`learn_${problem}`));
  const size = (lacking / 1e6).toLocaleString(language(), { maximumFractionDigits: 1 });
  if (mine.length && lacking) return line(word("learn_lacking"), el("button", { class: "button", id: "learn-fetch", onclick: fetchAndLearn }, word("learn_fetch", { size })));
  return mine.length && lesson?.upToDate && lesson.known ? el("div", { class: "learn-status", role: "status" }, ...brought(lesson)) : null;
}

/** What a lesson brought, in words, and never more than was measured. */
export function brought({ photos, things, known: [before, after], step }) {
  if (!step) return [el("p", {}, word("learn_refused"))];
  const key = after > before ? "learn_brought" : after < before ? "learn_brought_less" : "learn_brought_same";
  return [
    el("p", { class: "brought" }, word(key, { count: photos, before, after })),
    el("p", { class: "small muted" }, [word("learn_measured", { count: things }), step < 1 && word("learn_part")].filter(Boolean).join(" ")),
  ];
}
