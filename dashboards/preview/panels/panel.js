// One panel: its frame, its question to Prometheus, and what is said when there is no answer.
//
// The article tells what became of it: `data-state` is `loading`, `drawn`, `empty` or `error`, and
// `data-series` and `data-points` say how much was drawn.

import { AskError } from "../prometheus.js";
import { paragraphs } from "../prose.js";
import { substitute } from "../variables.js";
import * as heatmap from "./heatmap.js";
import * as stat from "./stat.js";
import * as table from "./table.js";
import * as timeseries from "./timeseries.js";

const TYPES = {
  timeseries,
  graph: timeseries,
  barchart: timeseries,
  stat,
  singlestat: stat,
  gauge: stat,
  bargauge: stat,
  heatmap,
  table,
};

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function heading(panel) {
  const title = element("h3", {}, element("span", { textContent: panel.title ?? "" }));
  if (panel.description) {
    const tip = element("div", { className: "tip", id: `tip-${panel.id}`, role: "tooltip" });
    tip.append(...paragraphs(panel.description));
    const about = element("button", { type: "button", className: "about", textContent: "i" });
    about.setAttribute("aria-label", `About ${panel.title}`);
    about.setAttribute("aria-describedby", tip.id);
    title.append(about, tip);
  }
  return title;
}

export class Panel {
  /** What was drawn: pairs of a plot and the element it fills. */
  #plots = [];

  /** A frame at the panel's place below the line `top` of the board's grid. */
  constructor(panel, top) {
    this.panel = panel;
    const { x = 0, y = top, w = 24, h = 8 } = panel.gridPos ?? {};
    this.box = element("div", { className: "drawing" });
    this.article = element("article", { className: "panel" }, heading(panel), this.box);
    this.article.setAttribute("aria-label", panel.title ?? "");
    this.article.style.gridArea = `${y - top + 1} / ${x + 1} / span ${h} / span ${w}`;
    Object.assign(this.article.dataset, {
      type: panel.type,
      title: panel.title ?? "",
      state: "loading",
    });
    new ResizeObserver(() => this.#fit()).observe(this.box);
  }

  /** Asks and draws. Never fails: what goes wrong stands in the panel. */
  async show(page) {
    try {
      if (this.panel.type === "text") {
        this.#text();
        return;
      }
      const type = TYPES[this.panel.type];
      if (!type) {
        this.#say("error", `A panel of the type ${this.panel.type} cannot be shown here`);
        return;
      }
      const answers = await this.#ask(page);
      this.#clear();
      const { box, article, panel } = this;
      const drawn = type.draw({ ...page, panel, answers, box, article });
      if (drawn.series === 0) {
        this.#say("empty", "No data");
        return;
      }
      this.#plots = drawn.plots ?? [];
      this.#is("drawn", drawn);
    } catch (error) {
      const line = error instanceof AskError ? error.message : `This page failed: ${error.message}`;
      this.#say("error", line);
    }
  }

  #ask({ prometheus, variables, time }) {
    const targets = (this.panel.targets ?? []).filter(({ expr, hide }) => expr && !hide);
    return Promise.all(
      targets.map(async (target) => {
        const expr = substitute(target.expr, variables, time);
        const instant = target.instant && !target.range;
        const result = instant
          ? await prometheus.instant(expr, time.end)
          : await prometheus.range(expr, time);
        return { target, result };
      }),
    );
  }

  #fit() {
    for (const [plot, place] of this.#plots) {
      plot.setSize({ width: place.clientWidth, height: place.clientHeight });
    }
  }

  #text() {
    this.#clear();
    const prose = element("div", { className: "prose" });
    prose.append(...paragraphs(this.panel.options?.content ?? ""));
    this.box.append(prose);
    this.#is("drawn", { series: 0, points: 0 });
  }

  #clear() {
    for (const [plot] of this.#plots) plot.destroy();
    this.#plots = [];
    this.box.replaceChildren();
    this.article.querySelector(".legend")?.remove();
  }

  #say(state, line) {
    this.#clear();
    this.box.append(element("p", { className: "says", textContent: line }));
    this.#is(state, { series: 0, points: 0 });
  }

  #is(state, { series, points }) {
    Object.assign(this.article.dataset, { state, series, points });
  }
}
