// What was taught as a file, to another phone and from one (notebook.js).

import { setLearns } from "../learning.js";
import { installed } from "../phone/parts.js";
import { afresh } from "./lessons.js";
import { LOOKS } from "./looks.js";
import * as store from "./store.js";

const ENDING = ".ecosorter";

/** What was taught, as a file. */
export async function exported() {
  const { info, learning } = await installed();
  const text = await store.exported({ name: info.name, version: info.version, sha256: learning.features_of }, LOOKS.length);
  return new File([text], `ecosorter-${new Date().toISOString().slice(0, 10)}${ENDING}`, { type: "application/json" });
}

/** Take in such a file; see `imported` of store.js. */
export async function take(file) {
  const { learning } = await installed();
  const found = await store.imported(file, learning.features_of, { width: learning.width, looks: LOOKS.length });
  setLearns(true);
  await afresh();
  return found;
}
