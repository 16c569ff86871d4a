/** Addresses of the page: hash routes, which never reach the server. */
import { useEffect, useState } from "./html.js";

export const boardRoute = () => "#/";
export const workspaceRoute = (key) => `#/w/${encodeURIComponent(key)}`;
export const itemRoute = (key, id) => `${workspaceRoute(key)}/i/${encodeURIComponent(id)}`;
export const modelsRoute = (key) => `${workspaceRoute(key)}/models`;
export const fleetRoute = () => "#/fleet";
export const fleetItemRoute = (id) => `#/fleet/i/${encodeURIComponent(id)}`;
export const doctorRoute = (key) => `${workspaceRoute(key)}/doctor`;

export function parseRoute(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decode);
  const [first, key, third, id] = parts;
  if (!parts.length) return { view: "board" };
  if (first === "fleet" && parts.length === 1) return { view: "fleet" };
  if (first === "fleet" && key === "i" && third && parts.length === 3) return { view: "fleet", id: third };
  if (first !== "w" || !key) return { view: "unknown" };
  if (parts.length === 2) return { view: "workspace", key };
  if (third === "i" && id && parts.length === 4) return { view: "item", key, id };
  if ((third === "models" || third === "doctor") && parts.length === 3) return { view: third, key };
  return { view: "unknown" };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function navigate(route) {
  location.hash = route;
}

export function useRoute() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parseRoute(hash);
}
