// Opens a photo: upright, its colours as they stand in the file, what is transparent on white, as photos.py does.

/** Return {data, width, height}: four bytes a pixel. Throws an error named PhotoUnread where the browser cannot decode the photo. */
export async function openPhoto(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch (error) {
    throw Object.assign(new Error(error.message), { name: "PhotoUnread" });
  }
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { data: context.getImageData(0, 0, width, height).data, width, height };
}
