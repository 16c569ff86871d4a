/** The story of one item, reduced from the frames of its event stream. */

export const emptyStory = () => ({
  epoch: null,
  last: -1,
  frames: [],
  attempts: [],
  stages: [],
  state: null,
  step: null,
  waiting: null,
  isPaused: false,
  resetReason: null,
  isDurable: true,
  head: null,
  result: null,
  lastAt: null,
});

/** Apply a batch of frames in order and return the new story. Repeated frames change nothing. */
export function applyFrames(before, batch) {
  let story = { ...before, frames: [...before.frames], attempts: [...before.attempts], stages: [...before.stages] };
  for (const frame of batch) story = applyFrame(story, frame);
  return story;
}

function applyFrame(story, frame) {
  if (frame.event_type === "stream.reset") {
    return { ...emptyStory(), resetReason: frame.payload.reason ?? "unknown", isDurable: story.isDurable };
  }
  if (frame.cursor) {
    const epoch = frame.cursor.slice(0, frame.cursor.lastIndexOf("-"));
    if (epoch === story.epoch && frame.sequence <= story.last) return story;
    if (epoch !== story.epoch && story.epoch !== null) story = { ...emptyStory(), resetReason: "rotated" };
    story.epoch = epoch;
    story.last = frame.sequence;
    story.frames.push(frame);
    story.lastAt = frame.timestamp;
  }
  APPLY[frame.event_type]?.(story, frame.payload, frame);
  return story;
}

const APPLY = {
  "stream.opened"(story, payload) {
    story.isDurable = payload.durable !== false;
    story.head = payload.head ?? null;
  },
  "attempt.started"(story, payload, frame) {
    story.result = null;
    story.attempts.push({
      number: payload.attempt,
      startedAt: frame.timestamp,
      endedAt: null,
      isLost: false,
      outcome: null,
      isProven: false,
      requestId: payload.request_id ?? null,
    });
  },
  "attempt.lost"(story, payload, frame) {
    const open = story.attempts.filter((attempt) => attempt.endedAt === null);
    const lost = open.find((attempt) => attempt.number === payload.attempt) ?? open.at(-1);
    replace(story.attempts, lost, { endedAt: frame.timestamp, isLost: true });
  },
  "attempt.ended"(story, payload, frame) {
    const ended = story.attempts.findLast((attempt) => attempt.number === payload.attempt);
    replace(story.attempts, ended, {
      endedAt: frame.timestamp,
      outcome: payload.outcome,
      isProven: payload.scoped_completion === true,
    });
    story.step = null;
    story.waiting = null;
  },
  "state.entered"(story, payload, frame) {
    story.step = { state: payload.state, text: frame.message };
    story.waiting = null;
  },
  "item.enqueued"(story) {
    story.state = "queued";
  },
  "item.moved"(story, payload) {
    if (payload.item_state) story.state = payload.item_state;
  },
  "stage.started"(story, payload, frame) {
    if (!payload.stage) return;
    story.waiting = null;
    story.stages.push({
      work_item_id: payload.item_id ?? payload.work_item_id,
      run_id: payload.run_id,
      stage: payload.stage,
      started_at: frame.timestamp,
      ended_at: null,
      result: null,
      failure_class: null,
    });
  },
  "stage.ended"(story, payload, frame) {
    const started = story.stages.findLast(
      (stage) => stage.run_id === payload.run_id && stage.stage === payload.stage && stage.ended_at === null,
    );
    const end = { ended_at: frame.timestamp, result: payload.terminal_result, failure_class: payload.failure_class };
    if (started) replace(story.stages, started, end);
  },
  "runtime.waiting"(story, _payload, frame) {
    story.waiting = frame.message;
  },
  "runtime.paused"(story) {
    story.isPaused = true;
  },
  "runtime.resumed"(story) {
    story.isPaused = false;
  },
  "runtime.lost"(story, _payload, frame) {
    story.waiting = frame.message;
  },
  result(story, payload) {
    story.result = payload;
  },
};

function replace(list, entry, change) {
  const at = list.indexOf(entry);
  if (at >= 0) list[at] = { ...entry, ...change };
}

/**
 * Join the stages that Millrace reports with those that the stream knows but the report does not yet.
 *
 * The report has the usage, the stream is earlier. Each gets `start` and `end` in milliseconds; `end`
 * is null while the stage runs.
 */
export function joinStages(reported, streamed) {
  const seen = new Map();
  const key = (stage) => {
    const name = `${stage.run_id}/${stage.stage}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return `${name}/${count}`;
  };
  const stages = new Map(reported.map((stage) => [key(stage), stage]));
  seen.clear();
  for (const stage of streamed) {
    const name = key(stage);
    const known = stages.get(name);
    if (!known) stages.set(name, { seconds: null, tokens: null, cost_usd: null, model: null, ...stage });
    else if (known.result === null && stage.result) stages.set(name, { ...known, ...stage });
  }
  return [...stages.entries()].map(([id, stage]) => placed(id, stage)).sort((a, b) => a.start - b.start);
}

function placed(id, stage) {
  const start = Date.parse(stage.started_at);
  let end = null;
  if (stage.seconds !== null && stage.seconds !== undefined) end = start + stage.seconds * 1000;
  else if (stage.ended_at) end = Date.parse(stage.ended_at);
  return { ...stage, id, start, end };
}

/** Event types after which the item's documents may have changed. */
const CHANGING = /^(stage\.|item\.|attempt\.|result$|workspace\.changed|stream\.opened|stream\.reset)/;

export const changesItem = (batch) => batch.some((frame) => CHANGING.test(frame.event_type));
