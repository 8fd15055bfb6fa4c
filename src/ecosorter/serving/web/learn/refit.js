// Refit a linear head on what it knew and on photos of a place, so that it keeps what it knew (teaching/refit.py).
//
// A head here: {weights: by class and feature, bias: by class}, as in phone/head.js.

import { ROWS } from "./kernel.js";
import { minimiser } from "./lbfgs.js";
import { range, unique } from "./numbers.js";

const HOLD_OLD = 0.1;
const HOLD_NEW = 0.01;
const OWN_SHARE = 0.5;
const [SLOPE, LOOSE] = [1e-6, 1e-5]; // the largest that is left; of a head that is only asked and not kept

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
 * Make what refits a head, so that it fits rows while it stays near the one that it starts from: `refit(weights)` returns
 * {weights, bias, steps}. `rows`: standardised features in a `rowsFor`; `allowed`: for each row the classes that it may be.
 *
 * Called again, with weight 0 for rows that are left out, it is quicker, since it remembers what it saw. `begin`: the head that was
 * fitted to all of them; then the fit is less exact.
 */
export function refitter(start, oldClasses, rows, allowed, { mean, deviation }) {
  const classes = start.bias.length;
  const d = mean.length;
  const size = classes * d;
  const { stride, head, scores, sums } = rows;
  const begun = standard(start, mean, deviation);
  const minimise = minimiser(size + classes);

  function loss(weights, blocks, values, slope) {
    for (let label = 0; label < classes; label++) {
      for (let j = 0, at = label * d, to = label * stride; j < d; j++, at++, to++) head[to] = begun[at] + values[at];
    }
    let total = 0;
    sums.fill(0);
    slope.fill(0);
    for (const from of blocks) {
      rows.multiply(from);
      for (let inside = 0; inside < ROWS; inside++) {
        const weight = weights[from + inside] ?? 0;
        if (weight) total -= weight * errors(scores, inside, values, size, classes, allowed[from + inside]);
        for (let label = 0; label < classes; label++) slope[size + label] += scores[label * ROWS + inside] *= weight;
      }
      rows.multiplyBack(from);
    }
    for (let label = 0; label < classes; label++) {
      const hold = label < oldClasses ? HOLD_OLD : HOLD_NEW;
      for (let j = 0, at = label * d, from = label * stride; j < d; j++, at++, from++) {
        total += hold * values[at] * values[at];
        slope[at] = sums[from] + 2 * hold * values[at];
      }
    }
    return total;
  }

  return function refit(weights, begin = null) {
    const first = standard(begin ?? start, mean, deviation);
    for (let i = 0; i < size; i++) first[i] -= begun[i];
    const blocks = range(Math.ceil(weights.length / ROWS)).map((block) => block * ROWS).filter((from) => weights.subarray(from, from + ROWS).some((weight) => weight));
    const { values, steps } = minimise((at, slope) => loss(weights, blocks, at, slope), first, begin ? LOOSE : SLOPE, Boolean(begin));
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
  };
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

/** Turn the scores of one of the rows into the errors of its probabilities; return the logarithm of that of what it may be. */
function errors(scores, inside, values, size, classes, allowed) {
  let most = -Infinity;
  for (let label = 0, at = inside; label < classes; label++, at += ROWS) most = Math.max(most, (scores[at] += values[size + label]));
  let all = 0;
  for (let label = 0, at = inside; label < classes; label++, at += ROWS) all += scores[at] = Math.exp(scores[at] - most);
  let right = 0;
  for (const label of allowed) right += scores[label * ROWS + inside];
  right = Math.max(right, 1e-300);
  for (let label = 0, at = inside; label < classes; label++, at += ROWS) {
    scores[at] = scores[at] / all - (allowed.includes(label) ? scores[at] / right : 0);
  }
  return Math.log(right / all);
}
