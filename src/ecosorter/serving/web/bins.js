// Bins: drawn in their colour, always with their symbol and beside their name. And the choice of a scheme.

import { chooseScheme, scheme, schemeId, schemeList } from "./catalog.js";
import { el, icon, svg } from "./dom.js";
import { word } from "./words.js";

/** Black or white, whichever is easier to see on the colour. */
function inkOn(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.22 ? "#14211a" : "#ffffff";
}

/** A bin. Decoration: its name and the colour in words stand beside it. */
export function drawBin(bin) {
  return svg(
    "svg",
    { class: "bin", viewBox: "0 0 48 56", "aria-hidden": "true", focusable: "false" },
    svg("path", { class: "bin-edge", fill: bin.hex, d: "M17 7V5a3 3 0 0 1 3-3h8a3 3 0 0 1 3 3v2h10a4 4 0 0 1 4 4v2a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3v-2a4 4 0 0 1 4-4z" }),
    svg("path", { class: "bin-edge", fill: bin.hex, d: "M6 18h36l-3 32a4.5 4.5 0 0 1-4.5 4H13.500A4.5 4.5 0 0 1 9 50z" }),
    svg("text", { x: 24, y: 43, "text-anchor": "middle", "font-size": 20, fill: inkOn(bin.hex) }, bin.symbol),
  );
}

export const binColour = (bin) => word("bin_colour", { colour: bin.colour });

/** A bin with its words, for lists and totals. `more` stands below, for example how many. */
export function binTile(bin, more = null) {
  return el(
    "li",
    { class: "tile" },
    drawBin(bin),
    el("span", { class: "tile-words" }, el("strong", {}, bin.name), el("span", { class: "muted" }, more ?? binColour(bin))),
  );
}

/** The bins of the chosen scheme. */
export function legend() {
  return el("ul", { class: "tiles" }, (scheme()?.bins ?? []).map((bin) => binTile(bin)));
}

/** A box to choose the scheme with. It is remembered, then `onChosen` is called. */
export function schemePicker(id, onChosen) {
  const select = el(
    "select",
    {
      id,
      onchange: () => {
        chooseScheme(select.value);
        onChosen();
      },
    },
    schemeList().map((each) => el("option", { value: each.id, selected: each.id === schemeId() }, each.name)),
  );
  return el("span", { class: "select" }, select, icon("down"));
}
