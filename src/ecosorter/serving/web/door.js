// The way into a page for staff: a token, the way out, and the switch between languages.

import { el } from "./dom.js";
import { firstLanguage, language, speak, word } from "./words.js";

const TOKEN = "ecosorter.token"; // in sessionStorage: gone with the tab
const main = document.getElementById("main");
const leave = document.getElementById("leave");

export const token = () => sessionStorage.getItem(TOKEN);

/** Whether the service does not let this token in. */
export const refused = ({ status }) => status === 401 || status === 403;

export const forget = () => sessionStorage.removeItem(TOKEN);

export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Draw what is there for whoever is let in. */
export function put(...content) {
  leave.hidden = false;
  main.replaceChildren(...content);
}

/** Ask for the token; `open`: what to do with it. */
export function drawDoor({ heading, lead }, open, problem = "") {
  const field = el("input", { type: "password", id: "token", autocomplete: "off", required: true, "aria-describedby": "token-problem" });
  const enter = (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN, field.value.trim());
    open();
  };
  put(
    el(
      "form",
      { class: "door", onsubmit: enter },
      el("h1", { tabindex: -1 }, heading),
      el("p", { class: "lead" }, lead),
      el("label", {}, word("review_token"), field),
      el("p", { class: "error", id: "token-problem", role: "alert" }, problem),
      el("button", { class: "button primary" }, word("review_enter")),
    ),
  );
  leave.hidden = true;
  main.querySelector("h1").focus();
}

/** Start the page: `open` it for whoever has a token, else show the `door`; and again in each language. */
export function startPage(open, door) {
  const show = async (wanted) => {
    await speak(wanted);
    for (const button of document.querySelectorAll("[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language()));
      button.onclick = () => show(button.dataset.language);
    }
    await (token() ? open() : door());
  };
  leave.addEventListener("click", () => {
    forget();
    door();
  });
  show(firstLanguage());
}
