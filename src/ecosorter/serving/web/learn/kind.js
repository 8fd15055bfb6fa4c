// A kind of this phone's own: its name, and the bin of the scheme that it goes into.

import { drawBin } from "../bins.js";
import { classList, ownClasses, scheme } from "../catalog.js";
import { dictionary } from "../dictionary.js";
import { el } from "../dom.js";
import { word } from "../words.js";
import { addClass } from "./lessons.js";

const LONGEST = 60; // characters of a name

/** Ask for a kind; `then` is called when there is a new one. */
export function askForKind(then) {
  const sheet = document.getElementById("sheet");
  const wrong = el("p", { class: "error", role: "alert" });
  const name = el("input", { type: "text", id: "kind-name", maxlength: LONGEST, autocomplete: "off", placeholder: word("kind_example"), onchange: () => suggest(form, name.value) });
  const bins = scheme()?.bins ?? [];
  const choice = (bin) => el("label", { class: "choice" }, el("input", { type: "radio", name: "bin", value: keyOf(bin, bins) }), drawBin(bin), el("span", {}, bin.name));
  const form = el(
    "form",
    { method: "dialog", novalidate: true, oninput: () => (wrong.textContent = ""), onsubmit: (event) => add(event, form, wrong, then) },
    el("h2", {}, word("kind_heading")),
    el("div", { class: "field" }, el("label", { for: "kind-name" }, word("kind_name")), name),
    el("fieldset", {}, el("legend", {}, word("kind_bin")), el("div", { class: "choices bins" }, bins.map(choice))),
    wrong,
    el("div", { class: "pair" }, el("button", { class: "button", type: "button", onclick: () => sheet.close() }, word("cancel")), el("button", { class: "button primary", id: "kind-add" }, word("kind_add"))),
  );
  sheet.setAttribute("aria-label", word("kind_heading"));
  sheet.replaceChildren(form);
  sheet.showModal();
}

/** What stands for a bin, also where other rules are chosen later: its kind, or its id where several are of that kind. */
const keyOf = ({ id, kind }, bins) => (bins.filter((each) => each.kind === kind).length > 1 ? id : kind);

/** The item of this very name, where there is one: it says the bin, and the class that held such things before. */
function known(name) {
  const wanted = name.trim().toLowerCase();
  return dictionary()?.listed().find(({ names, others }) => [...names, ...others].some((each) => each.toLowerCase() === wanted));
}

function suggest(form, name) {
  const found = known(name);
  const bin = found && dictionary().binOf(found);
  const input = bin && form.querySelector(`[name=bin][value="${CSS.escape(keyOf(bin, scheme().bins))}"]`);
  if (input && !form.querySelector("[name=bin]:checked")) input.checked = true;
}

async function add(event, form, wrong, then) {
  const name = form.querySelector("#kind-name").value.trim().replace(/\s+/g, " ");
  const bin = form.querySelector("[name=bin]:checked")?.value ?? null;
  const id = name.toLowerCase();
  const same = [...classList(), ...ownClasses()].find((each) => each.id === id || each.name.toLowerCase() === id);
  const problem = !name ? word("kind_unnamed") : same ? word("kind_known", { name: same.name }) : !bin && word("kind_binless");
  if (problem) {
    event.preventDefault();
    wrong.textContent = problem;
    return form.querySelector(name && !same ? "[name=bin]" : "#kind-name").focus();
  }
  await addClass({ id, name: name.charAt(0).toUpperCase() + name.slice(1), bin, parent: known(name)?.label ?? null });
  return then();
}
