//! `polytrader backtest`.

pub(super) mod job;
pub(super) mod progress;
pub(super) mod source;

use crate::cli::BacktestArgs;
use crate::commands::bench;
use crate::commands::sweep::record::record_run;
use crate::console::{eprintln, println};
use model::Time;
use progress::Progress;
use research::backtest::{Figures, Job, Options, Runner, TEMPLATE, Times, Watch, measure, stream};
use research::run::folders;
use research::run::{RunData, RunEnd, Totals};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Runs `polytrader backtest`.
///
/// # Errors
/// If the arguments, a strategy or a tape is refused.
pub(crate) fn run(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    if args.bench { benchmark(args) } else { backtest(args) }
}

fn backtest(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    let (runner, started) = (Runner::of_own_program(Some(&args.data_dir))?, now());
    let mut job = job::job(&args.job, &runner)?;
    let opened = source::open(&args.job.tape)?;
    job.tapes = opened.tapes();
    let watch = Arc::new(Watch::default());
    progress::stop_on_signals(&watch)?;
    let shown = Progress::start(&watch, opened.events(), opened.span());
    let began = Instant::now();
    let (mut data, times) = run_job(args, &runner, &job, &opened, &watch)?;
    let took = began.elapsed();
    shown.end();
    let id = format!("{}-{:.8}", started.iso().replace([':', '-'], "").get(..15).unwrap_or_default(), job.hash());
    data.description.id.clone_from(&id);
    data.description.started_at = started;
    data.description.tapes = opened.descriptions();
    if let Some(from) = args.job.holdout {
        job::open_holdout(&args.data_dir, &job, from, &mut data.description.warnings)?;
    }
    let folder = args.out.clone().unwrap_or_else(|| args.data_dir.join("runs").join(&id));
    store_run(args, &data, &folder)?;
    print_run(args, &data, (took, times), &folder)?;
    Ok(match data.description.end {
        RunEnd::Complete => ExitCode::SUCCESS,
        RunEnd::Interrupted(_) | RunEnd::Failed(..) => ExitCode::FAILURE,
    })
}

fn run_job(
    args: &BacktestArgs,
    runner: &Runner,
    job: &Job,
    opened: &source::Opened,
    watch: &Watch,
) -> anyhow::Result<(RunData, Option<Times>)> {
    if args.quick || args.profile {
        let options = Options { profile: args.profile, ..Options::default() };
        let (data, details) = runner.run_with(opened.source(None)?.as_mut(), job, watch, options)?;
        return Ok((data, details.times));
    }
    Ok((runner.run_with_bounds(&|| opened.source(None), job, watch)?, None))
}

/// Writes a run with its report to its folder, and counts it as a trial on its tapes.
fn store_run(args: &BacktestArgs, data: &RunData, folder: &Path) -> anyhow::Result<()> {
    research::run::save(data, folder)?;
    research::report::write(data, None, folder)?;
    let runs = args.data_dir.join(folders::RUNS);
    if folder.parent() == Some(runs.as_path()) {
        for id in folders::keep_within(&runs, args.limit.bytes_max(), Some(&data.description.id))? {
            eprintln(&format!("deleted the run {id}: the folder of runs is full (--runs-max-mb)"));
        }
    }
    let counted = job::config_in(&args.data_dir, &args.job).and_then(|config| record_run(&config, data));
    if let Err(error) = counted {
        eprintln(&format!("the run is not counted as a trial, and `strategy arm --from` does not find it: {error:#}"));
    }
    Ok(())
}

fn print_run(
    args: &BacktestArgs,
    data: &RunData,
    (took, times): (Duration, Option<Times>),
    folder: &Path,
) -> anyhow::Result<()> {
    let run = &data.description;
    if args.json {
        let mut value = serde_json::to_value(run)?;
        if let Some(object) = value.as_object_mut() {
            object.insert("folder".to_owned(), folder.display().to_string().into());
            object.insert("seconds".to_owned(), took.as_secs_f64().into());
            if let Some(times) = times {
                object.insert("profile".to_owned(), serde_json::to_value(times)?);
            }
        }
        println(&value.to_string());
        return Ok(());
    }
    run.warnings.iter().for_each(|warning| println(warning));
    match &run.end {
        RunEnd::Complete => {}
        RunEnd::Interrupted(at) => println(&format!("interrupted at {}: everything up to then follows", at.iso())),
        RunEnd::Failed(at, reason) => println(&format!("ended at {}: {reason}", at.iso())),
    }
    let traded = data.markets.iter().filter(|market| market.traded).count();
    let (first, last) = run.span;
    println(&format!(
        "{} events of {} markets from {} to {}; traded in {traded}",
        run.totals.events,
        data.markets.len(),
        first.iso(),
        last.iso()
    ));
    print_totals(&format!("{:?}", run.fill).to_lowercase(), &run.totals);
    for (fill, totals) in &run.bounds {
        print_totals(&format!("{fill:?}").to_lowercase(), totals);
    }
    let refusals: Vec<String> = run.refusals.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    if !refusals.is_empty() {
        println(&format!("refused: {}", refusals.join(", ")));
    }
    let stops: Vec<String> = run.stops.iter().map(|(name, count)| format!("{name} {count} times")).collect();
    if !stops.is_empty() {
        println(&format!("stopped by: {} (limits of the configuration; --set changes them)", stops.join(", ")));
    }
    if let Some(times) = times {
        print_times(&times);
    }
    println(&format!("{:.1} s; digest {:.16}", took.as_secs_f64(), run.digest));
    println(&format!("report: {}", folder.join("report.html").display()));
    Ok(())
}

fn print_totals(name: &str, totals: &Totals) {
    println(&format!(
        "{name:>11}: profit at bid {}, at zero {}, at outcome {}; realised {}, fees {}, {} orders, {} fills, turnover {}, \
         largest fall {}",
        totals.profit_at_bid,
        totals.profit_at_zero,
        totals.profit_at_outcome,
        totals.realised,
        totals.fees,
        totals.orders,
        totals.fills,
        totals.turnover,
        totals.drawdown
    ));
}

fn print_times(times: &Times) {
    let parts = [
        ("decode", times.decode),
        ("engine", times.engine),
        ("paper venue", times.paper),
        ("crossing", times.crossing),
        ("guest", times.guest),
    ];
    let sum: u64 = parts.iter().map(|(_, nanos)| *nanos).fold(0, u64::saturating_add);
    for (name, nanos) in parts {
        let percent = nanos.saturating_mul(100).checked_div(sum).unwrap_or(0);
        println(&format!("{name:>11}: {} ms, {percent} %", nanos / 1_000_000));
    }
    println(&format!("{} calls with {} events", times.calls, times.shown));
}

fn benchmark(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    if cfg!(debug_assertions) {
        eprintln("this is a development build: for real figures run `cargo run --release -p app -- backtest --bench`");
    }
    let folder = bench::strategies(args.strategies.as_deref())?;
    let template = bench::module(&folder, TEMPLATE)?;
    if args.memory {
        let totals = stream(&template, args.job.seed, args.events)?;
        let bytes = crate::platform::peak_memory()?;
        if args.json {
            let orders = totals.orders;
            let line = serde_json::json!({ "events": args.events, "orders": orders, "peak_bytes": bytes });
            println(&line.to_string());
        } else {
            println(&format!("{} events, {} orders, {} MB at most", args.events, totals.orders, bytes / 1_000_000));
        }
        return Ok(ExitCode::SUCCESS);
    }
    print_figures(args, &measure(&template, args.job.seed, args.events, args.profile)?)?;
    Ok(ExitCode::SUCCESS)
}

fn print_figures(args: &BacktestArgs, figures: &Figures) -> anyhow::Result<()> {
    if args.json {
        println(&serde_json::to_string(figures)?);
        return Ok(());
    }
    let Figures {
        events,
        rounds,
        events_per_second,
        ns_per_event,
        intents,
        orders,
        fills,
        set_back,
        strategy,
        profile,
    } = figures;
    println(&format!("{events} events through {strategy}, median of {rounds} rounds"));
    println(&format!("{events_per_second} events per second, {ns_per_event} ns per event"));
    println(&format!("{intents} intents, {orders} orders, {fills} fills; the engine was rewound {set_back} times"));
    if let Some(times) = profile {
        print_times(times);
    }
    Ok(())
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
