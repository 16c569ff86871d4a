/** Numbers, durations and times as a person reads them. */

const INTEGER = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const integer = (value) => INTEGER.format(value);
export const compact = (value) => (value < 10000 ? INTEGER.format(value) : COMPACT.format(value));

export const plural = (count, one, many = `${one}s`) => `${integer(count)} ${count === 1 ? one : many}`;

/** A duration in seconds: `0.4s`, `8s`, `2m 10s`, `1h 04m`, `2d 3h`. */
export function duration(seconds) {
  if (seconds < 0) return "0s";
  if (seconds < 1) return `${seconds.toFixed(1)}s`;
  if (seconds < MINUTE) return `${Math.floor(seconds)}s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m ${pad(Math.floor(seconds % MINUTE))}s`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)}h ${pad(Math.floor((seconds % HOUR) / MINUTE))}m`;
  return `${Math.floor(seconds / DAY)}d ${Math.floor((seconds % DAY) / HOUR)}h`;
}

/** A round duration on an axis: `30s`, `2m`, `1h 30m`. */
export const roundDuration = (seconds) => duration(seconds).replace(/ 00?[smh]$/, "");

/** How long ago: `now`, `40s ago`, `5m ago`, `3h ago`, `2d ago`. */
export function ago(time, now) {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 5) return "now";
  if (seconds < MINUTE) return `${Math.floor(seconds)}s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m ago`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)}h ago`;
  if (seconds < 30 * DAY) return `${Math.floor(seconds / DAY)}d ago`;
  return day(time);
}

export function clock(time) {
  const at = new Date(time);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function day(time) {
  const at = new Date(time);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

export const moment = (time) => `${day(time)} ${clock(time)}`;

export function cost(dollars) {
  return dollars !== 0 && dollars < 0.01 ? "< $0.01" : `$${dollars.toFixed(2)}`;
}

/** `needs_planning` and `needs-planning` as words. */
export const words = (name) => String(name ?? "").replaceAll(/[_-]+/g, " ");

export const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");

const pad = (value) => String(value).padStart(2, "0");
