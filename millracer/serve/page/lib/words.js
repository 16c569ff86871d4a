/** Words, shapes and tones of states. A state is never shown by colour alone. */

/** Item states of Millrace: `tone` colours, `shape` draws, `word` names, `text` explains. */
const ITEM_STATES = {
  absent: { word: "Absent", tone: "idle", shape: "unknown", text: "Millrace does not hold this item." },
  mailbox: { word: "In the mailbox", tone: "idle", shape: "waiting", text: "It was sent to the daemon, which has not accepted it yet." },
  inbox: { word: "In the inbox", tone: "idle", shape: "waiting", text: "An idea that Millrace has not made into a spec yet." },
  queued: { word: "Waiting", tone: "idle", shape: "waiting", text: "It waits in Millrace's queue." },
  active: { word: "Running", tone: "run", shape: "running", text: "A stage works on it." },
  done: { word: "Done", tone: "ok", shape: "done", text: "Millrace moved it to done." },
  blocked: { word: "Blocked", tone: "bad", shape: "blocked", text: "Millrace cannot continue it without help." },
  cancelled: { word: "Cancelled", tone: "idle", shape: "aside", text: "It was cancelled." },
  superseded: { word: "Superseded", tone: "idle", shape: "aside", text: "Another item replaced it." },
  archived: { word: "Archived", tone: "idle", shape: "aside", text: "It was archived without an end." },
  invalid: { word: "Invalid", tone: "bad", shape: "aside", text: "Millrace set its document aside as unreadable." },
  refused: { word: "Refused", tone: "bad", shape: "aside", text: "The daemon refused it." },
};

/** Ends of an attempt, as its result reports them. */
const OUTCOMES = {
  completed: { word: "Completed", tone: "ok", shape: "done" },
  incomplete: { word: "Not proven", tone: "warn", shape: "unknown" },
  blocked: { word: "Blocked", tone: "bad", shape: "blocked" },
  stuck: { word: "Stuck", tone: "warn", shape: "blocked" },
  timed_out: { word: "Timed out", tone: "warn", shape: "aside" },
  cancelled: { word: "Cancelled", tone: "idle", shape: "aside" },
};

const DAEMONS = {
  running: { word: "Daemon running", tone: "ok", shape: "on" },
  stopped: { word: "No daemon", tone: "idle", shape: "off" },
  paused: { word: "Paused", tone: "warn", shape: "paused" },
  unseen: { word: "Daemon may be dead", tone: "warn", shape: "unknown" },
  unknown: { word: "Daemon unknown", tone: "idle", shape: "unknown" },
};

const CONTROL_OUTCOMES = {
  done: { word: "Done", tone: "ok", shape: "done" },
  already: { word: "Nothing to do", tone: "ok", shape: "done" },
  not_confirmed: { word: "Not confirmed yet", tone: "warn", shape: "waiting" },
  too_late: { word: "Too late", tone: "warn", shape: "aside" },
  not_possible: { word: "Not possible", tone: "bad", shape: "blocked" },
  failed: { word: "Failed", tone: "bad", shape: "blocked" },
};

const CHECK_LEVELS = {
  ok: { word: "OK", tone: "ok", shape: "done" },
  warning: { word: "Warning", tone: "warn", shape: "blocked" },
  fail: { word: "Fails", tone: "bad", shape: "blocked" },
  skipped: { word: "Skipped", tone: "idle", shape: "aside" },
};

/** States of an item in the fleet. */
const FLEET_STATES = {
  queued: { word: "Waiting", tone: "idle", shape: "waiting" },
  running: { word: "Running", tone: "run", shape: "running" },
  set_aside: { word: "Set aside", tone: "bad", shape: "aside" },
  released: { word: "Released", tone: "warn", shape: "waiting" },
};

const HOSTS = {
  here: { word: "Here", tone: "ok", shape: "on" },
  away: { word: "Away", tone: "bad", shape: "off" },
  drains: { word: "Drains", tone: "warn", shape: "paused" },
  never: { word: "Never seen", tone: "idle", shape: "off" },
};

const read = (table) => (name) =>
  table[name] ?? { word: name ? name.replaceAll("_", " ") : "Unknown", tone: "idle", shape: "unknown", text: "" };

export const itemState = read(ITEM_STATES);
export const outcome = read(OUTCOMES);
export const daemonState = read(DAEMONS);
export const controlOutcome = read(CONTROL_OUTCOMES);
export const checkLevel = read(CHECK_LEVELS);
export const hostState = read(HOSTS);
const fleetState = read(FLEET_STATES);

/** The state of an item of the fleet; of one that ended, its outcome. */
export const fleetItemState = ({ state, outcome: ended }) => (state === "ended" ? outcome(ended) : fleetState(state));

export const LIVE = new Set(["mailbox", "inbox", "queued", "active"]);

/** Filters of an item list; `states` are Millrace's. */
export const FILTERS = [
  { name: "all", word: "All", states: [] },
  { name: "running", word: "Running", states: ["active"] },
  { name: "waiting", word: "Waiting", states: ["queued", "mailbox", "inbox"] },
  { name: "blocked", word: "Blocked", states: ["blocked"] },
  { name: "done", word: "Done", states: ["done"] },
  { name: "aside", word: "Set aside", states: ["cancelled", "superseded", "archived", "invalid", "refused"] },
];

export const KINDS = [
  { name: "auto", word: "Automatic", text: "Millracer derives the kind from the words of the task." },
  { name: "task", word: "Task", text: "The work is clear: Millrace builds it, checks it and updates the docs." },
  { name: "probe", word: "Probe", text: "Investigate first: Millrace examines the question, then decides what to do." },
  { name: "idea", word: "Idea", text: "Larger work: Millrace plans it, splits it into tasks and judges the whole." },
];
