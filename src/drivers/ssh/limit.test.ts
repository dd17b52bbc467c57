import { expect, it } from "vitest";
import { limit } from "./limit.ts";

it("lets so many in, and the others in the order in which they came", async () => {
  const two = limit(2);
  const order: string[] = [];
  const enter = async (name: string): Promise<() => void> => {
    const leave = await two.enter();
    order.push(name);
    return leave;
  };
  const leaves = [enter("a"), enter("b"), enter("c"), enter("d")];
  const [a] = await Promise.all(leaves.slice(0, 2));
  expect(order).toEqual(["a", "b"]);
  a?.();
  a?.();
  await leaves[2];
  expect(order).toEqual(["a", "b", "c"]);
  expect(two.inside).toBe(2);
});

it("shrinks to one at least, and does not grow", async () => {
  const eight = limit(8);
  eight.shrink(3);
  eight.shrink(5);
  expect(eight.room).toBe(3);
  eight.shrink(0);
  expect(eight.room).toBe(1);
});
