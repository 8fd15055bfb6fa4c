// Which rows of the bank a head is fitted to again, and which show afterwards whether it forgot (teaching/rehearsal.py).

import { range, unique } from "./numbers.js";

const REHEARSED = 1500;

/** The rows to fit again: at most half of each class of each source, so that the others can be asked; as many as a person's own. */
export const rehearsalRows = (labels, sources, own) => spreadRows(labels, sources, Math.max(REHEARSED, own), 0.5);

/** Rows, ascending, evenly over the classes, in each evenly over its sources, and in each at even steps. */
export function spreadRows(labels, sources, wanted, share = 1) {
  const cells = new Map(); // rows by source by class
  for (let row = 0; row < labels.length; row++) {
    if (!cells.has(labels[row])) cells.set(labels[row], new Map());
    const mine = cells.get(labels[row]);
    if (!mine.has(sources[row])) mine.set(sources[row], []);
    mine.get(sources[row]).push(row);
  }
  const byClass = unique(cells.keys()).map((label) => unique(cells.get(label).keys()).map((source) => cells.get(label).get(source)));
  const there = byClass.map((mine) => mine.map((rows) => Math.ceil(share * rows.length)));
  const kept = [];
  evenShares(there.map((counts) => counts.reduce((sum, count) => sum + count, 0)), wanted).forEach((number, at) => {
    evenShares(there[at], number).forEach((taken, inside) => {
      const rows = byClass[at][inside];
      for (let i = 0; i < taken; i++) kept.push(rows[Math.floor(((2 * i + 1) * rows.length) / (2 * taken))]);
    });
  });
  return kept.sort((a, b) => a - b);
}

/** Divide a total among those that have so much, evenly; what one lacks goes to the others. */
function evenShares(counts, total) {
  const shares = new Array(counts.length).fill(0);
  let left = total;
  range(counts.length)
    .sort((a, b) => counts[a] - counts[b])
    .forEach((index, place) => {
      shares[index] = Math.min(counts[index], Math.floor(left / (counts.length - place)));
      left -= shares[index];
    });
  return shares;
}
