// Opens the page without a network, and sends what waited when the network is back, also with the page closed.
// Version {{version}}: with it, this file changes whenever any other does.

import "./offline.js";
import { flush } from "{{static}}/queue.js";

self.addEventListener("sync", (event) => {
  // Failing asks the browser to try again later, with longer and longer pauses.
  event.waitUntil(flush().then(({ left }) => left && Promise.reject(new Error(`${left} still wait`))));
});
