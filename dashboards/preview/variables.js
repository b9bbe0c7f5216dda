// The variables of a board: what may be chosen, and what takes their place in an expression.

const ALL = "$__all";

/** The variables that are asked of Prometheus, with what the address of the page chooses. */
export function variables(board, parameters) {
  const list = board.templating?.list ?? [];
  return list
    .filter((variable) => variable.type === "query")
    .map((variable) => {
      const chosen = parameters.getAll(`var-${variable.name}`);
      return { ...variable, options: [], chosen: chosen.length > 0 ? chosen : [ALL] };
    });
}

/** Asks for the options, in order: each query may name the variables before it. */
export async function load(list, prometheus, time) {
  for (const [index, variable] of list.entries()) {
    const query = typeof variable.query === "string" ? variable.query : variable.query?.query;
    const parts = /^label_values\((?:(.+),\s*)?(\w+)\)$/s.exec(query ?? "");
    if (!parts) continue;
    const selector = substitute(parts[1] ?? '{__name__!=""}', list.slice(0, index), time);
    variable.options = await prometheus.labelValues(selector, parts[2], time);
  }
}

/** For between quotes, and as an expression there that means nothing but itself. */
function escaped(value) {
  const expression = value.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return expression.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n");
}

function value(variable) {
  if (variable.chosen.includes(ALL)) {
    return variable.allValue || `(${variable.options.map(escaped).join("|")})`;
  }
  const values = variable.chosen.map(escaped);
  return values.length === 1 ? values[0] : `(${values.join("|")})`;
}

/** The variables of time, which Grafana knows by itself. */
function times({ start, end, step, scrape }) {
  const range = Math.max(1, Math.round(end - start));
  const rate = Math.max(step + scrape, 4 * scrape);
  return {
    __rate_interval: `${Math.ceil(rate)}s`,
    __interval: `${Math.ceil(step)}s`,
    __interval_ms: `${Math.ceil(step * 1000)}`,
    __range: `${range}s`,
    __range_s: `${range}`,
    __range_ms: `${range * 1000}`,
    __from: `${Math.round(start * 1000)}`,
    __to: `${Math.round(end * 1000)}`,
  };
}

/** An expression with values in the place of `$name`, `${name}`, `${name:regex}` and `[[name]]`. */
export function substitute(text, list, time) {
  const known = new Map(Object.entries(times(time)));
  for (const variable of list) known.set(variable.name, value(variable));
  return text.replace(/\$(\w+)|\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]/g, (whole, a, b, c) => {
    return known.get(a ?? b ?? c) ?? whole;
  });
}
