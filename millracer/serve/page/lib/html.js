/** The rendering library: preact with its hooks, and `html` for templates. */
import { h, render, Fragment } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export { render, Fragment };
export * from "../vendor/hooks.js";
