/**
 * The one event stream of this tab.
 *
 * A browser opens six connections to a host, so a second stream replaces the first, and a hidden tab
 * has none. The stream reconnects after the last cursor, with pauses from 0.5 to 8 seconds.
 */
import { send } from "./api.js";
import { connection, setPhase } from "./connection.js";
import { EventParser } from "./sse.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;
const BATCH = 16;
/** The server sends a comment every 15 seconds; after this silence the connection is dead. */
const SILENCE = 40000;

let current = null;

/**
 * Follow the events of a path until `close()`.
 *
 * `onFrames` gets batches of frames in order, so that many frames cost one rendering each 16 ms.
 * `onGone` gets the error of a path that the server does not know.
 */
export function openStream(path, { onFrames, onGone }) {
  current?.close();
  const stream = new Stream(path, onFrames, onGone);
  current = stream;
  stream.start();
  return stream;
}

/** Try again now instead of after the pause. */
export function retryNow() {
  current?.retry();
}

class Stream {
  #path;
  #onFrames;
  #onGone;
  #cursor = null;
  #abort = null;
  #pause = FIRST_PAUSE;
  #timer = null;
  #watchdog = null;
  #lastByte = 0;
  #batch = [];
  #flushTimer = null;
  #isDone = false;
  #onVisibility = () => this.#follow();
  #onOnline = () => this.retry();

  constructor(path, onFrames, onGone) {
    this.#path = path;
    this.#onFrames = onFrames;
    this.#onGone = onGone;
  }

  start() {
    document.addEventListener("visibilitychange", this.#onVisibility);
    addEventListener("online", this.#onOnline);
    this.#watchdog = setInterval(() => {
      if (this.#abort && this.#lastByte && Date.now() - this.#lastByte > SILENCE) this.#abort.abort("silent");
    }, 5000);
    this.#follow();
  }

  close() {
    this.#isDone = true;
    document.removeEventListener("visibilitychange", this.#onVisibility);
    removeEventListener("online", this.#onOnline);
    clearInterval(this.#watchdog);
    clearTimeout(this.#timer);
    clearTimeout(this.#flushTimer);
    this.#abort?.abort("closed");
    if (current === this) current = null;
  }

  retry() {
    if (this.#isDone || this.#abort || document.hidden) return;
    this.#pause = FIRST_PAUSE;
    this.#connect();
  }

  #follow() {
    if (this.#isDone) return;
    if (document.hidden) {
      clearTimeout(this.#timer);
      this.#abort?.abort("hidden");
      setPhase("idle");
    } else if (!this.#abort) {
      this.#pause = FIRST_PAUSE;
      this.#connect();
    }
  }

  async #connect() {
    clearTimeout(this.#timer);
    const abort = new AbortController();
    this.#abort = abort;
    this.#lastByte = 0;
    let failure = null;
    try {
      const response = await send("GET", this.#path, {
        accept: "text/event-stream",
        signal: abort.signal,
        headers: this.#cursor ? { "Last-Event-ID": this.#cursor } : {},
      });
      this.#pause = FIRST_PAUSE;
      setPhase("live");
      await this.#read(response);
    } catch (caught) {
      failure = caught;
    }
    this.#flush();
    if (this.#abort === abort) this.#abort = null;
    if (this.#isDone) return;
    if (failure?.status === 401) return this.close();
    if (failure?.status === 404 || failure?.status === 405 || failure?.status === 422) {
      this.close();
      return this.#onGone?.(failure);
    }
    // A tab that was hidden and shown again before the abort arrived still needs its stream.
    if (!document.hidden) this.#wait(failure);
  }

  async #read(response) {
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#lastByte = Date.now();
      for (const event of parser.push(value)) {
        const frame = JSON.parse(event.data);
        if (event.id) this.#cursor = event.id;
        if (frame.event_type === "stream.reset") this.#cursor = null;
        this.#batch.push(frame);
      }
      if (this.#batch.length && this.#flushTimer === null) {
        this.#flushTimer = setTimeout(() => this.#flush(), BATCH);
      }
    }
  }

  #flush() {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    const batch = this.#batch;
    this.#batch = [];
    if (batch.length && !this.#isDone) this.#onFrames(batch);
  }

  #wait(failure) {
    if (this.#isDone) return;
    const pause = this.#pause;
    this.#pause = Math.min(pause * 2, LONGEST_PAUSE);
    const isFirst = pause === FIRST_PAUSE && connection.get().phase !== "offline";
    // A server that refuses a stream, such as for too many of them, is not gone.
    setPhase(isFirst || failure?.status ? "reconnecting" : "offline", Date.now() + pause);
    this.#timer = setTimeout(() => this.#connect(), pause);
  }
}
