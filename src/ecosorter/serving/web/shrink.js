// Makes a photo small enough for a slow line, upright and without metadata, before it leaves the phone.

const LONGER_SIDE = 1024; // more than any model here looks at
const QUALITY = 0.85;

/** A JPEG of at most 1024 pixels a side. What this browser cannot decode (HEIC in Chrome) is returned as it is: the service can. */
export async function shrink(file) {
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
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // JPEG has no transparency; without this it would turn black
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the photo could not be made smaller"))), "image/jpeg", QUALITY);
  });
}
