// Lines, stacks and bars over time, with thresholds and the marks of annotations.

import { color, faded, themed } from "../colors.js";
import { lines, moments } from "../series.js";
import { format } from "../units.js";
import { legend } from "./legend.js";

const NEAR_PX = 6;

/** Sums of each group of the series that stack, from the bottom up; others as they are. */
function stacked(found) {
  const sums = new Map();
  return found.map(({ column, look }) => {
    if (look.stacking?.mode !== "normal") return column;
    const group = look.stacking.group ?? "A";
    const below = sums.get(group) ?? column.map(() => 0);
    const sum = column.map((value, index) => (value ?? 0) + below[index]);
    sums.set(group, sum);
    return sum.map((value, index) => (column[index] === null && value === 0 ? null : value));
  });
}

/** The upper series of a stack is drawn first, so that bars below cover their part of it. */
function order(found) {
  const stacks = (line) => line.look.stacking?.mode === "normal";
  return [...found.filter(stacks).reverse(), ...found.filter((line) => !stacks(line))];
}

/** Between each line of a stack and the one below it; bars cover each other instead. */
function bands(drawn) {
  const stacks = ({ look }) => look.stacking?.mode === "normal" && look.drawStyle !== "bars";
  const count = drawn.filter(stacks).length;
  return Array.from({ length: Math.max(0, count - 1) }, (_, i) => ({ series: [i + 1, i + 2] }));
}

function options({ look, name }) {
  const bars = look.drawStyle === "bars";
  const filled = (look.fillOpacity ?? 0) / 100;
  return {
    label: look.name ?? name,
    stroke: look.color,
    fill: filled > 0 ? faded(look.color, filled) : undefined,
    width: look.lineWidth ?? 1,
    dash: look.lineStyle?.fill === "dash" ? look.lineStyle.dash : undefined,
    paths: bars ? uPlot.paths.bars({ size: [0.8, 40], align: 1 }) : undefined,
    points: { show: look.showPoints === "always" || (bars ? false : undefined), size: 4 },
    spanGaps: look.spanNulls === true,
  };
}

/** Dashed lines from where a value is no longer good. */
function thresholds(plot, defaults) {
  if ((defaults.custom?.thresholdsStyle?.mode ?? "off") === "off") return;
  const { ctx, bbox } = plot;
  for (const step of defaults.thresholds.steps.filter(({ value }) => value !== null)) {
    const y = plot.valToPos(step.value, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = color(step.color);
    ctx.lineWidth = 1;
    ctx.setLineDash([8, 6]);
    ctx.strokeRect(bbox.left, y, bbox.width, 0);
    ctx.setLineDash([]);
  }
}

function marks(plot, notes) {
  const { ctx, bbox } = plot;
  for (const note of notes) {
    const x = plot.valToPos(note.time, "x", true);
    // Faint, so that many of them do not hide what they explain.
    ctx.strokeStyle = faded(color(note.color), 0.4);
    ctx.fillStyle = color(note.color);
    ctx.lineWidth = 1;
    ctx.setLineDash([3, 4]);
    ctx.strokeRect(x, bbox.top, 0, bbox.height);
    ctx.setLineDash([]);
    const [size, foot] = [4 * devicePixelRatio, bbox.top + bbox.height];
    ctx.beginPath();
    ctx.moveTo(x - size, foot);
    ctx.lineTo(x + size, foot);
    ctx.lineTo(x, foot - 1.5 * size);
    ctx.fill();
  }
}

export function axes(unit) {
  const shared = { stroke: themed("faint"), font: "11px system-ui, sans-serif" };
  const grid = { stroke: themed("grid"), width: 1 };
  const values = (_, splits) => splits.map((split) => format(split, unit));
  return [
    { ...shared, grid, ticks: grid, size: 24, values: "{HH}:{mm}:{ss}", space: 70 },
    { ...shared, grid, ticks: { ...grid, size: 4 }, size: 62, gap: 2, values },
  ];
}

/** From the least to the largest value, and a little more; with what the panel wants in it. */
function bounds(defaults) {
  return (_, least, most) => {
    if (least === null) return [0, 1];
    const low = defaults.min ?? Math.min(least, 0);
    const high = defaults.max ?? (most > low ? most + (most - low) * 0.06 : low + 1);
    return [low, high];
  };
}

/** Draws into `box`; says how many series and points that were. */
export function draw({ panel, answers, time, notes, box, article }) {
  const found = lines(panel, answers, time).filter((line) => line.column.some((v) => v !== null));
  if (found.length === 0) return { series: 0, points: 0 };
  const defaults = panel.fieldConfig?.defaults ?? {};
  const heights = new Map(stacked(found).map((column, index) => [found[index], column]));
  const drawn = order(found);
  const said = Object.assign(document.createElement("div"), { className: "note" });
  const shown = legend(found, (line, visible) => {
    plot.setSeries(drawn.indexOf(line) + 1, { show: visible });
  });
  article.append(shown.list);
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight,
      legend: { show: false },
      padding: [6, 28, 0, 0],
      cursor: { sync: { key: "board" }, points: { size: 5 }, drag: { x: false, y: false } },
      scales: { x: { range: [time.start, time.end] }, y: { range: bounds(defaults) } },
      axes: axes(defaults.unit),
      series: [{}, ...drawn.map(options)],
      bands: bands(drawn),
      hooks: {
        draw: [(plot) => thresholds(plot, defaults), (plot) => marks(plot, notes)],
        setCursor: [
          (plot) => {
            shown.at(plot.cursor.idx);
            const near = (note) => Math.abs(plot.valToPos(note.time, "x") - plot.cursor.left);
            const note = notes.find((note) => near(note) < NEAR_PX);
            said.textContent = note?.text ?? "";
          },
        ],
      },
    },
    [moments(time), ...drawn.map((line) => heights.get(line))],
    box,
  );
  box.append(said);
  const points = found.flatMap(({ column }) => column.filter((value) => value !== null)).length;
  return { series: found.length, points, plots: [[plot, box]] };
}
