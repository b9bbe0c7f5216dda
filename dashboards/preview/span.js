// What time is shown, and how finely.

import { seconds } from "./units.js";

const SCRAPE_INTERVAL = 15;
const POINTS = 400;

/** `range` seconds up to `now`, no finer than there are scrapes. */
export function span(range, now, scrape) {
  const step = Math.max(Math.ceil(scrape), Math.ceil(range / POINTS));
  const end = Math.floor(now / step) * step;
  return { start: end - Math.floor(range / step) * step, end, step, scrape };
}

/**
 * The time between two scrapes of the jobs that may be shown. The longest, for a rate over less
 * than two scrapes has no value; 15 s, as Grafana does, where nobody says.
 */
export function pace(targets, variables) {
  const jobs = variables.find(({ name }) => name === "job")?.options;
  const shown = targets.filter(({ labels }) => !jobs || jobs.includes(labels?.job));
  const known = shown.map(({ scrapeInterval }) => seconds(scrapeInterval)).filter(Boolean);
  return known.length > 0 ? Math.max(...known) : SCRAPE_INTERVAL;
}
