// Makes elements. Data reaches the document as text and attributes only, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `onclick`-like keys listen, true and false set or leave out an attribute, strings become text. */
export function el(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An icon of the page's sprite; decoration, so the words beside it must say the same. */
export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true", focusable: "false" }, svg("use", { href: `#i-${name}` }));
}

/** A picture of a blob. Its address is given back as soon as it is drawn, so nothing piles up in a small memory. */
export function picture(blob, alt, attributes = {}) {
  const image = el("img", { alt, decoding: "async", ...attributes });
  if (!blob) return image;
  const address = URL.createObjectURL(blob);
  const release = () => URL.revokeObjectURL(address);
  image.addEventListener("load", release, { once: true });
  image.addEventListener("error", () => (release(), image.classList.add("undrawn")), { once: true }); // HEIC in Chrome
  image.src = address;
  return image;
}

/** Random bytes as hex. `crypto.randomUUID` is missing on plain http in a home network; this is not. */
export function randomHex(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A random UUID, version 4. */
export function randomUuid() {
  const hex = [...randomHex(16)];
  hex[12] = "4";
  hex[16] = "89ab"[parseInt(hex[16], 16) % 4];
  return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
