// Looks at a photo with the network: at as many views as the answer needs, or at every look that teaching asks for.

import { certaintyOf, decide, softmax } from "./decision.js";
import { applyHead } from "./head.js";
import { openPhoto } from "./photo.js";
import { exactSide, mirror, seenPart, sideNeeded, toPixels } from "./views.js";

/**
 * Answer for a photo, in the service's form (classify.py), but for names and guidance.
 * `phone`: {info, network, head}; `info` is what the bundle says of itself, `head` what this phone has learnt, or null.
 * Where it has learnt, `unlearnt` is what the bundle itself says.
 */
export async function lookAt(phone, photo) {
  const { preprocess } = phone.info;
  const image = await openPhoto(photo, sideNeeded(preprocess));
  const views = [];
  let seen;
  for (const zoom of preprocess.zooms) {
    views.push(await phone.network.run(toPixels(image, preprocess, zoom)));
    seen = judge(phone, views);
    if (views.length === 1 && isEnough(phone, seen)) break;
  }
  const own = phone.head ? judge({ ...phone, head: null }, views) : seen;
  return { ...seen, ...(own !== seen && { unlearnt: own }), cam: map(phone, views[0], seen.best, seenPart([image.width, image.height], preprocess)) };
}

/** Whether what the first view says is so sure that no other is needed, where the bundle (or what was learnt) allows that. */
export function isEnough({ info, head }, { reason, confidence }) {
  const { first_view: enough = null } = (head ?? info).thresholds;
  return enough !== null && reason !== "no_waste" && confidence >= enough;
}

/** What is said of a photo of which some views were seen: their logits and signals are averaged. */
export function judge({ info, head }, views) {
  const { classes, temperature, thresholds } = head ?? info;
  const probabilities = softmax(mean(views.map((view) => (head ? applyHead(head, view.features) : view.logits))), temperature);
  const signals = views[0].signals ? mean(views.map((view) => view.signals)) : [];
  const named = Object.fromEntries(info.signals.map((name, at) => [name, signals[at]]));
  const decision = decide(probabilities, classes, thresholds, named);
  const byClass = Object.fromEntries(classes.map((name, at) => [name, probabilities[at]]));
  return {
    ...decision,
    certainty: certaintyOf(decision),
    candidates: decision.candidates.map((id) => ({ id, probability: byClass[id] })),
    probabilities: byClass,
  };
}

/** Where a class is seen in the first view, as rows of 0..255; null for a class that only this phone knows. */
function map({ info }, { cam, camSides: [height, width] }, label, box) {
  const place = info.classes.indexOf(label);
  if (place < 0) return null;
  const values = cam.subarray(place * height * width, (place + 1) * height * width).map((value) => Math.max(value, 0));
  const most = Math.max(...values, Number.MIN_VALUE);
  const level = (value) => Math.round((255 * value) / most);
  return { levels: Array.from({ length: height }, (_, row) => Array.from(values.subarray(row * width, (row + 1) * width), level)), box };
}

/**
 * The features of some looks at a photo, each the mean over the bundle's own views, as teaching/features.py makes them.
 * `wanted`: [{zoom, mirrored}]. Returns {looks, signals}: a Float32Array for each, and the signals of the first.
 */
export async function featuresOf({ info, network }, photo, wanted) {
  const { preprocess } = info;
  const image = await openPhoto(photo, Math.trunc(exactSide(preprocess) / Math.min(...wanted.map(({ zoom }) => zoom))) + 1);
  const looks = [];
  let signals = null;
  for (const { zoom: part, mirrored } of wanted) {
    const views = [];
    for (const zoom of preprocess.zooms) {
      const pixels = toPixels(image, preprocess, part * zoom);
      views.push(await network.run(mirrored ? mirror(pixels, preprocess.size) : pixels));
    }
    looks.push(Float32Array.from(mean(views.map(({ features }) => features))));
    signals ??= views[0].signals ? [...mean(views.map((view) => view.signals))] : [];
  }
  return { looks, signals };
}

function mean(rows) {
  return Float64Array.from(rows[0], (_, at) => rows.reduce((sum, row) => sum + row[at], 0) / rows.length);
}
