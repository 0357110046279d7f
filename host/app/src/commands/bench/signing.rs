//! Building, hashing and signing an order in one process, compared with the bare signature.

use super::{Figure, time};
use crate::commands::run::fresh_key;
use anyhow::Context;
use model::{NewOrder, OrderId, OrderKind, Price, Side, Size, StrategyId, TickSize, TokenId, TokenIx};
use order::{Account, Chain, Domains, Exchange, OrderTerms, UnsignedOrder};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Name of the reference path.
pub(super) const BARE: &str = "bare secp256k1 signature";

/// Measures both, their ratio, and the time to wake another process and be woken by it.
pub(super) fn measure(figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let key = fresh_key()?;
    let account = Account::eoa(key.address(), Chain::Polygon);
    let domains = Domains::new(Chain::Polygon);
    let listing = OrderTerms { token_id: TokenId([7; 32]), tick: TickSize::CENT, exchange: Exchange::Standard };
    let new = NewOrder {
        id: OrderId(1),
        strategy: StrategyId(1),
        tag: 0,
        token: TokenIx(0),
        side: Side::Buy,
        price: Price::from_micros(420_000).context("a price")?,
        size: Size::shares(10),
        kind: OrderKind::Gtc { post_only: true },
    };
    let digest = UnsignedOrder::build(&new, &account, &listing, 1, 1)?.order_id(domains.of(listing.exchange)).0;
    let (bare, bare_p99) = time(200, 10, || {
        std::hint::black_box(key.sign_digest(std::hint::black_box(&digest)));
    });
    let mut salt = 0;
    let (whole, whole_p99) = time(200, 10, || {
        salt = u64::wrapping_add(salt, 1);
        let built = UnsignedOrder::build(std::hint::black_box(&new), &account, &listing, salt, salt);
        std::hint::black_box(built.map(|built| built.sign(domains.of(listing.exchange), &key)).ok());
    });
    let hundredths = whole.saturating_mul(100).checked_div(bare).unwrap_or(0);
    let bare_figure = Figure { path: BARE, p50_ns: bare, p99_ns: bare_p99, budget_ns: None, note: String::new() };
    figures.push(bare_figure);
    figures.push(Figure {
        path: "build + hash + sign, in one process",
        p50_ns: whole,
        p99_ns: whole_p99,
        budget_ns: Some(bare.saturating_mul(12) / 10),
        note: format!("{}.{:02}x the bare signature", hundredths / 100, hundredths % 100),
    });
    figures.extend(to_another_process());
    Ok(())
}

/// Measures the round trip of one byte to another process. `None` if there is no `cat` program.
fn to_another_process() -> Option<Figure> {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let (mut there, mut back) = (child.stdin.take()?, child.stdout.take()?);
    let mut byte = [0];
    let (p50_ns, p99_ns) = time(500, 10, || {
        let _answered = there.write_all(&byte).and_then(|()| back.read_exact(&mut byte));
    });
    drop(there);
    let ended = child.wait().ok()?;
    let note = "cat over two pipes: two process wake-ups".to_owned();
    let figure = Figure { path: "a byte to another process and back", p50_ns, p99_ns, budget_ns: None, note };
    ended.success().then_some(figure)
}
