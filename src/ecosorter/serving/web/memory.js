// Small things that this device remembers. A browser that forbids storage still gets a page that works.

export function recall(key) {
  try {
    return localStorage.getItem(`ecosorter.${key}`);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(`ecosorter.${key}`, value);
  } catch {
    // Full or forbidden: forgotten at the next visit, which is no reason to stop.
  }
}
