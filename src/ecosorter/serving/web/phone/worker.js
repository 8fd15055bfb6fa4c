// The worker in which the phone answers: it opens the network once, and does what the page asks, a task at a time.

import { BASE } from "../host.js";
import { tasks as learning } from "../learn/tasks.js";
import { lookAt } from "./look.js";
import { openNetwork } from "./network.js";
import { installed, part } from "./parts.js";

/** What can be asked: `async (phone, args, tell) => result`. `phone`: {info, network, head, list}; `tell` reports how far it is. */
const tasks = {
  open: () => null,
  classify: async (phone, { photo }) => ({ ...(await lookAt(phone, photo)), model: { name: phone.info.name, version: phone.info.version } }),
  ...learning,
};

let opening = null;

async function open() {
  const list = await installed();
  if (!list) throw new Error("nothing was downloaded");
  const [wasm, model] = await Promise.all([part("ort.wasm"), part("model.onnx")]);
  const runtime = BASE + list.parts["ort.js"].pieces[0].path; // the service worker has it without a network
  const { size } = list.info.preprocess;
  const network = await openNetwork({ runtime, wasm, model, size, hasSignals: list.info.signals.length > 0 });
  return { info: list.info, network, head: null, list };
}

let last = Promise.resolve();

self.onmessage = ({ data: { id, task, args } }) => {
  last = last.then(async () => {
    try {
      opening ??= open();
      const phone = await opening;
      self.postMessage({ id, result: await tasks[task](phone, args, (told) => self.postMessage({ id, told })) });
    } catch (error) {
      self.postMessage({ id, error: { name: error.name, message: error.message } });
    }
  });
};
