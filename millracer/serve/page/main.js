/** The page: takes the token, shows the view of the route, and opens dialogs. */
import { html, render, useEffect, useLayoutEffect, useRef } from "./lib/html.js";
import { refreshBoard, useBoard } from "./lib/board.js";
import { admit, connection, refuse } from "./lib/connection.js";
import { dialogs, openDialog } from "./lib/dialogs.js";
import { goToSection, listenForKeys } from "./lib/keys.js";
import { boardRoute, fleetRoute, navigate, useRoute, workspaceRoute } from "./lib/route.js";
import { useStore } from "./lib/store.js";
import { getToken, takeToken } from "./lib/token.js";
import { AddWorkspaceDialog } from "./dialogs/add-workspace.js";
import { ControlDialog } from "./dialogs/control.js";
import { HelpDialog } from "./dialogs/help.js";
import { SubmitDialog } from "./dialogs/submit.js";
import { Boundary } from "./parts/boundary.js";
import { Empty } from "./parts/notice.js";
import { Offline, TopBar } from "./parts/top-bar.js";
import { Board } from "./views/board.js";
import { Doctor } from "./views/doctor.js";
import { Fleet } from "./views/fleet.js";
import { Item } from "./views/item.js";
import { Models } from "./views/models.js";
import { Refused } from "./views/refused.js";
import { Workspace } from "./views/workspace.js";

const VIEWS = { board: Board, workspace: Workspace, item: Item, models: Models, doctor: Doctor, fleet: Fleet, unknown: Unknown };
const DIALOGS = { submit: SubmitDialog, control: ControlDialog, help: HelpDialog, "add-workspace": AddWorkspaceDialog };
const SECTIONS = { t: "stages", d: "changes", l: "logs", e: "events" };

function Page() {
  const route = useRoute();
  const { phase } = useStore(connection);
  const { board } = useBoard();
  const dialog = useStore(dialogs);
  const main = useRef(null);
  const address = JSON.stringify(route);
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
  }, [address]);
  // A layout effect: a key pressed right after a view is shown must reach that view.
  useLayoutEffect(() => listenForKeys(() => actionsOf(route, board)), [address, board]);
  if (phase === "refused") return html`<${Refused} />`;
  const View = VIEWS[route.view];
  const Opened = dialog ? DIALOGS[dialog.name] : null;
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current?.focus(); }}>Skip to the content</a>
    <${TopBar} route=${route} board=${board} />
    <${Offline} />
    <main id="main" ref=${main} tabindex="-1" class=${phase === "offline" ? "dimmed" : ""}><${Boundary} key=${address}><${View} route=${route} /><//></main>
    ${Opened && (dialog.name !== "submit" || board) ? html`<${Opened} ...${dialog} board=${board} version=${board?.version} />` : null}`;
}

function Unknown() {
  return html`<${Empty} title="There is no such page"><p><a href=${boardRoute()}>See all workspaces</a></p><//>`;
}

function actionsOf(route, board) {
  const actions = {};
  if (board && !board.read_only && board.workspaces.length) actions.n = () => openDialog({ name: "submit", workspace: route.key });
  for (const [key, id] of Object.entries(SECTIONS)) if (document.getElementById(id)) actions[key] = () => goToSection(id);
  if (route.view === "item" || route.view === "models" || route.view === "doctor") actions.Escape = () => navigate(workspaceRoute(route.key));
  else if (route.view === "fleet" && route.id) actions.Escape = () => navigate(fleetRoute());
  else if (route.view !== "board") actions.Escape = () => navigate(boardRoute());
  return actions;
}

function start() {
  takeToken();
  if (!getToken()) refuse();
  else refreshBoard();
  addEventListener("hashchange", () => {
    if (!takeToken()) return;
    admit();
    refreshBoard();
  });
  render(html`<${Page} />`, document.getElementById("page"));
}

start();
