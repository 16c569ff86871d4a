/** Parser of a `text/event-stream` body, fed with pieces of text. */

export class EventParser {
  #rest = "";
  #data = [];
  #id = null;

  /** Take a piece of text and return the events `{id, data}` that it completes. */
  push(text) {
    const lines = (this.#rest + text).split(/\r?\n/);
    this.#rest = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length) events.push({ id: this.#id, data: this.#data.join("\n") });
        this.#data = [];
        this.#id = null;
      } else if (line.startsWith("data:")) {
        this.#data.push(line.slice(line[5] === " " ? 6 : 5));
      } else if (line.startsWith("id:")) {
        this.#id = line.slice(3).trim();
      }
    }
    return events;
  }
}
