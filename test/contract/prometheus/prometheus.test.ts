import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prometheus } from "../../../src/drivers/prometheus/prometheus.ts";
import type { Metric } from "../../../src/model/analysis.ts";
import type { ReleaseId } from "../../../src/model/ids.ts";

// A server that speaks the API of Prometheus, as its documentation has it.

let server: Server;
let reply: { status: number; body: string };
let asked: string[];

beforeEach(async () => {
  reply = { status: 200, body: "" };
  asked = [];
  server = createServer((req, res) => {
    asked.push(req.url ?? "");
    res.writeHead(reply.status, { "Content-Type": "application/json" }).end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const metric = (): Metric => ({
  name: "orders",
  prometheus: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prom/`,
  query: 'sum(rate(orders_total{release="{release}"}[1m]))',
  grows: true,
  lower: 0.9,
  upper: null,
});

const ask = (given: Partial<Metric> = {}) => prometheus.read({ ...metric(), ...given }, "v2.1" as ReleaseId);
const success = (resultType: string, result: unknown): string =>
  JSON.stringify({ status: "success", data: { resultType, result } });
const sample = (value: string) => ({ metric: {}, value: [1_790_000_000.1, value] });

test("the release is put into the query, and the query into the address", async () => {
  reply.body = success("vector", [sample("3.5")]);
  expect(await ask()).toEqual({ ok: true, value: 3.5 });
  const url = new URL(asked[0] ?? "", "http://any");
  expect(url.pathname).toBe("/prom/api/v1/query");
  expect(url.searchParams.get("query")).toBe('sum(rate(orders_total{release="v2.1"}[1m]))');
});

test.each([
  { id: "a scalar is a number", body: success("scalar", [1, "7"]), value: 7 },
  { id: "no series is no value", body: success("vector", []), value: null },
  { id: "NaN is no value", body: success("vector", [sample("NaN")]), value: null },
  { id: "infinity is no value", body: success("vector", [sample("+Inf")]), value: null },
])("$id", async ({ body, value }) => {
  reply.body = body;
  expect(await ask()).toEqual({ ok: true, value });
});

test.each([
  {
    id: "two series",
    status: 200,
    body: success("vector", [sample("1"), sample("2")]),
    says: /2 series, not one/,
  },
  { id: "a matrix", status: 200, body: success("matrix", []), says: /a matrix, not a number/ },
  {
    id: "its own error",
    status: 400,
    body: JSON.stringify({ status: "error", errorType: "bad_data", error: "parse error at char 5" }),
    says: /answers 400: parse error at char 5/,
  },
  { id: "another page", status: 200, body: "<html>", says: /answers 200: no JSON/ },
])("$id is said", async ({ status, body, says }) => {
  reply = { status, body };
  expect(await ask()).toMatchObject({ ok: false, error: { code: "metric.unknown" } });
  const answer = await ask();
  expect(answer.ok ? "" : answer.error.message).toMatch(says);
});

test("nobody there is said", async () => {
  const answer = await ask({ prometheus: "http://127.0.0.1:1" });
  expect(answer.ok ? "" : answer.error.message).toMatch(/metric orders: .* cannot be asked/);
});
