// Runs the phone's kernel in Node on numbers from standard input.

import { ROWS, rowsFor, vectorsFor } from "../../../src/ecosorter/serving/web/learn/kernel.js";

let given = "";
for await (const piece of process.stdin) given += piece;
const found = JSON.parse(given).map(({ values, head, errors }) => {
  const [n, d, classes] = [values.length, values[0].length, head.length];
  const rows = rowsFor(n, d, classes);
  values.forEach((row, at) => rows.values.set(row, at * rows.stride));
  head.forEach((row, at) => rows.head.set(row, at * rows.stride));
  const scores = values.map(() => []);
  for (let from = 0; from < n; from += ROWS) {
    rows.multiply(from);
    for (let row = from; row < Math.min(n, from + ROWS); row++) scores[row] = head.map((_, label) => rows.scores[label * ROWS + row - from]);
    for (let at = 0; at < classes * ROWS; at++) rows.scores[at] = errors[from + (at % ROWS)]?.[Math.floor(at / ROWS)] ?? 0;
    rows.multiplyBack(from);
  }
  const sums = head.map((_, label) => [...rows.sums.subarray(label * rows.stride, label * rows.stride + d)]);
  const { vectors: [a, b], dot, add } = vectorsFor(3, d);
  a.set(values[0]);
  b.set(head[0]);
  const product = dot(a, b);
  add(a, -0.5, b);
  return { scores, sums, product, added: [...a] };
});
console.log(JSON.stringify(found));
