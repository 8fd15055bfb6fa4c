// The service's addresses, in one place; of a page without a service, those of the files beside it that say what it knows.
// The service worker uses this too: no document, no localStorage here.

import { BASE, FILES, SERVICE } from "./host.js";

const PATIENCE = 60_000; // ms; a photo of 150 kB on a poor 2G line takes about 30 s
const SLOWEST = 10; // bytes a ms, beyond that time: the service waits as long for a body (settings.py)
const GLANCE = 10_000; // ms to find out whether the service is there at all

/** What the service refused, with the words it gave (RFC 9457). `status` 0: it was not reached at all. */
export class Problem extends Error {
  constructor(status, body = {}, retryAfter = 0) {
    super(body.detail || body.title || String(status));
    Object.assign(this, { status, code: body.code, title: body.title, detail: body.detail, retryAfter });
  }

  /** Asking again later may help. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Whether there is a service at all. */
export const hasService = SERVICE !== null;

export async function ask(path, { root = SERVICE, query = {}, token, patience = PATIENCE, ...options } = {}) {
  if (root === null) throw new Problem(0);
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== null && each !== undefined && each !== "") search.append(key, each);
  }
  const headers = { Accept: "application/json", ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), patience);
  let response;
  try {
    response = await fetch(`${root}${path}?${search}`.replace(/\?$/, ""), { ...options, headers, signal: giveUp.signal });
  } catch {
    throw new Problem(0);
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Problem(response.status, body, Number(response.headers.get("Retry-After")) || 0);
}

/** Whether the service can be reached now. */
export const answers = () =>
  ask("healthz", { patience: GLANCE, cache: "no-store" }).then(
    () => true,
    () => false,
  );

const patienceFor = (photo) => PATIENCE + (photo?.size ?? 0) / SLOWEST;

const json = async (...request) => (await ask(...request)).json();

function form(fields) {
  const data = new FormData();
  for (const [key, value, name] of fields) name ? data.append(key, value, name) : data.append(key, value);
  return data;
}

/** Where something lies that changes with the service's files alone, from the page's folder. */
export const known = (name, query) => (FILES ? `data/${[name, ...Object.values(query)].join(".")}.json` : `v1/${name}?${new URLSearchParams(query)}`);

export const classes = (lang) => json(known("classes", { lang }), { root: BASE });
export const schemes = (lang) => json(known("schemes", { lang }), { root: BASE });
export const poster = (scheme, lang) => (FILES ? `poster/${scheme}.${lang}.html` : `poster?${new URLSearchParams({ ...(scheme && { scheme }), lang })}`);
export const guidance = (candidates, scheme, answer, lang) =>
  json("v1/guidance", { query: { candidates, scheme, answer, lang } });

/** Classify one photo: one a request, so that a bad line loses one and not all. Its own name stays on the phone. */
export const classify = (photo, scheme, lang) =>
  json("v1/classify", {
    method: "POST",
    query: { lang, scheme, cam: "true" },
    patience: patienceFor(photo),
    body: form([["photos", photo, "photo.jpg"]]),
  });

/** Send a correction; the same key again changes nothing, so a lost answer is no harm. */
export const correct = (key, data, photo) =>
  json("v1/corrections", {
    method: "POST",
    query: { lang: data.lang },
    headers: { "Idempotency-Key": key },
    patience: patienceFor(photo),
    body: form([["data", JSON.stringify(data)], ...(photo ? [["photo", photo, "photo.jpg"]] : [])]),
  });

/** Tell the operator, who asked for it, what nothing was found for: the bare phrase. */
export const miss = (phrase, lang) =>
  ask("v1/phrases", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ phrase, lang }) });

export const withdraw = (id, secret) =>
  ask(`v1/corrections/${encodeURIComponent(id)}/photo`, { method: "DELETE", token: secret });

export const review = {
  me: (token) => json("v1/review/me", { token }),
  phrases: (token) => json("v1/review/phrases", { token }),
  queue: (token) => json("v1/review/queue", { token, query: { limit: 20 } }),
  photo: async (token, id) => (await ask(`v1/review/${encodeURIComponent(id)}/photo`, { token })).blob(),
  decide: (token, id, decision, label) =>
    json(`v1/review/${encodeURIComponent(id)}`, {
      token,
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ decision, label }),
    }),
};

export const campaigns = (lang) => json("v1/campaigns", { query: { lang } });

export const admin = {
  ask: (token, label, wanted, lang) =>
    ask("v1/admin/campaigns", { token, method: "POST", query: { lang }, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ label, wanted }) }),
  askNoMore: (token, id, lang) => ask(`v1/admin/campaigns/${encodeURIComponent(id)}`, { token, method: "DELETE", query: { lang } }),
  models: (token, lang) => json("v1/admin/models", { token, query: { lang } }),
  drift: (token, lang) => json("v1/admin/drift", { token, query: { lang } }),
  confusions: (token, id, lang) => json(`v1/admin/models/${encodeURIComponent(id)}/confusions`, { token, query: { lang } }),
  photos: (token, id, truth, best, lang) => json(`v1/admin/models/${encodeURIComponent(id)}/photos`, { token, query: { truth, best, lang } }),
  photosOf: (token, contributor, lang) => json(`v1/admin/contributors/${encodeURIComponent(contributor)}/photos`, { token, query: { lang } }),
  improve: (token, lang) => json("v1/admin/improve", { token, method: "POST", query: { lang } }),
  change: (token, id, state, seen, lang) =>
    json(`v1/admin/models/${encodeURIComponent(id)}/state`, {
      token,
      method: "POST",
      query: { lang },
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ state, seen }),
    }),
};
