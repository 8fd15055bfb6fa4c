// The bundle's network in ONNX Runtime Web.

const LONGEST_START = 30_000; // ms; a thread that does not start would be waited for without end
const MOST_THREADS = 4; // beyond, small layers cost more in waiting than they win

/** Threads that it may use here: several only where no other site's page can be in the same process. */
const threadsHere = () => (self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency ?? 1, MOST_THREADS) : 1);

/**
 * Open a network.
 * `runtime`: address of ONNX Runtime's module. `wasm`, `model`: the bytes of its code and of model.onnx. `size`: side of the input.
 */
export async function openNetwork({ runtime, wasm, model, size, hasSignals, threads = threadsHere() }) {
  const ort = await import(runtime);
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.initTimeout = LONGEST_START;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] });
  const names = ["logits", "features", "cam", ...(hasSignals ? ["signals"] : [])];

  /** Run it on one view. Returns {logits, features, cam, camSides, signals}, each but `camSides` a Float32Array. */
  async function run(pixels) {
    const input = new ort.Tensor("uint8", pixels, [1, size, size, 3]);
    const found = await session.run({ pixels: input }, names);
    const [logits, features, cam, signals] = names.map((name) => found[name].data.slice());
    if (!logits.every(Number.isFinite)) throw new RangeError("the model gives what is not a number");
    const view = { logits, features, cam, camSides: found.cam.dims.slice(2), signals };
    for (const tensor of Object.values(found)) tensor.dispose();
    return view;
  }

  return { run };
}
