// The least place of a smooth function, by its slopes: limited-memory BFGS (Nocedal and Wright, Numerical Optimization, chapter 7).

const KEPT = 20; // steps that are remembered
const ENOUGH = 1e-4; // share of the promised descent that a step must bring

/**
 * Go downhill from `first` until no slope is larger than `least`. `loss(values, slope)` returns the height and writes the slope.
 * Returns {values, steps}.
 */
export function minimise(loss, first, least, most = 1000) {
  let values = first.slice();
  let slope = new Float64Array(values.length);
  let height = loss(values, slope);
  const past = [];
  let steps = 0;
  while (steps < most && largest(slope) > least) {
    const way = downhill(slope, past);
    const descent = dot(way, slope);
    let length = past.length ? 1 : 1 / Math.max(1, Math.sqrt(-descent));
    const next = new Float64Array(values.length);
    const nextSlope = new Float64Array(values.length);
    let nextHeight;
    for (;;) {
      for (let i = 0; i < values.length; i++) next[i] = values[i] + length * way[i];
      nextHeight = loss(next, nextSlope);
      // Near the end, heights differ by less than their last digits; then the slope along the way tells.
      const flat = Math.abs(nextHeight - height) <= 1e-12 * Math.abs(height) && Math.abs(dot(way, nextSlope)) <= Math.abs(descent);
      if (nextHeight <= height + ENOUGH * length * descent || flat) break;
      if (length < 1e-10) return { values, steps };
      const fitted = (-descent * length * length) / (2 * (nextHeight - height - length * descent));
      length = Math.min(Math.max(fitted, 0.1 * length), 0.5 * length);
    }
    const step = next.map((value, i) => value - values[i]);
    const change = nextSlope.map((value, i) => value - slope[i]);
    const bend = dot(step, change);
    if (bend > 1e-14 * dot(change, change)) past.push({ step, change, bend });
    if (past.length > KEPT) past.shift();
    [values, slope, height] = [next, nextSlope, nextHeight];
    steps++;
  }
  return { values, steps };
}

function downhill(slope, past) {
  const way = slope.map((value) => -value);
  const shares = new Array(past.length);
  for (let at = past.length - 1; at >= 0; at--) {
    const { step, change, bend } = past[at];
    shares[at] = dot(step, way) / bend;
    for (let i = 0; i < way.length; i++) way[i] -= shares[at] * change[i];
  }
  if (past.length) {
    const { change, bend } = past[past.length - 1];
    const scale = bend / dot(change, change);
    for (let i = 0; i < way.length; i++) way[i] *= scale;
  }
  past.forEach(({ step, change, bend }, at) => {
    const share = shares[at] - dot(change, way) / bend;
    for (let i = 0; i < way.length; i++) way[i] += share * step[i];
  });
  return way;
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function largest(values) {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most;
}
