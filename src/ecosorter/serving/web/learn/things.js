// Which photos show one thing: shots of one bottle must not be learnt from and measured on at once (teaching/things.py).

import { quantile, range, unique } from "./numbers.js";
import { standardise } from "./scale.js";

const NEAR = 0.25;
const IN_A_ROW = 0.55;
const TINY = 2.2250738585072014e-308;

/** The number of each photo's thing, from 0 in order of appearance. `seen`: features as they are, in order of taking. */
export function findThings(seen, labels, scale, usual) {
  const rows = seen.map((features) => standardise(features, scale));
  const squares = rows.map((row) => dot(row, row));
  const things = range(rows.length);
  for (let a = 0; a < rows.length; a++) {
    for (let b = a + 1; b < rows.length; b++) {
      if (labels[a] !== labels[b]) continue;
      const [angle, square] = apart(rows[a], rows[b], squares[a], squares[b]);
      if (Math.max(angle / usual[0], square / usual[1]) > (b === a + 1 ? IN_A_ROW : NEAR)) continue;
      const [kept, gone] = [things[a], things[b]];
      things.forEach((thing, at) => thing === gone && (things[at] = kept));
    }
  }
  const numbers = new Map();
  return things.map((thing) => numbers.get(thing) ?? (numbers.set(thing, numbers.size), numbers.size - 1));
}

/** How far apart two photos of one class usually are in a bank: medians of both distances. */
export function usualDistance({ d, labels, row }, scale) {
  const found = [];
  for (const label of unique(labels)) {
    const mine = range(labels.length).filter((at) => labels[at] === label);
    const rows = mine.map((at) => standardise(row(at, new Float32Array(d)), scale, new Float32Array(d)));
    const squares = rows.map((one) => dot(one, one));
    rows.forEach((one, at) => {
      const other = (at + Math.floor(rows.length / 2)) % rows.length;
      found.push(apart(one, rows[other], squares[at], squares[other]));
    });
  }
  return [0, 1].map((which) => Math.max(quantile(found.map((pair) => pair[which]), 0.5), TINY));
}

function apart(a, b, squareA, squareB) {
  const product = dot(a, b);
  return [1 - product / Math.max(Math.sqrt(squareA * squareB), TINY), squareA + squareB - 2 * product];
}

function dot(a, b) {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

/** The fold of each photo: whole things, those of each class spread evenly. */
export function thingFolds(labels, things, number) {
  const folds = new Array(labels.length).fill(0);
  let dealt = 0;
  for (const label of unique(labels)) {
    for (const thing of new Set(things.filter((_, at) => labels[at] === label))) {
      things.forEach((other, at) => other === thing && (folds[at] = dealt % number));
      dealt++;
    }
  }
  return folds;
}
