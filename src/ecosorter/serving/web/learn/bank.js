// A model's bank: features of photos that it learnt from, 8 bits a number (teaching/bank.py).

/** Read a `bank.npz`. Throws where it is none. */
export async function readBank(buffer) {
  const arrays = {};
  for (const [name, content] of await unzip(buffer)) arrays[name.replace(/\.npy$/, "")] = readArray(content);
  const { features, low, scale, labels, sources, classes, source_names: names } = arrays;
  const [n, d] = features.shape;
  if (low.values.length !== d || labels.values.length !== n || sources.values.length !== n) throw new Error("the bank does not fit itself");
  return {
    n,
    d,
    labels: labels.values,
    sources: sources.values,
    classes: classes.values,
    sourceNames: names.values,
    /** Write row `at` into `out` from `offset` on, in the very floats of Python. */
    row(at, out, offset = 0) {
      for (let j = 0, from = at * d; j < d; j++) {
        out[offset + j] = Math.fround(low.values[j] + Math.fround(scale.values[j] * features.values[from + j]));
      }
      return out;
    },
  };
}

/** Return the files of a zip, by its directory at the end: [name, bytes]. */
async function unzip(buffer) {
  const view = new DataView(buffer);
  let end = view.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error("not a bank");
  const found = [];
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const nameLength = view.getUint16(at + 28, true);
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const bytes = new Uint8Array(buffer, start, view.getUint32(at + 20, true));
    const name = new TextDecoder().decode(new Uint8Array(buffer, at + 46, nameLength));
    found.push([name, view.getUint16(at + 10, true) ? await inflated(bytes) : bytes.slice().buffer]);
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
}

const inflated = (bytes) => new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).arrayBuffer();

const KINDS = { "|u1": Uint8Array, "<u2": Uint16Array, "<i8": BigInt64Array, "<f4": Float32Array, "<f8": Float64Array };

/** Read one array of NumPy's own format, version 1. */
function readArray(buffer) {
  const length = new DataView(buffer).getUint16(8, true);
  const header = new TextDecoder().decode(new Uint8Array(buffer, 10, length));
  const [, kind] = /'descr': *'([^']+)'/.exec(header);
  const shape = /'shape': *\(([^)]*)\)/.exec(header)[1].split(",").filter((side) => side.trim()).map(Number);
  const rest = buffer.slice(10 + length);
  if (kind.startsWith("<U")) return { shape, values: strings(new Uint32Array(rest), Number(kind.slice(2))) };
  if (!KINDS[kind]) throw new Error(`a bank has no ${kind}`);
  return { shape, values: new KINDS[kind](rest) };
}

const strings = (points, width) =>
  Array.from({ length: width ? points.length / width : 0 }, (_, at) => String.fromCodePoint(...points.subarray(at * width, (at + 1) * width).filter((point) => point)));
