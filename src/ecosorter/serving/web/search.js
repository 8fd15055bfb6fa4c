// Finds items by what somebody types. What it does, and why, stands in guidance/search.py: the same steps in the same
// whole numbers, so that both give the same hits. No document here: tests run this in Node.

import { allowed, distance, letters, mistyped, ones, stem, wordsOf } from "./alike.js";

const FLOOR = 600;
const MOST_WORDS = 8;
const LONGEST_WORD = 30;
const LONGEST_PHRASE = 100;
const SURE = 930;
const FAIR = 640;
const MEANT = 790;
const LIGHT = 2;
const UNKNOWN = 7;
const CHANGED = 30;
const FAR = 300;

const most = (numbers) => numbers.reduce((a, b) => Math.max(a, b), 0);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** Make a search of unpacked items; `light` and `folds` as the service sends them. Returns `find(phrase, limit)`. */
export function makeSearch(items, { light: lightWords, folds }) {
  const light = new Set(lightWords);
  const sounds = new Map();
  const sound = (word) => {
    if (!sounds.has(word)) {
      let heard = word;
      for (const [left, right] of folds) heard = heard.replaceAll(left, right);
      sounds.set(word, heard.replace(/(.)\1+/g, "$1"));
    }
    return sounds.get(word);
  };
  const vocabulary = new Map();
  const number = (word) => {
    if (!vocabulary.has(word)) vocabulary.set(word, { word, stem: stem(word), sound: sound(word), root: sound(stem(word)), bits: letters(sound(word)), holders: new Set(), names: [], changes: false, weight: 0 });
    return vocabulary.get(word);
  };
  const names = items.flatMap((item, place) => {
    const first = new Set(item.first.map((name) => wordsOf(name).join(" ")));
    return [item.names, item.others].flatMap((group, foreign) =>
      group.map((name, at) => {
        const said = wordsOf(name);
        const extra = [0, 30, 10, 0][item.common] + (at ? 0 : 4) + (first.has(said.join(" ")) ? 8 : 0) + (item.own ? 40 : 0) - 40 * foreign;
        const joined = sound(said.join(""));
        return { item, place, words: said.map(number), extra, joined, bits: letters(joined) };
      }),
    );
  });
  const conditions = new Map(items.map((item) => [item, item.conditions.map(([phrase, id, answer]) => ({ words: wordsOf(phrase).map(number), id: id ?? item.id, answer }))]));
  for (const name of names) {
    for (const word of new Set(name.words)) {
      word.holders.add(name.place);
      word.names.push(name);
    }
  }
  for (const each of conditions.values()) for (const condition of each) for (const word of condition.words) word.changes = true;
  const words = [...vocabulary.values()];
  for (const word of words) {
    const { size } = word.holders;
    word.weight = light.has(word.word) ? LIGHT : 10 - (size > 4) - (size > 12) - (size > 30);
  }
  for (const name of names) name.weight = sum(name.words.map((word) => word.weight));
  const byId = new Map(items.map((item) => [item.id, item]));
  const known = new Map(); // while somebody types, only the last word changes

  function alike(asked, least) {
    const key = `${asked} ${least}`;
    if (known.has(key)) return known.get(key);
    if (known.size > 200) known.clear();
    const found = new Map();
    const heard = sound(asked);
    const root = stem(asked);
    const rootHeard = sound(root);
    const typos = allowed(heard.length + 1);
    const bits = letters(heard);
    const begins = asked.length >= least;
    for (const word of words) {
      let score = 0;
      if (word.word === asked) score = 1000;
      else if (word.stem === root) score = 960;
      else if (heard.length > 2 && (word.sound === heard || word.root === rootHeard)) score = SURE;
      else {
        if (typos && ones(bits & ~word.bits) <= typos && ones(word.bits & ~bits) <= typos) {
          const apart = distance(heard, word.sound, typos);
          if (apart <= typos) score = mistyped(heard, word.sound, apart);
        }
        if (begins && (word.word.startsWith(asked) || (heard.length > 3 && word.sound.startsWith(heard)))) {
          score = Math.max(score, 600 + Math.min(299, Math.floor((300 * asked.length) / word.word.length)));
        }
      }
      if (score) found.set(word, score);
    }
    known.set(key, found);
    return found;
  }

  function weigh(word, near) {
    if (light.has(word)) return LIGHT;
    if (!near.size) return UNKNOWN;
    const top = most([...near.values()]);
    return most([...near].filter(([, score]) => score === top).map(([other]) => other.weight));
  }

  /** Names that differ from the phrase by spaces, and how well they fit. */
  function whole(asked) {
    const found = new Map();
    const joined = sound(asked.join(""));
    if (joined.length < 5) return found;
    const typos = joined.length < 9 ? 1 : 2;
    const bits = letters(joined);
    for (const name of names) {
      if (name.words.length === asked.length || ones(bits & ~name.bits) > typos || ones(name.bits & ~bits) > typos) continue;
      const apart = distance(joined, name.joined, typos);
      if (apart <= typos) found.set(name, 970 - Math.floor((1250 * apart) / Math.max(joined.length, name.joined.length)));
    }
    return found;
  }

  /** For each word of a condition that is in the phrase: the place in the phrase of what is most like it. */
  function meantBy(near) {
    const meant = new Map();
    for (let at = 0; at < near.length; at++) {
      for (const [word, score] of near[at]) {
        if (word.changes && score >= MEANT && score > (meant.get(word)?.score ?? 0)) meant.set(word, { at, score });
      }
    }
    return meant;
  }

  const scored = (marks, weights, all, covered) => {
    let told = 0;
    for (let at = 0; at < marks.length; at++) told += marks[at] * weights[at];
    return Math.floor((6 * Math.floor(told / all) + 4 * covered) / 10);
  };

  /** What a name amounts to, and what conditions in the phrase make of it; each goes to `take(id, answer, score)`. */
  function hits(name, { near, weights, all, meant }, fits, take) {
    const { item, words: said } = name;
    const explained = new Array(near.length).fill(0);
    let covered = 0;
    for (const word of said) {
      let best = 0;
      for (let at = 0; at < near.length; at++) {
        const score = near[at].get(word);
        if (score === undefined) continue;
        if (score > explained[at]) explained[at] = score;
        if (score > best) best = score;
      }
      covered += word.weight * best;
    }
    covered = Math.floor(covered / name.weight);
    let told = 0;
    for (let at = 0; at < weights.length; at++) if (weights[at] > LIGHT && explained[at] > told) told = explained[at];
    if (most(weights) === LIGHT) told = Math.min(...explained, covered);
    if (told < FAIR && fits < FAIR) return;
    const plain = Math.max(scored(explained, weights, all, covered), fits);
    if (plain >= FLOOR) take(item.id, item.answer, plain);
    if (!meant.size) return;
    for (const condition of conditions.get(item)) {
      if (!condition.words.every((word) => meant.has(word))) continue;
      const marks = [...explained];
      for (const word of condition.words) marks[meant.get(word).at] = 1000;
      const left = most(explained.filter((mark, at) => mark === marks[at]));
      const score = scored(marks, weights, all, covered);
      if (left >= FAIR && score >= FLOOR && marks.some((mark, at) => mark !== explained[at])) take(condition.id, condition.answer, score - CHANGED);
    }
  }

  return function find(phrase, limit = 10) {
    const asked = wordsOf(phrase.slice(0, LONGEST_PHRASE)).slice(0, MOST_WORDS).map((word) => word.slice(0, LONGEST_WORD));
    if (!asked.length) return [];
    const last = asked.length - 1;
    const near = asked.map((word, at) => alike(word, at < last ? 3 : last ? 1 : 2));
    const weights = asked.map((word, at) => weigh(word, near[at]));
    const fits = whole(asked);
    const named = new Set(fits.keys());
    near.forEach((each, at) => {
      if (asked[at].length > 1) for (const word of each.keys()) for (const name of word.names) named.add(name);
    });
    const best = new Map();
    const asking = { near, weights, all: sum(weights), meant: meantBy(near) };
    for (const name of named) {
      hits(name, asking, fits.get(name) ?? 0, (id, given, plain) => {
        const hit = { id, answer: given ?? byId.get(id).answer, score: plain + name.extra };
        const held = best.get(id);
        if (!held || hit.score > held.score || (hit.score === held.score && (hit.answer ?? "") > (held.answer ?? ""))) best.set(id, hit);
      });
    }
    const least = most([...best.values()].map(({ score }) => score)) - FAR;
    return [...best.values()]
      .filter(({ score }) => score >= least)
      .sort((a, b) => b.score - a.score || byId.get(a.id).common - byId.get(b.id).common || (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  };
}
