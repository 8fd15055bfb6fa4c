// What the start screen says of use without a network.

import * as api from "../api.js";
import { el, icon } from "../dom.js";
import { show } from "../screens.js";
import { language, word } from "../words.js";
import { fetchAll, now, pause, remove } from "./download.js";

const megabytes = (bytes) => (bytes / 1e6).toLocaleString(language(), { maximumFractionDigits: 1 });

/** Draw it; null where there is nothing to say. `below`: it stands below words that ask for the download. */
export function phoneCard({ below = false } = {}) {
  const state = now();
  const size = megabytes(state.size ?? state.update ?? 0);
  const button = (id, key, act, fields = {}) => el("button", { class: "button", id, onclick: act }, word(key, fields));
  const card = (...content) => el("section", { class: "card phone" }, ...content.filter(Boolean));
  if (state.name === "offered") {
    return card(!below && el("h2", {}, word(api.hasService ? "phone_offer" : "phone_needed")), !below && el("p", { class: "muted" }, word("phone_offer_detail")), button("phone-fetch", "phone_fetch", fetchAll, { size }));
  }
  if (state.name === "coming") {
    const share = Math.round(100 * state.share);
    return card(
      el("h2", { id: "phone-heading" }, word("phone_coming")),
      el("progress", { max: 100, value: share, "aria-labelledby": "phone-heading" }),
      el("p", { class: "muted" }, word("phone_come", { done: megabytes(state.share * state.size), size })),
      button("phone-pause", "phone_pause", pause),
    );
  }
  if (state.name === "paused") {
    return card(el("h2", {}, word("phone_paused")), el("p", { class: "muted" }, word(`phone_paused_${state.problem ?? "kept"}`)), button("phone-fetch", "phone_resume", fetchAll, { size }));
  }
  if (state.name === "ready") {
    return el(
      "div",
      { class: "phone" },
      el("p", { class: "muted small on-phone" }, icon("phone"), word("phone_ready")),
      state.teachable && el("button", { class: "button", id: "place-open", onclick: () => show("place") }, icon("leaf"), word("learn_open")),
      el("div", { class: "pair" }, state.update && button("phone-update", "phone_update", fetchAll, { size }), el("button", { class: "button quiet", id: "phone-remove", onclick: remove }, word("phone_remove"))),
    );
  }
  if (state.name === "cannot") return el("p", { class: "muted small phone" }, word(api.hasService ? "phone_cannot" : "phone_cannot_alone", { why: word(`phone_cannot_${state.why}`) }));
  return null;
}
