// The phone as an engine: starts its worker when it is first needed, and passes questions and answers.

let worker = null;
let number = 0;
const asked = new Map(); // by number: {resolve, reject, onTold}
const starters = [];

/** Something that is done whenever a worker has started, before anything else is asked of it. It gets `ask`. */
export const onStart = (act) => starters.push(act);

/** Whether there is a worker now. */
export const isRunning = () => worker !== null;

/** Ask the worker for a task of its table; `onTold` gets what it reports meanwhile. */
export async function ask(task, args = {}, onTold = null) {
  worker ??= start();
  await worker.started;
  return put(task, args, onTold);
}

/** End the worker, as when there is a new model. What was asked of it fails. */
export function stop(reason = new Error("the worker was ended")) {
  worker?.thread.terminate();
  worker = null;
  for (const { reject } of asked.values()) reject(reason);
  asked.clear();
}

function start() {
  const thread = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  thread.onmessage = ({ data: { id, told, result, error } }) => {
    const question = asked.get(id);
    if (told !== undefined) return question?.onTold?.(told);
    asked.delete(id);
    return error ? question?.reject(Object.assign(new Error(error.message), { name: error.name })) : question?.resolve(result);
  };
  thread.onerror = (event) => {
    event.preventDefault();
    stop(new Error(event.message ?? "the worker did not start"));
  };
  const started = Promise.resolve().then(async () => {
    for (const act of starters) await act(put);
  });
  return { thread, started };
}

function put(task, args, onTold = null) {
  return new Promise((resolve, reject) => {
    if (!worker) return reject(new Error("the worker was ended"));
    const id = ++number;
    asked.set(id, { resolve, reject, onTold });
    return worker.thread.postMessage({ id, task, args });
  });
}
