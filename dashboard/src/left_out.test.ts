import { expect, test } from "vitest";
import { lastEntry, ranked } from "./left_out";

const list = (list: string, count: number, name = "0x01", reason = 'field price is "x"') => ({ list, count, name, reason });

test("the list with the most entries left out comes first, and the order of equal ones is fixed", () => {
  const lists = [list("/data/orders", 2), list("the catalog", 7), list("/books", 2), list("none", 0)];
  expect(ranked(lists).map((it) => it.list)).toEqual(["the catalog", "/books", "/data/orders"]);
  expect(lists.map((it) => it.count)).toEqual([2, 7, 2, 0]);
});

test("the last entry is shown with its reason", () => {
  expect(lastEntry(list("/books", 1))).toBe('0x01: field price is "x"');
  expect(lastEntry(list("/books", 1, "#3", ""))).toBe("#3");
});
