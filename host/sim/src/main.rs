//! `sim --seed N --steps M [--seeds K] [--every-fault]`: the soak as a program. Exits with 0 if no invariant broke and,
//! if requested, every fault was drawn. The last line is a summary, or the seed, the step and the invariant that broke.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// The number of story lines shown before a break.
const SHOWN: usize = 60;

/// The command line arguments.
#[derive(Debug, Clone, Copy)]
struct Arguments {
    seed: u64,
    seeds: u64,
    steps: u64,
    tell: bool,
    every_fault: bool,
}

fn main() -> ExitCode {
    let wanted = match parse(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(error) => {
            println(&format!("sim: {error}\nusage: sim --seed N --steps M [--seeds K] [--every-fault] [--tell]"));
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let mut sum = sim::soak::Summary::default();
    for seed in wanted.seed..wanted.seed.saturating_add(wanted.seeds) {
        match sim::soak::run(seed, wanted.steps, &mut |line| print_step(wanted.tell, line)) {
            Ok(summary) => add(&mut sum, &summary),
            Err(broken) => return fail(&broken, wanted.steps),
        }
    }
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    let hours = sum.micros / 3_600_000_000;
    let draws: Vec<String> =
        sim::soak::Fault::ALL.into_iter().map(|fault| format!("{} {}", sum.draws.of(fault), fault.name())).collect();
    println(&format!(
        "{} seeds from {} ran clean: {} steps, {} inputs, {} orders, {} fills; {}; {hours} simulated hours in {} s \
         ({} seeds/s, {} simulated hours/s)",
        wanted.seeds,
        wanted.seed,
        sum.steps,
        sum.inputs,
        sum.orders,
        sum.fills,
        draws.join(", "),
        millis / 1_000,
        rate(wanted.seeds, 1, millis),
        rate(sum.micros, 3_600_000_000, millis),
    ));
    let missing: Vec<&str> = sum.draws.missing().into_iter().map(sim::soak::Fault::name).collect();
    if wanted.every_fault && !missing.is_empty() {
        println(&format!("sim: these faults were never drawn, so they were not tested: {}", missing.join(", ")));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Finds the smallest number of steps that breaks, and prints the end of that story.
fn fail(broken: &sim::soak::Broken, steps: u64) -> ExitCode {
    let mut lines = Vec::new();
    // A break in the final calm may also occur with fewer steps.
    let (mut low, mut high) = (0, broken.step.min(steps));
    while low < high {
        let middle = low.midpoint(high);
        if sim::soak::run(broken.seed, middle, &mut |_| ()).is_err() {
            high = middle
        } else {
            low = middle.saturating_add(1)
        }
    }
    let shortest = sim::soak::run(broken.seed, high, &mut |line| lines.push(line.to_owned()));
    for line in lines.iter().rev().take(SHOWN).rev() {
        println(line);
    }
    match shortest {
        Err(shortest) => println(&format!("broken: {shortest} (sim --seed {} --steps {high} --tell)", shortest.seed)),
        Ok(_) => println(&format!("broken: {broken}")),
    }
    ExitCode::FAILURE
}

fn add(sum: &mut sim::soak::Summary, one: &sim::soak::Summary) {
    let sim::soak::Summary { steps, inputs, orders, fills, draws, micros } = one;
    let pairs = [
        (&mut sum.steps, steps),
        (&mut sum.inputs, inputs),
        (&mut sum.orders, orders),
        (&mut sum.fills, fills),
        (&mut sum.micros, micros),
    ];
    for (all, one) in pairs {
        *all = all.saturating_add(*one);
    }
    sum.draws.add_all(draws);
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut wanted = Arguments { seed: 1, seeds: 1, steps: 2_000, tell: false, every_fault: false };
    while let Some(flag) = args.next() {
        let place = match flag.as_str() {
            "--seed" => &mut wanted.seed,
            "--seeds" => &mut wanted.seeds,
            "--steps" => &mut wanted.steps,
            "--tell" => {
                wanted.tell = true;
                continue;
            }
            "--every-fault" => {
                wanted.every_fault = true;
                continue;
            }
            other => return Err(format!("unknown argument `{other}`")),
        };
        let value = args.next().ok_or_else(|| format!("{flag} needs a number"))?;
        *place = value.parse().map_err(|_not| format!("{flag}: expected a whole number, got `{value}`"))?;
    }
    Ok(wanted)
}

/// Formats `count / unit` per second with two decimals.
fn rate(count: u64, unit: u64, millis: u64) -> String {
    let hundredths =
        u128::from(count).saturating_mul(100_000).checked_div(u128::from(unit).saturating_mul(u128::from(millis)));
    let hundredths = hundredths.unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn print_step(wanted: bool, line: &str) {
    if wanted {
        println(line);
    }
}

fn println(line: &str) {
    // Standard output may be closed; the exit code has the same result.
    drop(writeln!(std::io::stdout(), "{line}"));
}
