// The venue's official TypeScript client, unmodified, against the local exchange named by VENUE. Every test creates its
// own account; no code of this project is imported.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Wallet } from "@ethersproject/wallet";
import { AssetType, Chain, ClobClient, OrderType, Side, SignatureTypeV2 } from "@polymarket/clob-client-v2";

const VENUE = process.env.VENUE;
// The first well-known development key and its deposit wallet, as the venue's contracts derive it.
const DEPOSIT_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const DEPOSIT_WALLET = "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50";
const ELSEWHERE = "0x00000000000000000000000000000000000000E1";

const fresh = () => `0x${randomBytes(32).toString("hex")}`;
const round = (price) => Math.round(price * 100) / 100;

function bare(key, more = {}) {
  const signer = key && new Wallet(key);
  return new ClobClient({ host: VENUE, chain: Chain.POLYGON, signer, throwOnError: true, ...more });
}

/** Returns an authenticated client with its own key. */
async function trader(more = {}, key = fresh()) {
  const silent = bare(key, { throwOnError: false });
  const creds = await silent.createOrDeriveApiKey();
  return bare(key, { creds, ...more });
}

async function market(client, negRisk = false) {
  const { data } = await client.getMarkets();
  const row = data.find((row) => row.neg_risk === negRisk && row.minimum_tick_size === 0.01);
  return { condition: row.condition_id, tokens: row.tokens.map((token) => token.token_id) };
}

async function touch(client, token) {
  const book = await client.getOrderBook(token);
  return [Number(book.bids.at(-1).price), Number(book.asks.at(-1).price)];
}

async function low(client, token) {
  const [bid] = await touch(client, token);
  return Math.max(0.01, round(bid - 0.2));
}

const bid = (tokenID, price, size = 20, more = {}) => ({ tokenID, price, size, side: Side.BUY, ...more });
const says = (words) => (error) => JSON.stringify([error.message, error.data]).includes(words);

async function faults(faults) {
  const answer = await fetch(`${VENUE}/exchange/faults`, { method: "PUT", body: JSON.stringify(faults) });
  assert.equal(answer.status, 200);
}

/** Returns a token whose best ask has at least fifty shares; other traders are then paused. */
async function plenty(client) {
  const { condition, tokens } = await market(client);
  const rate = (await client.getClobMarketInfo(condition)).fd.r;
  for (let tries = 0; tries < 300; tries += 1) {
    await faults({ still: true, unlimited: true });
    for (const tokenID of tokens) {
      const best = (await client.getOrderBook(tokenID)).asks.at(-1);
      const ask = Number(best.price);
      if (Number(best.size) >= 50 && ask >= 0.1 && ask <= 0.93) return { tokenID, ask, rate };
    }
    await faults({});
    await sleep(50);
  }
  throw new Error("no best ask ever had fifty shares");
}

describe("public", () => {
  const client = bare();

  test("service", async () => {
    assert.equal(await client.getOk(), "OK");
    assert.equal(await client.getVersion(), 2);
    assert.ok(Math.abs((await client.getServerTime()) - Date.now() / 1000) < 5);
  });

  test("market lists", async () => {
    const { condition, tokens } = await market(client);
    for (const list of ["getMarkets", "getSimplifiedMarkets", "getSamplingMarkets", "getSamplingSimplifiedMarkets"]) {
      const page = await client[list]();
      assert.ok(page.data.some((row) => row.condition_id === condition), list);
    }
    assert.equal((await client.getMarket(condition)).condition_id, condition);
    assert.deepEqual((await client.getClobMarketInfo(condition)).t.map((token) => token.t), tokens);
    assert.ok(Array.isArray(await client.getMarketTradesEvents(condition)));
    assert.deepEqual(await client.getCurrentRewards(), []);
    assert.deepEqual(await client.getRawRewardsForMarket(condition), []);
  });

  test("books and their hash", async () => {
    const { tokens } = await market(client);
    const book = await client.getOrderBook(tokens[0]);
    const hash = book.hash;
    assert.equal(await client.getOrderBookHash(book), hash);
    const books = await client.getOrderBooks(tokens.map((token_id) => ({ token_id, side: Side.BUY })));
    assert.deepEqual(new Set(books.map((book) => book.asset_id)), new Set(tokens));
  });

  test("prices and parameters", async () => {
    const { tokens: [token] } = await market(client);
    const asked = [{ token_id: token, side: Side.BUY }];
    const buy = Number((await client.getPrice(token, Side.BUY)).price);
    assert.ok(buy < Number((await client.getPrice(token, Side.SELL)).price));
    assert.ok((await client.getPrices(asked))[token].BUY);
    assert.ok(Number((await client.getMidpoint(token)).mid) > 0);
    assert.ok(Number((await client.getMidpoints(asked))[token]) > 0);
    assert.ok(Number((await client.getSpread(token)).spread) > 0);
    assert.ok(Number((await client.getSpreads(asked))[token]) > 0);
    assert.ok("price" in (await client.getLastTradePrice(token)));
    assert.ok(Array.isArray(await client.getLastTradesPrices(asked)));
    const { history } = await client.getPricesHistory({ market: token, interval: "1h" });
    assert.ok(history[0].p > 0);
    assert.equal(await client.getTickSize(token), "0.01");
    assert.equal(await client.getNegRisk(token), false);
    assert.equal(await client.getNegRisk((await market(client, true)).tokens[0]), true);
    assert.equal(await client.getFeeExponent(token), 1);
    assert.ok((await client.calculateMarketPrice(token, Side.BUY, 5)) > 0);
  });
});

describe("keys", () => {
  test("a key is made once and derived ever after", async () => {
    const key = fresh();
    const client = bare(key);
    await assert.rejects(client.deriveApiKey(), says("Could not derive api key!"));
    const made = await client.createApiKey();
    assert.deepEqual(await client.deriveApiKey(), made);
    await assert.rejects(client.createApiKey(), says("Could not create api key"));
    const open = bare(key, { creds: made });
    assert.ok((await open.getApiKeys()).apiKeys.includes(made.key));
    assert.equal((await open.getClosedOnlyMode()).closed_only, false);
    await open.deleteApiKey();
    await assert.rejects(open.getApiKeys(), says("Unauthorized/Invalid api key"));
  });

  test("keys that do not trade", async () => {
    const client = await trader();
    const { apiKey } = await client.createReadonlyApiKey();
    assert.ok(JSON.stringify(await client.getReadonlyApiKeys()).includes(apiKey));
    await client.deleteReadonlyApiKey(apiKey);
    assert.ok(!JSON.stringify(await client.getReadonlyApiKeys()).includes(apiKey));
    const { key } = await client.createBuilderApiKey();
    assert.equal((await client.getBuilderApiKeys())[0].key, key);
    await client.revokeBuilderApiKey();
  });
});

describe("resting orders", () => {
  test("rest, are read and are cancelled once", async () => {
    const client = await trader();
    const { condition, tokens } = await market(client);
    const placed = await client.createAndPostOrder(bid(tokens[0], await low(client, tokens[0])));
    assert.equal(placed.status, "live", JSON.stringify(placed));
    const { orderID } = placed;
    assert.equal((await client.getOrder(orderID)).status, "LIVE");
    for (const params of [undefined, { id: orderID }, { market: condition }, { asset_id: tokens[0] }]) {
      assert.deepEqual((await client.getOpenOrders(params)).map((row) => row.id), [orderID]);
    }
    const { scoring } = await client.isOrderScoring({ order_id: orderID });
    assert.equal(scoring, false);
    assert.deepEqual(await client.areOrdersScoring({ orderIds: [orderID] }), { [orderID]: false });
    assert.deepEqual((await client.cancelOrder({ orderID })).canceled, [orderID]);
    assert.ok(orderID in (await client.cancelOrder({ orderID })).not_canceled);
    const notes = await client.getNotifications();
    assert.deepEqual(notes.map((note) => note.type), [1]);
    await client.dropNotifications({ ids: [String(notes[0].id)] });
    assert.deepEqual(await client.getNotifications(), []);
    assert.deepEqual(await client.getPreMigrationOrders(), []);
    assert.deepEqual(await client.getEarningsForUserForDay("2026-11-24"), []);
    assert.deepEqual(await client.getTotalEarningsForUserForDay("2026-11-24"), []);
  });

  test("can have an end", async () => {
    const client = await trader();
    const { tokens } = await market(client);
    const price = await low(client, tokens[0]);
    const expiration = Math.floor(Date.now() / 1000) + 300;
    const placed = await client.createAndPostOrder(bid(tokens[0], price, 20, { expiration }), undefined, OrderType.GTD);
    assert.equal((await client.getOrder(placed.orderID)).expiration, String(expiration));
    const soon = bid(tokens[0], price, 20, { expiration: expiration - 200 });
    await assert.rejects(client.createAndPostOrder(soon, undefined, OrderType.GTD), says("invalid expiration"));
  });

  test("that are post-only never take", async () => {
    const client = await trader();
    const { tokens } = await market(client);
    const [, ask] = await touch(client, tokens[0]);
    const crossing = await client.createOrder(bid(tokens[0], Math.min(0.99, round(ask + 0.05))));
    await assert.rejects(client.postOrder(crossing, OrderType.GTC, true), says("order crosses book"));
    const resting = await client.createOrder(bid(tokens[0], await low(client, tokens[0])));
    assert.equal((await client.postOrder(resting, OrderType.GTC, true)).status, "live");
  });

  test("come and go in batches", async () => {
    const client = await trader();
    const { condition, tokens } = await market(client);
    const price = await low(client, tokens[0]);
    const orders = await Promise.all([20, 21, 1].map((size) => client.createOrder(bid(tokens[0], price, size))));
    const answers = await client.postOrders(orders.map((order) => ({ order, orderType: OrderType.GTC })));
    assert.deepEqual(answers.map((answer) => answer.errorMsg === ""), [true, true, false]);
    const [one, two] = answers.map((answer) => answer.orderID);
    assert.deepEqual((await client.cancelOrders([one])).canceled, [one]);
    assert.deepEqual((await client.cancelMarketOrders({ market: condition })).canceled, [two]);
    assert.deepEqual((await client.cancelAll()).canceled, []);
    const many = Array.from({ length: 16 }, () => ({ order: orders[0], orderType: OrderType.GTC }));
    await assert.rejects(client.postOrders(many), says("Too many orders in payload: 16, max allowed: 15"));
  });

  test("are kept alive by heartbeats", async () => {
    const client = await trader();
    const first = (await client.postHeartbeat()).heartbeat_id;
    const second = (await client.postHeartbeat(first)).heartbeat_id;
    assert.notEqual(first, second);
    await assert.rejects(client.postHeartbeat(first), says("Invalid Heartbeat ID"));
  });
});

describe("taking orders", () => {
  test("move money and shares, and settle", async () => {
    const client = await trader();
    const { condition, tokens: [token] } = await market(client);
    const balance = async (asset_type, token_id) => {
      await client.updateBalanceAllowance({ asset_type, token_id });
      return Number((await client.getBalanceAllowance({ asset_type, token_id })).balance);
    };
    const before = await balance(AssetType.COLLATERAL);
    const [, ask] = await touch(client, token);
    const price = Math.min(0.99, round(ask + 0.05));
    const order = { tokenID: token, amount: 20, side: Side.BUY, price };
    const bought = await client.createAndPostMarketOrder(order, undefined, OrderType.FOK);
    assert.equal(bought.status, "matched", JSON.stringify(bought));
    assert.match(bought.transactionsHashes[0], /^0x/);
    const shares = await balance(AssetType.CONDITIONAL, token);
    assert.equal(shares, Math.round(Number(bought.takingAmount) * 1e6));
    assert.ok((await balance(AssetType.COLLATERAL)) < before - 10e6);
    const trades = await client.getTrades({ market: condition });
    assert.deepEqual(new Set(trades.map((trade) => trade.id)), new Set(bought.tradeIDs));
    assert.equal((await client.getTradesPaginated()).trades.length, trades.length);
    const [best] = await touch(client, token);
    const sale = { tokenID: token, amount: Math.floor(shares / 1e4) / 100, side: Side.SELL, price: Math.max(0.01, round(best - 0.05)) };
    const sold = await client.createAndPostMarketOrder(sale, undefined, OrderType.FAK);
    assert.equal(sold.status, "matched", JSON.stringify(sold));
  });

  test("that buy spend their dollars whatever they buy", async () => {
    const client = await trader();
    const cash = async () => {
      await client.updateBalanceAllowance({ asset_type: AssetType.COLLATERAL });
      return Number((await client.getBalanceAllowance({ asset_type: AssetType.COLLATERAL })).balance);
    };
    try {
      for (const type of [OrderType.FAK, OrderType.FOK]) {
        const { tokenID, ask, rate } = await plenty(client);
        const before = await cash();
        const order = { tokenID, amount: 5, side: Side.BUY, price: round(ask + 0.06), orderType: type };
        const bought = await client.createAndPostMarketOrder(order, undefined, type);
        assert.equal(bought.status, "matched", JSON.stringify(bought));
        assert.equal(Number(bought.makingAmount), 5);
        assert.ok(Math.abs(Number(bought.takingAmount) - 5 / ask) < 1e-5, JSON.stringify([ask, bought]));
        const fee = before - (await cash()) - 5e6;
        assert.ok(Math.abs(fee - 5e6 * rate * (1 - ask)) <= 100, `a fee of ${fee} at ${ask}`);
      }
    } finally {
      await faults({});
    }
  });

  test("that meet nothing are killed in the venue's words", async () => {
    const client = await trader();
    const { tokens: [tokenID] } = await market(client);
    const order = { tokenID, amount: 20, side: Side.BUY, price: await low(client, tokenID) };
    for (const [type, words] of [[OrderType.FOK, "couldn't be fully filled"], [OrderType.FAK, "no orders found to match"]]) {
      await assert.rejects(client.createAndPostMarketOrder(order, undefined, type), says(words));
    }
  });

  test("that fail to settle are seen as failed", async () => {
    const client = await trader();
    const { tokens: [tokenID] } = await market(client);
    await faults({ fail_settlements: 1 });
    const [, ask] = await touch(client, tokenID);
    const order = { tokenID, amount: 5, side: Side.BUY, price: Math.min(0.99, round(ask + 0.05)) };
    await client.createAndPostMarketOrder(order, undefined, OrderType.FAK);
    for (let tries = 0; !(await client.getTrades()).some((trade) => trade.status === "FAILED"); tries += 1) {
      assert.ok(tries < 100, "no trade failed");
      await sleep(100);
    }
  });
});

describe("wallets", () => {
  const kinds = [
    ["a plain key", {}],
    ["a proxy", { signatureType: SignatureTypeV2.POLY_PROXY, funderAddress: ELSEWHERE }],
    ["a Safe", { signatureType: SignatureTypeV2.POLY_GNOSIS_SAFE, funderAddress: ELSEWHERE }],
    ["a deposit wallet", { signatureType: SignatureTypeV2.POLY_1271, funderAddress: DEPOSIT_WALLET }, DEPOSIT_KEY],
  ];
  for (const [name, more, key] of kinds) {
    test(name, async () => {
      const client = await trader(more, key);
      for (const negRisk of [false, true]) {
        const { tokens } = await market(client, negRisk);
        const placed = await client.createAndPostOrder(bid(tokens[0], await low(client, tokens[0])));
        assert.equal(placed.status, "live", JSON.stringify(placed));
      }
      assert.equal((await client.cancelAll()).canceled.length, 2);
    });
  }

  test("the version changes, and the client signs again", async () => {
    // Without `throwOnError`, the client reads the version again by itself and retries the post once.
    const client = await trader({ throwOnError: false });
    const { tokens } = await market(client);
    const price = await low(client, tokens[0]);
    assert.equal((await client.createAndPostOrder(bid(tokens[0], price))).status, "live");
    await faults({ version_3: true });
    try {
      assert.equal((await client.createAndPostOrder(bid(tokens[0], price, 21))).status, "live");
    } finally {
      await faults({});
    }
  });
});
