// The last layer, where this phone has learnt one of its own: logits of features.

/** Logits of a view's features. `head`: {classes, weights: by class and feature, bias: by class}. */
export function applyHead({ classes, weights, bias }, features) {
  return Float64Array.from(classes, (_, row) => {
    let sum = bias[row];
    for (let at = 0, from = row * features.length; at < features.length; at++) sum += weights[from + at] * features[at];
    return sum;
  });
}
