// Temperature and thresholds of a taught model: it may grow more careful, never bolder (teaching/recalibrate.py).

import { softmax } from "../phone/decision.js";
import { argmax, lowest, mean, range } from "./numbers.js";
import { spreadRows } from "./rehearsal.js";

const [LOWEST, HIGHEST] = [Math.log(0.05), Math.log(20)];
const TARGET = 0.9; // accuracy wanted of answers
const MISSES = 0.1; // share of photos whose class may be missing among those offered

/** {temperature, thresholds} of a refitted head, by what both say of the bank and what it says of photos left out. */
export function recalibrate(oldTemperature, old, before, after, labels, ownAfter, ownLabels) {
  const asSure = before.length ? matchConfidence(after, surest(before, oldTemperature)) : oldTemperature;
  const temperature = Math.max(oldTemperature, asSure, fitTemperature(ownAfter, ownLabels));
  const some = spreadRows(labels, labels.map(() => 0), ownLabels.length);
  const probabilities = [...ownAfter, ...some.map((row) => after[row])].map((logits) => softmax(logits, temperature));
  const found = fitThresholds(probabilities, [...ownLabels, ...some.map((row) => labels[row])]);
  return {
    temperature,
    thresholds: { ...old, confidence: Math.max(old.confidence, found.confidence), conformal: Math.max(old.conformal, found.conformal) },
  };
}

/** The mean probability of the best class. */
function surest(rows, temperature) {
  return mean(
    rows.map((logits) => {
      const most = Math.max(...logits);
      return 1 / logits.reduce((sum, value) => sum + Math.exp((value - most) / temperature), 0);
    }),
  );
}

/** The temperature at which the mean probability of the best class is as wanted, as near as can be. */
function matchConfidence(rows, wanted) {
  let [low, high] = [LOWEST, HIGHEST];
  if (surest(rows, Math.exp(low)) <= wanted) return Math.exp(low);
  if (surest(rows, Math.exp(high)) >= wanted) return Math.exp(high);
  while (high - low > 1e-7) {
    const middle = (low + high) / 2;
    if (surest(rows, Math.exp(middle)) > wanted) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** The temperature of least cross-entropy, against labels that are softened a little (evaluation/calibration.py). */
function fitTemperature(rows, labels) {
  if (!rows.length) return 1;
  const soft = 1 / (rows.length + 2);
  const entropy = (logTemperature) =>
    mean(
      rows.map((logits, at) => {
        const scaled = Array.from(logits, (value) => value / Math.exp(logTemperature));
        const most = Math.max(...scaled);
        const all = most + Math.log(scaled.reduce((sum, value) => sum + Math.exp(value - most), 0));
        return -((1 - soft) * (scaled[labels[at]] - all) + soft * (mean(scaled) - all));
      }),
    );
  return Math.exp(lowest(entropy, LOWEST, HIGHEST));
}

/** When to answer, and which classes to offer (evaluation/calibration.py). */
export function fitThresholds(probabilities, labels) {
  const sure = probabilities.map((row) => Math.max(...row));
  const order = range(sure.length).sort((a, b) => sure[b] - sure[a]);
  let confidence = 1;
  let right = 0;
  order.forEach((row, at) => {
    right += argmax(probabilities[row]) === labels[row];
    const lastOfEqual = at + 1 === order.length || sure[order[at + 1]] !== sure[row];
    if (lastOfEqual && right >= TARGET * (at + 1) - 1e-9) confidence = sure[row];
  });
  const scores = Float64Array.from(probabilities, (row, at) => 1 - row[labels[at]]).sort();
  const place = Math.ceil((labels.length + 1) * (1 - MISSES) - 1e-9) - 1;
  return { confidence, conformal: place < 0 ? 0 : (scores[place] ?? 1) };
}
