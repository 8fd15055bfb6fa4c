// The page's words in the language that is spoken now. All of them come from texts/<language>.json.

import { BASE } from "./host.js";
import { recall, remember } from "./memory.js";

export const LANGUAGES = ["id", "en"];
let words = {};
let spoken = "id";

export const language = () => spoken;

/** The language remembered, else the browser's, else Indonesian. */
export function firstLanguage() {
  const wanted = [recall("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find((tag) => LANGUAGES.includes(tag)) ?? "id";
}

/** Fetch the words of a language and put them wherever the document names one. */
export async function speak(wanted) {
  const response = await fetch(`${BASE}texts/${wanted}.json`);
  if (!response.ok) throw new Error(`no words for ${wanted}: ${response.status}`);
  words = await response.json();
  spoken = wanted;
  remember("language", wanted);
  document.documentElement.lang = wanted;
  fill(document);
}

/** A text with its fields filled in. With `count: 1`, its twin for one where there is one. */
export function word(key, fields = {}) {
  const text = (fields.count === 1 && words[`${key}_one`]) || words[key] || "";
  return text.replace(/\{(\w+)\}/g, (_, name) => fields[name] ?? "");
}

function fill(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = word(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
}
