// From a photo to the pixels that the model takes: the rule of preprocess.py, as the bundle states it.

import { resize } from "./resample.js";

/** Which part of a photo a view shows: left, top, right, bottom in its pixels. */
export function viewBox([width, height], spec, zoom = 1) {
  let box = [0, 0, width, height];
  if (spec.shorter_side) {
    const shorter = Math.min(width, height);
    const scaled = [width, height].map((side) => Math.trunc((spec.shorter_side * side) / shorter));
    const [left, top] = scaled.map((side) => Math.floor((side - spec.size) / 2));
    const [x, y] = [width / scaled[0], height / scaled[1]]; // pixels of the photo in one scaled pixel
    box = [left * x, top * y, Math.min((left + spec.size) * x, width), Math.min((top + spec.size) * y, height)];
  }
  if (zoom === 1) return box;
  const [dx, dy] = [((1 - zoom) / 2) * (box[2] - box[0]), ((1 - zoom) / 2) * (box[3] - box[1])];
  return [box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy];
}

/** The side that a photo must have for every view to come out of at least as many pixels as it gets; `sideNeeded` is it in whole pixels. */
export const exactSide = (spec) => (spec.shorter_side ?? spec.size) / Math.min(...spec.zooms);
export const sideNeeded = (spec) => Math.ceil(exactSide(spec));

/** Which part of a photo its first view shows, as shares of its sides. */
export function seenPart([width, height], spec) {
  const [left, top, right, bottom] = viewBox([width, height], spec, spec.zooms[0]);
  return [left / width, top / height, right / width, bottom / height];
}

/** The pixels of one view, `size` x `size` x 3. Of the part that the rule would show, `zoom` of the sides is taken from the middle. */
export function toPixels(image, spec, zoom = 1) {
  const box = viewBox([image.width, image.height], spec, zoom);
  return resize(image, box, spec.size, spec.interpolation);
}

/** Pixels from right to left. */
export function mirror(pixels, size) {
  const out = new Uint8Array(pixels.length);
  for (let at = 0; at < size * size; at++) {
    const from = at - (at % size) + size - 1 - (at % size);
    out.set(pixels.subarray(3 * from, 3 * from + 3), 3 * at);
  }
  return out;
}
