// Sends what waits: photos to be classified, then corrections. Every photo goes this way, with or without a network,
// so none is lost when the line drops half-way. The page calls it, and the service worker on Background Sync.

import * as api from "./api.js";
import * as items from "./items.js";

const PATIENT = 5; // tries at which a photo that the service stumbles over is given up
let running = null;
let again = false;

/** Send what waits, one after the other. Returns {left, retryAfter}: how many still wait, seconds to leave it alone. */
export function flush() {
  again = true; // also for what came in while the last one was about to stop
  running ??= untilNothingNew().finally(() => (running = null));
  return running;
}

async function untilNothingNew() {
  let outcome;
  while (again) {
    again = false;
    outcome = await alone(sendAll);
  }
  return outcome;
}

/** One sender at a time over all tabs and the worker. Without locks (plain http) there is no worker either. */
function alone(work) {
  return navigator.locks ? navigator.locks.request("ecosorter-queue", work) : work();
}

async function sendAll() {
  for (;;) {
    const [next] = (await items.all()).filter(isWaiting).sort((a, b) => a.when - b.when);
    if (!next) return { left: 0, retryAfter: 0 };
    try {
      await (next.state === "waiting" ? sendPhoto(next) : sendCorrection(next));
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
      return { left: (await items.all()).filter(isWaiting).length, retryAfter: problem.status ? problem.retryAfter || 20 : 0 };
    }
  }
}

export const isWaiting = (item) => item.state === "waiting" || item.correction?.state === "waiting";

/** Classify a photo. Throws a passing problem; a lasting one becomes the item's own. */
async function sendPhoto(item) {
  try {
    const { model, results } = await api.classify(item.photo, item.scheme, item.lang);
    const [result] = results;
    const read = result.status === "ok";
    const outcome = read ? { state: "done", result, guidance: result.guidance } : { state: "failed", problem: result.problem };
    await items.change(item.id, { ...outcome, model });
  } catch (problem) {
    const tries = (item.tries ?? 0) + (problem.status >= 500 && problem.status !== 503 ? 1 : 0);
    if (problem.passing && tries < PATIENT) {
      await items.change(item.id, { tries, held: problem.status ? "busy" : "offline" });
      throw problem;
    }
    const { code, title, detail } = problem;
    await items.change(item.id, { state: "failed", problem: { code, title, detail } });
  }
}

async function sendCorrection(item) {
  const { correction } = item;
  const photo = correction.data.consent ? item.photo : null;
  try {
    const { id, photo_kept: photoKept } = await api.correct(correction.key, correction.data, photo);
    await items.change(item.id, { correction: { ...correction, state: "sent", id, photoKept } });
  } catch (problem) {
    if (problem.passing) throw problem;
    await items.change(item.id, { correction: { ...correction, state: "refused", detail: problem.message } });
  }
}
