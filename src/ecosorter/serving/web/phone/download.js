// The download for use without a network: offered, coming, paused, whole; or not for this phone.

import { recall, remember } from "../memory.js";
import { ask, stop as endWorker } from "./engine.js";
import { download, forget, installed, missing, offered } from "./parts.js";
import { isDear, reasonAgainst } from "./support.js";

const MOST_TRIES = 8; // in a row without a byte
const LONGEST_PAUSE = 60; // seconds

/**
 * {name: "unknown" | "cannot" | "offered" | "coming" | "paused" | "ready", why, size, share, problem, update, teachable}; sizes in
 * bytes. `teachable`: the model that is here can learn.
 */
let state = { name: "unknown" };
let control = null;
const listeners = [];

export const now = () => state;
export const onChange = (act) => listeners.push(act);

function become(name, fields = {}) {
  const before = state;
  state = { name, ...fields };
  for (const act of listeners) act(state, before);
}

async function becomeReady(fields = {}) {
  become("ready", { ...fields, teachable: Boolean((await installed())?.learning) });
}

/** Find out how things stand on this phone. */
export async function begin() {
  const why = recall("phone.failed") ? "failed" : reasonAgainst();
  if (why) become("cannot", { why });
  else if (await installed()) await becomeReady();
}

/** Ask what there is; go on with what was begun, and bring it up to date, where bytes are not dear. */
export async function lookForNews() {
  if (!["unknown", "ready"].includes(state.name)) return undefined;
  const here = await installed();
  const list = await offered().catch(() => null);
  if (!list) return undefined;
  const names = here ? Object.keys(here.parts) : list.first;
  const size = await missing(list, names.filter((name) => name in list.parts));
  if (here?.version === list.version) return undefined;
  if (here) return isDear() && size ? becomeReady({ update: size }) : fetchAll();
  if (!recall("phone.wanted")) return become("offered", { size });
  return isDear() ? become("paused", { size }) : fetchAll();
}

/** Fetch what is missing, through all that may happen to the line, until it is whole or the person says stop. */
export async function fetchAll() {
  const before = await installed();
  remember("phone.wanted", "1");
  control = new AbortController();
  const { signal } = control;
  let reached = 0;
  const tell = (done, total) => {
    if (Math.floor((100 * done) / total) <= Math.floor(100 * reached)) return;
    reached = done / total;
    tries = 0;
    if (!before && !signal.aborted) become("coming", { size: total, share: reached });
  };
  if (!before) become("coming", { size: state.size ?? 0, share: 0 });
  let tries = 0;
  while (!signal.aborted) {
    try {
      const list = await offered();
      await download(list.first, tell, signal);
      await navigator.storage?.persist?.().catch(() => false); // else a browser in need of room may drop it
      endWorker();
      await ask("open").catch(fail); // with what is new; and nobody is told that it is ready before it is
      await Promise.all([import("../learn/place.js"), import("../learn/round.js")]).catch(() => null); // kept for when there is no network
      return state.name === "cannot" ? null : becomeReady();
    } catch (error) {
      if (signal.aborted) break;
      const full = error.name === "QuotaExceededError";
      if (full || ++tries > MOST_TRIES) return before ? null : become("paused", { size: state.size, problem: full ? "full" : "line" });
      await untilOnline(2 ** tries);
    }
  }
  return before ? null : become("paused", { size: state.size, share: reached });
}

/** Wait for the network, or some seconds. */
function untilOnline(seconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000 * Math.min(seconds, LONGEST_PAUSE));
    addEventListener("online", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Stop fetching; what has come stays. */
export function pause() {
  remember("phone.wanted", "");
  control?.abort();
}

/** Take everything off this phone again. */
export async function remove() {
  pause();
  endWorker();
  await forget();
  remember("phone.failed", "");
  become("unknown");
  await begin();
  await lookForNews();
}

/** The engine does not work here: say so, and do not try it again. */
export function fail() {
  remember("phone.failed", "1");
  endWorker();
  become("cannot", { why: "failed" });
}
