/**
 * The access token of this tab.
 *
 * It arrives in the fragment of the printed link, which never reaches a server, and moves to
 * `sessionStorage` at once. The route of a tab whose token was refused is kept for the next token.
 */
const TOKEN = "millracer.token";
const RETURN_TO = "millracer.return-to";

/** Move a token from the address to the storage. Returns whether there was one. */
export function takeToken() {
  const match = /^#token=([^&/]+)/.exec(location.hash);
  if (!match) return false;
  sessionStorage.setItem(TOKEN, decodeURIComponent(match[1]));
  const route = sessionStorage.getItem(RETURN_TO) || "#/";
  sessionStorage.removeItem(RETURN_TO);
  history.replaceState(null, "", location.pathname + route);
  return true;
}

export function getToken() {
  return sessionStorage.getItem(TOKEN);
}

/** Forget a refused token; the next one returns to the present route. */
export function refuseToken() {
  sessionStorage.removeItem(TOKEN);
  if (location.hash.startsWith("#/")) sessionStorage.setItem(RETURN_TO, location.hash);
}
