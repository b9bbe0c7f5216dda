// Colours: Grafana's names, its palette for series, and those of thresholds.

const HUES = {
  green: ["#37872d", "#56a64b", "#73bf69", "#96d98d", "#c8f2c2"],
  yellow: ["#e0b400", "#f2cc0c", "#fade2a", "#ffee52", "#fff899"],
  red: ["#c4162a", "#e02f44", "#f2495c", "#ff7383", "#ffa6b0"],
  blue: ["#1f60c4", "#3274d9", "#5794f2", "#8ab8ff", "#c0d8ff"],
  orange: ["#fa6400", "#ff780a", "#ff9830", "#ffb357", "#ffcb7d"],
  purple: ["#8f3bb8", "#a352cc", "#b877d9", "#ca95e5", "#deb6f2"],
};
const SHADES = ["dark-", "semi-dark-", "", "light-", "super-light-"];
const PALETTE = [
  "#73bf69",
  "#f2cc0c",
  "#8ab8ff",
  "#ff780a",
  "#f2495c",
  "#5794f2",
  "#b877d9",
  "#705da0",
  "#37872d",
  "#fade2a",
  "#447ebc",
  "#c15c17",
  "#890f02",
  "#0a437c",
  "#6d1f62",
  "#584477",
];

/** A variable of the style sheet, as the theme has it now. */
export function themed(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

/** What a name or a code of Grafana's means. */
export function color(name) {
  if (name === "text") return themed("text");
  if (name === "transparent") return "#0000";
  for (const [hue, codes] of Object.entries(HUES)) {
    const shade = SHADES.findIndex((prefix) => prefix + hue === name);
    if (shade >= 0) return codes[shade];
  }
  return name;
}

/** The colour of a panel's series when nobody says which. */
export function series(index) {
  return PALETTE[index % PALETTE.length];
}

/** The colour of the highest step that `value` reaches. */
export function reached(steps, value) {
  const passed = steps.filter((step) => step.value === null || value >= step.value);
  return color(passed.at(-1)?.color ?? "green");
}

/** The same colour, seen through. */
export function faded(code, opacity) {
  const [r, g, b] = code.startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(code.slice(at, at + 2), 16))
    : code.match(/\d+/g).map(Number);
  return `rgba(${r}, ${g}, ${b}, ${opacity})`;
}
