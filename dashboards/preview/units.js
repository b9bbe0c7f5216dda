// Figures as people read them. Units are Grafana's.

const PREFIXES = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "K"],
];
const TIMES = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
  [1e-3, "ms"],
  [1e-6, "µs"],
  [1e-9, "ns"],
];

/** At most three digits that count. */
function digits(value) {
  const size = Math.abs(value);
  const places = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(places)));
}

function scaled(value, steps, smallest) {
  const step = steps.find(([size]) => Math.abs(value) >= size) ?? smallest;
  return [digits(value / step[0]), step[1]];
}

function short(value) {
  const size = Math.abs(value);
  if (size > 0 && size < 0.001) return value.toExponential(1);
  return scaled(value, PREFIXES, [1, ""]).join("");
}

const FORMATS = {
  s: (value) => (value === 0 ? "0 s" : scaled(value, TIMES, TIMES.at(-1)).join(" ")),
  ms: (value) => FORMATS.s(value / 1e3),
  percentunit: (value) => `${digits(value * 100)} %`,
  percent: (value) => `${digits(value)} %`,
  ops: (value) => `${short(value)}/s`,
  bytes: (value) => `${short(value)}B`,
  short,
  none: short,
};

/** A value with its unit; `decimals` wins over the usual digits. */
export function format(value, unit = "short", decimals) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (decimals !== undefined && (unit === "none" || unit === "short"))
    return value.toFixed(decimals);
  return (FORMATS[unit] ?? short)(value);
}

const SECONDS = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

/** `15m` in seconds, and `1m30s`; `undefined` for what is no length of time. */
export function seconds(text) {
  if (!/^(\d+(\.\d+)?(ms|[smhdw]))+$/.test(text ?? "")) return undefined;
  const parts = [...text.matchAll(/([\d.]+)(ms|[smhdw])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * SECONDS[unit], 0);
}
