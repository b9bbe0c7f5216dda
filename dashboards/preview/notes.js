// The annotations of a board: marks on the time line wherever an expression has a value.

import { filled } from "./series.js";
import { substitute } from "./variables.js";

/** Marks no closer to each other than the sixtieth part of what is shown. */
const MOST_ON_A_LINE = 60;

/** Those that are asked of Prometheus. */
export function annotations(board) {
  return (board.annotations?.list ?? []).filter(({ expr, enable }) => expr && enable !== false);
}

async function marks(annotation, { prometheus, variables, time }) {
  const step = Math.max(time.step, Math.ceil((time.end - time.start) / MOST_ON_A_LINE));
  const expr = substitute(annotation.expr, variables, { ...time, step });
  const result = await prometheus.range(expr, { ...time, step });
  return result.flatMap(({ metric, values }) => {
    const text = filled(annotation.titleFormat ?? annotation.name, metric);
    // While the value lasts it is one event.
    const begins = values.filter(([at], i) => i === 0 || at - values[i - 1][0] > step * 1.5);
    return begins.map(([at]) => ({ time: at, text, color: annotation.iconColor ?? "blue" }));
  });
}

/** All marks of the annotations that are on. One that fails costs the board nothing else. */
export async function load(list, page) {
  const found = await Promise.allSettled(list.map((annotation) => marks(annotation, page)));
  return found.flatMap(({ value }) => value ?? []);
}
