use super::*;
use crate::events::{LevelChange, MemoryEvents};
use model::MarketIx;

fn event(frame: u64, venue: u64, received: Option<u64>) -> TapeEvent {
    let kind = TapeEventKind::Blind { markets: vec![MarketIx(0)], cause: crate::events::GapCause::Silence };
    TapeEvent { frame, venue_at: Time(venue), received_at: received.map(Time), kind }
}

fn moments(events: &[TapeEvent], feed: Delay) -> Vec<(u64, u64, Phase, bool)> {
    let mut source = MemoryEvents::new(events.to_vec(), Vec::new());
    let mut timeline = Timeline::new(&mut source, &feed, 1, None);
    let mut all = Vec::new();
    while let Some(moment) = timeline.get(0).unwrap() {
        assert!(timeline.event(moment.number).is_some());
        all.push((moment.at.0, moment.number, moment.phase, moment.ends_frame));
        timeline.release(1);
    }
    assert_eq!(timeline.heard(), u64::try_from(events.len()).unwrap());
    all
}

#[test]
fn events_act_at_the_venues_time_and_are_heard_later() {
    use Phase::{Heard, Venue};
    let tape = [event(0, 1_000, None), event(0, 1_000, None), event(1, 1_150, None)];
    let got = moments(&tape, Delay::Fixed(125));
    let expected = [
        (1_000, 0, Venue, false),
        (1_000, 1, Venue, true),
        (1_125, 0, Heard, false),
        (1_125, 1, Heard, false),
        (1_150, 2, Venue, true),
        (1_275, 2, Heard, false),
    ];
    assert_eq!(got, expected);
}

fn level(frame: u64, at: u64) -> TapeEvent {
    let (venue_time, side, price) = (Time(at), model::Side::Buy, model::Price::from_micros(500_000).unwrap());
    let (token, size) = (MarketIx(0).token(0), model::Size::shares(1));
    let kind = TapeEventKind::Level(LevelChange { token, venue_time, side, price, size, both: true });
    TapeEvent { kind, ..event(frame, at, None) }
}

#[test]
fn a_level_that_is_heard_at_once_is_one_moment() {
    use Phase::{Both, Heard, Venue};
    let got = moments(&[level(0, 1_000), level(1, 2_000)], Delay::Fixed(0));
    assert_eq!(got, [(1_000, 0, Both, true), (2_000, 1, Both, true)]);
    // Of events at the same time all act before the first one is heard.
    let got = moments(&[level(0, 1_000), level(0, 1_000)], Delay::Fixed(0));
    let apart = [(1_000, 0, Venue, false), (1_000, 1, Venue, true), (1_000, 0, Heard, false), (1_000, 1, Heard, false)];
    assert_eq!(got, apart);
    assert!(moments(&[level(0, 1_000)], Delay::Fixed(1)).iter().all(|(_, _, phase, _)| *phase != Both));
}

#[test]
fn a_moment_can_be_split() {
    let mut source = MemoryEvents::new([level(0, 1_000), level(1, 2_000)], Vec::new());
    let mut timeline = Timeline::new(&mut source, &Delay::Fixed(0), 1, None);
    timeline.get(1).unwrap();
    timeline.split(0);
    let mut phase = |place| timeline.get(place).unwrap().map(|moment| (moment.number, moment.phase, moment.ends_frame));
    assert_eq!(phase(0), Some((0, Phase::Venue, true)));
    assert_eq!(phase(1), Some((0, Phase::Heard, false)));
    assert_eq!(phase(2), Some((1, Phase::Both, true)));
    assert_eq!(phase(3), None);
    timeline.release(2);
    assert_eq!(timeline.heard(), 1);
}

/// Gives one event at each reading.
struct OneByOne(MemoryEvents);

impl EventSource for OneByOne {
    fn next_event(&mut self) -> anyhow::Result<Option<TapeEvent>> {
        self.0.next_event()
    }

    fn read(&mut self, into: &mut VecDeque<TapeEvent>, _count: usize) -> anyhow::Result<bool> {
        let event = self.next_event()?;
        let more = event.is_some();
        into.extend(event);
        Ok(more)
    }

    fn hindsight(&self) -> &[crate::events::Hindsight] {
        &[]
    }

    fn late_max_us(&self) -> u64 {
        6_000
    }
}

/// Gives as many events as are wanted.
struct Many(OneByOne);

impl EventSource for Many {
    fn next_event(&mut self) -> anyhow::Result<Option<TapeEvent>> {
        self.0.next_event()
    }

    fn hindsight(&self) -> &[crate::events::Hindsight] {
        &[]
    }

    fn late_max_us(&self) -> u64 {
        self.0.late_max_us()
    }
}

proptest::proptest! {
    /// Late, unsorted and equal times, with and without times of receipt, and changes of second tokens.
    #[test]
    fn moments_do_not_depend_on_how_many_events_are_read_at_once(
        steps in proptest::collection::vec((0u64..2_000, 0u64..20_000, 0u32..6), 0..200),
        feed in proptest::prop_oneof![proptest::strategy::Just(0u64), 0u64..3_000],
    ) {
        let (mut at, mut frame) = (100_000u64, 0u64);
        let mut tape = Vec::new();
        for (step, late, kind) in steps {
            at = at.saturating_add(if kind % 2 == 1 { step } else { 0 });
            frame = frame.saturating_add(u64::from(kind != 5));
            let behind = match kind {
                    4 => late,
                    3 => late % 50,
                    _ => 0,
                };
                let venue = at.saturating_sub(behind);
            let mut next = level(frame, venue);
            next.received_at = (kind == 2 || kind == 4).then_some(Time(at));
            if kind == 1 && let TapeEventKind::Level(change) = &mut next.kind {
                change.token = MarketIx(0).token(1);
            }
            tape.push(next);
        }
        let all = |source: &mut dyn EventSource| {
            let mut timeline = Timeline::new(source, &Delay::Fixed(feed), 1, None);
            let mut all = Vec::new();
            while let Some(moment) = timeline.get(0).unwrap() {
                all.push(moment);
                timeline.release(1);
            }
            all
        };
        let events = || OneByOne(MemoryEvents::new(tape.clone(), Vec::new()));
        let (one, many) = (all(&mut events()), all(&mut Many(events())));
        proptest::prop_assert!(one.windows(2).all(|pair| pair[0].at <= pair[1].at));
        proptest::prop_assert_eq!(one, many);
    }
}

#[test]
fn an_error_comes_after_the_moments_before_it() {
    struct Broken(MemoryEvents);
    impl EventSource for Broken {
        fn next_event(&mut self) -> anyhow::Result<Option<TapeEvent>> {
            Ok(Some(self.0.next_event()?.ok_or_else(|| anyhow::anyhow!("the tape is damaged"))?))
        }
        fn hindsight(&self) -> &[crate::events::Hindsight] {
            &[]
        }
    }
    let mut source = Broken(MemoryEvents::new([level(0, 1_000), level(1, 2_000), level(2, 3_000)], Vec::new()));
    let mut timeline = Timeline::new(&mut source, &Delay::Fixed(0), 1, None);
    assert_eq!(timeline.get(1).unwrap().map(|moment| moment.at), Some(Time(2_000)));
    assert_eq!(timeline.get(2).unwrap_err().to_string(), "the tape is damaged");
}

#[test]
fn an_event_that_was_received_late_acts_before_one_that_was_received_earlier() {
    use Phase::{Heard, Venue};
    let tape = [event(0, 9_000_000, Some(9_000_100)), event(1, 3_000_000, Some(9_500_000))];
    let order: Vec<(u64, Phase)> =
        moments(&tape, Delay::Fixed(0)).into_iter().map(|(_, number, phase, _)| (number, phase)).collect();
    assert_eq!(order, [(1, Venue), (0, Venue), (0, Heard), (1, Heard)]);
    // Beyond the window it acts when it is read, and time does not fall.
    let tape = [event(0, 90_000_000, Some(90_000_100)), event(1, 3_000_000, Some(190_500_000))];
    let got = moments(&tape, Delay::Fixed(0));
    assert!(got.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{got:?}");
    // A venue's clock that is ahead.
    let got = moments(&[event(0, 500, Some(400))], Delay::Fixed(0));
    assert_eq!(got, [(400, 0, Venue, true), (400, 0, Heard, false)]);
}
