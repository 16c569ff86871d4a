/** The rendering library: preact with its hooks, and `html` for templates. */
import { h, render, Component, Fragment } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export { render, Component, Fragment };
export * from "../vendor/hooks.js";
