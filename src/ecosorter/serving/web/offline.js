// Opens the page without a network. It is the worker of browsers that know no modules there (Firefox before 147),
// and a part of sw.js in the others. The service fills in the version and the files, so a new version of any file is a
// new worker with a cache of its own.

const CACHE = "ecosorter-{{version}}";
const FILES = {{files}}.map((path) => new URL(path, self.location).pathname);
const PHONE = new URL("phone/", self.location).pathname; // what the phone answers with, under names that never change

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
  if (method !== "GET" || origin !== self.location.origin || !(FILES.includes(pathname) || pathname.startsWith(PHONE))) return;
  event.respondWith(caches.match(pathname).then((kept) => kept ?? fetch(event.request)));
});
