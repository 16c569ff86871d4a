/** The title of the tab. */
import { useEffect } from "./html.js";

export function useTitle(text) {
  useEffect(() => {
    document.title = text ? `${text} · Millracer` : "Millracer";
  }, [text]);
}
