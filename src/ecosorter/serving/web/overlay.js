// Paints where the model looked: a small grid of 0..255 becomes a soft warm light over the picture.

const LIGHT = [255, 176, 32];
const SHADE = [8, 20, 14];

/** Paint `grid` (rows of 0..255) into a canvas that lies over the picture; the browser smooths it as it scales up. */
export function paint(canvas, grid) {
  const height = grid.length;
  const width = grid[0].length;
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  const context = small.getContext("2d");
  const pixels = context.createImageData(width, height);
  grid.flat().forEach((value, index) => {
    const heat = value / 255;
    // Shade where it did not look, light where it did: visible on bright and on dark photos alike.
    const colour = heat > 0.5 ? LIGHT : SHADE;
    pixels.data.set([...colour, Math.round(255 * Math.abs(heat - 0.5) * 1.3)], index * 4);
  });
  context.putImageData(pixels, 0, 0);
  canvas.width = 64 * width;
  canvas.height = 64 * height;
  const large = canvas.getContext("2d");
  large.imageSmoothingEnabled = true;
  large.imageSmoothingQuality = "high";
  large.clearRect(0, 0, canvas.width, canvas.height);
  large.drawImage(small, 0, 0, canvas.width, canvas.height);
}
