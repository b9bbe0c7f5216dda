// The page: reads a board, asks a Prometheus, shows the panels, and does so again.
//
//   ?prometheus=http://127.0.0.1:9090&board=pool.json&range=15m&refresh=10s&theme=dark&var-pool=web
//
// Without `prometheus` it asks the Prometheus that serves it. The element `html` has `data-state`:
// `loading` until every panel was drawn or has said why not, then `ready`.

import { controls } from "./controls.js";
import * as notes from "./notes.js";
import { Panel } from "./panels/panel.js";
import { Prometheus } from "./prometheus.js";
import { pace, span } from "./span.js";
import { seconds } from "./units.js";
import * as choices from "./variables.js";

const BOARDS = "../grafana/";

const parameters = new URLSearchParams(location.search);
const root = document.documentElement;
const status = document.getElementById("status");

function setting(name, otherwise) {
  return parameters.get(name) || otherwise;
}

/** Where to ask: as said, or who serves this page, or where a Prometheus usually is. */
function address() {
  const served = location.pathname.startsWith("/user/");
  return setting("prometheus", served ? location.origin : "http://127.0.0.1:9090");
}

async function read(name) {
  const answer = await fetch(new URL(name, new URL(BOARDS, location.href)));
  if (!answer.ok) throw new Error(`there is no board ${name}`);
  return answer.json();
}

/** Rows of panels: a heading that folds them away, and their grid. */
function rows(board) {
  const found = [];
  for (const panel of board.panels) {
    if (panel.type === "row") {
      found.push({
        title: panel.title,
        folded: panel.collapsed,
        panels: [...(panel.panels ?? [])],
      });
    } else {
      if (found.length === 0) found.push({ title: "", folded: false, panels: [] });
      found.at(-1).panels.push(panel);
    }
  }
  return found;
}

function section({ title, folded, panels }) {
  const top = Math.min(...panels.map(({ gridPos }) => gridPos?.y ?? 0));
  const made = panels.map((panel) => new Panel(panel, top));
  const grid = Object.assign(document.createElement("div"), { className: "grid", hidden: folded });
  grid.append(...made.map(({ article }) => article));
  const row = Object.assign(document.createElement("section"), { className: "row" });
  if (title) {
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      textContent: title,
    });
    button.dataset.count = ` (${panels.length} panels)`;
    button.setAttribute("aria-expanded", String(!folded));
    button.addEventListener("click", () => {
      grid.hidden = !grid.hidden;
      button.setAttribute("aria-expanded", String(!grid.hidden));
    });
    const heading = document.createElement("h2");
    heading.append(button);
    row.append(heading);
  }
  row.append(grid);
  return { row, made };
}

function isDark() {
  const theme = root.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

async function main() {
  if (["dark", "light"].includes(parameters.get("theme")))
    root.dataset.theme = parameters.get("theme");
  const board = await read(setting("board", "pool.json"));
  document.title = `${board.title}: preview`;
  document.getElementById("title").textContent = board.title;
  document.getElementById("about").textContent = board.description ?? "";
  const sections = rows(board).map(section);
  document.getElementById("board").append(...sections.map(({ row }) => row));
  const panels = sections.flatMap(({ made }) => made);

  const prometheus = new Prometheus(address());
  const variables = choices.variables(board, parameters);
  const annotations = notes.annotations(board);
  const show = async () => {
    const range = seconds(setting("range", "15m")) ?? 900;
    const now = Number(setting("to", Date.now() / 1000));
    const targets = await prometheus.targets().catch(() => []);
    const page = { prometheus, variables, dark: isDark(), notes: [] };
    page.time = span(range, now, pace(targets, []));
    status.textContent = "";
    try {
      await choices.load(variables, prometheus, page.time);
      page.time = span(range, now, pace(targets, variables));
      page.notes = await notes.load(annotations, page);
    } catch (error) {
      status.textContent = error.message;
    }
    shown.fill(variables);
    document.getElementById("board").dataset.notes = page.notes.length;
    await Promise.all(panels.map((panel) => panel.show(page)));
    root.dataset.state = "ready";
  };
  const shown = controls(document.getElementById("controls"), parameters, prometheus.address);
  await show();
  const refresh = seconds(setting("refresh", "off"));
  // One after the other: a slow Prometheus is not asked again before it has answered.
  const again = async () => {
    if (!document.hidden) await show();
    setTimeout(again, refresh * 1000);
  };
  if (refresh) setTimeout(again, refresh * 1000);
}

main().catch((error) => {
  status.textContent = error.message;
  root.dataset.state = "ready";
});
