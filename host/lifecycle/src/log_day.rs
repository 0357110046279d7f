//! Daily limit on the log volume of all strategies together.

use model::Time;

const DAY_MICROS: u64 = 86_400_000_000;

/// The log volume of the current day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogDay {
    most: u64,
    day: u64,
    bytes: u64,
    reported: bool,
}

/// The decision about a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// It is logged.
    Enough,
    /// It is not logged, as the first one of the day.
    None,
    /// It is not logged, and neither was an earlier one.
    NoneStill,
}

impl LogDay {
    /// Returns an empty day with room for `most` bytes.
    pub(crate) const fn new(most: u64) -> Self {
        Self { most, day: 0, bytes: 0, reported: false }
    }

    /// Takes room for a line of `length` bytes, if there is enough.
    pub(crate) fn reserve(&mut self, at: Time, length: usize) -> Room {
        let day = at.0.checked_div(DAY_MICROS).unwrap_or(0);
        if day != self.day {
            *self = Self { day, ..Self::new(self.most) };
        }
        let bytes = self.bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if bytes <= self.most {
            self.bytes = bytes;
            return Room::Enough;
        }
        if std::mem::replace(&mut self.reported, true) { Room::NoneStill } else { Room::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_room_for_so_much_and_the_next_day_again() {
        let mut log = LogDay::new(100);
        let all: Vec<Room> = (0..5).map(|_| log.reserve(Time(DAY_MICROS), 40)).collect();
        assert_eq!(all, [Room::Enough, Room::Enough, Room::None, Room::NoneStill, Room::NoneStill]);
        assert_eq!(log.reserve(Time(DAY_MICROS), 20), Room::Enough, "a shorter one fits");
        assert_eq!(log.reserve(Time(2 * DAY_MICROS), 100), Room::Enough);
        assert_eq!(log.reserve(Time(2 * DAY_MICROS + 1), 1), Room::None);
    }
}
