// A worker of its own that fits the last layer to all that was taught, where that is not done yet: it takes seconds, and answers
// must not wait for it. It posts {told: share}, and in the end {done} or {error}.

import { installed, part } from "../phone/parts.js";
import { readBank } from "./bank.js";
import { FOLDS, learn, prepare } from "./learn.js";
import { letPass } from "./let_pass.js";
import * as store from "./store.js";

self.onmessage = async () => {
  try {
    const list = await installed();
    await store.learnAgain(list.learning.features_of, (photos) => fit(list, photos), list.version);
    self.postMessage({ done: true });
  } catch (error) {
    self.postMessage({ error: { name: error.name, message: error.message } });
  }
};

async function fit(list, photos) {
  const { info } = list;
  const own = await ownHead(list);
  const memory = prepare(await readBank(await part("bank.npz")), info.classes);
  const fitting = photos.filter(({ looks }) => looks[0]?.length === list.learning.width);
  const named = Object.fromEntries((await store.newClasses()).filter(({ parent }) => info.classes.includes(parent)).map(({ id, parent }) => [id, parent]));
  const fits = 1 + Math.min(FOLDS, fitting.length);
  let done = 0;
  const { head, step, lost, things, known } = learn(own, memory, fitting, named, () => self.postMessage({ told: ++done / fits }));
  const learnt = step ? { ...head, thresholds: letPass(head.thresholds, info.signals, fitting) } : null;
  return { head: learnt, step, lost, known, photos: fitting.length, things: new Set(things).size };
}

/** The bundle's own last layer, as serving/parts.py packs it. */
async function ownHead({ info: { classes, temperature, thresholds }, learning: { width } }) {
  const values = new Float32Array(await part("head.bin"));
  const size = classes.length * width;
  if (values.length !== size + classes.length) throw new Error("the last layer does not fit the model");
  return { classes, temperature, thresholds, weights: values.subarray(0, size), bias: values.subarray(size) };
}
