#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::*;
use alloc::vec;
use proptest::prelude::*;

const EVENT: EventId = EventId([9; 32]);
/// Markets 0 to 3 exclude each other, market 4 is standalone.
const EXCLUSIVE: u32 = 4;
const MARKETS: u32 = EXCLUSIVE + 1;
const ACCOUNTS: u32 = 3;
const DOLLARS: u32 = 300;
const ONE: Usd = Usd::dollars(1);

/// Returns accounts that own only dollars, so that every share is one that was paid for.
fn event() -> (Venue, Vec<AccountId>) {
    let mut venue = Venue::new();
    for number in 0..MARKETS {
        let event = (number < EXCLUSIVE).then_some(EVENT);
        venue.add_market(market(number, event)).unwrap();
    }
    let accounts = (0..ACCOUNTS).map(|_| venue.open_account(Usd::dollars(i64::from(DOLLARS))).unwrap()).collect();
    (venue, accounts)
}

fn yes(market: u32) -> TokenIx {
    MarketIx(market).token(0)
}

fn no(market: u32) -> TokenIx {
    MarketIx(market).token(1)
}

fn split(market: u32, shares: u64) -> Conversion {
    Conversion::Split { market: MarketIx(market), size: Size::shares(shares) }
}

fn convert(from: &[u32], shares: u64) -> Conversion {
    let from = from.iter().map(|market| MarketIx(*market)).collect();
    Conversion::Convert { event: EVENT, from, size: Size::shares(shares) }
}

fn shares(venue: &Venue, account: AccountId, token: TokenIx) -> i64 {
    venue.shares(account, token).total / 1_000_000
}

#[test]
fn no_shares_of_two_of_four_become_yes_shares_of_the_others_and_a_dollar() {
    let (mut venue, accounts) = event();
    let own = accounts[0];
    venue.turn(NOW, own, &[split(0, 10), split(2, 10)]).unwrap();
    assert_eq!(venue.cash(own).total, 280_000_000);
    venue.drain();
    venue.turn(NOW, own, &[convert(&[0, 2], 7)]).unwrap();
    assert_eq!(venue.cash(own).total, 287_000_000, "one of two dollars for each");
    let held = |market| (shares(&venue, own, yes(market)), shares(&venue, own, no(market)));
    assert_eq!([0, 1, 2, 3].map(held), [(10, 3), (7, 0), (10, 3), (7, 0)]);
    let how = Turned::Conversion;
    let (gone, got) = (vec![no(0), no(2)], vec![yes(1), yes(3)]);
    let turned = Event::Turned { at: NOW, account: own, how, size: Size::shares(7), value: Usd::dollars(7), gone, got };
    assert_eq!(venue.drain(), [turned]);
    // All NO shares of an event are worth their number less one, and nothing else.
    venue.turn(NOW, own, &[split(1, 3), split(3, 3), convert(&[0, 1, 2, 3], 3)]).unwrap();
    assert_eq!(venue.cash(own).total, 290_000_000);
}

#[test]
fn what_cannot_be_turned_changes_nothing_and_takes_the_whole_transaction_with_it() {
    let (mut venue, accounts) = event();
    let own = accounts[0];
    venue.turn(NOW, own, &[split(0, 10)]).unwrap();
    venue.drain();
    let twice = convert(&[0, 0], 1);
    let foreign = convert(&[0, 4], 1);
    let cases = [
        (split(9, 1), TurnError::Unknown),
        (split(0, 400), TurnError::Short { have: 285_000_000, needed: 400_000_000 }),
        (
            Conversion::Merge { market: MarketIx(1), size: Size::shares(6) },
            TurnError::Short { have: 5_000_000, needed: 6_000_000 },
        ),
        (Conversion::Redeem { market: MarketIx(0) }, TurnError::Open),
        (convert(&[0, 3], 1), TurnError::Short { have: 0, needed: 1_000_000 }),
        (convert(&[], 1), TurnError::Unknown),
        (twice, TurnError::Unknown),
        (foreign, TurnError::Unknown),
        (Conversion::Split { market: MarketIx(0), size: Size(u64::MAX) }, TurnError::Range),
    ];
    for (turn, error) in cases {
        assert_eq!(venue.turn(NOW, own, &[split(1, 5), turn.clone()]), Err((1, error)), "{turn:?}");
        assert_eq!(venue.drain(), [], "{turn:?}");
        assert_eq!((venue.cash(own).total, venue.shares(own, yes(1)).total), (290_000_000, 0), "{turn:?}");
        assert_eq!((venue.sets(MarketIx(0)), venue.sets(MarketIx(1))), (10_000_000, 0), "{turn:?}");
    }
    assert_eq!(venue.turn(NOW, AccountId::HOUSE, &[split(0, 1)]), Err((0, TurnError::Unknown)));
}

#[test]
fn what_a_turn_leaves_uncovered_is_cancelled() {
    let (mut venue, accounts) = event();
    let own = accounts[0];
    venue.turn(NOW, own, &[split(0, 20)]).unwrap();
    venue.place(NOW, own, &order(1, yes(0), Side::Sell, 60, 15, GTC)).unwrap();
    venue.place(NOW, own, &order(2, yes(1), Side::Buy, 50, 500, GTC)).unwrap();
    venue.drain();
    venue.turn(NOW, own, &[Conversion::Merge { market: MarketIx(0), size: Size::shares(5) }]).unwrap();
    assert_eq!(venue.orders(own).count(), 2, "both are still covered");
    venue.turn(NOW, own, &[Conversion::Merge { market: MarketIx(0), size: Size::shares(1) }]).unwrap();
    assert_eq!(venue.orders(own).map(|order| order.id).collect::<Vec<_>>(), [id(2)]);
    venue.turn(NOW, own, &[split(1, 40)]).unwrap();
    assert_eq!(venue.orders(own).count(), 0);
    let ends = |event: &&Event| matches!(event, Event::Order { change: Change::Cancellation, .. });
    assert_eq!(venue.drain().iter().filter(ends).count(), 2);
}

#[test]
fn an_event_resolves_as_one() {
    let pays = |venue: &Venue| (0..EXCLUSIVE).map(|market| venue.resolution(MarketIx(market))).collect::<Vec<_>>();
    let (won, lost) = ([ONE, Usd::ZERO], [Usd::ZERO, ONE]);
    let (mut venue, accounts) = event();
    venue.turn(NOW, accounts[0], &[split(1, 20)]).unwrap();
    venue.place(NOW, accounts[0], &order(1, yes(1), Side::Sell, 60, 15, GTC)).unwrap();
    assert_eq!(venue.resolve(NOW, MarketIx(2), [Usd(500_000); 2]), Err(MarketError::Exclusive), "no draws");
    venue.resolve(NOW, MarketIx(0), lost).unwrap();
    assert_eq!(pays(&venue), [Some(lost), None, None, None], "one market may resolve to NO alone");
    venue.resolve(NOW, MarketIx(2), won).unwrap();
    assert_eq!(pays(&venue), [Some(lost), Some(lost), Some(won), Some(lost)]);
    assert_eq!(venue.orders(accounts[0]).count(), 0, "the losers' orders end too");
    assert_eq!(venue.resolve(NOW, MarketIx(1), won), Err(MarketError::Resolved));
    let (mut venue, _) = event();
    [0, 1, 2].into_iter().for_each(|market| venue.resolve(NOW, MarketIx(market), lost).unwrap());
    assert_eq!(venue.resolve(NOW, MarketIx(3), lost), Err(MarketError::Exclusive), "one market has to win");
    venue.resolve(NOW, MarketIx(3), won).unwrap();
    // A standalone market may resolve to any outcome.
    venue.resolve(NOW, MarketIx(4), [Usd(500_000); 2]).unwrap();
}

#[derive(Debug, Clone)]
enum Act {
    Place { account: usize, token: u32, buy: bool, cents: u32, size: u64, fak: bool },
    Split { account: usize, market: u32, size: u64 },
    Merge { account: usize, market: u32, size: u64 },
    Convert { account: usize, from: u32, size: u64 },
}

fn acts() -> impl Strategy<Value = Act> {
    let accounts = 0..usize::try_from(ACCOUNTS).unwrap();
    // Odd sizes in base units.
    let sizes = prop_oneof![5_000_000..30_000_000u64, 1..60_000_000u64];
    prop_oneof![
        6 => (accounts.clone(), 0..2 * MARKETS, any::<bool>(), 30..70u32, sizes.clone(), any::<bool>()).prop_map(
            |(account, token, buy, cents, size, fak)| Act::Place { account, token, buy, cents, size, fak }
        ),
        3 => (accounts.clone(), 0..MARKETS, sizes.clone())
            .prop_map(|(account, market, size)| Act::Split { account, market, size }),
        2 => (accounts.clone(), 0..MARKETS, sizes.clone())
            .prop_map(|(account, market, size)| Act::Merge { account, market, size }),
        3 => (accounts, 1..(1u32 << EXCLUSIVE), sizes)
            .prop_map(|(account, from, size)| Act::Convert { account, from, size }),
    ]
}

fn perform(venue: &mut Venue, accounts: &[AccountId], number: u64, act: &Act) {
    let mut turn = |account: usize, turn| {
        // A refused conversion must change nothing, which is part of the property.
        let _refused = venue.turn(NOW, accounts[account], &[turn]);
    };
    match *act {
        Act::Place { account, token, buy, cents, size, fak } => {
            let (side, kind) = (if buy { Side::Buy } else { Side::Sell }, if fak { OrderKind::Fak } else { GTC });
            let order = order_of(number, TokenIx(token), side, cents, Size(size), kind);
            drop(venue.place(NOW, accounts[account], &order));
        }
        Act::Split { account, market, size } => {
            turn(account, Conversion::Split { market: MarketIx(market), size: Size(size) })
        }
        Act::Merge { account, market, size } => {
            turn(account, Conversion::Merge { market: MarketIx(market), size: Size(size) })
        }
        Act::Convert { account, from, size } => {
            let from = (0..EXCLUSIVE).filter(|market| from & (1 << market) != 0).map(MarketIx).collect();
            turn(account, Conversion::Convert { event: EVENT, from, size: Size(size) });
        }
    }
}

/// Returns the value of all cash, fees and shares if one market of the event wins and the standalone one ends YES or
/// NO, in micro-dollars.
fn worth(venue: &Venue, accounts: &[AccountId], winner: u32, lone: u32) -> i128 {
    let paying = (0..EXCLUSIVE).map(|market| if market == winner { yes(market) } else { no(market) });
    let paying: Vec<TokenIx> = paying.chain([MarketIx(EXCLUSIVE).token(lone)]).collect();
    let of = |account: &AccountId| {
        let shares: i128 = paying.iter().map(|token| i128::from(venue.shares(*account, *token).total)).sum();
        shares + i128::from(venue.cash(*account).total)
    };
    accounts.iter().map(of).sum::<i128>() + i128::from(venue.fees().micros())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_owned_is_worth_what_was_put_in_whichever_market_wins(
        acts in proptest::collection::vec(acts(), 1..80),
        winner in 0..EXCLUSIVE,
        lone in 0..2u32,
    ) {
        let (mut venue, accounts) = event();
        let funds = i128::from(ACCOUNTS) * i128::from(DOLLARS) * 1_000_000;
        for (number, act) in acts.iter().enumerate() {
            perform(&mut venue, &accounts, u64::try_from(number).unwrap(), act);
            for account in &accounts {
                prop_assert!(venue.cash(*account).free() >= 0);
                for token in (0..2 * MARKETS).map(TokenIx) {
                    prop_assert!(venue.shares(*account, token).free() >= 0, "{act:?}");
                }
            }
            // Dollars and shares are moved by the millionth, so not even a rounding may be lost.
            for (winner, lone) in (0..EXCLUSIVE).flat_map(|winner| [(winner, 0), (winner, 1)]) {
                prop_assert_eq!(worth(&venue, &accounts, winner, lone), funds, "{:?}", act);
            }
        }
        venue.resolve(NOW, MarketIx(winner), [ONE, Usd::ZERO]).unwrap();
        venue.resolve(NOW, MarketIx(EXCLUSIVE), if lone == 0 { [ONE, Usd::ZERO] } else { [Usd::ZERO, ONE] }).unwrap();
        for account in &accounts {
            let all: Vec<Conversion> = (0..MARKETS).map(|market| Conversion::Redeem { market: MarketIx(market) }).collect();
            venue.turn(NOW, *account, &all).unwrap();
            venue.turn(NOW, *account, &all).unwrap();
        }
        let cash: i128 = accounts.iter().map(|account| i128::from(venue.cash(*account).total)).sum();
        prop_assert_eq!(cash + i128::from(venue.fees().micros()), funds);
    }
}
