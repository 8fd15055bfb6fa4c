// Photos of a new class among those that the model knew as an old one (teaching/relabel.py).

import { argmax, quantile } from "./numbers.js";

const MISSED = 0.05;
const LEAST = 2;
const TINY = 2.2250738585072014e-308;

/**
 * The old class that held each new one, by new class: the one that is named, else that of most of its photos.
 * `was`: what the old head says of each photo; `named`: an old class by new one, where the person or the name says it.
 */
export function parentClasses(was, labels, old, classes, named) {
  const found = new Map();
  for (let child = old; child < classes; child++) {
    const counts = new Array(old).fill(0);
    labels.forEach((label, at) => label === child && counts[was[at]]++);
    const most = argmax(counts);
    if (named.has(child)) found.set(child, named.get(child));
    else if (2 * counts[most] > counts.reduce((sum, count) => sum + count, 0)) found.set(child, most);
  }
  return found;
}

/** Whether each row of an old class looks like a new one. Both: standardised features. */
export function rowsToRelabel(old, fresh) {
  if (fresh.length < LEAST || !old.length) return old.map(() => false);
  const d = fresh[0].length;
  const theirs = new Float64Array(d);
  const sum = new Float64Array(d);
  for (const row of old) for (let j = 0; j < d; j++) theirs[j] += row[j] / old.length;
  for (const row of fresh) for (let j = 0; j < d; j++) sum[j] += row[j];
  const ours = sum.map((value) => value / fresh.length);
  const without = (row) => sum.map((value, j) => (value - row[j]) / (fresh.length - 1));
  const least = quantile(fresh.map((row) => place(row, theirs, without(row))), MISSED);
  return old.map((row) => place(row, theirs, ours) >= least);
}

/** 0 half-way between two means, 1/2 at `ours`, -1/2 at `theirs`, on the line between them. */
function place(row, theirs, ours) {
  let [along, square] = [0, 0];
  for (let j = 0; j < row.length; j++) {
    const way = ours[j] - theirs[j];
    along += (row[j] - (theirs[j] + ours[j]) / 2) * way;
    square += way * way;
  }
  return along / Math.max(square, TINY);
}
