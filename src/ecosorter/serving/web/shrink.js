// Makes a photo small enough for a slow line, upright and without metadata, before it leaves the phone. In a worker, since a
// photo of 12 megapixels would keep the page from answering to a finger meanwhile.

const LONGER_SIDE = 1024; // more than any model here looks at
const QUALITY = 0.85;
let worker = null;

/** A JPEG of at most 1024 pixels a side. What this browser cannot decode (HEIC in Chrome) is returned as it is: the service can. */
export async function shrink(file) {
  return (await inWorker(file).catch(() => null)) ?? shrinkHere(file); // an old browser has no such worker
}

function inWorker(file) {
  return new Promise((resolve, reject) => {
    worker ??= new Worker(new URL("./shrink-worker.js", import.meta.url), { type: "module" });
    worker.onerror = (event) => {
      event.preventDefault();
      worker = null;
      reject(new Error(event.message));
    };
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => {
      port1.close();
      resolve(data);
    };
    worker.postMessage(file, [port2]);
  });
}

/** The same, in this thread. */
export async function shrinkHere(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  const blob = await jpeg(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  return blob;
}

/** Draw an image, or a camera's picture, into a JPEG. The canvas keeps pixels only: location and camera data are gone. */
export function jpeg(source, width, height) {
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  const sides = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = typeof document === "undefined" ? new OffscreenCanvas(...sides) : document.createElement("canvas");
  [canvas.width, canvas.height] = sides;
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // JPEG has no transparency; without this it would turn black
  context.fillRect(0, 0, ...sides);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, ...sides);
  if (canvas.convertToBlob) return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the photo could not be made smaller"))), "image/jpeg", QUALITY);
  });
}
