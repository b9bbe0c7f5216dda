// A row for each series: its labels and its last value.

import { named } from "../series.js";
import { format } from "../units.js";

/** Draws into `box`; says how many series that were. */
export function draw({ panel, answers, box }) {
  const unit = panel.fieldConfig?.defaults?.unit;
  const found = answers.flatMap(({ target, result }) =>
    result.map(({ metric, values }) => [named(target, metric), Number(values.at(-1)[1])]),
  );
  if (found.length === 0) return { series: 0, points: 0 };
  const table = document.createElement("table");
  for (const [name, value] of found) {
    const row = table.insertRow();
    row.insertCell().textContent = name;
    row.insertCell().textContent = format(value, unit);
  }
  box.append(table);
  return { series: found.length, points: found.length };
}
