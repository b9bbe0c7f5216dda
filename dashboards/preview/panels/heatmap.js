// How often each bucket of a histogram was hit, over time: the darker or brighter, the more often.

import { themed } from "../colors.js";
import { column, moments } from "../series.js";
import { format } from "../units.js";
import { axes } from "./timeseries.js";

/** From the faintest to the strongest, as Grafana's scheme "Oranges". */
const ORANGES = [
  [255, 245, 235],
  [253, 174, 107],
  [241, 105, 19],
  [166, 54, 3],
  [127, 39, 4],
];

function shade(share, dark) {
  const place = (dark ? 1 - share : share) * (ORANGES.length - 1);
  const [low, high] = [ORANGES[Math.floor(place)], ORANGES[Math.ceil(place)]];
  const mixed = low.map((from, index) => from + (high[index] - from) * (place % 1));
  return `rgb(${mixed.map(Math.round).join(",")})`;
}

/** Buckets from the lowest bound up, each without those below it. */
export function rows(result, time) {
  const count = moments(time).length;
  const bound = ({ metric }) => (metric.le === "+Inf" ? Infinity : Number(metric.le));
  const sorted = [...result].sort((a, b) => bound(a) - bound(b));
  let below = new Array(count).fill(0);
  return sorted.map((series) => {
    const upTo = column(series.values, time, count);
    const own = upTo.map((value, index) => Math.max(0, (value ?? 0) - below[index]));
    below = upTo.map((value, index) => value ?? below[index]);
    return { bound: bound(series), own };
  });
}

/** Without the empty rows at either end, but for one. */
function trimmed(all, least) {
  const filled = all.map(({ own }) => own.some((value) => value > least));
  const [first, last] = [filled.indexOf(true), filled.lastIndexOf(true)];
  return first < 0 ? [] : all.slice(Math.max(0, first - 1), last + 2);
}

/** Draws into `box`; says how many rows and cells that were. */
export function draw({ panel, answers, time, box, dark }) {
  const { options = {}, fieldConfig = {} } = panel;
  const unit = options.yAxis?.unit ?? fieldConfig.defaults?.unit ?? "short";
  const least = options.filterValues?.le ?? 0;
  const shown = trimmed(
    answers.flatMap(({ result }) => rows(result, time)),
    least,
  );
  if (shown.length === 0) return { series: 0, points: 0 };
  const most = Math.max(...shown.flatMap(({ own }) => own));
  const exponent = options.color?.exponent ?? 0.5;
  const gap = options.cellGap ?? 1;
  const cells = (plot) => {
    const { ctx, bbox } = plot;
    const width = (bbox.width * time.step) / (time.end - time.start);
    const height = bbox.height / shown.length;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const [row, { own }] of shown.entries()) {
      const y = bbox.top + bbox.height - (row + 1) * height;
      for (const [index, value] of own.entries()) {
        if (value <= least) continue;
        const x = plot.valToPos(time.start + index * time.step, "x", true) - width / 2;
        ctx.fillStyle = shade((value / most) ** exponent, dark);
        ctx.fillRect(x, y, Math.max(1, width - gap), Math.max(1, height - gap));
      }
    }
    ctx.restore();
  };
  const [below, beside] = axes(unit);
  const every = Math.ceil(shown.length / Math.max(2, box.clientHeight / 22));
  const splits = shown.map((_, row) => row + 1).filter((row) => row % every === 0);
  const bounds = (_, rows) => rows.map((row) => format(shown[row - 1].bound, unit));
  const said = Object.assign(document.createElement("div"), { className: "note" });
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight,
      legend: { show: false },
      padding: [6, 28, 0, 0],
      cursor: { sync: { key: "board" }, points: { show: false }, drag: { x: false, y: false } },
      scales: { x: { range: [time.start, time.end] }, y: { range: [0, shown.length] } },
      axes: [below, { ...beside, splits: () => splits, values: bounds, grid: { show: false } }],
      series: [{}, { stroke: themed("faint"), paths: () => null, points: { show: false } }],
      hooks: {
        draw: [cells],
        setCursor: [
          ({ cursor: { idx, top }, posToVal }) => {
            const row = shown[Math.floor(plot.posToVal(top, "y"))];
            const there = row && idx !== null && idx !== undefined && top >= 0;
            const count = there ? format(row.own[idx], "short") : "";
            said.textContent = there ? `${count} up to ${format(row.bound, unit)}` : "";
          },
        ],
      },
    },
    [moments(time), moments(time).map(() => 0)],
    box,
  );
  box.append(said);
  const points = shown.flatMap(({ own }) => own.filter((value) => value > least)).length;
  return { series: shown.length, points, plots: [[plot, box]] };
}
