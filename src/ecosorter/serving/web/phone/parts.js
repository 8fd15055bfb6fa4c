// What the phone needs to answer by itself, kept in its cache: ONNX Runtime, the model, the bank.
//
// It comes in pieces that are named by their SHA-256, so a line that drops costs one piece, a new model brings only what is
// new, and nothing that was damaged on the way is kept. The list of the pieces is stored last: what it names is whole.
// The worker and the service worker use this too: no document, no localStorage here.

import { BASE } from "../host.js";

const CACHE = "phone"; // the service worker drops those of the page's older versions, not this one
const LIST = `${BASE}phone/list.json`;
const KEPT = `${BASE}phone/kept.json`; // the list that stands in the cache, under a name that no request has

const open = () => globalThis.caches?.open(CACHE).catch(() => null) ?? null;

/** The list of what is whole on this phone: {version, info, model, parts, first, learning}, or null. */
export async function installed() {
  const kept = await (await open())?.match(KEPT);
  return kept ? kept.json() : null;
}

/** The list of what there is now. Throws without a network. */
export async function offered() {
  const response = await fetch(LIST, { cache: "no-cache" });
  if (!response.ok) throw new Error(`no list of parts: ${response.status}`);
  return response.json();
}

/** The bytes of a part that is whole on this phone. */
export async function part(name) {
  const list = await installed();
  if (!list?.parts[name]) throw new Error(`${name} is not on this phone`);
  const cache = await open();
  const blobs = await Promise.all(list.parts[name].pieces.map(async ({ path }) => (await cache.match(BASE + path)).blob()));
  return new Blob(blobs).arrayBuffer();
}

/** How many bytes a download of some parts takes on the line. */
export async function missing(list, names) {
  const cache = await open();
  const pieces = names.flatMap((name) => list.parts[name].pieces);
  const here = await Promise.all(pieces.map(({ path }) => cache?.match(BASE + path)));
  return pieces.filter((_, at) => !here[at]).reduce((sum, { wire }) => sum + wire, 0);
}

/**
 * Fetch parts, beside those that are here already, until they are whole. Pieces that came before are not fetched again.
 * `onProgress` gets the bytes that are here and those wanted, as they come over the line. Throws when the line drops, the room is full or `signal` says stop.
 */
export async function download(names, onProgress = () => null, signal = null) {
  const list = await offered();
  const before = await installed();
  const wanted = [...new Set([...names, ...Object.keys(before?.parts ?? {})])].filter((name) => name in list.parts);
  const pieces = wanted.flatMap((name) => list.parts[name].pieces);
  const cache = await open();
  const total = pieces.reduce((sum, { wire }) => sum + wire, 0);
  let done = 0;
  for (const piece of pieces) {
    const tell = (share) => onProgress(done + share * piece.wire, total);
    if (!(await cache.match(BASE + piece.path))) await cache.put(BASE + piece.path, await fetchPiece(piece, tell, signal));
    tell(1);
    done += piece.wire;
  }
  const parts = Object.fromEntries(wanted.map((name) => [name, list.parts[name]]));
  await cache.put(KEPT, new Response(JSON.stringify({ ...list, parts }), { headers: { "Content-Type": "application/json" } }));
  await sweep(cache, pieces);
  return installed();
}

/** Forget everything. */
export const forget = () => globalThis.caches?.delete(CACHE);

async function sweep(cache, pieces) {
  const wanted = new Set([KEPT, ...pieces.map(({ path }) => BASE + path)]);
  for (const request of await cache.keys()) if (!wanted.has(new URL(request.url).pathname)) await cache.delete(request);
}

let plainHost = false; // it sends files as they are: their zipped copies are asked for by name

async function fetchPiece(piece, tell, signal) {
  const zipped = plainHost && piece.zipped;
  const response = await fetch(BASE + piece.path + (zipped ? ".gz" : ""), { signal });
  if (!response.ok) throw new Error(`${piece.path}: ${response.status}`);
  plainHost ||= piece.zipped && !response.headers.has("Content-Encoding") && "DecompressionStream" in self;
  const unzip = zipped && !response.headers.has("Content-Encoding");
  const body = response.body.pipeThrough(counting(tell, unzip ? piece.wire : piece.bytes));
  const bytes = await new Response(unzip ? body.pipeThrough(new DecompressionStream("gzip")) : body).arrayBuffer();
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (sha256 !== piece.sha256) throw new Error(`${piece.path} came damaged`);
  const headers = new Headers(response.headers); // the policies among them: a thread's script needs its page's
  for (const name of ["Content-Encoding", "Content-Length", "Vary"]) headers.delete(name);
  headers.set("Content-Type", piece.type);
  return new Response(bytes, { headers });
}

function counting(tell, total) {
  let come = 0;
  return new TransformStream({
    transform(chunk, out) {
      come += chunk.length;
      tell(Math.min(come / total, 1));
      out.enqueue(chunk);
    },
  });
}
