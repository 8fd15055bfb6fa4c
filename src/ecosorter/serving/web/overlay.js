// Paints where the model looked: a small grid of 0..255 becomes a soft warm light over the picture.

const LIGHT = [255, 176, 32];
const SHADE = [8, 20, 14];
const STRONGEST = 0.65; // opacity where it looked most, and where it did not look at all

/**
 * Paint a map into a canvas that lies over the picture; the browser smooths it as it scales up.
 * `levels` are rows of 0..255, and `box` is the part of the picture that they cover: its sides as shares, 0..1.
 */
export function paint(canvas, { levels, box: [left, top, right, bottom] }) {
  const height = levels.length;
  const width = levels[0].length;
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  const context = small.getContext("2d");
  const pixels = context.createImageData(width, height);
  levels.flat().forEach((value, index) => {
    const heat = value / 255;
    // Shade where it did not look, light where it did: visible on bright and on dark photos alike.
    const colour = heat > 0.5 ? LIGHT : SHADE;
    pixels.data.set([...colour, Math.round(255 * Math.abs(heat - 0.5) * 2 * STRONGEST)], index * 4);
  });
  context.putImageData(pixels, 0, 0);
  canvas.width = 64 * width;
  canvas.height = 64 * height;
  const large = canvas.getContext("2d");
  large.imageSmoothingEnabled = true;
  large.imageSmoothingQuality = "high";
  large.fillStyle = `rgba(${SHADE}, ${STRONGEST})`; // outside of the box it did not look either
  large.fillRect(0, 0, canvas.width, canvas.height);
  const part = [left * canvas.width, top * canvas.height, (right - left) * canvas.width, (bottom - top) * canvas.height];
  large.clearRect(...part);
  large.drawImage(small, ...part);
}
