// Whether this phone learns its place, and the way to what does it (learn/): nothing of that is loaded before it is needed.

import { classList, ownClasses } from "./catalog.js";
import { el } from "./dom.js";
import { recall, remember } from "./memory.js";
import { now, onChange } from "./phone/download.js";
import { onStart } from "./phone/engine.js";

const KEY = "learn"; // "on" or "off"; nothing before the first lesson
const lessons = () => import("./learn/lessons.js");

/** Whether the model that is on this phone can learn. */
export const canLearn = () => now().name === "ready" && now().teachable;

export const learns = () => recall(KEY) === "on";
export const wasAsked = () => recall(KEY) !== null;
export const setLearns = (on) => remember(KEY, on ? "on" : "off");

/** Answer with what was learnt from the first photo on, and finish what was left unfinished. */
export function prepareLearning() {
  const begin = () => wasAsked() && lessons().then((found) => found.begin());
  onStart((ask) => learns() && ask("useLearnt", { on: true }).catch(() => null)); // the bundle's own answers are better than none
  onChange(({ name }) => name === "ready" && begin());
  addEventListener("storage", ({ key }) => key === `ecosorter.${KEY}` && begin()); // another tab had its first lesson
  addEventListener("online", begin);
  begin();
}

/** Learn from a photo on this device what it shows, unless the person said not to. */
export async function teach(item, label) {
  const isKnown = [...classList(), ...ownClasses()].some(({ id }) => id === label);
  if (!isKnown || !canLearn() || (wasAsked() && !learns())) return;
  setLearns(true);
  await (await lessons()).teach({ id: item.id, when: new Date(item.when).toISOString(), photo: item.photo }, label);
}

/** What is said of learning below a correction; null where there is nothing. */
export function learningNote() {
  if (!canLearn()) return null;
  const place = el("div", { class: "learn-note" });
  import("./learn/note.js").then(({ drawNote }) => drawNote(place)); // by then it is in the document
  return place;
}
