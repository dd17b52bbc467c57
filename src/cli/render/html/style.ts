import { html } from "./safe.ts";

/** Light and dark as the reader's system has it; on paper always light. */
export const STYLE = html`<style>
  :root {
    color-scheme: light dark;
    --paper: #ffffff;
    --ink: #1c2330;
    --soft: #5b6676;
    --line: #d9dee6;
    --tint: #f4f6f9;
    --good: #14733c;
    --bad: #b3261e;
    --badtint: #fdeceb;
    --accent: #0b6e99;
    --fill: #bfe0ee;
    --a: #dfe6ef;
    --b: #c9d5e3;
    --warn: #8a5a00;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --paper: #12161d;
      --ink: #e4e9f0;
      --soft: #9aa6b6;
      --line: #2c3440;
      --tint: #1a2029;
      --good: #6fcf97;
      --bad: #ff8a80;
      --badtint: #3a1f1f;
      --accent: #6cc3e6;
      --fill: #1f4a5e;
      --a: #26303d;
      --b: #33414f;
      --warn: #e5b567;
    }
  }
  @media print {
    :root {
      color-scheme: light;
      --paper: #ffffff;
      --ink: #000000;
      --soft: #444444;
      --line: #bbbbbb;
      --tint: #ffffff;
      --good: #0a5a2c;
      --bad: #9b1c14;
      --badtint: #ffffff;
      --accent: #0b5d82;
      --fill: #d6e9f2;
      --a: #e6e6e6;
      --b: #d2d2d2;
      --warn: #6b4600;
    }
    section,
    table,
    svg,
    .tile {
      break-inside: avoid;
    }
    .journal {
      break-inside: auto;
    }
    body {
      font-size: 10pt;
    }
  }
  * {
    box-sizing: border-box;
  }
  body {
    margin: 0 auto;
    padding: 2rem 1.25rem 3rem;
    max-width: 62rem;
    background: var(--paper);
    color: var(--ink);
    font:
      15px/1.5 system-ui,
      -apple-system,
      "Segoe UI",
      Roboto,
      "Noto Sans",
      sans-serif;
  }
  h1 {
    font-size: 1.6rem;
    line-height: 1.25;
    margin: 0 0 0.25rem;
  }
  h2 {
    font-size: 1.05rem;
    margin: 2.25rem 0 0.75rem;
  }
  p {
    margin: 0.25rem 0;
  }
  code,
  .mono {
    font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: 0.92em;
  }
  .soft {
    color: var(--soft);
  }
  .good {
    color: var(--good);
  }
  .bad {
    color: var(--bad);
  }
  .warn {
    color: var(--warn);
  }
  .tiles {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr));
    gap: 0.75rem;
    margin-top: 1.25rem;
  }
  .tile {
    background: var(--tint);
    border: 1px solid var(--line);
    border-radius: 8px;
    padding: 0.7rem 0.85rem;
  }
  .tile b {
    display: block;
    font-size: 1.35rem;
    line-height: 1.3;
    font-variant-numeric: tabular-nums;
  }
  .tile span {
    color: var(--soft);
    font-size: 0.85rem;
  }
  .wide {
    overflow-x: auto;
  }
  table {
    border-collapse: collapse;
    width: 100%;
    font-variant-numeric: tabular-nums;
  }
  th {
    text-align: left;
    font-weight: 600;
    color: var(--soft);
    font-size: 0.85rem;
  }
  th,
  td {
    padding: 0.3rem 0.75rem 0.3rem 0;
    border-bottom: 1px solid var(--line);
    vertical-align: top;
  }
  td.n,
  th.n {
    text-align: right;
    white-space: nowrap;
  }
  td.n + td:not(.n),
  th.n + th:not(.n) {
    padding-left: 1rem;
  }
  .loss {
    background: var(--badtint);
    border-left: 3px solid var(--bad);
    padding: 0.4rem 0.75rem;
    margin: 0.5rem 0;
  }
  svg {
    display: block;
    width: 100%;
    height: auto;
    min-width: 40rem;
  }
  svg text {
    fill: var(--soft);
    font-size: 11px;
  }
  svg .name {
    fill: var(--ink);
  }
  svg .rule {
    stroke: var(--line);
  }
  svg .p0 {
    fill: var(--a);
  }
  svg .p1 {
    fill: var(--b);
  }
  svg .area {
    fill: var(--fill);
    stroke: none;
  }
  svg .curve {
    fill: none;
    stroke: var(--accent);
    stroke-width: 1.5;
  }
  svg .fail {
    fill: var(--bad);
  }
  svg .none {
    fill: var(--good);
  }
  details > summary {
    cursor: pointer;
    font-weight: 600;
    margin: 2.25rem 0 0.75rem;
    font-size: 1.05rem;
  }
  footer {
    margin-top: 2.5rem;
    color: var(--soft);
    font-size: 0.85rem;
  }
</style>`;
