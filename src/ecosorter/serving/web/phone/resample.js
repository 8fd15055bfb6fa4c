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
  const whole = { ...image, channels: 4 };
  // Pillow 13 goes down first where that leaves much less to do; the rounding between the two passes tells.
  const downFirst = image.height - size > 2 * Math.max(image.width - size, 0);
  return new Uint8Array((downFirst ? horizontal(vertical(whole, down, across), across) : vertical(horizontal(whole, across, down), down)).data.buffer);
}

/** The places of a side that its weights reach: all of it where there are none. */
function reached(length, side) {
  if (!side) return [0, length];
  const last = side.starts.length - 1;
  return [side.starts[0], side.starts[last] + side.counts[last]];
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

/** Make each row as long as there are weights; of the rows, those that `down` reaches. The others stay as they were before. */
function horizontal({ data, width, height, channels }, across, down) {
  const { starts, counts, values, most } = across;
  const size = starts.length;
  const [first, end] = reached(height, down);
  const out = new Uint8ClampedArray(height * size * 3); // clamps as Pillow's clip8
  for (let row = first, to = first * size * 3; row < end; row++) {
    for (let at = 0; at < size; at++, to += 3) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let from = (row * width + starts[at]) * channels;
      for (let each = at * most, last = each + counts[at]; each < last; each++, from += channels) {
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
  return { data: out, width: size, height, channels: 3 };
}

/** Make each column as long as there are weights; of the columns, those that `across` reaches. */
function vertical({ data, width, channels }, down, across) {
  const { starts, counts, values, most } = down;
  const size = starts.length;
  const [first, end] = reached(width, across);
  const line = width * channels;
  const out = new Uint8ClampedArray(size * width * 3);
  for (let at = 0; at < size; at++) {
    for (let column = first, to = (at * width + first) * 3; column < end; column++, to += 3) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let from = starts[at] * line + column * channels;
      for (let each = at * most, last = each + counts[at]; each < last; each++, from += line) {
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
  return { data: out, width, height: size, channels: 3 };
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
