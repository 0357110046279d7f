//! Records of shares that move without a trade, with their dollars. Lots and taxes are derived from them.

use crate::story::{Story, WIDE};
use engine::{Effect, EngineEvent};
use model::{InputKind, MarketIx, Size, TokenIx, Transfer, TransferKind, Usd};

/// Books a transfer; returns kind, token, size, direction and dollars of each movement.
fn moved(story: &mut Story, kind: TransferKind) -> Vec<(&'static str, u32, Size, bool, Usd)> {
    story.step(InputKind::Transfer(Transfer { kind, reference: "0x1".into() }));
    let moved = |effect: &Effect| match effect {
        Effect::Event(EngineEvent::Moved { kind, token, size, comes, dollars }) => {
            Some((*kind, token.0, *size, *comes, *dollars))
        }
        _ => None,
    };
    story.effects.iter().filter_map(moved).collect()
}

#[test]
fn each_token_that_a_transfer_moves_has_a_record() {
    let mut story = Story::new(1, WIDE);
    let (market, size) = (MarketIx(0), Size::shares(10));
    let split = moved(&mut story, TransferKind::Split { market, size });
    // The books are 0.40 / 0.42: both parts together cost a dollar a pair.
    assert_eq!(split, [("split", 0, size, true, Usd::dollars(4)), ("split", 1, size, true, Usd::dollars(6))]);
    let two = Size::shares(2);
    let merge = moved(&mut story, TransferKind::Merge { market, size: two });
    assert_eq!(merge, [("merge", 0, two, false, Usd(800_000)), ("merge", 1, two, false, Usd(1_200_000))]);
    let (token, paid) = (TokenIx(1), Usd::dollars(8));
    let redeem = moved(&mut story, TransferKind::Redeem { token, size: Size::shares(8), paid });
    assert_eq!(redeem, [("redeem", 1, Size::shares(8), false, paid)]);
    assert_eq!(story.engine.ledger().cash(), Usd::dollars(1_000));
    assert_eq!(moved(&mut story, TransferKind::Deposit(Usd::dollars(5))), []);
}

#[test]
fn a_transfer_that_cannot_be_booked_moves_nothing() {
    let mut story = Story::new(1, WIDE);
    let before = story.engine.ledger().cash();
    for kind in [
        TransferKind::Merge { market: MarketIx(0), size: Size::shares(1) },
        TransferKind::Split { market: MarketIx(0), size: Size(u64::MAX) },
        TransferKind::Redeem { token: TokenIx(0), size: Size::shares(1), paid: Usd::dollars(1) },
    ] {
        assert_eq!(moved(&mut story, kind), [], "{kind:?}");
        assert_eq!(story.engine.ledger().cash(), before);
        assert!(story.engine.ledger().positions().all(|(_, position)| position.size.is_zero()));
    }
}
