/** The present time in milliseconds, renewed each second while something runs. */
import { useEffect, useState } from "./html.js";

export function useNow(isActive = true, interval = 1000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!isActive) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), interval);
    return () => clearInterval(timer);
  }, [isActive, interval]);
  return now;
}
