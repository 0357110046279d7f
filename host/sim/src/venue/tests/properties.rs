#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::*;
use proptest::prelude::*;

const ACCOUNTS: u32 = 3;
const DOLLARS: u32 = 200;

/// One random action on the venue.
#[derive(Debug, Clone)]
enum Act {
    Place { account: usize, token: u32, buy: bool, cents: u32, size: u64, kind: OrderKind },
    Spend { account: usize, token: u32, cents: u64, size: u64, fok: bool },
    Cancel { account: usize, number: u64 },
    External { token: u32, buy: bool, cents: u32, size: u64 },
}

fn kinds() -> impl Strategy<Value = OrderKind> {
    prop_oneof![4 => Just(GTC), 2 => Just(POST_ONLY), 1 => Just(OrderKind::Fak), 1 => Just(OrderKind::Fok)]
}

fn acts() -> impl Strategy<Value = Act> {
    let accounts = 0..usize::try_from(ACCOUNTS).unwrap();
    // Odd sizes in base units, so that rounding happens everywhere; large ones, so that balances run out.
    let sizes = prop_oneof![5_000_000..50_000_000u64, 1..400_000_000u64];
    prop_oneof![
        12 => (accounts.clone(), 0..2u32, any::<bool>(), 40..60u32, sizes.clone(), kinds()).prop_map(
            |(account, token, buy, cents, size, kind)| Act::Place { account, token, buy, cents, size, kind }
        ),
        3 => (accounts.clone(), 0..2u32, 100..10_000u64, sizes.clone(), any::<bool>())
            .prop_map(|(account, token, cents, size, fok)| Act::Spend { account, token, cents, size, fok }),
        2 => (accounts, 0..100u64).prop_map(|(account, number)| Act::Cancel { account, number }),
        2 => (0..2u32, any::<bool>(), 40..60u32, 0..50_000_000u64)
            .prop_map(|(token, buy, cents, size)| Act::External { token, buy, cents, size }),
    ]
}

fn perform(venue: &mut Venue, accounts: &[AccountId], number: u64, act: &Act) {
    let side = |buy| if buy { Side::Buy } else { Side::Sell };
    match *act {
        Act::Place { account, token, buy, cents, size, kind } => {
            let order = order_of(number, TokenIx(token), side(buy), cents, Size(size), kind);
            drop(venue.place(NOW, accounts[account], &order));
        }
        Act::Spend { account, token, cents, size, fok } => {
            let kind = if fok { OrderKind::Fok } else { OrderKind::Fak };
            let (spend, token) = (Some(Usd(i64::try_from(cents).unwrap() * 10_000)), TokenIx(token));
            let order =
                Order { id: id(number), token, side: Side::Buy, price: price(50), size: Size(size), spend, kind };
            if let Ok(placed) = venue.place(NOW, accounts[account], &order) {
                let left = spend.unwrap().saturating_sub(placed.value);
                assert!(left >= Usd::ZERO && (!fok || placed.whole) && placed.whole == (left < Usd(100)));
            }
        }
        Act::Cancel { account, number } => drop(venue.cancel(NOW, accounts[account], id(number)).then_some(())),
        Act::External { token, buy, cents, size } => {
            venue.set_external(NOW, TokenIx(token), side(buy), price(cents), Size(size)).unwrap();
        }
    }
}

fn everybody(accounts: &[AccountId]) -> impl Iterator<Item = AccountId> {
    accounts.iter().copied().chain([AccountId::HOUSE])
}

fn check_books_and_holds(venue: &Venue, accounts: &[AccountId]) {
    for account in accounts {
        let mut held = [0_i64; 3];
        for order in venue.orders(*account) {
            match order.side {
                Side::Buy => held[2] += order.price.cost_ceil(order.rest()).unwrap().micros(),
                Side::Sell => held[order.token.index()] += i64::try_from(order.rest().micros()).unwrap(),
            }
        }
        let balances = [venue.shares(*account, YES), venue.shares(*account, NO), venue.cash(*account)];
        for (balance, held) in balances.into_iter().zip(held) {
            assert_eq!(balance.reserved, held);
            assert!(balance.free() >= 0, "{balance:?}");
        }
    }
    // No account's order crosses another order; only recorded depth may cross itself briefly.
    for own in accounts.iter().flat_map(|account| venue.orders(*account)) {
        let Some(best) = venue.best(own.token, own.side.opposite()) else { continue };
        let crossed = if own.side == Side::Buy { own.price >= best.price } else { own.price <= best.price };
        assert!(!crossed, "{own:?} crosses {best:?}");
    }
}

/// Replays the level events and compares with the books: they must be equal.
fn check_level_events(replayed: &mut [Book; 2], venue: &Venue, events: &[Event]) {
    for event in events {
        if let Event::Level { token, side, price, size, .. } = event {
            replayed[token.index()].set(*side, *price, *size).unwrap();
        }
    }
    assert_eq!(replayed[0], venue.book(YES));
    assert_eq!(replayed[1], venue.book(NO));
}

/// Checks that no maker part has a worse price than the next one, and that no better or older order was skipped.
fn check_priority(before: &Venue, venue: &Venue, trade: &Trade) {
    for part in &trade.parts {
        let Some(met) = part.order.and_then(|id| before.order(id)) else { continue };
        let spot = BookKey::of(met.token, met.side, met.price);
        let rivals = before.orders.values().filter(|other| other.id != met.id);
        for rival in rivals.filter(|other| other.token.market() == met.token.market()) {
            let stands = BookKey::of(rival.token, rival.side, rival.price);
            let better = match spot.side {
                Side::Buy => stands.price > spot.price,
                Side::Sell => stands.price < spot.price,
            };
            // Ids rise with time in this test.
            let older = stands.price == spot.price && rival.id < met.id;
            if stands.side == spot.side && (better || older) {
                assert!(venue.order(rival.id).is_none(), "{rival:?} was passed over for {met:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_and_shares_are_conserved_and_books_never_cross(acts in proptest::collection::vec(acts(), 1..100)) {
        let (mut venue, accounts) = venue(ACCOUNTS, DOLLARS);
        let funds = i128::from(ACCOUNTS) * i128::from(DOLLARS) * 1_000_000;
        let mut replayed = [Book::default(), Book::default()];
        for (number, act) in acts.iter().enumerate() {
            let before = venue.clone();
            perform(&mut venue, &accounts, u64::try_from(number).unwrap(), act);
            let events = venue.drain();
            check_books_and_holds(&venue, &accounts);
            check_level_events(&mut replayed, &venue, &events);
            trades(&events).into_iter().for_each(|trade| check_priority(&before, &venue, trade));
            let cash: i128 = everybody(&accounts).map(|account| i128::from(venue.cash(account).total)).sum();
            let sets = venue.sets(MarketIx(0));
            prop_assert_eq!(cash + i128::from(venue.fees().micros()) + sets, funds);
            for token in [YES, NO] {
                let shares: i128 =
                    everybody(&accounts).map(|account| i128::from(venue.shares(account, token).total)).sum();
                prop_assert_eq!(shares, funds + sets);
            }
        }
    }
}
