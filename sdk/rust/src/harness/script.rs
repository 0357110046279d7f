//! Scripts: one step per line, with its expected outcome.

use super::stage::{SIZE, Stage};
use crate::parameters::micros;
use crate::runner::Strategy;
use crate::{MarketState, OwnKind, Session, Side};

impl<S: Strategy> Stage<S> {
    /// Runs a script and compares what happens with what the script expects.
    ///
    /// A line is a step, followed after `->` by its outcomes, separated by `;`. Lines that begin with `->` continue the
    /// list. A step without outcomes expects none; `-> *` accepts any. Comments begin with `#`.
    ///
    /// | step | meaning |
    /// |---|---|
    /// | `trading on`, `trading off` | intents can lead to orders, or not |
    /// | `top yes0 0.40x100 0.44` | best bid and ask of a token, 1,000 shares unless a size follows; `-` means none |
    /// | `book yes0 0.40 0.44` | the same, with the mirrored prices for the other outcome |
    /// | `depth yes0 0.40x100 0.39 / 0.44` | bid and ask levels, best first; the first ones become the best prices |
    /// | `trade yes0 sell 5 at 0.40` | a taker traded |
    /// | `fail last` | the latest fill fails to settle and is taken back |
    /// | `open yes0`, `blind yes0`, `paused yes0` | the state of the token's market |
    /// | `resolved yes0 1` | the market ended, and a share of the token pays this many dollars |
    /// | `parameters {"order": 5}` | the operator sets these parameters |
    /// | `signal mood up 3` | an external signal: its name, and the rest of the line as its value |
    /// | `tick yes0 0.001` | the tick size changes |
    /// | `wait 5s` | time passes: `ms`, `s` or `m` |
    /// | `refuse next cash` | this rule refuses the next placement |
    /// | `reload` | a new instance starts from the state that the old one saves |
    /// | `show timers` | timers that are set become outcomes, too |
    ///
    /// Outcomes are written `buy yes0 5 at 0.4 fak`, `cancel 3`, `cancel all yes0`, `quote yes0 0.4x5 -` (bid and ask),
    /// `timer 1 in 2s`, `bought yes0 5 at 0.4`, `sold ...`, `bought yes0 5 at 0.4 failed`, `refused RULE`, `refused by
    /// the venue`. Market `n` has the tokens `yesN` and `noN`.
    ///
    /// ```
    /// use polytrader_sdk::harness::{Stage, session};
    /// use polytrader_sdk::{Event, Intents, Manifest, OrderKind, OwnEvent, OwnKind, Place, Session, Side, Strategy};
    ///
    /// /// Buys five shares at the best ask when a model's score is good, and again if the fill fails to settle.
    /// struct Model {
    ///     likes: bool,
    ///     ask: Option<u32>,
    /// }
    ///
    /// impl Model {
    ///     fn buy(&self, out: &mut Intents) {
    ///         let (Some(price), true) = (self.ask, self.likes) else { return };
    ///         let (side, kind) = (Side::Buy, OrderKind::Fak);
    ///         out.place(1, Place { token: 0, side, price, size: 5_000_000, kind, until: None }, "the model likes it");
    ///     }
    /// }
    ///
    /// impl Strategy for Model {
    ///     fn describe() -> Manifest {
    ///         Manifest::new("model", "1.0.0", "Buys when a model's score is good.").depth(5)
    ///     }
    ///     fn new(_session: &Session) -> Result<Self, String> {
    ///         Ok(Self { likes: false, ask: None })
    ///     }
    ///     fn on_event(&mut self, event: &Event, out: &mut Intents) {
    ///         match event {
    ///             Event::Depth(depth) if depth.token == 0 && depth.asks.len() > 1 => self.ask = Some(depth.asks[0].price),
    ///             Event::Own(OwnEvent { what: OwnKind::Signal(signal), .. }) if signal.name == "score" => {
    ///                 self.likes = signal.value == "good";
    ///                 self.buy(out);
    ///             }
    ///             Event::Own(OwnEvent { what: OwnKind::Settlement(_), .. }) => self.buy(out),
    ///             _ => {}
    ///         }
    ///     }
    /// }
    ///
    /// Stage::<Model>::run(&session(1), "
    ///     trading on
    ///     depth yes0 0.40 0.39x50 / 0.44x5 0.45
    ///     signal score good -> buy yes0 5 at 0.44 fak; bought yes0 5 at 0.44
    ///     depth yes0 0.40 / 0.44 0.45
    ///     fail last         -> bought yes0 5 at 0.44 failed; buy yes0 5 at 0.44 fak; bought yes0 5 at 0.44
    /// ");
    /// ```
    ///
    /// # Panics
    /// If the outcomes differ from the script; the message shows the script with the actual outcomes.
    pub fn run(session: &Session, script: &str) -> Self {
        let stage = Self::start(session);
        #[expect(clippy::panic, reason = "a test fails here")]
        let mut stage = stage.unwrap_or_else(|error| panic!("the strategy does not start: {error}"));
        stage.go_on(script);
        stage
    }

    /// Runs more of a script; see [`Stage::run`].
    ///
    /// # Panics
    /// In the same cases as [`Stage::run`].
    #[expect(clippy::panic, reason = "a test fails here")]
    pub fn go_on(&mut self, script: &str) {
        let mut transcript = String::new();
        let mut same = true;
        for (line, step, expected) in steps(script) {
            let happened = self.step(&step).unwrap_or_else(|error| panic!("line {line}, `{step}`: {error}"));
            let anything = expected.iter().any(|item| item == "*");
            let good = anything || happened == expected;
            same &= good;
            let arrow = if happened.is_empty() { String::new() } else { format!(" -> {}", happened.join("; ")) };
            let mark = if good { "    " } else { "!!  " };
            transcript.push_str(&format!("{mark}{step}{arrow}\n"));
            if !good {
                transcript.push_str(&format!("      expected: {}\n", expected.join("; ")));
                break;
            }
        }
        assert!(same, "the outcomes differ from the script:\n{transcript}");
    }

    fn step(&mut self, step: &str) -> Result<Vec<String>, String> {
        let words: Vec<&str> = step.split_whitespace().collect();
        Ok(match words.as_slice() {
            ["trading", "on"] => self.trading(true),
            ["trading", "off"] => self.trading(false),
            ["top", token, bid, ask] => self.top(self.of(token)?, level(bid)?, level(ask)?),
            ["book", token, bid, ask] => self.book(self.of(token)?, level(bid)?, level(ask)?),
            ["depth", token, levels @ ..] => {
                let (bids, asks) = sides(levels)?;
                self.depth(self.of(token)?, &bids, &asks)
            }
            ["fail", "last"] => self.fail_last()?,
            ["signal", name, value @ ..] => self.signal(name, &value.join(" ")),
            ["trade", token, side, size, "at", price] => {
                let sides = [Side::Buy, Side::Sell];
                let side = sides.into_iter().find(|known| super::stage::side_word(*known) == *side);
                let side = side.ok_or("expected buy or sell")?;
                self.trade(self.of(token)?, side, number(price)?, number(size)?)
            }
            ["open", token] => self.state(token, MarketState::Open)?,
            ["blind", token] => self.state(token, MarketState::Blind)?,
            ["paused", token] => self.state(token, MarketState::Paused)?,
            ["resolved", token, pays] => self.resolve(self.of(token)?, number(pays)?),
            ["parameters", ..] => {
                let text = step.trim_start_matches("parameters").trim();
                self.own(OwnKind::Parameters(text.to_owned()))
            }
            ["tick", token, tick] => self.status(self.of(token)?, MarketState::Open, number(tick)?),
            ["wait", time] => self.wait(duration(time)?),
            ["refuse", "next", rule] => {
                self.refuse_next(rule);
                Vec::new()
            }
            ["reload"] => self.reload()?,
            ["show", "timers"] => {
                self.show_timers();
                Vec::new()
            }
            _ => return Err("unknown step".to_owned()),
        })
    }

    fn of(&self, name: &str) -> Result<u32, String> {
        self.handle(name).ok_or_else(|| format!("unknown token `{name}`"))
    }

    fn state(&mut self, name: &str, state: MarketState) -> Result<Vec<String>, String> {
        let token = self.of(name)?;
        Ok(self.status(token, state, self.tick(token)))
    }
}

/// Returns the steps of a script, each with its line number and its expected outcomes.
fn steps(script: &str) -> Vec<(usize, String, Vec<String>)> {
    let mut steps: Vec<(usize, String, Vec<String>)> = Vec::new();
    for (place, line) in script.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (step, expected) = line.split_once("->").unwrap_or((line, ""));
        if !step.trim().is_empty() {
            steps.push((place.saturating_add(1), step.trim().to_owned(), Vec::new()));
        }
        if let Some((.., all)) = steps.last_mut() {
            all.extend(expected.split(';').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned));
        }
    }
    steps
}

/// Prices and sizes of one side, best first.
type Levels = Vec<(u32, u64)>;

/// Parses levels of bids, a `/`, and levels of asks.
fn sides(levels: &[&str]) -> Result<(Levels, Levels), String> {
    let all = |levels: &[&str]| levels.iter().map(|text| level(text)).collect::<Result<Levels, String>>();
    let mut sides = levels.split(|word| *word == "/");
    match (sides.next(), sides.next(), sides.next()) {
        (Some(bids), Some(asks), None) => Ok((all(bids)?, all(asks)?)),
        _ => Err("expected one `/` between bids and asks".to_owned()),
    }
}

/// Parses `0.40x100`, `0.40` or `-`.
fn level(text: &str) -> Result<(u32, u64), String> {
    match text.split_once('x') {
        _ if text == "-" => Ok((0, 0)),
        Some((price, size)) => Ok((number(price)?, number(size)?)),
        None => Ok((number(text)?, SIZE)),
    }
}

/// Parses a decimal number into millionths.
fn number<T: TryFrom<i64>>(text: &str) -> Result<T, String> {
    let number = micros(text).and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| format!("`{text}` is out of range or not a decimal number"))
}

fn duration(text: &str) -> Result<u64, String> {
    let units = [("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000)];
    let time = units.into_iter().find_map(|(unit, micros)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(micros)
    });
    time.ok_or_else(|| format!("`{text}` is not a duration; expected a form such as 250ms, 5s or 2m"))
}
