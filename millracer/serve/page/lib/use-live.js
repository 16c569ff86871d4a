/** Follow an event stream for as long as a component is shown. */
import { useEffect, useRef } from "./html.js";
import { refreshBoard } from "./board.js";
import { openStream } from "./stream.js";

/** Event types that change the board. */
const CHANGES_BOARD = /^(workspace\.changed|server\.changed|stream\.opened)$/;

/** Follow the stream at `path`; null follows none. */
export function useLive(path, { onFrames, onGone }) {
  const handlers = useRef({});
  handlers.current = { onFrames, onGone };
  useEffect(() => {
    if (path === null) return undefined;
    const stream = openStream(path, {
      onFrames(batch) {
        if (batch.some((frame) => CHANGES_BOARD.test(frame.event_type))) refreshBoard();
        handlers.current.onFrames?.(batch);
      },
      onGone: (error) => handlers.current.onGone?.(error),
    });
    return () => stream.close();
  }, [path]);
}
