// Refit a linear head on what it knew and on photos of a place, so that it keeps what it knew (teaching/refit.py).
//
// A head here: {weights: by class and feature, bias: by class}, as in phone/head.js.

import { minimise } from "./lbfgs.js";
import { unique } from "./numbers.js";

const HOLD_OLD = 0.1;
const HOLD_NEW = 0.01;
const OWN_SHARE = 0.5;
const [SLOPE, LOOSE] = [1e-6, 1e-5]; // the largest that is left; of a head that is only asked and not kept
const [ROWS, CLASSES] = [2, 4]; // multiplied at a time: more would not fit a processor's registers

/** Room for so many rows of standardised features, with some to spare, as `refit` takes them. */
export const roomFor = (n, d) => new Float32Array(Math.ceil(n / ROWS) * ROWS * d);

/** Weights that sum to 1: own photos as much as all others together, in each half classes alike, sources by their root. */
export function balancedWeights(labels, sources, own) {
  const weights = new Float64Array(labels.length);
  for (const [half, share] of [[true, OWN_SHARE], [false, 1 - OWN_SHARE]]) {
    const rows = [...labels.keys()].filter((row) => own[row] === half);
    const classes = unique(rows.map((row) => labels[row]));
    for (const label of classes) {
      const mine = rows.filter((row) => labels[row] === label);
      const counts = new Map();
      for (const row of mine) counts.set(sources[row], (counts.get(sources[row]) ?? 0) + 1);
      const each = mine.map((row) => 1 / Math.sqrt(counts.get(sources[row])));
      const sum = each.reduce((all, one) => all + one, 0);
      mine.forEach((row, at) => (weights[row] = (share * each[at]) / sum / classes.length));
    }
  }
  const total = weights.reduce((all, one) => all + one, 0);
  return weights.map((weight) => weight / total);
}

/** A head with more classes: each new one half like what it was part of, half like the mean; and rare. */
export function grown({ weights, bias }, classes, parents) {
  const old = bias.length;
  const d = weights.length / old;
  const more = { weights: new Float32Array(classes * d), bias: new Float32Array(classes) };
  more.weights.set(weights);
  more.bias.set(bias);
  for (let label = old; label < classes; label++) {
    const parent = parents.get(label);
    for (let j = 0; j <= d; j++) {
      const at = (one) => (j < d ? weights[one * d + j] : bias[one]);
      let middle = 0;
      for (let one = 0; one < old; one++) middle += at(one) / old;
      const value = ((parent === undefined ? middle : at(parent)) + middle) / 2;
      if (j < d) more.weights[label * d + j] = value;
      else more.bias[label] = value - 2;
    }
  }
  return more;
}

/**
 * The head that fits rows while it stays near the one that it starts from. Returns {weights, bias, steps}.
 * `rows`: standardised features in a `roomFor`; `allowed`: for each row the classes that it may be. `begin`: a head of nearly the
 * same rows to begin with, as when some are left out; then it is fitted less exactly.
 */
export function refit(start, oldClasses, rows, allowed, weights, { mean, deviation }, begin = null) {
  const classes = start.bias.length;
  const d = mean.length;
  const n = weights.length;
  const size = classes * d;
  const begun = standard(start, mean, deviation);
  const first = standard(begin ?? start, mean, deviation);
  for (let i = 0; i < size; i++) first[i] -= begun[i];
  const hold = Float64Array.from({ length: classes }, (_, label) => (label < oldClasses ? HOLD_OLD : HOLD_NEW));
  const even = Math.ceil(classes / CLASSES) * CLASSES;
  const head = new Float64Array(even * d);
  const sums = new Float64Array(even * d);
  const scores = new Float64Array(ROWS * even);

  function loss(values, slope) {
    for (let i = 0; i < size; i++) head[i] = begun[i] + values[i];
    let total = 0;
    sums.fill(0);
    slope.fill(0);
    for (let row = 0; row < n; row += ROWS) {
      multiply(rows, row * d, head, d, even, scores);
      for (let inside = 0; inside < ROWS; inside++) {
        const at = inside * even;
        const weight = row + inside < n ? weights[row + inside] : 0;
        if (weight) total -= weight * errors(scores, at, values, size, classes, allowed[row + inside]);
        for (let label = 0; label < classes; label++) slope[size + label] += scores[at + label] *= weight;
      }
      multiplyBack(rows, row * d, scores, d, even, sums);
    }
    slope.set(sums.subarray(0, size));
    for (let i = 0; i < size; i++) {
      const held = hold[Math.floor(i / d)] * values[i];
      total += held * values[i];
      slope[i] += 2 * held;
    }
    return total;
  }

  const { values, steps } = minimise(loss, first, begin ? LOOSE : SLOPE);
  const found = { weights: new Float32Array(size), bias: new Float32Array(classes), steps };
  for (let label = 0; label < classes; label++) {
    let shift = values[size + label];
    for (let j = 0, at = label * d; j < d; j++, at++) {
      const weight = (begun[at] + values[at]) / deviation[j];
      found.weights[at] = weight;
      shift -= mean[j] * weight;
    }
    found.bias[label] = shift;
  }
  return found;
}

/** A head in standardised features: weights by class and feature, then the biases. */
function standard({ weights, bias }, mean, deviation) {
  const d = mean.length;
  const values = new Float64Array(weights.length + bias.length);
  for (let label = 0; label < bias.length; label++) {
    let shift = bias[label];
    for (let j = 0, at = label * d; j < d; j++, at++) {
      values[at] = weights[at] * deviation[j];
      shift += mean[j] * weights[at];
    }
    values[weights.length + label] = shift;
  }
  return values;
}

/** Turn a row's scores into the errors of its probabilities; return the logarithm of that of what it may be. */
function errors(scores, at, values, size, classes, allowed) {
  let most = -Infinity;
  for (let label = 0; label < classes; label++) most = Math.max(most, (scores[at + label] += values[size + label]));
  let all = 0;
  let right = 0;
  for (let label = 0; label < classes; label++) {
    const weight = Math.exp(scores[at + label] - most);
    scores[at + label] = weight;
    all += weight;
  }
  for (const label of allowed) right += scores[at + label];
  right = Math.max(right, 1e-300);
  for (let label = 0; label < classes; label++) {
    const weight = scores[at + label];
    scores[at + label] = weight / all - (allowed.includes(label) ? weight / right : 0);
  }
  return Math.log(right / all);
}

/** scores[row, class] = rows[row] · head[class] of the rows from `from` on. */
function multiply(rows, from, head, d, classes, scores) {
  const [a, b] = [from, from + d];
  for (let label = 0; label < classes; label += CLASSES) {
    const [one, two, three, four] = [label * d, (label + 1) * d, (label + 2) * d, (label + 3) * d];
    let p = 0;
    let q = 0;
    let r = 0;
    let s = 0;
    let t = 0;
    let u = 0;
    let v = 0;
    let w = 0;
    for (let j = 0; j < d; j++) {
      const x = rows[a + j];
      const y = rows[b + j];
      const k = head[one + j];
      const l = head[two + j];
      const m = head[three + j];
      const n = head[four + j];
      p += x * k;
      q += x * l;
      r += x * m;
      s += x * n;
      t += y * k;
      u += y * l;
      v += y * m;
      w += y * n;
    }
    [p, q, r, s].forEach((sum, at) => (scores[label + at] = sum));
    [t, u, v, w].forEach((sum, at) => (scores[classes + label + at] = sum));
  }
}

/** sums[class] += the sum over these rows of errors[row, class] · rows[row]. */
function multiplyBack(rows, from, errors, d, classes, sums) {
  const [a, b] = [from, from + d];
  for (let label = 0; label < classes; label += CLASSES) {
    const [one, two, three, four] = [label * d, (label + 1) * d, (label + 2) * d, (label + 3) * d];
    const [p, q, r, s] = [0, 1, 2, 3].map((at) => errors[label + at]);
    const [t, u, v, w] = [0, 1, 2, 3].map((at) => errors[classes + label + at]);
    for (let j = 0; j < d; j++) {
      const x = rows[a + j];
      const y = rows[b + j];
      sums[one + j] += p * x + t * y;
      sums[two + j] += q * x + u * y;
      sums[three + j] += r * x + v * y;
      sums[four + j] += s * x + w * y;
    }
  }
}
