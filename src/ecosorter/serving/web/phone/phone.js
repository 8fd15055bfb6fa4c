// This phone as an engine: {model, results} as the service gives them.

import { useDictionary } from "../dictionary.js";
import { usePhone } from "../engines.js";
import { begin, fail, now, onChange } from "./download.js";
import { ask } from "./engine.js";

/** Let the phone answer whenever it has what it takes; `onReady` is called then. */
export async function preparePhone(onReady) {
  onChange((state, before) => {
    if ((state.name === "ready") === (before.name === "ready")) return;
    usePhone(state.name === "ready" ? answer : null);
    if (state.name === "ready") onReady();
  });
  await begin();
}

/** Open the network while the person takes the photo. */
export const warmUp = () => now().name === "ready" && ask("open").catch(() => null);

async function answer(photo) {
  let told;
  try {
    told = await ask("classify", { photo });
  } catch (error) {
    if (error.name !== "PhotoUnread") fail();
    throw error;
  }
  const { model, ...seen } = told;
  const known = seen.certainty === "no_waste" ? null : await useDictionary();
  const guidance = known?.guide(seen.label ? [seen.label] : seen.candidates.map(({ id }) => id)) ?? null;
  return { model, results: [{ status: "ok", ...seen, guidance }] };
}
