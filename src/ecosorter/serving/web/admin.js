// The page for people who run the service: the models, how each did, which one answers, and the way back.

import * as api from "./api.js";
import { confusion } from "./confusion.js";
import { el } from "./dom.js";
import { drawDoor, forget, put, refused, say, startPage, token } from "./door.js";
import { driftOf } from "./drift.js";
import { beside, doubted, measured, overTime } from "./figures.js";
import { language, word } from "./words.js";

const STATES = { candidate: "admin_candidate", shadow: "admin_shadow", in_use: "admin_in_use", retired: "admin_retired" };
const OUTCOMES = { candidate: "admin_run_candidate", missing: "admin_run_missing", nothing_new: "admin_run_nothing_new", failed: "admin_run_failed", killed: "admin_run_killed", running: "admin_run_running" };
const MISSING = { contributors: "admin_missing_contributors", held_out: "admin_missing_held_out", photos: "admin_missing_photos", held_out_photos: "admin_missing_held_out_photos" };
const LOOK_AGAIN = 3000; // ms, while the next model is being made
const main = document.getElementById("main");
let names = {};
let known = null;
let running = [];
let weeks = [];
let timer = null;

const when = (time) => new Date(time).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
const versionOf = (id) => known.models.find((each) => each.id === id)?.version ?? "–";

function door(problem) {
  clearTimeout(timer);
  drawDoor({ heading: word("admin_heading"), lead: word("admin_lead") }, open, problem);
}

/** Fetch everything and draw it. */
async function open() {
  try {
    const { classes } = await api.classes(language());
    names = Object.fromEntries(classes.map(({ id, name }) => [id, name]));
    await fetchAll();
    draw();
    main.querySelector("h1").focus();
  } catch (problem) {
    if (refused(problem)) forget();
    door(refused(problem) ? word("admin_wrong_token") : problem.detail || word("broken"));
  }
}

async function fetchAll() {
  [known, { campaigns: running }, { weeks }] = await Promise.all([api.admin.models(token(), language()), api.campaigns(language()), api.admin.drift(token(), language())]);
}

function draw() {
  const { models, changes } = known;
  const inUse = models.filter(({ state }) => state === "in_use");
  const others = models.filter(({ state }) => state !== "in_use");
  put(
    el(
      "div",
      { class: "models" },
      el("h1", { tabindex: -1 }, word("admin_heading")),
      el("p", { class: "error", id: "problem", role: "alert" }),
      inUse.length ? el("section", {}, el("h2", {}, word("admin_answers")), inUse.map(card)) : el("p", { class: "lead" }, word("admin_none")),
      el("section", {}, el("h2", {}, word("admin_next")), nextModel()),
      el("section", {}, el("h2", {}, word("admin_asks")), asks()),
      known.in_use.length > 0 && el("section", {}, el("h2", {}, word("admin_accuracy_in_use")), overTime(known.in_use)),
      weeks.length > 0 && el("section", {}, el("h2", {}, word("admin_drift")), driftOf(names, weeks, changes.filter(({ after }) => after === "in_use").map(({ at }) => at))),
      others.length > 0 && el("section", {}, el("h2", {}, word("admin_others")), others.map(card)),
      changes.length > 0 && el("section", {}, el("h2", {}, word("admin_history")), history(changes)),
    ),
  );
  clearTimeout(timer);
  if (known.run?.outcome === "running") timer = setTimeout(look, LOOK_AGAIN);
}

/** See whether the next model is made; until then the page stays as it is, with what was opened. */
async function look() {
  const before = JSON.stringify([known.run, known.seen]);
  await fetchAll().catch(() => null);
  if (JSON.stringify([known.run, known.seen]) !== before) draw();
  else timer = setTimeout(look, LOOK_AGAIN);
}

function nextModel() {
  const { run } = known;
  const missing = Object.entries(run?.missing ?? {}).map(([name, [has, needed]]) => el("li", {}, word(MISSING[name], { has, needed })));
  return el(
    "div",
    { class: "model" },
    el("p", {}, run ? word(OUTCOMES[run.outcome], { when: when(run.started), who: run.who }) : word("admin_run_never")),
    missing.length > 0 && el("ul", {}, missing),
    run && run.outcome !== "candidate" && doubted(names, run.doubtful),
    el("button", { class: "button", id: "improve", disabled: run?.outcome === "running", onclick: () => act(() => api.admin.improve(token(), language()), word("admin_started")) }, word("admin_improve")),
  );
}

function asks() {
  const label = el("select", { id: "asked-label" }, Object.entries(names).map(([id, name]) => el("option", { value: id }, name)));
  const wanted = el("input", { id: "asked-number", type: "number", min: 1, max: 100000, value: 30, required: true, inputmode: "numeric" });
  const begin = (event) => {
    event.preventDefault();
    act(() => api.admin.ask(token(), label.value, Number(wanted.value), language()), word("admin_asked"));
  };
  const one = ({ id, name, wanted: needed, has }) =>
    el("li", {}, el("span", {}, word("campaign", { wanted: needed, name, has })), el("progress", { max: needed, value: Math.min(has, needed), "aria-label": name }), el("button", { class: "button quiet", "data-end": id, onclick: () => act(() => api.admin.askNoMore(token(), id, language()), word("admin_asked_no_more")) }, word("admin_ask_no_more")));
  return el(
    "div",
    { class: "model" },
    running.length > 0 && el("ul", { class: "campaigns" }, running.map(one)),
    known.weak.length > 0 && el("p", {}, word("admin_weak", { names: known.weak.map((id) => names[id] ?? id).join(", ") })),
    el("form", { class: "deeds", onsubmit: begin }, el("label", {}, word("admin_ask_what"), label), el("label", {}, word("admin_ask_number"), wanted), el("button", { class: "button", id: "ask-for" }, word("admin_ask"))),
  );
}

function card(model) {
  const { id, name, version, state, created, parent, figures, shadow, withdrawn, erased } = model;
  const title = `model-${id}`;
  return el(
    "article",
    { class: `model ${state}`, "aria-labelledby": title },
    el("header", {}, el("h3", { id: title }, version), el("span", { class: "tag" }, word(erased ? "admin_erased" : STATES[state]))),
    el("p", { class: "muted small" }, word(parent ? "admin_taught_from" : "admin_made", { name, when: when(created), parent: parent && versionOf(parent) })),
    withdrawn > 0 && !erased && el("p", { class: "warning" }, word("admin_withdrawn", { count: withdrawn })),
    figures && measured(names, versionOf, figures),
    figures && confusion((id) => names[id] ?? (id === "other" ? word("class_other") : id), id),
    shadow.length > 0 && beside(names, shadow),
    !erased && deeds(model),
  );
}

function deeds({ id, version, state }) {
  const deed = (to, key, primary = false) =>
    el("button", { class: primary ? "button primary" : "button", "data-to": to, onclick: () => act(() => api.admin.change(token(), id, to, known.seen, language()), word("admin_changed", { version, state: word(STATES[to]) })) }, word(key, { version }));
  if (state === "in_use") {
    const before = known.models.find((each) => each.id === known.back && !each.erased);
    if (!before) return null;
    const goBack = () => act(() => api.admin.change(token(), before.id, "in_use", known.seen, language()), word("admin_changed", { version: before.version, state: word(STATES.in_use) }));
    return el("div", { class: "deeds" }, el("button", { class: "button", id: "go-back", onclick: goBack }, word("admin_back", { version: before.version })));
  }
  const use = deed("in_use", "admin_use", state !== "retired");
  if (state === "shadow") return el("div", { class: "deeds" }, use, deed("candidate", "admin_unshadow"));
  return el("div", { class: "deeds" }, use, deed("shadow", "admin_into_shadow"), state === "candidate" && deed("retired", "admin_retire"));
}

function history(changes) {
  const line = ({ model, before, after, who, why, at }) =>
    el("li", {}, el("time", { datetime: at, class: "muted small" }, when(at)), el("span", {}, word("admin_change", { version: versionOf(model), before: before ? word(STATES[before]) : "–", after: word(STATES[after]), who })), why && el("span", { class: "muted small" }, why));
  return el("ol", { class: "history" }, changes.map(line));
}

/** Do something, say what came of it, and look again: somebody else may have changed something, too. */
async function act(deed, said) {
  try {
    await deed();
    await fetchAll();
    draw();
    say(said);
  } catch (problem) {
    if (refused(problem)) return door(word("admin_wrong_token"));
    await fetchAll().catch(() => null);
    draw();
    document.getElementById("problem").textContent = problem.detail || word("broken");
  }
  main.querySelector("h1").focus();
  return undefined;
}

startPage(open, door);
