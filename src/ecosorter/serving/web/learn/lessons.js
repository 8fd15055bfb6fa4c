// Teaches this phone: photos wait, are looked at, and the last layer is fitted to them; all of it goes on where it was cut off.

import { useOwnClasses } from "../catalog.js";
import * as items from "../items.js";
import { canLearn, learns, setLearns } from "../learning.js";
import { ask, isRunning, stop } from "../phone/engine.js";
import { download, installed } from "../phone/parts.js";
import { isDear } from "../phone/support.js";
import * as store from "./store.js";

const PAUSE = 800; // ms after a correction before the fit: often there are several
const listeners = new Set();
let doing = null; // {name: "looking" | "fetching" | "fitting", left, share}
let problem = null; // "full", "unread", "line" or "failed": what is said once
let [looking, lookAgain] = [null, false];
let [learning, learnMore] = [null, false];
let soon;

/** Call back whenever something changes that `situation` tells. */
export const onChange = (act) => listeners.add(act);

function become(found, trouble = problem) {
  doing = found;
  problem = trouble;
  for (const act of listeners) act();
}

store.onChange((what) => {
  if (what === "learnt" && isRunning()) ask("useLearnt", { on: learns() }).catch(() => null); // in another tab, perhaps
  become(doing);
});

/**
 * How things stand: {on, doing, problem, mine, aside, again, waiting, classes, lesson, lacking}. `mine`, `aside`: photos that were
 * taught for this model, and for others; `again`: those of the latter that History still has. `lesson`: what came of the last
 * fit (learn/fit-worker.js). `lacking`: bytes that are still needed to learn, 0 for none.
 */
export async function situation() {
  const { learning: needs, version, parts } = await installed();
  const { mine, aside } = await store.taught(needs.features_of);
  const [waiting, classes, lesson] = await Promise.all([store.allWaiting(), store.newClasses(), store.learnt(needs.features_of, version)]);
  const there = await Promise.all(aside.map(async (photo) => (await items.get(photo.id))?.photo && photo));
  const lacking = needs.parts.every((name) => name in parts) ? 0 : needs.wire;
  return { on: learns(), doing, problem, mine, aside, again: there.filter(Boolean), waiting, classes, lesson, lacking };
}

/** Go on with what was left unfinished. */
export async function begin() {
  useOwnClasses(await store.newClasses());
  if (!canLearn() || !learns()) return;
  const { mine, waiting, lesson } = await situation();
  if (waiting.length || (!lesson?.upToDate && (mine.length || lesson))) await learnNow();
}

/** Learn from a photo, {id, when, photo}, what it shows; with `wait`, not before `learnNow`. It is in the store when this returns. */
export async function teach(photo, label, { wait = false } = {}) {
  setLearns(true);
  try {
    await store.wait({ ...photo, label, source: "phone" });
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error;
    return become(doing, "full");
  }
  become(doing, null);
  lookAtAll();
  return wait || learnSoon();
}

/** Compute the features of what waits, one photo after the other, and of what comes meanwhile. */
function lookAtAll() {
  lookAgain = true;
  looking ??= lookAtEach();
  return looking;
}

async function lookAtEach() {
  const passed = new Set();
  while (lookAgain) {
    lookAgain = false;
    const left = (await store.allWaiting()).filter(({ id }) => !passed.has(id)).sort((a, b) => a.when.localeCompare(b.when));
    if (!left.length) continue;
    lookAgain = true;
    become({ name: "looking", left: left.length });
    const said = await ask("look", { id: left[0].id }).catch(() => "failed");
    if (said !== "kept") passed.add(left[0].id);
    if (said !== "kept") problem = said;
  }
  looking = null;
  become(null);
}

function learnSoon() {
  clearTimeout(soon);
  soon = setTimeout(learnNow, PAUSE);
}

/** Learn from all that was taught. What is taught meanwhile is learnt, too. */
export function learnNow() {
  clearTimeout(soon);
  learnMore = true;
  learning ??= untilNothingNew();
  return learning;
}

async function untilNothingNew() {
  while (learnMore) {
    learnMore = false;
    await lookAtAll();
    if (!learns() || !(await fetchParts())) break;
    become({ name: "fitting", share: 0 });
    await fit().catch(() => (problem = "failed"));
    await ask("useLearnt", { on: learns() }).catch(() => null);
  }
  learning = null;
  become(null);
}

/** Fit the last layer in a worker of its own. */
function fit() {
  const thread = new Worker(new URL("./fit-worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    thread.onmessage = ({ data: { told, error } }) => {
      if (told) return become({ name: "fitting", share: told });
      return error ? reject(new Error(error.message)) : resolve();
    };
    thread.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    thread.postMessage(null);
  }).finally(() => thread.terminate());
}

/** Fetch what learning needs, unasked only where bytes are not dear. Returns whether it is all there. */
async function fetchParts(asked = false) {
  const { learning: needs, version, parts } = await installed();
  if (needs.parts.every((name) => name in parts)) return true;
  if (!asked && isDear()) return false;
  try {
    become({ name: "fetching", share: 0 });
    const now = await download(needs.parts, (done, total) => become({ name: "fetching", share: done / total }));
    if (now.version !== version) stop(); // the model is a newer one, too
    return needs.parts.every((name) => name in now.parts);
  } catch (error) {
    become(null, error.name === "QuotaExceededError" ? "full" : "line");
    return false;
  }
}

/** Fetch it because the person says so, and learn. */
export async function fetchAndLearn() {
  if (await fetchParts(true)) await learnNow();
  else become(null);
}

/** Learn and answer with what was learnt, or not. What was taught stays. */
export async function turn(on) {
  setLearns(on);
  become(doing);
  await ask("useLearnt", { on });
  if (on) await begin();
}

/** Learn anew, since what was taught is not what it was. */
export async function afresh() {
  useOwnClasses(await store.newClasses());
  become(doing, null);
  learnSoon();
}

export const forget = (id) => store.forget(id).then(afresh);

export async function forgetAll() {
  await store.forgetAll();
  useOwnClasses([]);
  await ask("useLearnt", { on: learns() });
  become(doing, null);
}

/** Know a class of this phone's own: {id, name, bin, parent}. */
export async function addClass(about) {
  await store.addClass(about);
  useOwnClasses(await store.newClasses());
}

/** Learn again, for the model of now, from the photos of an older one that are still there. */
export async function renew() {
  for (const { id, when, label } of (await situation()).again) await teach({ id, when, photo: (await items.get(id)).photo }, label, { wait: true });
  await learnNow();
}
