// Resizes a part of a photo as Pillow does (libImaging/Resample.c): antialiased, in two passes, in 8-bit pixels with weights of
// 22 binary places. The same bytes come out, so that a photo means the same here and where the model learnt.

const PLACES = 22; // 32 bits, less 8 of a pixel and 2 for what overshoots
const HALF = 2 ** (PLACES - 1);

const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** Each filter: how far it reaches on either side, and its weight at a distance, both in pixels of the smaller picture. */
const FILTERS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, cubic],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

function cubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/**
 * Resize a part of a photo to a square.
 * `image`: {data, width, height}, four bytes a pixel, of which the fourth is not looked at. `box`: left, top, right, bottom in
 * its pixels, which need not be whole. Returns three bytes a pixel, `size` x `size`.
 */
export function resize(image, box, size, filter) {
  const [left, top, right, bottom] = box.map(Math.fround); // Pillow keeps the box in single precision
  if (filter === "nearest") return nearest(image, [left, top, right, bottom], size);
  const across = weights(image.width, left, right, size, filter);
  const down = weights(image.height, top, bottom, size, filter);
  const first = down.starts[0];
  const rows = down.starts[size - 1] + down.counts[size - 1] - first;
  return vertical(horizontal(image, first, rows, across, size), first, down, size);
}

/** For each pixel of a side that comes out: where its pixels of the photo start, how many they are, and their weights. */
function weights(length, from, to, size, filter) {
  const [reach, weigh] = FILTERS[filter];
  const scale = Math.fround(to - from) / size;
  const stretch = Math.max(scale, 1);
  const support = reach * stretch;
  const most = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(size);
  const counts = new Int32Array(size);
  const values = new Int32Array(size * most);
  const exact = new Float64Array(most);
  for (let at = 0; at < size; at++) {
    const center = from + (at + 0.5) * scale;
    const start = Math.max(Math.trunc(center - support + 0.5), 0);
    const count = Math.min(Math.trunc(center + support + 0.5), length) - start;
    let sum = 0;
    for (let each = 0; each < count; each++) {
      exact[each] = weigh((each + start - center + 0.5) * (1 / stretch));
      sum += exact[each];
    }
    for (let each = 0; each < count; each++) {
      const share = sum === 0 ? exact[each] : exact[each] / sum;
      values[at * most + each] = Math.trunc(share * 2 ** PLACES + (share < 0 ? -0.5 : 0.5));
    }
    starts[at] = start;
    counts[at] = count;
  }
  return { starts, counts, values, most };
}

function horizontal({ data, width }, first, rows, { starts, counts, values, most }, size) {
  const out = new Uint8ClampedArray(rows * size * 3); // clamps as Pillow's clip8
  for (let row = 0, to = 0; row < rows; row++) {
    const line = (first + row) * width;
    for (let at = 0; at < size; at++, to += 3) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let from = (line + starts[at]) * 4;
      for (let each = at * most, end = each + counts[at]; each < end; each++, from += 4) {
        const weight = values[each];
        red += data[from] * weight;
        green += data[from + 1] * weight;
        blue += data[from + 2] * weight;
      }
      out[to] = red >> PLACES;
      out[to + 1] = green >> PLACES;
      out[to + 2] = blue >> PLACES;
    }
  }
  return out;
}

function vertical(data, first, { starts, counts, values, most }, size) {
  const line = size * 3;
  const out = new Uint8ClampedArray(size * line);
  for (let at = 0; at < size; at++) {
    const start = (starts[at] - first) * line;
    for (let place = 0; place < line; place++) {
      let sum = HALF;
      let from = start + place;
      for (let each = at * most, end = each + counts[at]; each < end; each++, from += line) sum += data[from] * values[each];
      out[at * line + place] = sum >> PLACES;
    }
  }
  return new Uint8Array(out.buffer);
}

function nearest({ data, width, height }, [left, top, right, bottom], size) {
  const out = new Uint8Array(size * size * 3);
  const places = (from, to, length) => {
    const step = Math.fround(to - from) / size;
    let place = from + step * 0.5;
    return Array.from({ length: size }, () => {
      const found = Math.min(Math.trunc(place), length - 1);
      place += step;
      return found;
    });
  };
  const columns = places(left, right, width);
  places(top, bottom, height).forEach((row, y) => {
    columns.forEach((column, x) => {
      const from = (row * width + column) * 4;
      for (let channel = 0; channel < 3; channel++) out[(y * size + x) * 3 + channel] = data[from + channel];
    });
  });
  return out;
}
