/** Load a document and load it again on demand. */
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { getDocument } from "./api.js";

/** Requests for another load during this time become one. */
const GATHER = 250;

/**
 * Return `{document, error, isLoading, reload}` for a path; null loads nothing.
 *
 * The last document stays while another load runs or fails. At most one load runs at a time.
 */
export function useDocument(path) {
  const [state, setState] = useState({ path, document: null, error: null, isLoading: path !== null });
  const loader = useRef(null);

  useEffect(() => {
    if (path === null) {
      setState({ path, document: null, error: null, isLoading: false });
      return undefined;
    }
    const abort = new AbortController();
    const own = { timer: null, isBusy: false, isWanted: false };
    loader.current = own;
    const load = async () => {
      own.timer = null;
      own.isBusy = true;
      own.isWanted = false;
      setState((before) => ({ ...before, path, document: before.path === path ? before.document : null, isLoading: true }));
      try {
        const document = await getDocument(path, { signal: abort.signal });
        setState({ path, document, error: null, isLoading: false });
      } catch (error) {
        if (error.name !== "AbortError") setState((before) => ({ ...before, error, isLoading: false }));
      }
      own.isBusy = false;
      if (own.isWanted && !abort.signal.aborted) own.reload();
    };
    own.reload = (delay = GATHER) => {
      if (own.isBusy) own.isWanted = true;
      else own.timer ??= setTimeout(load, delay);
    };
    load();
    return () => {
      clearTimeout(own.timer);
      abort.abort();
      if (loader.current === own) loader.current = null;
    };
  }, [path]);

  const reload = useCallback((delay) => loader.current?.reload(delay), []);
  const isCurrent = state.path === path;
  return {
    document: isCurrent ? state.document : null,
    error: isCurrent ? state.error : null,
    isLoading: isCurrent ? state.isLoading : path !== null,
    reload,
  };
}
