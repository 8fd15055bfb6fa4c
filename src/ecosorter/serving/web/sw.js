// Opens the page without a network, and sends what waited when the network is back, also with the page closed.
// The service fills in the version and the files, so a new version of any file is a new worker with a cache of its own.

import { flush } from "{{static}}/queue.js";

const CACHE = "ecosorter-{{version}}";
const FILES = {{files}};

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("ecosorter-") && name !== CACHE;
  event.waitUntil(
    caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin || !FILES.includes(pathname)) return;
  event.respondWith(caches.match(pathname).then((kept) => kept ?? fetch(event.request)));
});

self.addEventListener("sync", (event) => {
  // Failing asks the browser to try again later, with longer and longer pauses.
  event.waitUntil(flush().then(({ left }) => left && Promise.reject(new Error(`${left} still wait`))));
});
