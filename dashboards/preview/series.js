// From what Prometheus answers to what is drawn: names, columns on one grid of time, looks.

import { color, series as palette } from "./colors.js";

/** The moments at which a range was asked for. */
export function moments({ start, end, step }) {
  const count = Math.floor((end - start) / step + 1e-9) + 1;
  return Array.from({ length: count }, (_, index) => start + index * step);
}

/** Values at those moments; `null` where there is none. Infinite values cannot be drawn. */
export function column(values, { start, step }, count) {
  const found = new Array(count).fill(null);
  for (const [moment, text] of values) {
    const index = Math.round((moment - start) / step);
    const value = Number(text);
    if (index >= 0 && index < count && Number.isFinite(value)) found[index] = value;
  }
  return found;
}

/** A text with the labels of a series in the place of `{{label}}`. */
export function filled(template, metric) {
  return template.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? "");
}

/** What the legend calls a series. */
export function named(target, metric) {
  if (target.legendFormat && target.legendFormat !== "__auto") {
    return filled(target.legendFormat, metric);
  }
  const { __name__: name = "", ...labels } = metric;
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return pairs.length > 0 || name === "" ? `${name}{${pairs.join(", ")}}` : name;
}

function matches({ id, options }, name) {
  if (id === "byName") return options === name;
  if (id === "byRegexp") {
    const [, pattern, flags] = /^\/?(.*?)\/?([gimsuy]*)$/s.exec(options);
    return new RegExp(pattern, flags.replace("g", "")).test(name);
  }
  return false;
}

/** How a series looks: what the panel says of all, and then of this one. */
export function look(panel, name, index) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const found = {
    unit: defaults.unit ?? "short",
    name: defaults.displayName ?? name,
    color: defaults.color?.mode === "fixed" ? color(defaults.color.fixedColor) : palette(index),
    ...defaults.custom,
  };
  for (const { matcher, properties } of overrides.filter(({ matcher }) => matches(matcher, name))) {
    for (const { id, value } of properties) {
      if (id === "color") {
        if (value.fixedColor) found.color = color(value.fixedColor);
      } else if (id === "displayName") {
        found.name = value;
      } else {
        found[id.replace("custom.", "")] = value;
      }
    }
  }
  return found;
}

/** All series of a panel with their names and looks, in the order of its targets. */
export function lines(panel, answers, time) {
  const count = moments(time).length;
  const found = answers.flatMap(({ target, result }) =>
    result.map(({ metric, values }) => ({ target, metric, values })),
  );
  return found.map(({ target, metric, values }, index) => {
    const name = named(target, metric);
    return { metric, name, look: look(panel, name, index), column: column(values, time, count) };
  });
}
