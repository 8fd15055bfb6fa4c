// What the phone's worker does for learning: looks at photos that are taught, fits the last layer, and answers with it.

import { featuresOf } from "../phone/look.js";
import { part } from "../phone/parts.js";
import { readBank } from "./bank.js";
import { FOLDS, learn, prepare } from "./learn.js";
import { letPass } from "./let_pass.js";
import { LOOKS } from "./looks.js";
import * as store from "./store.js";

const THUMBNAIL = 192; // pixels of its longer side

export const tasks = {
  /** Compute the features of a photo that waits for it, and keep them. One a task: an answer must not wait for many. */
  look: (phone, { id }) => lookAndKeep(phone, id),

  /** Fit the last layer to all that was taught, where that is not done yet, and use it. Returns what came of it (store.js). */
  async learn(phone, _, tell) {
    const { learning, version } = phone.list;
    const { head, ...lesson } = await store.learnAgain(learning.features_of, (photos) => fit(phone, photos, tell), version);
    phone.head = head;
    return lesson;
  },

  /** Answer with what was learnt, or not. */
  async useLearnt(phone, { on }) {
    const { learning } = phone.list;
    phone.head = (on && learning && (await store.learnt(learning.features_of))?.head) || null;
  },
};

/** Returns "kept"; else "full" where there is no room, and "unread" of a photo that cannot be looked at, which waits no more. */
async function lookAndKeep(phone, id) {
  const found = await store.waiting(id);
  if (!found) return "kept"; // by another tab
  const { photo, tries = 0, ...about } = found;
  try {
    const { looks, signals } = await featuresOf(phone, photo, LOOKS);
    await store.keep({ ...about, model: phone.list.learning.features_of, looks, signals, thumbnail: await thumbnail(photo) });
    return "kept";
  } catch (error) {
    if (error.name === "QuotaExceededError") return "full";
    const lost = error.name === "PhotoUnread" || tries > 0;
    await (lost ? store.giveUp(id) : store.wait({ ...found, tries: tries + 1 }));
    return lost ? "unread" : Promise.reject(error);
  }
}

async function thumbnail(photo) {
  const bitmap = await createImageBitmap(photo, { imageOrientation: "from-image" });
  const scale = Math.min(1, THUMBNAIL / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.7 });
}

async function fit(phone, photos, tell) {
  const { list, info } = phone;
  const own = await ownHead(list);
  phone.memory ??= prepare(await readBank(await part("bank.npz")), info.classes);
  const fitting = photos.filter(({ looks }) => looks[0]?.length === list.learning.width);
  const named = Object.fromEntries((await store.newClasses()).filter(({ parent }) => info.classes.includes(parent)).map(({ id, parent }) => [id, parent]));
  const fits = 1 + Math.min(FOLDS, fitting.length);
  let done = 0;
  const { head, step, lost, things, known } = learn(own, phone.memory, fitting, named, () => tell({ done: ++done, of: fits }));
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
