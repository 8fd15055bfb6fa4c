// Features standardised over what the model knew: one unit for every dimension.

/** Mean and deviation of every dimension of a bank (teaching/refit.py, `scale_of`). */
export function scaleOf({ n, d, row }) {
  const mean = new Float64Array(d);
  const deviation = new Float64Array(d);
  const values = new Float32Array(d);
  for (let at = 0; at < n; at++) {
    row(at, values);
    for (let j = 0; j < d; j++) mean[j] += values[j];
  }
  for (let j = 0; j < d; j++) mean[j] /= n;
  for (let at = 0; at < n; at++) {
    row(at, values);
    for (let j = 0; j < d; j++) deviation[j] += (values[j] - mean[j]) ** 2;
  }
  for (let j = 0; j < d; j++) deviation[j] = Math.sqrt(deviation[j] / n);
  const least = 1e-6 * Math.max(deviation.reduce((most, value) => Math.max(most, value), 0), 1e-30);
  return { mean, deviation: deviation.map((value) => (value > least ? value : 1)) };
}

/** Features of a row in that scale, written to `out` from `offset` on. */
export function standardise(features, { mean, deviation }, out = new Float64Array(mean.length), offset = 0) {
  for (let j = 0; j < mean.length; j++) out[offset + j] = (features[j] - mean[j]) / deviation[j];
  return out;
}
