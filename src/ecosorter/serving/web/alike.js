// Single words: how a text falls into them, their stems, how far two are apart. The same as guidance/alike.py.

/** The words of a text, as they are compared. */
export function wordsOf(text) {
  const plain = text.normalize("NFKD").toLowerCase().replace(/[\p{M}'’`]/gu, "");
  const found = [];
  for (const each of plain.match(/[a-z0-9]+/g) ?? []) {
    const word = /^[a-z]{3,}2$/.test(each) ? each.slice(0, -1) : each;
    if (found.at(-1) !== word) found.push(word);
  }
  return found;
}

/** Take off the endings of Indonesian (-nya, -an) and of English plurals. */
export function stem(word) {
  const { length } = word;
  if (length > 5 && word.endsWith("nya")) return word.slice(0, -3);
  if (length > 5 && word.endsWith("an")) return word.slice(0, -2);
  if (length > 4 && word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  if (length > 4 && /(s|x|sh|ch)es$/.test(word)) return word.slice(0, -2);
  if (length > 3 && /[^sui]s$/.test(word)) return word.slice(0, -1);
  return word;
}

/** How many typos a word of so many letters may have. */
export const allowed = (length) => (length < 4 ? 0 : length < 7 ? 1 : length < 12 ? 2 : 3);
/** The letters of a word as bits, to see at once that two words cannot be near. */
export function letters(word) {
  let bits = 0;
  for (let at = 0; at < word.length; at++) bits |= 1 << (word.charCodeAt(at) & 31);
  return bits;
}

/** How many bits are set. */
export function ones(bits) {
  let count = 0;
  for (; bits; bits &= bits - 1) count++;
  return count;
}

const rows = [0, 1, 2].map(() => new Uint8Array(256));

/** Optimal string alignment distance: letters changed, added, dropped, or swapped with the next; beyond `limit`, limit + 1. */
export function distance(a, b, limit) {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let [before, last, row] = rows;
  for (let j = 0; j <= b.length; j++) last[j] = j;
  for (let i = 1; i <= a.length; i++) {
    row[0] = i;
    let least = i;
    const letter = a.charCodeAt(i - 1);
    for (let j = 1; j <= b.length; j++) {
      const other = b.charCodeAt(j - 1);
      let cost = last[j - 1] + (letter === other ? 0 : 1);
      if (last[j] + 1 < cost) cost = last[j] + 1;
      if (row[j - 1] + 1 < cost) cost = row[j - 1] + 1;
      if (i > 1 && j > 1 && letter === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === other && before[j - 2] + 1 < cost) cost = before[j - 2] + 1;
      row[j] = cost;
      if (cost < least) least = cost;
    }
    if (least > limit) return limit + 1;
    [before, last, row] = [last, row, before];
  }
  return last[b.length];
}

const sorted = (word) => [...word].sort().join("");

/** How alike two words are that differ by so many typos; 0 where that is too many. */
export function mistyped(asked, word, typos) {
  const length = Math.max(asked.length, word.length);
  if (typos > allowed(length)) return 0;
  const first = asked[0] !== word[0];
  if (first && length < 8) return 0;
  if (length < 5 && typos && asked.length === word.length && sorted(asked) !== sorted(word)) return 0;
  return 1000 - Math.floor((1250 * typos) / length) - (first ? 100 : 0);
}
