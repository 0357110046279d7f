//! Market events and intents.

use super::{structure, variants};
use model::event::{MarketEvent, MarketEventKind};
use model::{Intent, IntentKind, Quote};

variants!(MarketEventKind, "market event" {
    0 => Book { bids, asks },
    1 => Level { side, price, size },
    2 => Trade { side, price, size },
    3 => TickSize { tick },
    4 => Resolved { pays },
    5 => Unread { grid },
});
structure!(MarketEvent { token, venue_time, kind });
structure!(Quote { price, size });
variants!(IntentKind, "intent" {
    0 => Place { token, side, price, size, kind },
    1 => Cancel { order },
    2 => CancelAll { token },
    3 => Quote { token, bid, ask },
    4 => SetTimer { timer, at },
});
structure!(Intent { tag, reason, fair, kind });
