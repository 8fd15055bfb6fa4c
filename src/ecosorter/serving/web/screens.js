// One page, several screens: which is seen, where the focus goes, what a screen reader hears, what "back" does.

const renderers = {};
let shown = { name: "start", arg: null };
let drawing = Promise.resolve();
let queued = null;

const section = (name) => document.querySelector(`[data-screen="${name}"]`);
export const current = () => shown;

/** Say how a screen is drawn: `render(section, arg)`, called whenever it is shown or refreshed. */
export function screen(name, render) {
  renderers[name] = render;
}

/** Go to a screen. The phone's back button returns from it. */
export function show(name, arg = null) {
  if (name !== shown.name || arg !== shown.arg) history.pushState({ name, arg }, "");
  enter(name, arg);
}

function enter(name, arg) {
  shown = { name, arg };
  for (const each of document.querySelectorAll("[data-screen]")) each.hidden = each.dataset.screen !== name;
  document.body.dataset.at = name;
  draw().then(() => {
    window.scrollTo(0, 0);
    focusHeading();
  });
}

/** Draw the screen anew where something changed. Many calls while it is being drawn are one. */
export function refresh() {
  queued ??= drawing.then(() => {
    queued = null;
    return draw();
  });
  return queued;
}

/** Draw what is shown, one after the other. */
function draw() {
  drawing = drawing.catch(() => null).then(() => renderers[shown.name](section(shown.name), shown.arg));
  return drawing;
}

/** Put `children` into an element of a screen. The focus stays at the same control, or goes to the heading. */
export function fill(element, ...children) {
  // Looked up now, not before what the drawing waited for: people tab on meanwhile.
  const held = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...children);
  if (!held || document.contains(held)) return;
  const same = held.id && document.getElementById(held.id);
  same ? same.focus({ preventScroll: true }) : focusHeading();
}

function focusHeading() {
  section(shown.name).querySelector("h1")?.focus({ preventScroll: true });
}

/** Start with the screen that the address stands for: after a reload, the one that was open. */
export function openScreens() {
  const state = history.state;
  if (!state) history.replaceState({ name: "start", arg: null }, "");
  window.addEventListener("popstate", (event) => enter(event.state?.name ?? "start", event.state?.arg ?? null));
  const { name, arg } = state && renderers[state.name] ? state : shown;
  if (name !== "start") return enter(name, arg);
  document.body.dataset.at = "start"; // the heading is not focused: a reader begins at the top of the page
  return draw();
}

/** Tell a screen reader what changed on the screen. */
export function say(text) {
  const region = document.getElementById("said");
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 50); // the same words again are read again
}

let hiding;

/** Show a short message that goes by itself; `action` is {text, run}. */
export function toast(text, action = null) {
  const box = document.getElementById("toast");
  const button = document.getElementById("toast-action");
  document.getElementById("toast-text").textContent = text;
  button.hidden = !action;
  button.textContent = action?.text ?? "";
  button.onclick = () => {
    box.classList.remove("seen");
    action?.run();
  };
  box.classList.add("seen");
  clearTimeout(hiding);
  hiding = setTimeout(() => box.classList.remove("seen"), action ? 20_000 : 6_000);
}
