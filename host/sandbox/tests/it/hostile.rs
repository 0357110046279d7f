//! Each hostile guest ends in an error that names its violation, and a well-behaved one next to it keeps running.

use crate::corpus::{Fate, corpus};
use crate::guest::{Guest, answer, corpus_settings, levels, one_event, own_events, sandbox, session};
use model::Time;
use sandbox::{Batch, Compiler, Fault, Grants, Instance, LoadError, Measure, Reaction, Sandbox, Session, Settings};

fn on_events(sandbox: &Sandbox, guest: &Guest) -> Result<Reaction, Fault> {
    let module = sandbox.load(&guest.core()).unwrap();
    let mut instance = Instance::start(sandbox, &module, session()).unwrap();
    let mut batch = one_event(instance.grants());
    instance.on_events(1, &mut batch)
}

#[test]
fn a_guest_that_behaves_is_accepted() {
    let reaction = on_events(&sandbox(), &Guest::default()).unwrap();
    assert_eq!((reaction.consumed, reaction.intents.len()), (1, 0));
    assert!(reaction.fuel > 0);
}

/// Returns the long events, each in its own batch.
fn long_batches(grants: &Grants) -> [Batch; 3] {
    let [mut first, mut second, mut third] = [Batch::default(), Batch::default(), Batch::default()];
    first.market(grants, &levels());
    for (batch, event) in [&mut second, &mut third].into_iter().zip(own_events()) {
        batch.own(grants, Time(2_000_000), &event);
    }
    [first, second, third]
}

/// Loads a file, starts it, sends it an event twice, sends it long events, and saves its state.
fn live(sandbox: &Sandbox, file: &[u8]) -> Result<(), (bool, String)> {
    let module = sandbox.load(file).map_err(|error| (false, error.to_string()))?;
    let run = || {
        let mut instance = Instance::start(sandbox, &module, session())?;
        for first in 1..=2 {
            let mut batch = one_event(instance.grants());
            let reaction = instance.on_events(first, &mut batch)?;
            assert!(reaction.consumed == 1 && reaction.intents.len() <= 256);
            let (lines, _) = instance.take_log();
            assert!(lines.len() <= 100 && lines.iter().all(|line| line.text.len() <= 1_000));
        }
        for long_batch in long_batches(instance.grants()) {
            let mut batch = long_batch;
            assert_eq!(instance.on_events(3, &mut batch)?.consumed, 1);
        }
        let usage = instance.usage();
        assert!(usage.memory <= 64 << 20 && usage.tables <= 20_000 && usage.fuel_max <= 2_000_000);
        assert!(instance.save()?.len() <= 1 << 20);
        Ok(())
    };
    run().map_err(|fault: Fault| (true, fault.to_string()))
}

#[test]
fn each_hostile_file_ends_as_the_table_says_and_a_good_one_goes_on() {
    let sandbox = Sandbox::new(corpus_settings(), Compiler::Inline).unwrap();
    let good = sandbox.load(&Guest::default().core()).unwrap();
    let mut good = Instance::start(&sandbox, &good, session()).unwrap();
    let corpus = corpus();
    let names: std::collections::BTreeSet<_> = corpus.iter().map(|hostile| hostile.name).collect();
    assert_eq!((names.len(), corpus.len()), (190, 190), "each name is unique");
    let mut wrong = Vec::new();
    for hostile in corpus {
        let ended = live(&sandbox, &hostile.file);
        let as_expected = match (&ended, hostile.fate) {
            (Ok(()), Fate::Lives) => true,
            (Err((false, error)), Fate::Refused(words)) | (Err((true, error)), Fate::Fails(words)) => {
                error.contains(words)
            }
            _ => false,
        };
        if !as_expected {
            wrong.push(format!("{}: {:?}, expected {:?}", hostile.name, ended, hostile.fate));
        }
        let mut batch = one_event(good.grants());
        assert_eq!(good.on_events(1, &mut batch).unwrap().consumed, 1);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_word_of_a_strategy_acts_on_what_shows_it() {
    let sandbox = Sandbox::new(corpus_settings(), Compiler::Inline).unwrap();
    let forger = corpus().into_iter().find(|hostile| hostile.name == "words-that-act-on-terminals").unwrap();
    let module = sandbox.load(&forger.file).unwrap();
    let mut instance = Instance::start(&sandbox, &module, session()).unwrap();
    let mut batch = one_event(instance.grants());
    instance.on_events(1, &mut batch).unwrap();
    let (lines, _) = instance.take_log();
    let manifest = module.manifest();
    let texts = [&manifest.name, &manifest.version, &manifest.author, &manifest.description, &lines[0].text];
    for text in texts {
        let shown = r"\u{1b}[2J\u{1b}]0;mine\u{7}good\r\nforged line \u{202e}\u{9b}31m";
        assert_eq!(text, shown);
    }
}

#[test]
fn what_an_instance_uses_can_be_seen() {
    let sandbox = sandbox();
    let grows = Guest {
        memory: "(table 7 funcref) (memory (export \"memory\") 4)",
        on_events: "(drop (memory.grow (i32.const 3)))".to_owned() + &answer(1, 0),
        ..Guest::default()
    };
    let module = sandbox.load(&grows.core()).unwrap();
    let mut instance = Instance::start(&sandbox, &module, session()).unwrap();
    let before = instance.usage();
    assert_eq!((before.fuel_last, before.fuel_max, before.memory), (0, 0, 4 * 65_536));
    assert!(before.tables >= 7);
    let mut batch = one_event(instance.grants());
    let fuel = instance.on_events(1, &mut batch).unwrap().fuel;
    let after = instance.usage();
    assert_eq!((after.fuel_last, after.fuel_max, after.memory), (fuel, fuel, 7 * 65_536));

    instance.on_events(2, &mut batch).unwrap();
    assert!(instance.usage().fuel_max >= fuel);
}

#[test]
fn files_that_are_not_strategies_are_rejected_by_name() {
    let sandbox = sandbox();
    let refused = |bytes: &[u8]| sandbox.load(bytes).unwrap_err();
    assert_eq!(refused(b"not wasm"), LoadError::NotWasm);
    assert_eq!(refused(b"\0asm"), LoadError::NotWasm);
    let whole = Guest::default().core();
    assert!(matches!(refused(&whole[..whole.len() / 2]), LoadError::Invalid(_)));
    let empty = wat::parse_str("(module)").unwrap();
    assert!(matches!(refused(&empty), LoadError::Contract(_) | LoadError::Describe(_)));
    let empty = wat::parse_str("(component)").unwrap();
    assert!(matches!(refused(&empty), LoadError::Describe(_)));
    let layout = Guest { layout: 9, ..Guest::default() };
    assert_eq!(refused(&layout.core()), LoadError::Layout { got: 9, ours: 2 });
    let big = Guest { memory: "(memory (export \"memory\") 1000)", ..Guest::default() };
    let over = LoadError::Over { what: Measure::MemoryBytes, got: 1000 * 65_536, limit: 1024 * 1024 };
    assert_eq!(refused(&big.core()), over);
}

#[test]
fn imports_that_strategies_do_not_get_are_named() {
    let sandbox = sandbox();
    let wasi = "(import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32)))";
    let error = sandbox.load(&Guest { imports: wasi, ..Guest::default() }.core()).unwrap_err();
    assert!(error.to_string().contains("wasi_snapshot_preview1"), "{error}");
    let clock = wat::parse_str("(component (import \"now\" (func (result u64))))").unwrap();
    assert_eq!(sandbox.load(&clock).unwrap_err(), LoadError::Import("now".into()));
}

#[test]
fn a_module_beyond_the_size_limit_is_not_even_read() {
    let settings = sandbox::Settings { module_max: 10, ..sandbox::Settings::default() };
    let sandbox = Sandbox::new(settings, Compiler::Inline).unwrap();
    assert_eq!(sandbox.load(&[0; 11]).unwrap_err(), LoadError::Size { got: 11, limit: 10 });
}

#[test]
fn a_file_that_was_cut_off_or_damaged_is_an_error_or_a_strategy_and_never_a_panic() {
    let Some(whole) = crate::shipped::built("template.wasm") else { return };
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
    for part in 0..100 {
        assert!(sandbox.load(&whole[..whole.len() * part / 100]).is_err(), "{part} percent of a file");
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % limit
    };
    let (mut refused, rounds) = (0, 300);
    for round in 0..rounds {
        let mut bytes = whole.clone();
        // The module's metadata is at its end.
        let end = if round % 2 == 0 { bytes.len() } else { 3_000 };
        for _ in 0..=below(3) {
            let place = bytes.len() - 1 - below(end);
            bytes[place] ^= 1 << below(8);
        }
        refused += u32::from(sandbox.load(&bytes).is_err());
    }
    assert!(refused > 50, "{refused} of {rounds} were rejected");
}

#[test]
fn a_session_leaves_a_strategy_less_fuel_and_never_more() {
    let sandbox = sandbox();
    let call = |guest: &Guest, fuel: Option<u64>| {
        let module = sandbox.load(&guest.core()).unwrap();
        let mut instance = Instance::start(&sandbox, &module, Session { fuel, ..session() }).unwrap();
        let mut batch = one_event(instance.grants());
        instance.on_events(1, &mut batch)
    };
    let endless = Guest { on_events: "(loop (br 0))".to_owned() + &answer(1, 0), ..Guest::default() };
    assert_eq!(call(&endless, Some(5_000)).unwrap_err(), Fault::Fuel { limit: 5_000 });
    assert_eq!(call(&endless, Some(u64::MAX)).unwrap_err(), Fault::Fuel { limit: sandbox.fuel() });
    let quick = Guest::default();
    let used = call(&quick, None).unwrap().fuel;
    assert_eq!(call(&quick, Some(used)).unwrap().fuel, used);
}
