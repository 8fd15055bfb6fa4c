// The sums of products that take nearly all of the time of a fit, in WebAssembly. What they are of lies in its memory, so that nothing
// is copied.

// tools/kernel.wat, assembled by tools/assemble_kernel.py.
const MODULE = "AGFzbQEAAAABFwNgBX9/f39/AGADf39/AXxgBH98f38AAwUEAAABAgUDAQABBzAFBm1lbW9yeQIACG11bHRpcGx5AAAMbXVsdGlwbHlCYWNrAAEDZG90AAIDYWRkAAMKlgYEywICBX8FewNAIAAhBSAFIAFqIQYgBiABaiEHIAcgAWohCCAGIQn9DAAAAAAAAAAAAAAAAAAAAAAhC/0MAAAAAAAAAAAAAAAAAAAAACEM/QwAAAAAAAAAAAAAAAAAAAAAIQ39DAAAAAAAAAAAAAAAAAAAAAAhDgNAIAL9AAQAIQogCyAKIAX9XQMA/V/98gH98AEhCyAMIAogBv1dAwD9X/3yAf3wASEMIA0gCiAH/V0DAP1f/fIB/fABIQ0gDiAKIAj9XQMA/V/98gH98AEhDiACQRBqIQIgBUEIaiEFIAZBCGohBiAHQQhqIQcgCEEIaiEIIAUgCUkNAAsgBCAL/SEAIAv9IQGgOQMAIAQgDP0hACAM/SEBoDkDCCAEIA39IQAgDf0hAaA5AxAgBCAO/SEAIA79IQGgOQMYIARBIGohBCADQQFrIgMNAAsLgAICBX8FewNAIAIrAwC2/RMhCiACKwMItv0TIQsgAisDELb9EyEMIAIrAxi2/RMhDSAAIQUgBSABaiEGIAYgAWohByAHIAFqIQggBiEJA0AgCiAF/QAEAP3mASALIAb9AAQA/eYB/eQBIAwgB/0ABAD95gEgDSAI/QAEAP3mAf3kAf3kASEOIAQgBP0ABAAgDv1f/fAB/QsEACAOIA79DQgJCgsMDQ4PAAECAwQFBgchDiAEIAT9AAQQIA79X/3wAf0LBBAgBEEgaiEEIAVBEGohBSAGQRBqIQYgB0EQaiEHIAhBEGohCCAFIAlJDQALIAJBIGohAiADQQFrIgMNAAsLZQIBfwJ7IAAgAmohAwNAIAQgAP0ABAAgAf0ABAD98gH98AEhBCAFIAD9AAQQIAH9AAQQ/fIB/fABIQUgAEEgaiEAIAFBIGohASAAIANJDQALIAQgBf3wASEEIAT9IQAgBP0hAaALXwIBfwF7IAAgA2ohBCAB/RQhBQNAIAAgAP0ABAAgBSAC/QAEAP3yAf3wAf0LBAAgACAA/QAEECAFIAL9AAQQ/fIB/fAB/QsEECAAQSBqIQAgAkEgaiECIAAgBEkNAAsLAI4CBG5hbWUC0QEEAA8ABHJvd3MBBXdpZHRoAgRoZWFkAwdjbGFzc2VzBAZzY29yZXMFAWEGAWIHAWMIAWQJA2VuZAoHd2VpZ2h0cwsBcAwBcQ0Bcg4BcwEPAARyb3dzAQV3aWR0aAIGZXJyb3JzAwdjbGFzc2VzBARzdW1zBQFhBgFiBwFjCAFkCQNlbmQKAXALAXEMAXINAXMOBGZvdXICBgABYQEBYgIFYnl0ZXMDA2VuZAQBcAUBcQMGAAFhAQVzaGFyZQIBYgMFYnl0ZXMEA2VuZAUEcGFydAMzBAACAAVjbGFzcwEFYWxvbmcBAgAFY2xhc3MBBWFsb25nAgEABWFsb25nAwEABWFsb25n";

export const ROWS = 4; // that are multiplied at a time
const [FLOAT, DOUBLE, PAGE] = [4, 8, 65536]; // bytes
const upToFour = (length) => Math.ceil(length / 4) * 4;

function instance() {
  const bytes = Uint8Array.from(atob(MODULE), (character) => character.charCodeAt(0));
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}

/**
 * Room for `n` rows of `d` features and a head of so many classes: {n, values: the rows, head: by class, both with `stride` numbers
 * each, scores: by class and row, sums: as the head}. `multiply(from)` writes the scores of the ROWS from there on, and
 * `multiplyBack(from)`, once they were made errors, adds their products with these rows to the sums.
 */
export function rowsFor(n, d, classes) {
  const { memory, multiply, multiplyBack } = instance();
  const stride = upToFour(d);
  const width = stride * FLOAT;
  const rows = Math.ceil(n / ROWS) * ROWS;
  const head = rows * width;
  const sums = head + classes * stride * DOUBLE;
  const scores = sums + classes * stride * DOUBLE;
  memory.grow(Math.ceil((scores + classes * ROWS * DOUBLE) / PAGE));
  return {
    n,
    stride,
    values: new Float32Array(memory.buffer, 0, rows * stride),
    head: new Float64Array(memory.buffer, head, classes * stride),
    sums: new Float64Array(memory.buffer, sums, classes * stride),
    scores: new Float64Array(memory.buffer, scores, classes * ROWS),
    multiply: (from) => multiply(from * width, width, head, classes, scores),
    multiplyBack: (from) => multiplyBack(from * width, width, scores, classes, sums),
  };
}

/** So many vectors of one length, the product `dot(a, b)` of two, and `add(a, share, b)`: a += share · b. */
export function vectorsFor(count, length) {
  const { memory, dot, add } = instance();
  const bytes = upToFour(length) * DOUBLE;
  memory.grow(Math.ceil((count * bytes) / PAGE));
  return {
    vectors: Array.from({ length: count }, (_, at) => new Float64Array(memory.buffer, at * bytes, length)),
    dot: (a, b) => dot(a.byteOffset, b.byteOffset, bytes),
    add: (a, share, b) => add(a.byteOffset, share, b.byteOffset, bytes),
  };
}
