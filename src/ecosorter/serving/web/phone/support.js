// Whether this phone can answer by itself.

const LEAST_MEMORY = 2; // GB, as browsers tell it, in powers of two; the network needs some 300 MB beside the page

// The smallest module with an instruction of WebAssembly SIMD: i32.const 0, i8x16.splat, drop.
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 9, 1, 7, 0, 65, 0, 253, 15, 26, 11]);

/** Why it cannot, as the end of a word's key; null where it can. */
export function reasonAgainst() {
  if (!globalThis.isSecureContext || !globalThis.caches || !navigator.serviceWorker) return "place";
  if (navigator.deviceMemory < LEAST_MEMORY) return "memory";
  const knows = typeof Worker !== "undefined" && typeof OffscreenCanvas !== "undefined" && typeof WebAssembly !== "undefined";
  return knows && WebAssembly.validate(SIMD) ? null : "browser";
}

/** Whether bytes cost the person here, as far as the browser tells: nothing large is fetched unasked then. */
export function isDear() {
  const { saveData, type, effectiveType } = navigator.connection ?? {};
  return Boolean(saveData) || type === "cellular" || ["slow-2g", "2g"].includes(effectiveType);
}
