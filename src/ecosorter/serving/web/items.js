// The photos on this device, in IndexedDB: those that wait for the network and those answered are one store.
//
// An item: {id, when, batch, name, photo, state: "waiting" | "done" | "failed", lang, scheme, tries,
//   result, model, by, problem, picked, thing, thingNamed, answer, guidance,
//   correction: {key, data, state: "waiting" | "sent" | "refused" | "kept", secret, id, photoKept, detail}}
// The service worker uses this too: no document, no localStorage here.

const STORE = "items";
const KEPT = 200; // older answered items go; a cheap phone has little room
const changes = new EventTarget();
const channel = "BroadcastChannel" in self ? new BroadcastChannel("ecosorter") : null;
const fallback = new Map(); // where IndexedDB is forbidden: until the page is closed
let opening;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("ecosorter", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  }).catch(() => null);
  return opening;
}

async function run(mode, act) {
  const database = await open();
  if (!database) return null;
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode);
    const request = act(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve({ value: request?.result });
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

function tell(id) {
  changes.dispatchEvent(new CustomEvent("change", { detail: id }));
  channel?.postMessage(id);
}

/** Call back with an item's id (null: all of them) whenever one changes, here, in another tab or in the worker. */
export function onChange(callback) {
  changes.addEventListener("change", (event) => callback(event.detail));
  channel?.addEventListener("message", (event) => callback(event.data));
}

export async function put(item) {
  if (!(await run("readwrite", (store) => store.put(item)))) fallback.set(item.id, item);
  tell(item.id);
}

export async function get(id) {
  const found = await run("readonly", (store) => store.get(id));
  return found ? found.value : fallback.get(id);
}

/** All items, the newest first. */
export async function all() {
  const found = await run("readonly", (store) => store.getAll());
  return (found ? found.value : [...fallback.values()]).sort((a, b) => b.when - a.when);
}

/** Change an item as it stands now: two who change different fields of it do not undo each other. */
export async function change(id, fields) {
  let changed;
  const done = await run("readwrite", (store) => {
    const request = store.get(id);
    request.onsuccess = () => {
      if (request.result) store.put((changed = { ...request.result, ...fields }));
    };
    return request;
  });
  if (!done && fallback.has(id)) fallback.set(id, (changed = { ...fallback.get(id), ...fields }));
  if (changed) tell(id);
  return changed;
}

export async function remove(ids) {
  await run("readwrite", (store) => {
    for (const id of ids) store.delete(id);
  });
  for (const id of ids) fallback.delete(id);
  tell(null);
}

/** Drop the oldest beyond what is kept, except what waits and what holds the secret of a photo on the server. */
export async function prune() {
  const items = (await all()).slice(KEPT);
  const old = items.filter(({ state, correction }) => state !== "waiting" && !correction);
  if (old.length) await remove(old.map(({ id }) => id));
}
