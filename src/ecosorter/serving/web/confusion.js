// What a model takes for what: each number opens the photos behind it.

import * as api from "./api.js";
import { el, picture } from "./dom.js";
import { say, token } from "./door.js";
import { language, word } from "./words.js";

/** A matrix that is fetched once it is opened; `nameOf` a class by id. */
export function confusion(nameOf, model) {
  return later(word("admin_confusion"), async (into) => {
    const { cells } = await api.admin.confusions(token(), model, language());
    if (!cells.length) return into.replaceChildren(el("p", {}, word("admin_no_photos")));
    const photos = el("div", {});
    const open = (cell) => show(photos, nameOf, () => api.admin.photos(token(), model, cell.truth, cell.best, language()));
    return into.replaceChildren(el("p", { class: "muted small" }, word("admin_confusion_detail")), matrix(nameOf, cells, open), photos);
  });
}

/** The photos of contributors whose labels fit nobody's. */
export function photosOfContributor(nameOf, contributor) {
  const title = word("admin_photos_of", { who: contributor.slice(0, 8) });
  return later(title, (into) => show(into, nameOf, () => api.admin.photosOf(token(), contributor, language())));
}

function later(title, fill) {
  const into = el("div", { class: "behind" });
  const whole = el("details", { ontoggle: () => whole.open && !into.hasChildNodes() && fill(into).catch((problem) => into.replaceChildren(refusal(problem))) }, el("summary", {}, title), into);
  return whole;
}

const refusal = (problem) => el("p", { class: "error", role: "alert" }, problem.detail || word("broken"));

function matrix(nameOf, cells, open) {
  const rows = [...new Set(cells.map(({ truth }) => truth))];
  const columns = [...new Set([...rows, ...cells.map(({ best }) => best)])];
  const caption = word("admin_confusion");
  const cellOf = (truth, best) => {
    const found = cells.find((each) => each.truth === truth && each.best === best);
    if (!found) return el("td", {}, "–");
    const said = word("admin_cell", { truth: nameOf(truth), best: nameOf(best), count: found.photos });
    return el("td", { class: truth === best ? "right" : "wrong" }, el("button", { "aria-label": said, "data-cell": `${truth}-${best}`, onclick: () => open(found) }, String(found.photos)));
  };
  return el(
    "div",
    { class: "sideways", tabindex: 0, role: "region", "aria-label": caption },
    el(
      "table",
      { class: "confusion" },
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, el("td", {}), columns.map((best) => el("th", { scope: "col" }, nameOf(best))))),
      el("tbody", {}, rows.map((truth) => el("tr", {}, el("th", { scope: "row" }, nameOf(truth)), columns.map((best) => cellOf(truth, best))))),
    ),
  );
}

async function show(into, nameOf, fetch) {
  try {
    const { photos } = await fetch();
    const blobs = await Promise.all(photos.map(({ id }) => api.review.photo(token(), id).catch(() => null)));
    const shown = photos.map((photo, n) => [photo, blobs[n]]).filter(([, blob]) => blob); // one may be withdrawn meanwhile
    into.replaceChildren(shown.length ? el("ul", { class: "proofs" }, shown.map(([photo, blob]) => el("li", {}, proof(nameOf, photo, blob)))) : el("p", {}, word("admin_no_photos")));
    say(word("admin_shown", { count: shown.length }));
  } catch (problem) {
    into.replaceChildren(refusal(problem));
  }
}

function proof(nameOf, { truth, said, best, contributor }, blob) {
  const words = word("admin_proof", { truth: nameOf(truth ?? said), best: nameOf(best) });
  const who = said === truth ? contributor.slice(0, 8) : `${contributor.slice(0, 8)}: ${nameOf(said)}`;
  return el("figure", {}, picture(blob, words), el("figcaption", {}, words, el("span", { class: "muted small" }, who)));
}
