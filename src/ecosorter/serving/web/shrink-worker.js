// Where photos are made small. Null says that it did not work here.

import { shrinkHere } from "./shrink.js";

self.onmessage = async ({ data: file, ports: [port] }) => port.postMessage(await shrinkHere(file).catch(() => null));
