// Learn a place: from features of its photos, their labels and the bank to a head that knows both (teaching/learn.py).
//
// Pure numbers in, numbers out; it takes seconds and belongs in a worker.

import { applyHead } from "../phone/head.js";
import { ROWS, rowsFor } from "./kernel.js";
import { argmax, mean, range, unique } from "./numbers.js";
import { recalibrate } from "./recalibrate.js";
import { balancedWeights, grown, refitter } from "./refit.js";
import { rehearsalRows } from "./rehearsal.js";
import { parentClasses, rowsToRelabel } from "./relabel.js";
import { scaleOf, standardise } from "./scale.js";
import { findThings, thingFolds, usualDistance } from "./things.js";

const LOSS = 0.02;
const STEPS = 20; // into which the way is cut
export const FOLDS = 5; // fits that leave things out; with as many things or fewer, one each

/** What is the same for every lesson of a model, so that it is made once: its scale, and how far apart its photos are. */
export function prepare(bank, classes) {
  const labels = Array.from(bank.labels, (label) => classes.indexOf(bank.classes[label]));
  const known = { ...bank, labels };
  const scale = scaleOf(known);
  return { ...known, scale, usual: usualDistance(known, scale) };
}

/**
 * Fit a head to photos, and measure what it brought and what it cost.
 *
 * `old`: {classes, weights, bias, temperature, thresholds} of the model; `memory`: `prepare` of its bank;
 * `photos`: [{label, source, looks: [Float32Array]}] in the order in which they were taken; `named`: an old class by new one.
 * Returns {head, step, lost, things: by photo, before and after: a class by photo, known: how many of these are right};
 * `after` is by heads that knew neither the photo nor its thing. With step 0 nothing was learnt, and the head is the old one.
 */
export function learn(old, memory, photos, named = {}, tell = () => null) {
  const d = memory.d;
  const classes = [...old.classes, ...[...new Set(photos.map(({ label }) => label))].filter((label) => !old.classes.includes(label)).sort()];
  const labels = photos.map(({ label }) => classes.indexOf(label));
  const seen = photos.map(({ looks }) => looks[0]);
  const answer = (head, features) => applyHead({ ...head, classes: range(head.bias.length) }, features);
  const ownBefore = seen.map((features) => answer(old, features));
  const givenParents = new Map(Object.entries(named).map(([child, parent]) => [classes.indexOf(child), old.classes.indexOf(parent)]));
  const parents = parentClasses(ownBefore.map(argmax), labels, old.classes.length, classes.length, givenParents);
  const allowed = possibleClasses(memory, seen, labels, parents);
  const start = grown(old, classes.length, parents);
  const things = findThings(seen, labels, memory.scale, memory.usual);

  const rehearsed = rehearsalRows(memory.labels, memory.sources, photos.flatMap(({ looks }) => looks).length);
  const again = new Set(rehearsed);
  const others = range(memory.n).filter((row) => !again.has(row));
  const fitted = [
    ...rehearsed.map((row) => ({ features: memory.row(row, new Float32Array(d)), label: memory.labels[row], source: memory.sources[row], may: allowed[row] })),
    ...photos.flatMap(({ looks, source }, photo) => looks.map((features) => ({ features, label: labels[photo], source, may: [labels[photo]], photo }))),
  ];
  const rows = rowsFor(fitted.length, d, classes.length);
  fitted.forEach(({ features }, to) => standardise(features, memory.scale, rows.values, to * rows.stride));
  const refit = refitter(start, old.classes.length, rows, fitted.map(({ may }) => may), memory.scale);

  const fit = (isTaught, begin) => {
    const isOwn = ({ photo }) => photo !== undefined;
    const chosen = range(fitted.length).filter((row) => !isOwn(fitted[row]) || isTaught(fitted[row].photo));
    const some = chosen.map((row) => fitted[row]);
    const balanced = balancedWeights(some.map(({ label }) => label), some.map(({ source }) => source), some.map(isOwn));
    const weights = new Float64Array(fitted.length); // 0 for what is left out
    balanced.forEach((weight, at) => (weights[chosen[at]] = weight));
    const found = refit(weights, begin);
    tell();
    return found;
  };

  const full = fit(() => true);
  const asked = rowsFor(others.length, d, classes.length);
  others.forEach((row, to) => memory.row(row, asked.values, to * asked.stride));
  const before = answers(old, asked);
  const truth = others.map((row) => ({ label: memory.labels[row], allowed: allowed[row] }));
  let [step, lost, after] = [0, 0, before];
  const [atStart, atEnd] = [answers(start, asked), answers(full, asked)]; // between them, logits lie as heads do
  for (let part = STEPS; part && !step; part--) {
    const share = part / STEPS;
    const said = atStart.map((logits, row) => logits.map((value, at) => value + share * (atEnd[row][at] - value)));
    const cost = forgotten(before, said, truth);
    if (cost <= LOSS + 1e-9) [step, lost, after] = [share, cost, said];
  }
  if (!step) return { head: old, step, lost, things, ...told(ownBefore, ownBefore, labels, classes) };
  const folds = Math.min(FOLDS, new Set(things).size);
  const fold = thingFolds(labels, things, folds);
  const ownAfter = new Array(photos.length);
  for (let left = 0; left < folds; left++) {
    const head = between(start, fit((at) => fold[at] !== left, full), step);
    fold.forEach((one, at) => one === left && (ownAfter[at] = answer(head, seen[at])));
  }
  const calibrated = recalibrate(old.temperature, old.thresholds, before, after, truth.map(({ label }) => label), ownAfter, labels);
  return {
    head: { classes, ...between(start, full, step), ...calibrated },
    step,
    lost,
    things,
    ...told(ownBefore, ownAfter, labels, classes),
  };
}

/** For each row of the bank the classes that it may be: its own, and the new one that it looks like and that was part of it. */
function possibleClasses(memory, seen, labels, parents) {
  const allowed = memory.labels.map((label) => [label]);
  const scaled = (features) => features.map((value, j) => value / memory.scale.deviation[j]);
  for (const [child, parent] of parents) {
    const rows = range(memory.n).filter((row) => memory.labels[row] === parent);
    const theirs = rows.map((row) => scaled(memory.row(row, new Float32Array(memory.d))));
    const ours = seen.filter((_, at) => labels[at] === child).map((features) => scaled(features));
    rowsToRelabel(theirs, ours).forEach((like, at) => like && allowed[rows[at]].push(child));
  }
  return allowed;
}

/** The logits of each of many rows. */
function answers({ weights, bias }, rows) {
  const d = weights.length / bias.length;
  bias.forEach((_, label) => rows.head.set(weights.subarray(label * d, (label + 1) * d), label * rows.stride));
  return range(rows.n).map((row) => {
    if (row % ROWS === 0) rows.multiply(row);
    return Float64Array.from(bias, (shift, label) => shift + rows.scores[label * ROWS + (row % ROWS)]);
  });
}

/** The head that goes a share of the way. */
function between(start, full, share) {
  const part = (from, to) => from.map((value, at) => value + share * (to[at] - value));
  return { weights: part(start.weights, full.weights), bias: part(start.bias, full.bias) };
}

/** The mean over the classes of the recall that is lost; a new class that looks right is no loss. */
function forgotten(before, after, truth) {
  const changes = unique(truth.map(({ label }) => label)).map((label) => {
    const rows = range(truth.length).filter((row) => truth[row].label === label);
    return mean(rows.map((row) => (argmax(before[row]) === label) - truth[row].allowed.includes(argmax(after[row]))));
  });
  return changes.length ? mean(changes) : 0;
}

/** What both heads say of the photos: the classes by photo, and how many are right. */
function told(before, after, labels, classes) {
  const [was, now] = [before, after].map((answers) => answers.map(argmax));
  const right = (said) => said.filter((label, at) => label === labels[at]).length;
  return { before: was.map((label) => classes[label]), after: now.map((label) => classes[label]), known: [right(was), right(now)] };
}
