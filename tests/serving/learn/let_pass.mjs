// Runs letPass in Node: [thresholds, names, photos] on standard input, the thresholds that come of it on standard output.

import { letPass } from "../../../src/ecosorter/serving/web/learn/let_pass.js";

let given = "";
for await (const piece of process.stdin) given += piece;
console.log(JSON.stringify(letPass(...JSON.parse(given))));
