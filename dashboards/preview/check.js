// Tries what the preview computes without drawing. `check.html` shows what is wrong; a test
// opens it.

import { faded, reached } from "./colors.js";
import { rows } from "./panels/heatmap.js";
import { pace, span } from "./span.js";
import { column, filled, look, moments, named } from "./series.js";
import { format, seconds } from "./units.js";
import { substitute } from "./variables.js";

const wrong = [];
let tried = 0;

function same(found, wanted) {
  tried += 1;
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) wrong.push(`${a} should be ${b}`);
}

for (const [value, unit, text] of [
  [0, "s", "0 s"],
  [0.00025, "s", "250 µs"],
  [0.0964, "s", "96.4 ms"],
  [12.345, "s", "12.3 s"],
  [90, "s", "1.5 min"],
  [0.5, "percentunit", "50 %"],
  [1234, "ops", "1.23K/s"],
  [0, "ops", "0/s"],
  [10000, "short", "10K"],
  [0.00002, "short", "2.0e-5"],
  [-1500, "short", "-1.5K"],
  [Infinity, "s", "∞"],
  [null, "s", "–"],
  [12, "a unit that nobody knows", "12"],
]) {
  same(format(value, unit), text);
}
same(["15m", "500ms", "1m30s", "1h"].map(seconds), [900, 0.5, 90, 3600]);
same(["soon", "5", "", null].map(seconds), [undefined, undefined, undefined, undefined]);

const scraped = (job, scrapeInterval) => ({ labels: { job }, scrapeInterval });
const targets = [scraped("web", "1m"), scraped("web", "1m30s"), scraped("slow", "5m")];
targets.push(scraped("prometheus", "15s"));
same(pace(targets, [{ name: "job", options: ["web", "gone"] }]), 90);
same(pace(targets, [{ name: "job", options: ["prometheus"] }]), 15);
same([pace(targets, []), pace([], []), pace(targets, [{ name: "job", options: [] }])], [300, 15, 15]);
same(span(900, 1000.5, 90), { start: 90, end: 990, step: 90, scrape: 90 });
same(span(3600, 7300, 5).step, 9);

const time = { start: 100, end: 104, step: 1, scrape: 1 };
same(moments(time), [100, 101, 102, 103, 104]);
same(
  column(
    [
      [100, "1"],
      [102, "NaN"],
      [104, "+Inf"],
      [103, "3"],
      [99, "7"],
    ],
    time,
    5,
  ),
  [1, null, null, 3, null],
);
same(moments({ start: 0, end: 0.3, step: 0.1 }).length, 4);

const metric = { __name__: "up", job: "web", le: "0.5" };
same(named({ legendFormat: "{{job}} {{ le }}{{gone}}" }, metric), "web 0.5");
same(named({}, metric), 'up{job="web", le="0.5"}');
same(named({}, { __name__: "up" }), "up");
same(filled("{{job}} grew", metric), "web grew");

const panel = {
  fieldConfig: {
    defaults: { unit: "s", custom: { lineWidth: 1 } },
    overrides: [
      {
        matcher: { id: "byName", options: "busy" },
        properties: [
          { id: "color", value: { mode: "fixed", fixedColor: "dark-red" } },
          { id: "custom.lineWidth", value: 3 },
        ],
      },
      {
        matcher: { id: "byRegexp", options: "/^b/" },
        properties: [{ id: "displayName", value: "B" }],
      },
    ],
  },
};
same(look(panel, "busy", 0), { unit: "s", name: "B", color: "#c4162a", lineWidth: 3 });
same(look(panel, "idle", 1).color, "#f2cc0c");

const variable = (name, chosen, more) => ({ name, chosen, options: ["a", "b.c"], ...more });
const ask = (text, ...list) => substitute(text, list, time);
same(ask('x{pool=~"$pool"}', variable("pool", ["$__all"], { allValue: ".+" })), 'x{pool=~".+"}');
same(ask('x{pool=~"${pool:regex}"}', variable("pool", ["$__all"])), 'x{pool=~"(a|b\\\\.c)"}');
same(ask("[[pool]]", variable("pool", ["a+b"])), "a\\\\+b");
// The quote and the break of the line are for the string; the backslash for the expression in it, too.
same(ask("$pool", variable("pool", ['a"\n\\'])), 'a\\"\\n\\\\\\\\');
same(ask("$pool $poolside $$", variable("pool", ["a"])), "a $poolside $$");
same(ask("[$__rate_interval] [$__range] $__interval_ms $__range_s"), "[4s] [4s] 1000 4");
same(substitute("$__rate_interval", [], { ...time, step: 60, scrape: 15 }), "75s");

const bucket = (le, ...values) => ({ metric: { le }, values: values.map((v, i) => [100 + i, v]) });
same(
  rows([bucket("+Inf", "9", "9"), bucket("0.1", "2", "0"), bucket("0.5", "5", "9")], {
    ...time,
    end: 101,
  }),
  [
    { bound: 0.1, own: [2, 0] },
    { bound: 0.5, own: [3, 9] },
    { bound: null, own: [4, 0] },
  ],
);

const steps = [
  { value: null, color: "green" },
  { value: 0.8, color: "orange" },
  { value: 1, color: "red" },
];
same(
  [0, 0.8, 7].map((value) => reached(steps, value)),
  ["#73bf69", "#ff9830", "#f2495c"],
);
same(faded("#ff9830", 0.5), "rgba(255, 152, 48, 0.5)");

document.getElementById("said").textContent = [
  `${tried} tried, ${wrong.length} wrong`,
  ...wrong,
].join("\n");
document.documentElement.dataset.state = "ready";
