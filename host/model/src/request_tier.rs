//! The venue's tiers of request rates.

/// The tier of a signer, which its volume of 30 days decides (PROTOCOL 10.2, September 2026). It sets the rates of
/// orders and cancels that the venue accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestTier {
    /// Every new signer.
    #[default]
    Standard,
    /// From 30,000 dollars.
    Copper,
    /// From 50,000 dollars.
    Bronze,
    /// From 100,000 dollars.
    Silver,
    /// From 500,000 dollars.
    Gold,
    /// From 2.5 million dollars.
    Platinum,
    /// From 5 million dollars.
    Diamond,
    /// From 10 million dollars.
    Elite,
}

impl RequestTier {
    /// All tiers, the slowest first.
    pub const ALL: [Self; 8] = [
        Self::Standard,
        Self::Copper,
        Self::Bronze,
        Self::Silver,
        Self::Gold,
        Self::Platinum,
        Self::Diamond,
        Self::Elite,
    ];

    /// Returns the venue's name of it, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Copper => "copper",
            Self::Bronze => "bronze",
            Self::Silver => "silver",
            Self::Gold => "gold",
            Self::Platinum => "platinum",
            Self::Diamond => "diamond",
            Self::Elite => "elite",
        }
    }

    /// Returns the tier of a name in any case.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.name().eq_ignore_ascii_case(name))
    }

    /// Returns the rate of orders per second, and the burst. Cancels have twice as many of both.
    pub const fn orders(self) -> (u32, u32) {
        match self {
            Self::Standard => (40, 60),
            Self::Copper => (60, 90),
            Self::Bronze => (80, 120),
            Self::Silver => (200, 300),
            Self::Gold => (400, 600),
            Self::Platinum => (450, 675),
            Self::Diamond => (525, 787),
            Self::Elite => (600, 900),
        }
    }

    /// Returns true for the tier that a description leaves out.
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_found_by_its_name_in_any_case_and_each_is_faster_than_the_one_before() {
        assert_eq!(RequestTier::of("Gold"), Some(RequestTier::Gold));
        assert_eq!(RequestTier::of("golden"), None);
        assert!(RequestTier::ALL.is_sorted_by(|one, next| one.orders() < next.orders()));
        assert!(RequestTier::ALL.iter().all(|tier| RequestTier::of(tier.name()) == Some(*tier)));
    }
}
