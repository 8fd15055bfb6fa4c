// What is said of a photo that has no answer yet, or gets none.

import * as api from "./api.js";
import { el } from "./dom.js";
import * as items from "./items.js";
import { phoneCard } from "./phone/card.js";
import { language, word } from "./words.js";

/** Return the words, and a button where the person can do something. */
export function untold(item) {
  if (item.problem?.code === "not_sent") {
    return [
      el("h1", { tabindex: -1 }, word("not_sent_heading")),
      el("p", { class: "lead" }, word("not_sent_detail", { size: megabytes(item) })),
      el("button", { class: "button", id: "send-again", onclick: () => sendAgain(item) }, word("try_now")),
    ];
  }
  if (item.problem?.code === "photo_unread") {
    return [el("h1", { tabindex: -1 }, word("failed_heading")), el("p", { class: "lead" }, word("photo_unread"))];
  }
  if (item.state === "failed") {
    return [el("h1", { tabindex: -1 }, word("failed_heading")), el("p", { class: "lead" }, item.problem?.detail || item.problem?.title || word("broken"))];
  }
  if (item.held && !api.hasService) {
    return [el("h1", { tabindex: -1 }, word("phone_needed")), el("p", { class: "lead" }, word("phone_needed_detail")), phoneCard({ below: true })];
  }
  const key = { offline: "offline_detail", busy: "busy_detail", slow: "slow_detail" }[item.held] ?? "looking_detail";
  return [
    el("h1", { tabindex: -1 }, word({ offline: "offline_heading", slow: "slow_heading" }[item.held] ?? "looking")),
    el("p", { class: "lead" }, word(key, { size: megabytes(item) })),
  ];
}

const megabytes = ({ photo }) => (photo.size / 1e6).toLocaleString(language(), { maximumFractionDigits: 1 });

async function sendAgain(item) {
  await items.change(item.id, { state: "waiting", tries: 0, held: null, problem: null });
  window.dispatchEvent(new Event("online")); // what sends (app.js) listens to it
}
