// Runs the phone's teaching in Node: golden lessons on standard input, what is learnt of each on standard output.

import { readBank } from "../../../src/ecosorter/serving/web/learn/bank.js";
import { learn, prepare } from "../../../src/ecosorter/serving/web/learn/learn.js";

let given = "";
for await (const piece of process.stdin) given += piece;
const { bank, cases, weights, bias, ...model } = JSON.parse(given);
const bytes = Uint8Array.from(Buffer.from(bank, "base64"));
const memory = prepare(await readBank(bytes.buffer), model.classes);
const old = { ...model, weights: Float32Array.from(weights), bias: Float32Array.from(bias) };
const found = {};
for (const [name, { photos, named }] of Object.entries(cases)) {
  const shown = photos.map(({ looks, ...photo }) => ({ ...photo, looks: looks.map((look) => Float32Array.from(look)) }));
  const { head, ...rest } = learn(old, memory, shown, named);
  found[name] = { ...rest, classes: head.classes, temperature: head.temperature, thresholds: head.thresholds, weights: [...head.weights], bias: [...head.bias] };
}
console.log(JSON.stringify(found));
