// Opens a photo: upright, its colours as they stand in the file, what is transparent on white, as photos.py does.

const STRIPE = 512; // rows that are read at a time: a photo of 12 megapixels need not be in memory twice

/**
 * Return {data, width, height}: four bytes a pixel, of which the fourth says nothing.
 * `atLeast`: the side that the caller needs. A large JPEG comes at 1/2, 1/4 or 1/8 of its sides, not below that: so the service
 * decodes it, too. Throws an error named PhotoUnread where the browser cannot decode the photo.
 */
export async function openPhoto(blob, atLeast = Infinity) {
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
  const parts = (await isJpeg(blob)) ? scaleOf(Math.min(width, height), atLeast) : 1;
  if (parts > 1) return averaged(context, width, height, parts);
  return { data: context.getImageData(0, 0, width, height).data, width, height };
}

async function isJpeg(blob) {
  const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  return first === 0xff && second === 0xd8;
}

const scaleOf = (shorter, atLeast) => [8, 4, 2].find((parts) => Math.floor(shorter / atLeast) >= parts) ?? 1;

/** Make one pixel of `parts` x `parts`. That is what libjpeg does when it decodes at a smaller scale (jidctred.c). */
function averaged(context, width, height, parts) {
  const out = { width: Math.ceil(width / parts), height: Math.ceil(height / parts) };
  const data = new Uint8ClampedArray(out.width * out.height * 4);
  const many = parts * parts;
  for (let top = 0; top < height; top += STRIPE) {
    const rows = Math.min(STRIPE, height - top);
    const stripe = context.getImageData(0, top, width, rows).data;
    for (let y = 0, to = (top / parts) * out.width * 4; y < rows; y += parts) {
      for (let x = 0; x < width; x += parts, to += 4) {
        let red = many / 2;
        let green = many / 2;
        let blue = many / 2;
        for (let down = 0; down < parts; down++) {
          const line = Math.min(y + down, rows - 1) * width; // an edge goes on as it ends
          for (let right = 0; right < parts; right++) {
            const from = (line + Math.min(x + right, width - 1)) * 4;
            red += stripe[from];
            green += stripe[from + 1];
            blue += stripe[from + 2];
          }
        }
        data[to] = Math.trunc(red / many);
        data[to + 1] = Math.trunc(green / many);
        data[to + 2] = Math.trunc(blue / many);
      }
    }
  }
  return { data, ...out };
}
