// What the phone's worker does for learning: looks at photos that are taught, and answers with what was learnt of them.

import { featuresOf } from "../phone/look.js";
import { LOOKS } from "./looks.js";
import * as store from "./store.js";

const THUMBNAIL = 192; // pixels of its longer side

export const tasks = {
  /** Compute the features of a photo that waits for it, and keep them. One a task: an answer must not wait for many. */
  look: (phone, { id }) => lookAndKeep(phone, id),

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
