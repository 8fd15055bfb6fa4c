// What the service knows: its classes and the sorting schemes, in the language spoken. The last copy stays on the
// device, so that the page opens whole without a network.

import * as api from "./api.js";
import { recall, remember } from "./memory.js";
import { language } from "./words.js";

let known = { classes: [], schemes: [], default: null };

/** Take the copy on the device at once where there is one; return what brings it up to date. */
export function loadCatalog() {
  const lang = language();
  const copy = recall(`catalog.${lang}`);
  if (copy) known = JSON.parse(copy); // else what there is: names in the other language are better than none
  return fetchCatalog(lang).then((fresh) => {
    if (lang === language()) known = fresh; // else it was switched meanwhile
  });
}

/** Fetch what the service knows in a language, and keep it on the device. */
export async function fetchCatalog(lang) {
  const [{ classes }, schemes] = await Promise.all([api.classes(lang), api.schemes(lang)]);
  const fresh = { classes, schemes: schemes.schemes, default: schemes.default };
  remember(`catalog.${lang}`, JSON.stringify(fresh));
  return fresh;
}

export const keepsCatalog = (lang) => recall(`catalog.${lang}`) !== null;

export const classList = () => known.classes;
export const schemeList = () => known.schemes;
export const className = (id) => [...known.classes, ...own].find((each) => each.id === id)?.name ?? id ?? "";

let own = [];

/** Classes that only this phone knows: {id, name, bin}, the kind of its bin, or the bin's id. */
export const ownClasses = () => own.filter(({ id }) => !known.classes.some((each) => each.id === id));
export const useOwnClasses = (classes) => (own = classes);

/** Id of the scheme chosen, or of the service's own choice; null while nothing is known. */
export function schemeId() {
  const chosen = recall("scheme");
  const exists = known.schemes.some(({ id }) => id === chosen);
  return exists ? chosen : known.default;
}

export const scheme = () => known.schemes.find(({ id }) => id === schemeId());
export const chooseScheme = (id) => remember("scheme", id);
