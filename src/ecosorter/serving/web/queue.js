// Sends what waits: photos to be classified, then corrections. Every photo goes this way, with or without a network,
// so none is lost when the line drops half-way. The page calls it, and the service worker on Background Sync.
//
// One that cannot get through must not keep the others waiting: what this browser could not make small goes beside
// them, and what has failed goes behind them, with longer and longer pauses, until it is given up.

import * as api from "./api.js";
import { classify } from "./engines.js";
import * as items from "./items.js";

const PATIENT = 5; // tries after which something is given up
const LARGE = 500_000; // bytes; what shrink.js makes has fewer
const PAUSE = 20; // seconds before what has failed once is tried again
const LANES = ["small", "large"];
const LONGEST_PAUSE = 60; // seconds between looks for a service that is out of reach
const running = new Map(); // by lane
const again = new Set(); // lanes with something new
let outOfReach = 0; // times in a row

/** Send what waits, one after the other. Returns {left, retryAfter}: how many still wait, seconds to leave it alone. */
export async function flush() {
  const pauses = (await Promise.all(LANES.map(drain))).filter(Boolean);
  const left = (await items.all()).filter(isWaiting).length;
  return { left, retryAfter: left && pauses.length ? Math.min(...pauses) : 0 };
}

/** Empty a lane; what comes in while that is about to stop goes too, and no lane waits for the other. */
function drain(lane) {
  again.add(lane);
  if (!running.has(lane)) running.set(lane, untilNothingNew(lane).finally(() => running.delete(lane)));
  return running.get(lane);
}

async function untilNothingNew(lane) {
  let pause = 0;
  while (again.delete(lane)) pause = await alone(lane, () => sendAll(lane));
  return pause;
}

/** One sender in a lane at a time over all tabs and the worker. Without locks (plain http) there is no worker either. */
function alone(lane, work) {
  return navigator.locks ? navigator.locks.request(`ecosorter-queue-${lane}`, work) : work();
}

export const isWaiting = (item) => item.state === "waiting" || item.correction?.state === "waiting";

const photoToSend = (item) => (item.state === "waiting" || item.correction.data.consent ? item.photo : null);
const laneOf = (item) => (photoToSend(item)?.size > LARGE ? "large" : "small");
const triesOf = (item) => (item.state === "waiting" ? item.tries : item.correction.tries) ?? 0;

/** Send what waits in a lane, what has failed last. Returns after how many seconds to come again; 0: no need, or no network. */
async function sendAll(lane) {
  const tried = new Set();
  let pause = 0;
  for (;;) {
    const [next] = (await items.all())
      .filter((item) => isWaiting(item) && laneOf(item) === lane && !tried.has(`${item.id} ${item.state}`))
      .sort((a, b) => triesOf(a) - triesOf(b) || a.when - b.when);
    if (!next) return pause;
    try {
      await (next.state === "waiting" ? sendPhoto(next) : sendCorrection(next));
      outOfReach = 0;
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
      if (!(await isItsOwn(problem))) {
        if (next.state === "waiting") await items.change(next.id, { held: problem.status ? "busy" : "offline" });
        if (problem.status) return problem.retryAfter || PAUSE;
        return navigator.onLine ? Math.min(2 ** outOfReach++, LONGEST_PAUSE) : 0; // else the browser says when it is
      }
      tried.add(`${next.id} ${next.state}`);
      const tries = triesOf(next) + 1;
      await (tries < PATIENT ? hold(next, tries) : giveUp(next, problem));
      if (tries < PATIENT) pause = Math.min(pause || Infinity, PAUSE * 2 ** (tries - 1));
    }
  }
}

/** Whether it is this one that does not get through. A service that is busy, or out of reach, is so for all. */
async function isItsOwn({ status }) {
  if (status === 503 || status === 429) return false;
  return status !== 0 || (await api.answers());
}

const hold = (item, tries) =>
  items.change(item.id, item.state === "waiting" ? { tries, held: "slow" } : { correction: { ...item.correction, tries } });

function giveUp(item, { status, code, title, detail }) {
  const words = status >= 500 ? { code, title, detail } : { code: "not_sent" }; // the page has the words for it
  if (item.state === "waiting") return items.change(item.id, { state: "failed", problem: words });
  return items.change(item.id, { correction: { ...item.correction, state: "refused", detail: words.detail } });
}

/** Classify a photo. Throws a passing problem; a lasting one becomes the item's own. */
async function sendPhoto(item) {
  try {
    const { model, results, by } = await classify(item.photo, item.scheme, item.lang);
    const [result] = results;
    const read = result.status === "ok";
    const outcome = read ? { state: "done", result, guidance: result.guidance } : { state: "failed", problem: result.problem };
    await items.change(item.id, { ...outcome, model, by });
  } catch (problem) {
    if (problem.passing !== false) throw problem;
    const { code, title, detail } = problem;
    await items.change(item.id, { state: "failed", problem: { code, title, detail } });
  }
}

async function sendCorrection(item) {
  const { correction } = item;
  try {
    const { id, photo_kept: photoKept } = await api.correct(correction.key, correction.data, photoToSend(item));
    await items.change(item.id, { correction: { ...correction, state: "sent", id, photoKept } });
  } catch (problem) {
    if (problem.passing !== false) throw problem;
    await items.change(item.id, { correction: { ...correction, state: "refused", detail: problem.message } });
  }
}
