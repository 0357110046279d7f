// Uses the demo as an operator would: logs in, watches it trade, stops it, and checks at the venue that no order is left open.

import { join } from "node:path";
import { expect, test, type Locator, type Page } from "@playwright/test";
import type { PnlView } from "../src/generated/PnlView";
import type { Snapshot } from "../src/generated/Snapshot";
import type { StrategyView } from "../src/generated/StrategyView";
import { Host, ROOT, type Run } from "./host";

const TRADES_WITHIN_MS = 60_000;
/** Delay before the screenshot, so that the plot and the tables have content. */
const PICTURE_AFTER_MS = 45_000;

let host: Host;
let run: Run;

test.beforeAll(async () => {
  ({ host, run } = await Host.start());
});

test.afterAll(async () => {
  // The host ends cleanly on Ctrl-C after everything that the tests did.
  expect(await host?.stop()).toBe(0);
});

test("an operator sees the demo trade, stops it, and nothing stays open at the venue", async ({ page }) => {
  const errors = watchErrors(page);
  await page.goto(run.login);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByLabel("Mode: demo", { exact: false })).toHaveText("DEMO");
  await expect(page.getByLabel("Bot state: RUNNING")).toBeVisible();

  await test.step("trades appear and the money moves", async () => {
    await expect(rows(page, "Latest trades").first()).toBeVisible({ timeout: TRADES_WITHIN_MS });
    await expect(rows(page, "Open orders").first()).toBeVisible();
    await expect(panel(page, "Strategies").getByText("running").first()).toBeVisible();
    await expect(page.locator(".plot canvas")).toBeVisible();
    // Without open orders the check for none below would prove nothing.
    await expect.poll(async () => (await atVenue(page)).length).toBeGreaterThan(0);
  });

  await test.step("the runbook's pages open by their address and by a click", async () => {
    for (const name of ["Trades", "Exposure", "Strategies", "Markets", "Health", "Config"]) {
      await page.goto(`${run.dashboard}/${name.toLowerCase()}`);
      await expect(page.getByRole("heading", { name, level: 1 })).toBeAttached();
      await expect(page.locator("section.panel").first()).toBeVisible();
      if (name === "Health") await expect(panel(page, "Venue data left out").getByText("all data of the venue was used")).toBeVisible();
    }
    await expect(page.getByText("daily_loss_limit_usd")).toBeVisible();
    await page.getByRole("link", { name: "Overview" }).click();
    await expect(rows(page, "Latest trades").first()).toBeVisible();
  });

  if (process.env["POLYTRADER_SCREENSHOT"] === "1") await picture(page);

  await test.step("a strategy dropped into the folder appears, and is disabled and enabled by a click", async () => {
    await page.goto(`${run.dashboard}/strategies`);
    await host.drop("template", "newcomer");
    const newcomer = rows(page, "Strategies").filter({ hasText: "newcomer" });
    await expect(newcomer.getByText("running", { exact: true })).toBeVisible();
    await expect(newcomer.getByText(/^[+−]?\$\d+\.\d\d$/).first()).toBeVisible();
    await page.getByRole("button", { name: "newcomer", exact: true }).click();
    await expect(rows(page, "Versions of newcomer").getByText("runs")).toBeVisible();
    await expect(panel(page, "Parameters of newcomer").getByLabel("bid")).toBeEditable();
    for (const [word, state] of [
      ["Disable", "disabled"],
      ["Enable", "running"],
    ] as const) {
      await newcomer.getByRole("button", { name: `${word} newcomer`, exact: true }).click();
      await newcomer.getByRole("button", { name: `${word} newcomer: click again to confirm` }).click();
      await expect(newcomer.getByText(state, { exact: true })).toBeVisible();
    }
    await host.dropJunk("junk");
    const junk = rows(page, "Strategies").filter({ hasText: "junk" });
    await expect(junk.getByText("failed", { exact: true })).toBeVisible();
    await expect(junk).toContainText("not a WebAssembly module");
    await expect(junk.getByRole("button", { name: "Enable junk" })).toHaveCount(0);
  });

  await test.step("the profits of the strategies add up to the account's profit", async () => {
    // Hundredths of a cent: the parts of one position are rounded separately.
    await expect.poll(async () => Math.abs(await unexplained(page))).toBeLessThan(1_000);
  });

  await test.step("no page is wider than a phone", async () => {
    const size = page.viewportSize();
    await page.setViewportSize({ width: 390, height: 844 });
    for (const path of ["", "trades", "exposure", "strategies", "markets", "health", "config"]) {
      await page.goto(`${run.dashboard}/${path}`);
      await expect(page.locator("section.panel").first()).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390);
    }
    if (size !== null) await page.setViewportSize(size);
    await page.goto(run.dashboard);
  });

  await test.step("Stop asks for confirmation, then cancels every order", async () => {
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await expect(page.getByLabel("Bot state: RUNNING")).toBeVisible();
    await page.getByRole("button", { name: "Stop: click again to confirm" }).click();
    await expect(page.getByLabel("Bot state: STOPPED")).toBeVisible();
    await expect(panel(page, "Open orders").getByText("No orders are open.")).toBeVisible();
    await expect.poll(() => atVenue(page)).toEqual([]);
    await expect.poll(() => openAtHost(page)).toEqual([]);
  });

  await test.step("it starts again", async () => {
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("button", { name: "Start: click again to confirm" }).click();
    await expect(rows(page, "Open orders").first()).toBeVisible({ timeout: TRADES_WITHIN_MS });
  });

  await test.step("the emergency stop acts on one click and stays visible while the page scrolls", async () => {
    await page.mouse.wheel(0, 10_000);
    const emergency = page.getByRole("button", { name: "EMERGENCY STOP" });
    await expect(emergency).toBeInViewport({ ratio: 1 });
    await emergency.click();
    await expect(page.getByRole("alert").getByText("HALTED")).toBeVisible();
    await expect(panel(page, "Open orders").getByText("No orders are open.")).toBeVisible();
    await expect.poll(() => atVenue(page)).toEqual([]);
  });

  await test.step("its release needs a reason", async () => {
    await page.getByRole("button", { name: "Release…" }).click();
    const release = page.getByRole("button", { name: "Release", exact: true });
    await expect(release).toBeDisabled();
    await page.getByLabel("Reason").fill("the browser test has seen enough");
    await release.click();
    await expect(page.getByRole("alert").getByText("HALTED")).toHaveCount(0);
  });

  expect(errors).toEqual([]);
});

test("without a login the host returns no data and the page asks for a token", async ({ page, request }) => {
  const stranger = await request.get(`${run.dashboard}/v1/snapshot`);
  expect(stranger.status()).toBe(401);
  await page.goto(`${run.dashboard}/trades`);
  await page.getByLabel("Token").fill("a guess");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toContainText("Not logged in");
});

function panel(page: Page, title: string): Locator {
  return page.locator("section.panel").filter({ has: page.getByRole("heading", { name: title }) });
}

function rows(page: Page, title: string): Locator {
  return panel(page, title).locator("tbody tr");
}

/** Returns the open orders that the venue's own REST API reports, queried by the host now. */
async function atVenue(page: Page): Promise<unknown[]> {
  return (await (await page.request.get(`${run.api}/v1/trading/venue-orders`)).json()) as unknown[];
}

/** Returns the host's orders that are not in a final state. */
async function openAtHost(page: Page): Promise<unknown[]> {
  const orders = (await (await page.request.get(`${run.api}/v1/trading/orders`)).json()) as { state: string }[];
  return orders.filter((it) => !["filled", "cancelled", "refused"].includes(it.state));
}

/** Returns the account's profit less the profits of its strategies, in micro-dollars. */
async function unexplained(page: Page): Promise<number> {
  const { pnl, strategies } = (await (await page.request.get(`${run.api}/v1/snapshot`)).json()) as Snapshot;
  const total = (it: PnlView | StrategyView) => it.realised_micro_usd + it.unrealised_micro_usd - it.fees_micro_usd;
  expect(total(pnl)).not.toBe(0);
  return strategies.map(total).reduce((sum, it) => sum - it, total(pnl));
}

/** Returns a list that collects the errors of the page's scripts. */
function watchErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return errors;
}

async function picture(page: Page): Promise<void> {
  await page.waitForTimeout(PICTURE_AFTER_MS);
  await page.screenshot({ path: join(ROOT, "docs/overview.png") });
}
