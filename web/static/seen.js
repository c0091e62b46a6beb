// What somebody can read on a page, for the comparison with what they sign.
import { refuse } from "./sign.js";

// readable returns the words of an element, which must be one that people see.
export function readable(at) {
  if (!at?.checkVisibility({ opacityProperty: true, visibilityProperty: true })) refuse("the page hides what you would sign");
  return at.textContent.trim().replace(/\s+/g, " ");
}

// facts returns the facts that a page marks, by name. Each stands there once.
export function facts(main) {
  const out = {};
  for (const f of main.querySelectorAll("[data-fact]")) {
    if (f.dataset.fact in out) refuse("the page shows the " + f.dataset.fact + " twice");
    readable(f);
    out[f.dataset.fact] = f.textContent;
  }
  return out;
}
