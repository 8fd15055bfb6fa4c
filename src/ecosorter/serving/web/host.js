// Where the page lies, and who answers beside it. `ecosorter site` writes the lower two lines anew.

/** The page's folder: this file lies in <folder>/static/<version>/. */
export const BASE = new URL("../../", import.meta.url).pathname;

/** The service's address; null where there is none. */
export const SERVICE = BASE;
/** Whether what the service knows (classes, schemes, items) lies beside the page as files. */
export const FILES = false;
