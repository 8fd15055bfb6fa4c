// Reads notebooks in Node as the phone does: texts on standard input; of each what was read, written again, or the reason.

import { read, write } from "../../../src/ecosorter/serving/web/learn/notebook.js";

let given = "";
for await (const piece of process.stdin) given += piece;
const said = JSON.parse(given).map((text) => {
  try {
    return { text: write(read(text)) };
  } catch (error) {
    return { code: error.code ?? `${error}` };
  }
});
console.log(JSON.stringify(said));
