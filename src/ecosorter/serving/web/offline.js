// Opens the page without a network. It is the worker of browsers that know no modules there (Firefox before 147),
// and a part of sw.js in the others. The service fills in the version and the files, so a new version of any file is a
// new worker with a cache of its own.

const CACHE = "ecosorter-{{version}}";
const at = (path) => new URL(path, self.location).pathname;
const FILES = {{files}}.map(at);
const LATER = {{later}}.map(at); // what a phone that answers by itself needs beside them; kept when it is first asked for
const PHONE = at("phone/"); // what the phone answers with, under names that never change

async function keepAll() {
  const cache = await caches.open(CACHE);
  await cache.addAll((await caches.match(at("phone/kept.json"))) ? [...FILES, ...LATER] : FILES);
}

async function find({ request }, pathname) {
  const kept = await caches.match(pathname);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok && LATER.includes(pathname)) await (await caches.open(CACHE)).put(pathname, response.clone());
  return response;
}

self.addEventListener("install", (event) => {
  event.waitUntil(keepAll().then(() => self.skipWaiting()));
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
  if (method !== "GET" || origin !== self.location.origin) return;
  if ([...FILES, ...LATER].includes(pathname) || pathname.startsWith(PHONE)) event.respondWith(find(event, pathname));
});
