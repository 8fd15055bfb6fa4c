// From a model's numbers to an answer or "not sure": decision.py in the browser.

const SURE = 0.9; // as in classify.py: an answer at least so probable is called sure

/** Calibrated probabilities of logits. */
export function softmax(logits, temperature) {
  const scaled = Float64Array.from(logits, (value) => value / temperature);
  const most = Math.max(...scaled);
  const weights = scaled.map((value) => Math.exp(value - most)); // the largest is exp(0): no overflow
  const sum = weights.reduce((one, other) => one + other, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * Answer for one photo, or say "not sure": {label, best, confidence, reason, candidates}.
 * `signals`: what the model sees of waste in the photo, by name; those that `thresholds` does not name say nothing.
 */
export function decide(probabilities, classes, thresholds, signals = {}) {
  if (probabilities.length !== classes.length) throw new RangeError(`${classes.length} classes do not go with ${probabilities.length} probabilities`);
  if (!probabilities.every(Number.isFinite)) throw new RangeError("a probability is not a number");
  const leasts = Object.entries(thresholds.signals ?? {});
  const missing = leasts.find(([name]) => !Number.isFinite(signals[name]));
  if (missing) throw new RangeError(`the signal '${missing[0]}' is not a number`);
  const order = classes.map((_, at) => at).sort((a, b) => probabilities[b] - probabilities[a]); // stable: of equals the earlier first
  const [first, ...others] = order;
  const confidence = probabilities[first];
  let reason = confidence >= thresholds.confidence ? "confident" : "low_confidence";
  if (leasts.some(([name, least]) => signals[name] < least)) reason = "no_waste";
  return {
    label: reason === "confident" ? classes[first] : null,
    best: classes[first],
    confidence,
    reason,
    candidates: [first, ...others.filter((at) => 1 - probabilities[at] <= thresholds.conformal)].map((at) => classes[at]),
  };
}

/** How sure an answer is, in the words of the page. */
export function certaintyOf({ reason, label, confidence }) {
  if (reason === "no_waste") return "no_waste";
  if (label === null) return "unsure";
  return confidence >= SURE ? "sure" : "likely";
}
