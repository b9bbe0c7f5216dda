// Asks a Prometheus over its HTTP API. Whatever goes wrong is one line.

/** What went wrong, in words for whoever looks at a panel. */
export class AskError extends Error {}

const PATIENCE_MS = 30_000;

export class Prometheus {
  /** `address`: where it is, as in `http://127.0.0.1:9090`. */
  constructor(address) {
    this.address = address.replace(/\/+$/, "");
  }

  async ask(path, parameters) {
    const query = new URLSearchParams(parameters);
    let answer;
    try {
      answer = await fetch(`${this.address}/api/v1/${path}?${query}`, {
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
    } catch (error) {
      if (error.name === "TimeoutError") {
        throw new AskError(`${this.address} did not answer within ${PATIENCE_MS / 1000} s`);
      }
      throw new AskError(
        `${this.address} cannot be reached, or does not allow this page to ask it`,
      );
    }
    let body;
    try {
      body = await answer.json();
    } catch {
      throw new AskError(`${this.address} is no Prometheus: it answered ${answer.status}`);
    }
    if (body.status !== "success") {
      throw new AskError(`${body.errorType}: ${String(body.error).split("\n")[0]}`);
    }
    return body.data;
  }

  /** Series over a time: `[{ metric, values: [[time, text]…] }…]`. */
  async range(query, { start, end, step }) {
    return (await this.ask("query_range", { query, start, end, step })).result;
  }

  /** Series at one moment, in the same form. */
  async instant(query, time) {
    const { resultType, result } = await this.ask("query", { query, time });
    if (resultType === "scalar") return [{ metric: {}, values: [result] }];
    return result.map(({ metric, value }) => ({ metric, values: [value] }));
  }

  /** The values of a label of whatever `selector` selects. */
  labelValues(selector, label, { start, end }) {
    return this.ask(`label/${encodeURIComponent(label)}/values`, {
      "match[]": selector,
      start,
      end,
    });
  }

  /** Who is scraped: `[{ labels, scrapeInterval: "15s"… }…]`. */
  async targets() {
    return (await this.ask("targets", { state: "active" })).activeTargets;
  }
}
