// Goes down Rosenbrock's valley in Node, and down two long valleys that are nearly the same.

import { minimiser } from "../../../src/ecosorter/serving/web/learn/lbfgs.js";

const rosenbrock = ([x, y], slope) => {
  slope.set([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)]);
  return 100 * (y - x * x) ** 2 + (1 - x) ** 2;
};
const valley = (shift) => (values, slope) => {
  let height = 0;
  values.forEach((value, at) => {
    const steepness = 1 + (at + shift) ** 2;
    height += (steepness * (value - 1) ** 2) / 2;
    slope[at] = steepness * (value - 1);
  });
  return height;
};
const away = new Float64Array(50).fill(3);
const plain = ({ values, steps }) => ({ values: [...values], steps });
const remembering = minimiser(50);
console.log(
  JSON.stringify({
    rosenbrock: plain(minimiser(2)(rosenbrock, Float64Array.of(-1.2, 1), 1e-9)),
    first: plain(remembering(valley(0), away, 1e-9)),
    passing: [0.1, 0.1].map((shift) => plain(remembering(valley(shift), away, 1e-9, true))),
    alone: plain(minimiser(50)(valley(0.1), away, 1e-9)),
  }),
);
