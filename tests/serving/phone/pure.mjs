// Runs the phone's pure parts in Node: {resize, decide, enough} on standard input, lists of cases; what comes of each on
// standard output.

import { decide, softmax } from "../../../src/ecosorter/serving/web/phone/decision.js";
import { applyHead } from "../../../src/ecosorter/serving/web/phone/head.js";
import { isEnough, judge } from "../../../src/ecosorter/serving/web/phone/look.js";
import { mirror, toPixels, viewBox } from "../../../src/ecosorter/serving/web/phone/views.js";

const bytes = (packed) => new Uint8Array(Buffer.from(packed, "base64"));
const packed = (values) => Buffer.from(values).toString("base64");

const acts = {
  pixels: ({ data, width, height, spec, zoom }) => packed(toPixels({ data: bytes(data), width, height }, spec, zoom)),
  box: ({ size, spec, zoom }) => viewBox(size, spec, zoom),
  mirror: ({ data, size }) => packed(mirror(bytes(data), size)),
  decide: ({ logits, temperature, classes, thresholds, signals }) => decide(softmax(logits, temperature), classes, thresholds, signals),
  enough: ({ thresholds, said }) => isEnough({ info: { thresholds }, head: null }, said),
  head: ({ head, features }) => [...applyHead(head, features)],
  judge: ({ phone, views }) => judge(phone, views),
};

let given = "";
for await (const piece of process.stdin) given += piece;
console.log(JSON.stringify(JSON.parse(given).map(([act, args]) => acts[act](args))));
