// Phrases for which nothing was found. They stay on this device; only where the operator asked for them, and the page
// says so, the bare phrase is sent too.

import * as api from "./api.js";
import { recall, remember } from "./memory.js";
import { language } from "./words.js";

const KEPT = 200;

/** The phrases, the latest first. */
export const missed = () => JSON.parse(recall("missed") ?? "[]");

/** Keep a phrase, and send it where `collected` says that the operator wants it. */
export function noteMissed(phrase, collected) {
  const before = missed();
  if (before.includes(phrase)) return;
  remember("missed", JSON.stringify([phrase, ...before].slice(0, KEPT)));
  if (collected) api.miss(phrase, language()).catch(() => null);
}

export const forgetMissed = () => remember("missed", "[]");
