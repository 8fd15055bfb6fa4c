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
  known = copy ? JSON.parse(copy) : { classes: [], schemes: [], default: null };
  return Promise.all([api.classes(lang), api.schemes(lang)]).then(([{ classes }, schemes]) => {
    if (lang !== language()) return; // switched meanwhile
    known = { classes, schemes: schemes.schemes, default: schemes.default };
    remember(`catalog.${lang}`, JSON.stringify(known));
  });
}

export const classList = () => known.classes;
export const schemeList = () => known.schemes;
export const className = (id) => known.classes.find((each) => each.id === id)?.name ?? id ?? "";

/** Id of the scheme chosen, or of the service's own choice; null while nothing is known. */
export function schemeId() {
  const chosen = recall("scheme");
  const exists = known.schemes.some(({ id }) => id === chosen);
  return exists ? chosen : known.default;
}

export const scheme = () => known.schemes.find(({ id }) => id === schemeId());
export const chooseScheme = (id) => remember("scheme", id);
