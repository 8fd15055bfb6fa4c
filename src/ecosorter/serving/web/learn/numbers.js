// Small things that NumPy has and a browser has not.

export const range = (length) => Array.from({ length }, (_, at) => at);

/** Different values in ascending order. */
export const unique = (values) => [...new Set(values)].sort((a, b) => a - b);

/** The place of the largest value; of equals the first. */
export function argmax(values) {
  let best = 0;
  for (let at = 1; at < values.length; at++) if (values[at] > values[best]) best = at;
  return best;
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The value below which a share of the values lies, straight between the nearest two. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  return sorted[below] + (place - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

/** The least place of a smooth valley between two ends, by golden sections. */
export function lowest(of, low, high, near = 1e-7) {
  const golden = (Math.sqrt(5) - 1) / 2;
  let [a, b] = [low, high];
  let [c, d] = [b - golden * (b - a), a + golden * (b - a)];
  let [atC, atD] = [of(c), of(d)];
  while (b - a > near) {
    if (atC < atD) {
      [b, d, atD, c] = [d, c, atC, d - golden * (d - a)];
      atC = of(c);
    } else {
      [a, c, atC, d] = [c, d, atD, c + golden * (b - c)];
      atD = of(d);
    }
  }
  return (a + b) / 2;
}
