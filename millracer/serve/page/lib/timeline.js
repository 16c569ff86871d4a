/** Scale of a timeline: where a time is, in percent, and round marks on the axis. */

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800];
const MOST_MARKS = 6;

/**
 * Return `{start, end, place(time), marks}`.
 *
 * The scale ends at the last end if nothing runs, so that bars do not shrink after the end.
 */
export function timeScale(stages, now) {
  const start = Math.min(...stages.map((stage) => stage.start));
  const last = Math.max(...stages.map((stage) => stage.end ?? Math.max(now, stage.start)));
  const end = Math.max(last, start + 1000);
  const seconds = (end - start) / 1000;
  const step = STEPS.find((each) => seconds / each <= MOST_MARKS) ?? STEPS.at(-1);
  const marks = [];
  for (let at = 0; at <= seconds * 0.94; at += step) marks.push({ seconds: at, percent: (at / seconds) * 100 });
  const place = (time) => Math.min(100, Math.max(0, ((time - start) / (end - start)) * 100));
  return { start, end, place, marks };
}
