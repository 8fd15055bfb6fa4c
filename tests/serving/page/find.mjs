// Runs the page's search in Node: {packed, phrases} on standard input, the hits of each phrase on standard output.

import { makeSearch } from "../../../src/ecosorter/serving/web/search.js";
import { unpack } from "../../../src/ecosorter/serving/web/unpack.js";

let given = "";
for await (const piece of process.stdin) given += piece;
const { packed, phrases } = JSON.parse(given);
const find = makeSearch(unpack(packed), packed);
console.log(JSON.stringify(phrases.map((phrase) => find(phrase))));
