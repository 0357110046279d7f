//! Compares quiet books with REST: the same best bid and ask prove a book current, different ones mean that an update
//! was missed.

use super::feeds::Shared;
use control::clock;
use model::{InputKind, TokenId, TokenIx};
use polymarket::Client;
use polymarket::parse::BookSnapshot;
use readmodel::ReadModel;
use std::sync::Arc;
use std::time::Duration;

/// A book without a frame for this long is compared with REST.
const QUIET_MICROS: u64 = 20_000_000;
/// The interval between checks for quiet books.
const WITNESS_EVERY: Duration = Duration::from_secs(10);

/// Runs the book check forever.
pub(crate) async fn watch(shared: Arc<Shared>, client: Client, picture: ReadModel) {
    let mut ticks = tokio::time::interval(WITNESS_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = clock::now();
        let quiet = shared.quiet(now.0);
        if quiet.is_empty() || shared.shards().reported_up != Some(true) {
            continue;
        }
        let ids: Vec<TokenId> = quiet.iter().map(|(_, id)| *id).collect();
        let books = match client.books(&ids).await {
            Ok(books) => books,
            Err(error) => {
                tracing::warn!(%error, "book check failed; REST returned no books");
                continue;
            }
        };
        for (token, id) in quiet {
            let Some(book) = books.iter().find(|book| book.token == id) else { continue };
            if picture.best(token) == Some(best(book)) {
                shared.last_seen.lock().insert(token, now.0);
                shared.inbox.account(clock::now(), InputKind::BookConfirmed { token });
            } else {
                shared.resnapshot(token);
            }
        }
    }
}

impl Shared {
    fn quiet(&self, now: u64) -> Vec<(TokenIx, TokenId)> {
        let last_seen = self.last_seen.lock();
        let quiet = |token: &TokenIx| now.saturating_sub(last_seen.get(token).copied().unwrap_or(0)) > QUIET_MICROS;
        let shards = self.shards();
        shards.tokens.iter().filter(|(token, _)| quiet(token)).map(|(token, (id, _))| (*token, *id)).collect()
    }
}

/// Returns the best bid and ask in micro-dollars.
fn best(book: &BookSnapshot) -> (Option<u32>, Option<u32>) {
    let there = |levels: &[model::Level]| -> Vec<u32> {
        levels.iter().filter(|level| !level.size.is_zero()).map(|level| level.price.micros()).collect()
    };
    (there(&book.bids).into_iter().max(), there(&book.asks).into_iter().min())
}
