// What a phone learnt of a place, as a file that can be handed on: features and labels, no photos (teaching/notebook.py).
//
// Nothing in such a file is executed, and nothing is believed before it was checked.

const FORMAT = "ecosorter-notebook";
const VERSION = 1;
export const LARGEST = 64_000_000; // bytes

/** A file that cannot be used. `code`: "too_large", "not_ours", "other_version" or "damaged". */
export class Unusable extends Error {
  constructor(code, detail = "") {
    super(`${code} ${detail}`);
    this.code = code;
  }
}

/** Features of the looks of a photo as they are kept: the upper halves of 32-bit floats, to the nearest. */
export function pack(looks) {
  return Uint16Array.from(
    looks.flatMap((look) => Array.from(new Uint32Array(Float32Array.from(look).buffer), (bits) => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16)),
  );
}

/** The looks of a photo, of what was packed. */
export function unpack(halves, width) {
  const values = new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
  return Array.from({ length: values.length / width }, (_, at) => values.slice(at * width, (at + 1) * width));
}

/** The file's text. `photos`: [{label, when, halves}]; `classes`: new ones, {id: {name, bin}}. */
export function write({ model: { name, version, sha256 }, width, looks, classes, photos }) {
  return JSON.stringify({
    format: FORMAT,
    version: VERSION,
    model: { name, version, sha256 },
    width,
    looks,
    classes,
    photos: photos.map(({ label, when, halves }) => ({ label, when, features: toBase64(halves) })),
  });
}

/** Read a file's text: {model, width, looks, classes, photos: [{label, when, halves}]}. Throws `Unusable`. */
export function read(text) {
  if (text.length > LARGEST) throw new Unusable("too_large");
  let given;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Unusable("not_ours");
  }
  if (given?.format !== FORMAT) throw new Unusable("not_ours");
  if (given.version !== VERSION) throw new Unusable("other_version");
  const { model, width, looks, classes = {}, photos } = given;
  check(isName(model?.name) && isName(model?.version) && /^[0-9a-f]{64}$/.test(model?.sha256), "model");
  check(Number.isInteger(width) && width > 0 && width <= 16_384, "width");
  check(Number.isInteger(looks) && looks > 0 && looks <= 16, "looks");
  check(isPlain(classes), "classes");
  for (const [id, about] of Object.entries(classes)) {
    check(isName(id) && isPlain(about) && isName(about.name) && (about.bin == null || isName(about.bin)), `classes.${id}`);
  }
  check(Array.isArray(photos) && photos.length <= 100_000, "photos");
  return {
    model: { name: model.name, version: model.version, sha256: model.sha256 },
    width,
    looks,
    classes: Object.fromEntries(Object.entries(classes).map(([id, { name, bin = null }]) => [id, { name, bin }])),
    photos: photos.map((photo, at) => readPhoto(photo, width * looks, at)),
  };
}

function readPhoto(photo, length, at) {
  check(isPlain(photo) && isName(photo.label), `photos.${at}.label`);
  const { label, when = "", features } = photo;
  check(typeof when === "string" && when.length <= 40, `photos.${at}.when`);
  check(typeof features === "string", `photos.${at}.features`);
  let bytes = "";
  try {
    bytes = atob(features);
  } catch {
    check(false, `photos.${at}.features`);
  }
  check(bytes.length === 2 * length, `photos.${at}.features`);
  const halves = Uint16Array.from({ length }, (_, i) => bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8));
  check(halves.every((half) => (half & 0x7f80) !== 0x7f80), `photos.${at}.features`); // infinite, or no number
  return { label, when, halves };
}

function check(holds, where) {
  if (!holds) throw new Unusable("damaged", where);
}

const isPlain = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const isName = (value) => typeof value === "string" && value.length > 0 && value.length <= 100;

function toBase64(halves) {
  const bytes = new Uint8Array(halves.length * 2);
  const view = new DataView(bytes.buffer);
  halves.forEach((half, at) => view.setUint16(2 * at, half, true));
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
