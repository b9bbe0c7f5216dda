// One large number for each series, coloured by the thresholds, with how it went below it.

import { faded, reached } from "../colors.js";
import { lines, moments } from "../series.js";
import { format } from "../units.js";

const REDUCE = {
  lastNotNull: (values) => values.at(-1),
  last: (values) => values.at(-1),
  first: (values) => values[0],
  firstNotNull: (values) => values[0],
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
};

function spark(place, column, time, color) {
  return new uPlot(
    {
      width: place.clientWidth,
      height: place.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      padding: [2, 0, 0, 0],
      axes: [{ show: false }, { show: false }],
      scales: { y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most : 1] } },
      series: [{}, { stroke: color, fill: faded(color, 0.2), width: 1, points: { show: false } }],
    },
    [moments(time), column],
    place,
  );
}

/** Draws into `box`; says how many series and points that were. */
export function draw({ panel, answers, time, box }) {
  const found = lines(panel, answers, time);
  const defaults = panel.fieldConfig?.defaults ?? {};
  const reduce = REDUCE[panel.options?.reduceOptions?.calcs?.[0]] ?? REDUCE.lastNotNull;
  const group = Object.assign(document.createElement("div"), { className: "stats" });
  box.append(group);
  let points = 0;
  const sparks = [];
  for (const { name, look, column } of found) {
    const values = column.filter((value) => value !== null);
    if (values.length === 0) continue;
    points += values.length;
    const value = reduce(values);
    const color = reached(defaults.thresholds?.steps ?? [], value);
    const stat = Object.assign(document.createElement("div"), { className: "stat" });
    const number = document.createElement("b");
    number.textContent = format(value, look.unit, defaults.decimals);
    number.style.color = color;
    stat.append(number);
    if (found.length > 1) {
      stat.append(Object.assign(document.createElement("span"), { textContent: name }));
    }
    group.append(stat);
    if (panel.options?.graphMode === "area" && values.length > 1) {
      const place = Object.assign(document.createElement("div"), { className: "spark" });
      stat.append(place);
      sparks.push([spark(place, column, time, color), place]);
    }
  }
  return { series: points > 0 ? found.length : 0, points, plots: sparks };
}
