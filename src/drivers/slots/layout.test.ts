import { expect, test } from "vitest";
import { kernelAddress } from "./layout.ts";

test.each([
  ["127.0.0.1", "0100007F"],
  ["10.20.30.40", "281E140A"],
  ["::1", ""],
  ["app1.example.com", ""],
])("%s is %s in the kernel's table", (address, hex) => {
  expect(kernelAddress(address)).toBe(hex);
});
