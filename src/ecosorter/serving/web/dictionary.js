// Things by name, and what to do with each, under the scheme and in the language of now. It comes once the first screen
// is drawn; the last copy stays on the device, so that asking by name needs no network.

import * as api from "./api.js";
import { className, fetchCatalog, keepsCatalog, ownClasses, schemeId } from "./catalog.js";
import { BASE } from "./host.js";
import { makeSearch } from "./search.js";
import { unpack } from "./unpack.js";
import { LANGUAGES, language } from "./words.js";

const KEPT = "dictionary"; // the name of the cache; the worker drops those of the page's older versions, not this one
let held = null;
let loading = null;

const address = (scheme, lang) => api.known("dictionary", { ...(scheme && { scheme }), lang });
const fits = () => held && held.language === language() && held.scheme === (schemeId() ?? held.scheme);

/** What there is now, for whatever scheme and language; null before anything has come. */
export const dictionary = () => held;

/** Return the dictionary of now; without a network the last copy, else what there is, else null. */
export async function useDictionary() {
  if (fits()) return held;
  const wanted = address(schemeId(), language());
  if (loading?.wanted !== wanted) loading = { wanted, done: load(wanted) };
  const found = await loading.done;
  loading = null;
  held = found ?? held;
  return held;
}

async function load(wanted) {
  const kept = await openKept();
  const copy = await kept?.match(BASE + wanted);
  const fresh = fetchFresh(wanted, kept);
  const response = copy ?? (await fresh);
  return response ? made(await response.json()) : null;
}

const openKept = () => globalThis.caches?.open(KEPT).catch(() => null); // missing on plain http

/** Fetch and keep; null without a network. What comes later than the copy that is used is for the next visit. */
async function fetchFresh(wanted, kept) {
  try {
    const response = await api.ask(wanted, { root: BASE });
    await kept?.put(BASE + wanted, response.clone());
    return response;
  } catch {
    return null;
  }
}

/** Fetch the other language too, so that it can be switched to without a network. Not where data are dear. */
export async function fetchOtherLanguage() {
  if (navigator.connection?.saveData) return;
  const kept = await openKept();
  for (const lang of LANGUAGES) {
    if (!keepsCatalog(lang)) await fetchCatalog(lang).catch(() => null);
    const wanted = address(schemeId(), lang);
    if (kept && !(await kept.match(BASE + wanted))) await fetchFresh(wanted, kept);
  }
}

function made(packed) {
  const items = unpack(packed);
  const byId = new Map(items.map((item) => [item.id, item]));
  const find = makeSearch(items, packed);
  for (const phrase of ["ko", "kotak su", "botol plastik", "batere"]) find(phrase); // a browser compiles what has run: no first key waits
  const { bins, collects, scheme, language: spoken } = packed;
  const guidance = (label, answer = "") => packed.guidance[label]?.[answer ?? ""] ?? null;

  /** What is said of a class, or of several that it may be, the likeliest first: `guide` of lookup.py. */
  function guide(labels, answer = "") {
    const careful = labels.length > 1 ? labels.find((label) => label in packed.careful) : undefined;
    const label = careful ?? labels[0];
    const cautious = careful !== undefined && !answer;
    const said = guidance(label, cautious ? packed.careful[label] : answer) ?? unknown(label);
    return { ...said, candidates: labels, cautious, caution: cautious ? packed.caution : "" };
  }

  function unknown(label) {
    const key = ownClasses().find(({ id }) => id === label)?.bin;
    const bin = bins[key] ?? Object.values(bins).find(({ kind }) => kind === key);
    if (!bin) return { ...packed.unknown, label, reason: packed.unknown.reason.replace(packed.unknown.label, className(label)) };
    return { ...packed.unknown, label, bin, accepted: bin.kind !== "not_accepted", reason: "" };
  }

  /** The bin of an item with an answer. */
  function binOf(item, answer = item.answer) {
    if (item.bin && answer === item.answer) return bins[item.bin];
    return guidance(item.label, answer)?.bin ?? null;
  }

  /** What to do with an item: what the service says of its class, and the item's own words. */
  function advice(id, answer = null) {
    const item = byId.get(id);
    const said = item && guidance(item.label, answer ?? item.answer);
    if (!said) return null;
    const own = answer === null || answer === item.answer;
    const bin = own && item.bin ? bins[item.bin] : said.bin;
    const accepted = bin !== null && bin.kind !== "not_accepted";
    return {
      ...said,
      question: own && item.answer ? null : said.question,
      ...(own && item.bin && { bin, accepted, reason: accepted ? "" : said.reason }),
      item: {
        id,
        name: item.title,
        tip: item.tip,
        parts: (item.parts ?? []).map(([name, part, place]) => ({ name, item: part, bin: bins[place] ?? null })),
        sources: item.sources,
        own_reading: !item.sources.length || Boolean(item.differs),
        differs: Boolean(item.differs),
      },
    };
  }

  /** The commonest items of some classes, taken from each in turn: what a thing of one of them most likely is. */
  function likely(labels, count) {
    const piles = labels.map((label) => items.filter((item) => item.label === label).sort((a, b) => a.common - b.common));
    const mixed = [];
    for (let at = 0; mixed.length < count && piles.some((pile) => at < pile.length); at++) mixed.push(...piles.map((pile) => pile[at]).filter(Boolean));
    return mixed.slice(0, count);
  }

  /** All items from A to Z. */
  const listed = () => [...items].sort((a, b) => a.names[0].localeCompare(b.names[0], spoken));

  return { scheme, language: spoken, collects: Boolean(collects), item: (id) => byId.get(id), find, guidance, guide, binOf, advice, likely, listed };
}

