// What this phone was taught, in IndexedDB: features and labels, a thumbnail for the person, and the heads that came of them.
//
// A photo: {id, when, label, source, model, width, halves, signals, thumbnail}; `model` is the hash of the one whose features these
// are. One that waits to be looked at: {id, when, label, source, photo}. A class: {id, name, bin, parent}. A head, by the model of
// its features: {model, version, revision, head, ...what came of the lesson}. Every change of the photos makes a new revision; a
// head that was fitted to an older one, or beside another version of the model, is not up to date, and so a fit that was cut off
// is made again. The worker uses this too.

import { LARGEST, Unusable, pack, read, unpack, write } from "./notebook.js";

const NAME = "ecosorter-learn";
const STORES = { photos: "id", classes: "id", heads: "model", state: "name", waiting: "id" };
const changes = "BroadcastChannel" in self ? new BroadcastChannel(NAME) : null;
let opening;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 2);
    request.onupgradeneeded = () => {
      const there = request.result.objectStoreNames;
      for (const [name, keyPath] of Object.entries(STORES)) there.contains(name) || request.result.createObjectStore(name, { keyPath });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

/** Do something in one transaction: all of it, or nothing. `act` gets the stores by name. */
async function run(mode, act) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(Object.keys(STORES), mode);
    const stores = Object.fromEntries(Object.keys(STORES).map((name) => [name, transaction.objectStore(name)]));
    let result;
    transaction.oncomplete = () => resolve(result instanceof IDBRequest ? result.result : result);
    transaction.onabort = () => reject(transaction.error ?? new DOMException("", "AbortError"));
    try {
      result = act(stores);
    } catch (error) {
      transaction.abort();
      reject(error);
    }
  });
}

/** Change the photos, and so the revision. */
async function change(act) {
  await run("readwrite", (stores) => {
    act(stores);
    const known = stores.state.get("revision");
    known.onsuccess = () => stores.state.put({ name: "revision", number: (known.result?.number ?? 0) + 1 });
  });
  changes?.postMessage("changed");
}

/** Call back whenever another tab, or the worker, changed something: "changed" the photos, "learnt" a head. */
export const onChange = (callback) => changes?.addEventListener("message", ({ data }) => callback(data));

/** Let a photo wait until its features are computed. Throws a QuotaExceededError where there is no room. */
export const wait = (photo) => run("readwrite", ({ waiting }) => void waiting.put(photo));

export const waiting = (id) => run("readonly", (stores) => stores.waiting.get(id));

export const allWaiting = () => run("readonly", (stores) => stores.waiting.getAll());

/** Let one wait no more that cannot be looked at. */
export const giveUp = (id) => run("readwrite", ({ waiting }) => void waiting.delete(id));

/**
 * Keep a photo that was taught; the same id again corrects it. It waits no more. Returns whether its thumbnail found room.
 * Throws a QuotaExceededError where not even the features do: then nothing has changed.
 */
export async function keep({ looks, thumbnail = null, ...photo }) {
  const kept = { ...photo, width: looks[0].length, halves: pack(looks) };
  const put = (found) =>
    change(({ photos, waiting }) => {
      photos.put({ ...kept, thumbnail: found });
      waiting.delete(photo.id);
    });
  try {
    await put(thumbnail);
    return true;
  } catch (error) {
    if (error.name !== "QuotaExceededError" || !thumbnail) throw error;
    await put(null);
    return false;
  }
}

export const addClass = (about) => run("readwrite", ({ classes }) => void classes.put(about));

export const newClasses = () => run("readonly", ({ classes }) => classes.getAll());

export const forget = (id) => change(({ photos }) => void photos.delete(id));

/** Forget all: photos, classes and heads. */
export const forgetAll = () => change((stores) => ["photos", "classes", "heads", "waiting"].forEach((name) => stores[name].clear()));

/** The photos that were taught in order of taking: those with features of a model, and others, which must not be mixed with them. */
export async function taught(model) {
  const all = (await run("readonly", ({ photos }) => photos.getAll())).sort((a, b) => a.when.localeCompare(b.when) || a.id.localeCompare(b.id));
  return { mine: all.filter((photo) => photo.model === model), aside: all.filter((photo) => photo.model !== model) };
}

const revision = async () => (await run("readonly", ({ state }) => state.get("revision")))?.number ?? 0;

/** What this phone learnt for a model, and whether that is of the photos as they are now; null where there is nothing. */
export async function learnt(model, version = "") {
  const found = await run("readonly", ({ heads }) => heads.get(model));
  return found ? { ...found, upToDate: found.revision === (await revision()) && found.version === version } : null;
}

/**
 * Fit a head to the photos as they are, in one tab at a time. `fit` gets [{label, source, looks, signals}] and returns what `learn`
 * does. A tab that waited finds the work done. What is closed half-way is done again by whoever asks next; the head before it stays.
 */
export async function learnAgain(model, fit, version = "") {
  return locked(async () => {
    for (;;) {
      const now = await revision();
      const known = await learnt(model, version);
      if (known?.upToDate) return known;
      const { mine } = await taught(model);
      const lesson = mine.length ? await fit(mine.map(({ halves, width, ...photo }) => ({ ...photo, looks: unpack(halves, width) }))) : null;
      const made = { model, version, revision: now, ...(lesson ?? { head: null }) };
      await run("readwrite", ({ heads }) => void heads.put(made));
      if ((await revision()) === now) {
        changes?.postMessage("learnt");
        return { ...made, upToDate: true };
      }
    }
  });
}

const locked = (act) => (navigator.locks ? navigator.locks.request(NAME, act) : act());

/** The file of what was taught with a model. */
export async function exported(model, looks) {
  const { mine } = await taught(model.sha256);
  const classes = Object.fromEntries((await newClasses()).map(({ id, name, bin }) => [id, { name, bin }]));
  return write({ model, width: mine[0]?.width ?? 1, looks, classes, photos: mine });
}

/**
 * Take in another phone's file: {added, known, aside}, numbers of photos. Those that are here already are counted and not added
 * twice; features of another model are kept aside. `shape`: {width, looks} of this model's features.
 * Throws `Unusable`, and a QuotaExceededError where there is no room; then nothing was added.
 */
export async function imported(file, model, shape = null) {
  if (file.size > LARGEST) read({ length: Infinity });
  const book = read(await file.text());
  const fits = book.model.sha256 === model;
  if (fits && shape && (book.width !== shape.width || book.looks !== shape.looks)) throw new Unusable("damaged", "width");
  const kept = await run("readonly", ({ photos }) => photos.getAll());
  const here = new Set(await Promise.all(kept.map((photo) => idOf(photo, photo.model))));
  const photos = await Promise.all(book.photos.map(async (photo) => ({ ...photo, id: await idOf(photo, book.model.sha256) })));
  const fresh = [...new Map(photos.filter(({ id }) => !here.has(id)).map((photo) => [photo.id, photo])).values()];
  await change((stores) => {
    for (const photo of fresh) stores.photos.put({ ...photo, source: file.name ?? "file", model: book.model.sha256, width: book.width, thumbnail: null });
    for (const [id, about] of Object.entries(book.classes)) stores.classes.put({ id, ...about });
  });
  return { added: fits ? fresh.length : 0, known: photos.length - fresh.length, aside: fits ? 0 : fresh.length };
}

/** What is the same for the same features under the same label, whichever phone they come from. */
async function idOf({ label, halves }, model) {
  const bytes = new Blob([model, label, halves]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await bytes.arrayBuffer()));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
