"""The venue's official Python client, unmodified, against the local exchange named by VENUE.

Every test creates its own account; the local exchange gives each new address play money. Responses are checked by the
client and against the venue's documentation; no code of this project is imported.
"""

import os
import secrets
import time
import unittest

import httpx
from py_clob_client_v2 import (
    ApiCreds,
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    ClobClient,
    CreateOrderOptions,
    DropNotificationParams,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderScoringParams,
    OrdersScoringParams,
    OrderType,
    PartialCreateOrderOptions,
    PostOrdersV2Args,
    PricesHistoryParams,
    Side,
    SignatureTypeV2,
    TradeParams,
)
from py_clob_client_v2.clob_types import OrderBookSummary
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.utilities import parse_raw_orderbook_summary

VENUE = os.environ["VENUE"]
CHAIN = 137
# The first well-known development key and its deposit wallet, as the venue's contracts derive it.
DEPOSIT_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
DEPOSIT_WALLET = "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50"
ELSEWHERE = "0x00000000000000000000000000000000000000E1"


def faults(wanted):
    """Enables these faults of the exchange and disables all others."""
    httpx.put(VENUE + "/exchange/faults", json=wanted).raise_for_status()


def trader(key=None, **options):
    """Returns an authenticated client with its own key."""
    client = ClobClient(VENUE, CHAIN, key=key or "0x" + secrets.token_hex(32), **options)
    client.set_api_creds(client.create_or_derive_api_key())
    return client


def markets(client):
    return client.get_markets()["data"]


def market(client, neg_risk=False, tick=0.01):
    """Returns a market's condition id and its two tokens."""
    for row in markets(client):
        if row["neg_risk"] == neg_risk and row["minimum_tick_size"] == tick:
            return row["condition_id"], [token["token_id"] for token in row["tokens"]]
    raise AssertionError("the exchange lists no such market")


def touch(client, token):
    """Returns the best bid and the best ask, which are the last of each list."""
    book = client.get_order_book(token)
    return float(book["bids"][-1]["price"]), float(book["asks"][-1]["price"])


def plenty(client):
    """Returns a token whose best ask has at least fifty shares, and that price; other traders are then paused."""
    _, tokens = market(client)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        faults({"still": True, "unlimited": True})
        for token in tokens:
            best = client.get_order_book(token)["asks"][-1]
            if float(best["size"]) >= 50 and 0.1 <= float(best["price"]) <= 0.93:
                return token, float(best["price"])
        faults({})
        time.sleep(0.05)
    raise AssertionError("no best ask ever had fifty shares")


def low(client, token):
    """Returns a price far below the market, at which a bid rests."""
    return max(0.01, round(touch(client, token)[0] - 0.2, 2))


def bid(token, price, size=20, **more):
    return OrderArgs(token_id=token, price=price, size=size, side=Side.BUY, **more)


class Public(unittest.TestCase):
    def setUp(self):
        self.client = ClobClient(VENUE, CHAIN)
        self.condition, self.tokens = market(self.client)

    def test_service(self):
        self.assertEqual(self.client.get_ok(), "OK")
        self.assertLess(abs(self.client.get_server_time() - time.time()), 5)
        self.assertEqual(self.client.get_version(), 2)

    def test_market_lists(self):
        for listing in (
            self.client.get_markets,
            self.client.get_simplified_markets,
            self.client.get_sampling_markets,
            self.client.get_sampling_simplified_markets,
        ):
            page = listing()
            self.assertEqual(page["next_cursor"], "LTE=")
            self.assertIn(self.condition, [row["condition_id"] for row in page["data"]])
        self.assertEqual(self.client.get_market(self.condition)["condition_id"], self.condition)
        info = self.client.get_clob_market_info(self.condition)
        self.assertEqual([token["t"] for token in info["t"]], self.tokens)

    def test_books_and_their_hash(self):
        book = self.client.get_order_book(self.tokens[0])
        book_hash = book["hash"]
        summary = parse_raw_orderbook_summary(book)
        self.assertIsInstance(summary, OrderBookSummary)
        self.assertEqual(self.client.get_order_book_hash(summary), book_hash)
        bids = [float(level["price"]) for level in book["bids"]]
        asks = [float(level["price"]) for level in book["asks"]]
        self.assertEqual(bids, sorted(bids))
        self.assertEqual(asks, sorted(asks, reverse=True))
        self.assertLess(bids[-1], asks[-1])
        both = self.client.get_order_books([BookParams(token_id=token) for token in self.tokens])
        self.assertEqual({book["asset_id"] for book in both}, set(self.tokens))

    def test_prices(self):
        token = self.tokens[0]
        asked = [BookParams(token_id=token, side="BUY"), BookParams(token_id=token, side="SELL")]
        buy = float(self.client.get_price(token, "BUY")["price"])
        sell = float(self.client.get_price(token, "SELL")["price"])
        self.assertLess(buy, sell, "BUY is the best bid")
        self.assertEqual(set(self.client.get_prices(asked)[token]), {"BUY", "SELL"})
        self.assertGreater(float(self.client.get_midpoint(token)["mid"]), 0)
        self.assertGreater(float(self.client.get_midpoints(asked)[token]), 0)
        self.assertGreater(float(self.client.get_spread(token)["spread"]), 0)
        self.assertGreater(float(self.client.get_spreads(asked)[token]), 0)
        self.assertIn("price", self.client.get_last_trade_price(token))
        self.assertIsInstance(self.client.get_last_trades_prices(asked), list)
        history = self.client.get_prices_history(PricesHistoryParams(market=token, interval="1h"))["history"]
        self.assertTrue(history and 0 < history[0]["p"] < 1)

    def test_parameters_of_a_market(self):
        self.assertEqual(self.client.get_tick_size(self.tokens[0]), "0.01")
        self.assertFalse(self.client.get_neg_risk(self.tokens[0]))
        _, exclusive = market(self.client, neg_risk=True)
        self.assertTrue(self.client.get_neg_risk(exclusive[0]))
        self.assertGreaterEqual(self.client.get_fee_rate_bps(self.tokens[0]), 0)
        self.assertEqual(self.client.get_fee_exponent(self.tokens[0]), 1)
        self.assertGreater(self.client.calculate_market_price(self.tokens[0], "BUY", 5), 0)
        self.assertIsInstance(self.client.get_market_trades_events(self.condition), list)
        self.assertEqual(self.client.get_current_rewards(), [])
        self.assertEqual(self.client.get_raw_rewards_for_market(self.condition), [])

    def test_what_is_not_there(self):
        for path, status in (("/book?token_id=7", 404), ("/book?token_id=x", 400), ("/markets/0x12", 404)):
            answer = httpx.get(VENUE + path)
            self.assertEqual(answer.status_code, status, path)
            self.assertIn("error", answer.json())


class Keys(unittest.TestCase):
    def test_a_key_is_made_once_and_derived_ever_after(self):
        client = ClobClient(VENUE, CHAIN, key="0x" + secrets.token_hex(32))
        with self.assertRaises(PolyApiException):
            client.derive_api_key()
        made = client.create_api_key()
        self.assertIsInstance(made, ApiCreds)
        self.assertEqual(client.derive_api_key(), made)
        self.assertEqual(client.create_or_derive_api_key(), made)
        self.assertNotEqual(client.create_api_key(nonce=1), made)
        client.set_api_creds(made)
        self.assertIn(made.api_key, client.get_api_keys()["apiKeys"])
        self.assertFalse(client.get_closed_only_mode()["closed_only"])
        self.assertEqual(client.delete_api_key(), "OK")
        with self.assertRaises(PolyApiException) as refused:
            client.get_api_keys()
        self.assertEqual(refused.exception.status_code, 401)

    def test_keys_that_do_not_trade(self):
        client = trader()
        key = client.create_readonly_api_key()["apiKey"]
        self.assertIn(key, client.get_readonly_api_keys()["readonlyApiKeys"])
        client.delete_readonly_api_key(key)
        self.assertNotIn(key, client.get_readonly_api_keys()["readonlyApiKeys"])
        builder = client.create_builder_api_key()
        listed = client.get_builder_api_keys()
        self.assertEqual([(row["key"], row["revokedAt"]) for row in listed], [(builder["key"], None)])
        client.revoke_builder_api_key()
        self.assertIsNotNone(client.get_builder_api_keys()[0]["revokedAt"])

    def test_server_time_can_be_used(self):
        client = ClobClient(VENUE, CHAIN, key="0x" + secrets.token_hex(32), use_server_time=True)
        client.set_api_creds(client.create_or_derive_api_key())
        self.assertEqual(client.get_open_orders(), [])


class Resting(unittest.TestCase):
    def setUp(self):
        self.client = trader()
        self.condition, self.tokens = market(self.client)
        self.price = low(self.client, self.tokens[0])

    def place(self, size=20, order_type=OrderType.GTC, **more):
        answer = self.client.create_and_post_order(
            bid(self.tokens[0], self.price, size, **more), order_type=order_type
        )
        self.assertTrue(answer["success"] and answer["status"] == "live", answer)
        return answer["orderID"]

    def test_an_order_rests_is_read_and_is_cancelled_once(self):
        order = self.place()
        row = self.client.get_order(order)
        self.assertEqual((row["status"], row["size_matched"], row["order_type"]), ("LIVE", "0", "GTC"))
        for params in (None, OpenOrderParams(id=order), OpenOrderParams(market=self.condition)):
            self.assertEqual([row["id"] for row in self.client.get_open_orders(params)], [order])
        self.assertEqual(self.client.get_open_orders(OpenOrderParams(asset_id=self.tokens[1])), [])
        self.assertEqual(self.client.cancel_order(OrderPayload(orderID=order))["canceled"], [order])
        again = self.client.cancel_order(OrderPayload(orderID=order))
        self.assertIn(order, again["not_canceled"])
        self.assertEqual([note["type"] for note in self.client.get_notifications()], [1])

    def test_an_order_with_an_end(self):
        until = int(time.time()) + 300
        order = self.place(order_type=OrderType.GTD, expiration=until)
        self.assertEqual(self.client.get_order(order)["expiration"], str(until))
        with self.assertRaises(PolyApiException) as refused:
            self.place(size=21, order_type=OrderType.GTD, expiration=int(time.time()) + 100)
        self.assertEqual(refused.exception.error_msg, {"error": "invalid expiration"})

    def test_post_only_never_takes(self):
        _, ask = touch(self.client, self.tokens[0])
        crossing = self.client.create_order(bid(self.tokens[0], min(0.99, round(ask + 0.05, 2))))
        with self.assertRaises(PolyApiException) as refused:
            self.client.post_order(crossing, OrderType.GTC, post_only=True)
        self.assertIn("invalid post-only order: order crosses book", refused.exception.error_msg["error"])
        resting = self.client.create_order(bid(self.tokens[0], self.price))
        self.assertEqual(self.client.post_order(resting, OrderType.GTC, post_only=True)["status"], "live")

    def test_batches(self):
        orders = [self.client.create_order(bid(self.tokens[0], self.price, size)) for size in (20, 21, 1)]
        answers = self.client.post_orders([PostOrdersV2Args(order=order, orderType=OrderType.GTC) for order in orders])
        self.assertEqual([answer["errorMsg"] == "" for answer in answers], [True, True, False])
        self.assertIn("lower than the minimum: 5", answers[2]["errorMsg"])
        ids = [answer["orderID"] for answer in answers[:2]]
        self.assertEqual(sorted(self.client.cancel_orders(ids)["canceled"]), sorted(ids))
        many = [PostOrdersV2Args(order=orders[0], orderType=OrderType.GTC)] * 16
        with self.assertRaises(PolyApiException) as refused:
            self.client.post_orders(many)
        self.assertIn("Too many orders in payload: 16, max allowed: 15", refused.exception.error_msg["error"])

    def test_cancels_of_a_market_and_of_everything(self):
        here = self.place()
        _, others = market(self.client, neg_risk=True)
        there = self.client.create_and_post_order(bid(others[0], low(self.client, others[0])))["orderID"]
        params = OrderMarketCancelParams(market=self.condition, asset_id=self.tokens[0])
        self.assertEqual(self.client.cancel_market_orders(params)["canceled"], [here])
        self.assertEqual(self.client.cancel_all()["canceled"], [there])
        self.assertEqual(self.client.get_open_orders(), [])

    def test_scoring_and_what_is_paid_for_it(self):
        far = self.place()
        near = touch(self.client, self.tokens[0])[0]
        order = self.client.create_and_post_order(bid(self.tokens[0], round(near - 0.01, 2)))["orderID"]
        self.assertIn("scoring", self.client.is_order_scoring(OrderScoringParams(orderId=order)))
        both = self.client.are_orders_scoring(OrdersScoringParams(orderIds=[far, order]))
        self.assertEqual(set(both), {far, order})
        self.assertFalse(both[far])
        self.assertEqual(self.client.get_earnings_for_user_for_day("2026-11-24"), [])
        self.assertEqual(self.client.get_total_earnings_for_user_for_day("2026-11-24"), [])
        self.assertEqual(self.client.get_user_earnings_and_markets_config("2026-11-24"), [])
        self.assertEqual(self.client.get_reward_percentages(), {})
        self.assertEqual(self.client.get_pre_migration_orders(), [])

    def test_refusals_in_the_venues_words(self):
        good = self.client.create_order(bid(self.tokens[0], self.price))
        self.client.post_order(good)
        # The client itself rejects such a tick; its order builder does not check it.
        fine = CreateOrderOptions(tick_size="0.001", neg_risk=False)
        between = self.client.builder.build_order(bid(self.tokens[0], self.price + 0.005), fine, version=2)
        rich = bid(self.tokens[0], self.price, 2_000_000)
        for order, words in (
            (good, "is invalid. Duplicated."),
            (between, "breaks minimum tick size rule"),
            (self.client.create_order(bid(self.tokens[0], self.price, 2)), "lower than the minimum: 5"),
            (self.client.create_order(rich), "not enough balance / allowance"),
            (
                self.client.create_order(bid(self.tokens[0], self.price), PartialCreateOrderOptions(neg_risk=True)),
                "invalid signature",
            ),
            (
                self.client.create_order(bid(self.tokens[0], self.price), PartialCreateOrderOptions(version=3)),
                "order_version_mismatch",
            ),
        ):
            with self.assertRaises(PolyApiException) as refused:
                self.client.post_order(order)
            self.assertEqual(refused.exception.status_code, 400)
            self.assertIn(words, refused.exception.error_msg["error"])

    def test_heartbeats_keep_orders_alive(self):
        first = self.client.post_heartbeat()["heartbeat_id"]
        second = self.client.post_heartbeat(first)["heartbeat_id"]
        self.assertNotEqual(first, second)
        with self.assertRaises(PolyApiException) as refused:
            self.client.post_heartbeat(first)
        self.assertEqual(refused.exception.error_msg["heartbeat_id"], second)


class Taking(unittest.TestCase):
    def setUp(self):
        self.client = trader()
        self.condition, self.tokens = market(self.client)

    def balance(self, token=None):
        kind = AssetType.CONDITIONAL if token else AssetType.COLLATERAL
        params = BalanceAllowanceParams(asset_type=kind, token_id=token)
        self.client.update_balance_allowance(params)
        answer = self.client.get_balance_allowance(params)
        self.assertTrue(all(int(amount) > 0 for amount in answer["allowances"].values()))
        return int(answer["balance"])

    def take(self, side, amount, order_type):
        best_bid, best_ask = touch(self.client, self.tokens[0])
        reach = min(0.99, round(best_ask + 0.05, 2)) if side == Side.BUY else max(0.01, round(best_bid - 0.05, 2))
        order = MarketOrderArgs(token_id=self.tokens[0], amount=amount, side=side, price=reach)
        return self.client.create_and_post_market_order(order, order_type=order_type)

    def test_money_and_shares_move_and_trades_settle(self):
        before = self.balance()
        bought = self.take(Side.BUY, 20, OrderType.FOK)
        self.assertEqual(bought["status"], "matched", bought)
        # The client waited for the trades and filled these in.
        self.assertTrue(bought["transactionsHashes"][0].startswith("0x"))
        shares = self.balance(self.tokens[0])
        self.assertEqual(shares, round(float(bought["takingAmount"]) * 1e6))
        self.assertLess(self.balance(), before - 10_000_000)
        trades = self.client.get_trades(TradeParams(market=self.condition))
        self.assertEqual({trade["id"] for trade in trades}, set(bought["tradeIDs"]))
        self.assertTrue(all(trade["trader_side"] == "TAKER" for trade in trades))
        page = self.client.get_trades_paginated()
        self.assertEqual(len(page["trades"]), len(trades))
        sold = self.take(Side.SELL, shares // 10_000 / 100, OrderType.FAK)
        self.assertEqual(sold["status"], "matched", sold)
        self.assertLess(self.balance(self.tokens[0]), shares)
        notes = self.client.get_notifications()
        self.assertIn(2, [note["type"] for note in notes])
        self.client.drop_notifications(DropNotificationParams(ids=[str(notes[0]["id"])]))
        self.assertEqual(len(self.client.get_notifications()), len(notes) - 1)

    def test_what_meets_nothing_is_killed_in_the_venues_words(self):
        for order_type, words in (
            (OrderType.FOK, "order couldn't be fully filled. FOK orders are fully filled or killed."),
            (OrderType.FAK, "no orders found to match with FAK order"),
        ):
            order = MarketOrderArgs(token_id=self.tokens[0], amount=20, side=Side.BUY, price=low(self.client, self.tokens[0]))
            with self.assertRaises(PolyApiException) as refused:
                self.client.create_and_post_market_order(order, order_type=order_type)
            self.assertIn(words, refused.exception.error_msg["error"])
        self.assertEqual(self.client.get_trades(), [])

    def test_a_market_buy_spends_its_dollars_whatever_they_buy(self):
        self.addCleanup(lambda: faults({}))
        for order_type in (OrderType.FAK, OrderType.FOK):
            token, ask = plenty(self.client)
            before = self.balance()
            order = MarketOrderArgs(token_id=token, amount=5.00, side=Side.BUY, price=round(ask + 0.06, 2), order_type=order_type)
            bought = self.client.create_and_post_market_order(order, order_type=order_type)
            self.assertEqual((bought["status"], float(bought["makingAmount"])), ("matched", 5), bought)
            self.assertAlmostEqual(float(bought["takingAmount"]), 5 / ask, delta=1e-5)
            rate = self.client.get_clob_market_info(market(self.client)[0])["fd"]["r"]
            fee = round(5 * rate * (1 - ask) * 1e6)
            self.assertAlmostEqual(before - self.balance(), 5_000_000 + fee, delta=100)
            paid = sum(float(trade["size"]) * float(trade["price"]) for trade in self.client.get_trades() if trade["id"] in bought["tradeIDs"])
            self.assertAlmostEqual(paid, 5, delta=1e-5)

    def test_two_of_us_meet_and_a_set_is_minted(self):
        other = trader()
        # Nothing rests inside the spread of an exclusive market; both accounts buy, and together pay a dollar.
        _, tokens = market(self.client, neg_risk=True)
        self.addCleanup(lambda: faults({}))
        deadline = time.monotonic() + 30
        while True:
            # Simulated traders must not match the orders in between.
            faults({"still": True})
            best_bid, best_ask = touch(self.client, tokens[0])
            inside = round(best_ask - 0.01, 2)
            if inside > best_bid:
                break
            self.assertLess(time.monotonic(), deadline, "the spread was never more than a tick")
            faults({})
            time.sleep(0.05)
        resting = self.client.create_and_post_order(bid(tokens[0], inside, 10))
        self.assertEqual(resting["status"], "live")
        taking = other.create_and_post_order(bid(tokens[1], round(1 - inside, 2), 10))
        self.assertEqual(taking["status"], "matched", taking)
        maker = [trade for trade in self.client.get_trades() if trade["trader_side"] == "MAKER"]
        self.assertEqual(maker[0]["maker_orders"][0]["asset_id"], tokens[0])
        self.assertEqual(maker[0]["asset_id"], tokens[1])

    def test_a_failed_settlement_is_seen_as_one(self):
        faults({"fail_settlements": 1})
        self.take(Side.BUY, 5, OrderType.FAK)
        deadline = time.monotonic() + 10
        while not any(trade["status"] == "FAILED" for trade in self.client.get_trades()):
            self.assertLess(time.monotonic(), deadline, self.client.get_trades())
            time.sleep(0.1)


class Events(unittest.TestCase):
    def setUp(self):
        self.client = trader()
        self.events = {}
        for row in markets(self.client):
            if row["neg_risk"]:
                self.events.setdefault(row["neg_risk_market_id"], []).append(row)

    def test_every_market_of_an_event_takes_orders_and_their_prices_make_a_dollar(self):
        self.assertNotIn("", self.events)
        exclusive = max(self.events.values(), key=len)
        self.assertGreaterEqual(len(exclusive), 3)
        tokens = [[token["token_id"] for token in row["tokens"]] for row in exclusive]
        mids = self.client.get_midpoints([BookParams(token_id=yes) for yes, _ in tokens])
        self.assertAlmostEqual(sum(float(mid) for mid in mids.values()), 1, delta=0.05)
        for token in [token for pair in tokens for token in pair]:
            self.assertTrue(self.client.get_neg_risk(token))
            answer = self.client.create_and_post_order(bid(token, 0.02))
            self.assertEqual(answer["status"], "live", answer)
        self.assertEqual(len(self.client.cancel_all()["canceled"]), 2 * len(exclusive))

    def test_a_delayed_order_is_settled_later(self):
        condition, tokens = market(self.client)
        delays = {"sports_delay_s": 1, "sports_delay_markets": [condition]}
        faults(delays)
        try:
            self.assertEqual(self.client.get_clob_market_info(condition)["sd"], 1)
            order = MarketOrderArgs(token_id=tokens[0], amount=5, side=Side.BUY, price=0.95)
            answer = self.client.create_and_post_market_order(order, order_type=OrderType.FAK)
            self.assertEqual((answer["status"], answer["tradeIDs"]), ("delayed", []), answer)
            self.assertEqual(self.client.get_trades(), [])
            deadline = time.monotonic() + 10
            while not self.client.get_trades():
                self.assertLess(time.monotonic(), deadline, "the delayed order never matched")
                time.sleep(0.1)
            self.assertEqual(self.client.get_trades()[0]["taker_order_id"], answer["orderID"])
        finally:
            faults({})


class Wallets(unittest.TestCase):
    def trade(self, client):
        for neg_risk in (False, True):
            _, tokens = market(client, neg_risk=neg_risk)
            answer = client.create_and_post_order(bid(tokens[0], low(client, tokens[0])))
            self.assertEqual(answer["status"], "live", answer)
        client.cancel_all()

    def test_a_plain_key(self):
        self.trade(trader())

    def test_a_proxy(self):
        self.trade(trader(signature_type=SignatureTypeV2.POLY_PROXY, funder=ELSEWHERE))

    def test_a_safe(self):
        self.trade(trader(signature_type=SignatureTypeV2.POLY_GNOSIS_SAFE, funder=ELSEWHERE))

    def test_a_deposit_wallet(self):
        options = {"signature_type": SignatureTypeV2.POLY_1271, "funder": DEPOSIT_WALLET}
        self.trade(trader(DEPOSIT_KEY, **options))
        with self.assertRaises(PolyApiException) as refused:
            self.trade(trader(**options))
        self.assertIn("the order signer address", refused.exception.error_msg["error"])

    def test_the_version_can_become_three(self):
        client = trader()
        faults({"version_3": True})
        try:
            self.assertEqual(client.get_version(), 3)
            self.trade(client)
        finally:
            faults({})


if __name__ == "__main__":
    unittest.main(verbosity=2)
