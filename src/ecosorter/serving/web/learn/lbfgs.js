// The least place of a smooth function, by its slopes: limited-memory BFGS (Nocedal and Wright, Numerical Optimization, chapter 7).

import { vectorsFor } from "./kernel.js";

const KEPT = 120; // steps that are remembered
const MOST = 1000; // steps in all
const ENOUGH = 1e-4; // share of the promised descent that a step must bring

/**
 * Make what goes downhill: `minimise(loss, first, least)` starts at `first` and ends where no slope is larger than `least`.
 * `loss(values, slope)` returns the height and writes the slope. It returns {values, steps}, and remembers how the slopes changed,
 * so that it needs fewer steps for nearly the same loss again; with `passing` only for this once.
 */
export function minimiser(size) {
  const { vectors, dot, add } = vectorsFor(5 + 2 * (KEPT + 1), size);
  let [values, slope, next, nextSlope] = vectors.splice(0, 4);
  const way = vectors.pop();
  const past = [];
  let lasting = 0; // so many of the past are remembered for the next loss

  function downhill() {
    way.set(slope);
    const shares = new Array(past.length);
    for (let at = past.length - 1; at >= 0; at--) {
      const { step, change, bend } = past[at];
      shares[at] = dot(step, way) / bend;
      add(way, -shares[at], change);
    }
    if (past.length) {
      const { change, bend } = past[past.length - 1];
      const scale = bend / dot(change, change);
      for (let i = 0; i < size; i++) way[i] *= scale;
    }
    past.forEach(({ step, change, bend }, at) => add(way, shares[at] - dot(change, way) / bend, step));
    for (let i = 0; i < size; i++) way[i] = -way[i];
  }

  function remember(passing) {
    const [step, change] = [vectors.pop(), vectors.pop()];
    step.set(next);
    add(step, -1, values);
    change.set(nextSlope);
    add(change, -1, slope);
    const bend = dot(step, change);
    past.push({ step, change, bend });
    if (bend <= 1e-14 * dot(change, change)) forget(past.length - 1, 1);
    if (past.length > KEPT) forget(0, 1);
    if (!passing) lasting = past.length;
  }

  function forget(from, count) {
    for (const { step, change } of past.splice(from, count)) vectors.push(step, change);
  }

  return function minimise(loss, first, least, passing = false) {
    values.set(first);
    let height = loss(values, slope);
    let steps = 0;
    forget(lasting, past.length);
    while (steps < MOST && largest(slope) > least) {
      downhill();
      const descent = dot(way, slope);
      let length = past.length ? 1 : 1 / Math.max(1, Math.sqrt(-descent));
      let nextHeight;
      for (;;) {
        next.set(values);
        add(next, length, way);
        nextHeight = loss(next, nextSlope);
        // Near the end, heights differ by less than their last digits; then the slope along the way tells.
        const flat = Math.abs(nextHeight - height) <= 1e-12 * Math.abs(height) && Math.abs(dot(way, nextSlope)) <= Math.abs(descent);
        if (nextHeight <= height + ENOUGH * length * descent || flat) break;
        if (length < 1e-10) return { values: values.slice(), steps };
        const fitted = (-descent * length * length) / (2 * (nextHeight - height - length * descent));
        length = Math.min(Math.max(fitted, 0.1 * length), 0.5 * length);
      }
      remember(passing);
      [values, next] = [next, values];
      [slope, nextSlope] = [nextSlope, slope];
      height = nextHeight;
      steps++;
    }
    return { values: values.slice(), steps };
  };
}

function largest(values) {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most;
}
