import { expect, test } from "vitest";
import { formatCursor, NOWHERE, parseCursor, parsePiece } from "./cursor.ts";

test("a cursor comes back as it was", () => {
  const place = { inode: "123", offset: 456, since: 1790000000, until: 9000 };
  expect(parseCursor(formatCursor(place))).toEqual(place);
});

test.each(["", "null", "1790000000", "{}", '{"inode":"a; b","offset":1}', '{"inode":"1","offset":-1}'])(
  "%j is no cursor, and so it is the beginning",
  (text) => {
    expect(parseCursor(text)).toEqual(NOWHERE);
  },
);

test("a piece says where it is from, and what was counted in it", () => {
  const counts =
    "7160000000 s 9 1 2 3 1;404:2,502:1;247:1,-230:2;;1:4;0:8,3:1;77:249:201:,78:9::502;78:9::502;0:1,3:2";
  expect(parsePiece(`old 12 100 40 60 7 1790000009 1790000 4096\n${counts}\nend 55 2 0 1\n`)).toEqual({
    state: "old",
    inode: "12",
    size: 100,
    from: 40,
    offered: 60,
    current: 7,
    clock: 1790000009,
    written: 1_790_000_000,
    free: 4096,
    cells: [
      {
        slice: 7160000000,
        way: "s",
        requests: 9,
        failed: 1,
        cut: 2,
        retried: 3,
        fellBack: 1,
        failures: new Map(Object.entries({ 404: 2, 502: 1 }).map(([status, n]) => [Number(status), n])),
        latency: new Map([
          [247, 1],
          [-230, 2],
        ]),
        others: new Map(),
        left: new Map([[1, 4]]),
        ages: new Map([
          [0, 8],
          [3, 1],
        ]),
        users: [
          { user: 77, age: 249, bucket: 201, failure: null },
          { user: 78, age: 9, bucket: null, failure: 502 },
        ],
        failedUsers: [{ user: 78, age: 9, bucket: null, failure: 502 }],
        drained: new Map([
          [0, 1],
          [3, 2],
        ]),
      },
    ],
    read: 55,
    garbage: 2,
    torn: 1,
    full: false,
  });
});

test.each([
  "",
  "old 12\n",
  "sh: 1: stat: not found\n",
  "current 12 100 40 60 7 1790000009 1790000 -\n1790000000 s 9 1 0 0 0 0 952 ;247:9\n",
  "current 12 100 40 60 7 1790000009 1790000 -\n1790000000 s 9 1 0\nend 55 2 0 0\n",
  "current 12 100 40 60 7 1790000009 1790000 -\nend 55 2 0 0",
])("%j is no piece: it was cut off, or something else", (output) => {
  expect(parsePiece(output)).toBeNull();
});
