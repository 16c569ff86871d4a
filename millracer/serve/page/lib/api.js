/** Requests to the HTTP API. Failures become `ApiError`, with the code and next step of the server. */
import { refuse, sawServer } from "./connection.js";
import { getToken } from "./token.js";

const ROOT = "/api/v1";

export class ApiError extends Error {
  constructor(status, error, document = null) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.suggestedAction = error.suggested_action ?? null;
    this.field = error.field ?? null;
    this.document = document;
  }
}

/** The path of a workspace, or of something in it: `inWorkspace(key, "items", id)`. */
export function inWorkspace(key, ...parts) {
  return ["/workspaces", key, ...parts].map((part, at) => (at ? encodeURIComponent(part) : part)).join("/");
}

/** The path of something in the fleet: `inFleet("items", id)`. */
export function inFleet(...parts) {
  return ["/fleet", ...parts].map((part, at) => (at ? encodeURIComponent(part) : part)).join("/");
}

/** Add the query to a path; a list repeats its name, and empty values are left out. */
export function withQuery(path, query) {
  const pairs = Object.entries(query)
    .flatMap(([name, value]) => (Array.isArray(value) ? value.map((each) => [name, each]) : [[name, value]]))
    .filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `${path}?${new URLSearchParams(pairs)}` : path;
}

/** Send a request and return the response if its status is 2xx. */
export async function send(method, path, { body, headers = {}, signal, accept = "application/json" } = {}) {
  const token = getToken() ?? "";
  let response;
  try {
    response = await fetch(ROOT + path, {
      method,
      signal,
      cache: "no-store",
      headers: {
        Accept: accept,
        Authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(0, {
      code: "unreachable",
      message: "The server does not answer.",
      suggested_action: "Check that `millracer serve` still runs.",
    });
  }
  sawServer();
  if (response.ok) return response;
  // A late answer to an old token says nothing about the present one.
  if (response.status === 401 && token === (getToken() ?? "")) refuse();
  throw await readError(response);
}

async function readError(response) {
  try {
    const { error, document } = await response.json();
    return new ApiError(response.status, error, document ?? null);
  } catch {
    return new ApiError(response.status, {
      code: `http_${response.status}`,
      message: `The server answered with status ${response.status}.`,
    });
  }
}

export async function getDocument(path, options) {
  return (await send("GET", path, options)).json();
}

export async function postDocument(path, body = {}, options = {}) {
  return (await send("POST", path, { ...options, body })).json();
}
