/** The board document, which every view needs: workspaces, and whether the server is read-only. */
import { getDocument } from "./api.js";
import { createStore, useStore } from "./store.js";

const GATHER = 200;

const store = createStore({ board: null, error: null });
let timer = null;
let isBusy = false;
let isWanted = false;

/** Load the board soon; requests meanwhile become one. */
export function refreshBoard() {
  if (isBusy) isWanted = true;
  else timer ??= setTimeout(load, store.get().board ? GATHER : 0);
}

async function load() {
  timer = null;
  isBusy = true;
  isWanted = false;
  try {
    store.set({ board: await getDocument("/board"), error: null });
  } catch (error) {
    store.set((before) => ({ ...before, error }));
  }
  isBusy = false;
  if (isWanted) refreshBoard();
}

export const useBoard = () => useStore(store);

/** The workspace of a route, which names it by key or registered id. */
export function findWorkspace(board, key) {
  return board?.workspaces.find((each) => each.key === key || each.workspace_id === key) ?? null;
}
