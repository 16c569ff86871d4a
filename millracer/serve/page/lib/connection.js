/** Whether the server answers: one state for the whole tab. */
import { createStore } from "./store.js";
import { refuseToken } from "./token.js";

/**
 * phase: `connecting`, `live`, `idle` (no stream needed or tab hidden), `reconnecting` (one failure),
 * `offline` (several) or `refused` (the token is not valid).
 */
export const connection = createStore({ phase: "connecting", lastSeen: null, retryAt: null });

export function sawServer() {
  connection.set((state) => ({ ...state, lastSeen: Date.now() }));
}

export function setPhase(phase, retryAt = null) {
  connection.set((state) => {
    if (state.phase === "refused") return state;
    return { ...state, phase, retryAt, lastSeen: phase === "live" ? Date.now() : state.lastSeen };
  });
}

export function refuse() {
  refuseToken();
  connection.set((state) => ({ ...state, phase: "refused", retryAt: null }));
}

/** Begin again with a new token. */
export function admit() {
  connection.set({ phase: "connecting", lastSeen: null, retryAt: null });
}
