import { describe, expect, it } from "vitest";
import { planned, sortOf } from "./plan.ts";

const hundred = Array.from({ length: 100 }, (_, at) => planned(at + 1));

describe("a hundred releases", () => {
  it("are smooth and gray in turns", () => {
    expect(hundred.slice(0, 4).map(sortOf)).toEqual(["smooth", "gray", "smooth", "gray"]);
    expect(hundred.filter(({ gray }) => gray)).toHaveLength(50);
  });

  it("are aborted once in ten, both sorts", () => {
    const tens = Array.from({ length: 10 }, (_, ten) => hundred.slice(ten * 10, ten * 10 + 10));
    const aborted = tens.map((ten) => ten.filter((one) => one.aborted).map(sortOf));
    const pair = [["gray, aborted"], ["smooth, aborted"]];
    expect(aborted).toEqual(Array.from({ length: 5 }, () => pair).flat());
  });
});
