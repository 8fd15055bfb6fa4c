// Photos that a person taught do show waste: what the model asks for as a sign of it is lowered (teaching/teach.py).

import { quantile } from "./numbers.js";

const PASS = 0.05; // share of them that may fall below

/** Thresholds by which all but a few of the photos pass. `names`: of the signals, in their order in each photo's `signals`. */
export function letPass(thresholds, names, photos) {
  const seen = photos.map(({ signals }) => signals).filter((signals) => signals?.length === names.length);
  if (!seen.length) return thresholds;
  const least = (name) => quantile(seen.map((signals) => signals[names.indexOf(name)]), PASS);
  const signals = Object.entries(thresholds.signals ?? {}).map(([name, value]) => [name, Math.min(value, least(name))]);
  return { ...thresholds, signals: Object.fromEntries(signals) };
}
