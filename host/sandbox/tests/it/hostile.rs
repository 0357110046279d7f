//! Each bad guest ends in an error that names what it did, and a good one beside it goes on.

use crate::guest::{Guest, answer, one_event, sandbox, session};
use sandbox::{Fault, Instance, LoadError, Reaction, Sandbox, Settings};

fn on_events(sandbox: &Sandbox, guest: &Guest) -> Result<Reaction, Fault> {
    let module = sandbox.load(&guest.core()).unwrap();
    let mut instance = Instance::start(sandbox, &module, session()).unwrap();
    let mut batch = one_event(instance.grants());
    instance.on_events(1, &mut batch)
}

fn body(on_events: impl Into<String>) -> Guest {
    Guest { on_events: on_events.into(), ..Guest::default() }
}

#[test]
fn a_guest_that_behaves_is_heard() {
    let reaction = on_events(&sandbox(), &Guest::default()).unwrap();
    assert_eq!((reaction.consumed, reaction.intents.len()), (1, 0));
    assert!(reaction.fuel > 0);
}

#[test]
fn each_bad_guest_ends_in_its_fault_and_a_good_one_goes_on() {
    let sandbox = sandbox();
    let good = sandbox.load(&Guest::default().core()).unwrap();
    let mut good = Instance::start(&sandbox, &good, session()).unwrap();
    let table = "(table $t 1 funcref) (memory (export \"memory\") 4)";
    let grow_table = "(drop (table.grow $t (ref.null func) (i32.const 100000))) unreachable";
    let intent_of_a_foreign_token = format!(
        "(i32.store8 (i32.const 4120) (i32.const 2)) (i32.store8 (i32.const 4128) (i32.const 1))
         (i32.store (i32.const 4132) (i32.const 77)) {}",
        answer(1, 1)
    );
    let cases = [
        (body("unreachable"), "crashed"),
        (body("(loop $again (br $again)) (i32.const 0)"), "fuel"),
        (body("(drop (memory.grow (i32.const 10000))) unreachable"), "more memory than 1048576"),
        (Guest { memory: table, ..body(grow_table) }, "tables of more than 10000"),
        (body("(i32.const -4)"), "contract"),
        (body(answer(0, 0)), "consumed 0 of 1"),
        (body(answer(2, 0)), "consumed 2 of 1"),
        (body(answer(1, 300)), "300 intents"),
        (body(answer(1, u32::MAX)), "contract"),
        (body(intent_of_a_foreign_token), "token 77"),
    ];
    for (guest, words) in cases {
        let fault = on_events(&sandbox, &guest).unwrap_err();
        assert!(fault.to_string().contains(words), "{fault} does not say `{words}`");
        let mut batch = one_event(good.grants());
        assert_eq!(good.on_events(1, &mut batch).unwrap().consumed, 1);
    }
}

#[test]
fn what_is_no_strategy_is_refused_by_name() {
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
    let fault = Fault::Memory { limit: 1024 * 1024 };
    assert_eq!(refused(&big.core()), LoadError::Describe(fault));
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
    let sandbox = Sandbox::new(settings).unwrap();
    assert_eq!(sandbox.load(&[0; 11]).unwrap_err(), LoadError::Size { got: 11, limit: 10 });
}

#[test]
fn a_file_that_was_cut_off_or_damaged_is_an_error_or_a_strategy_and_never_a_panic() {
    let Some(whole) = crate::shipped::built("template.wasm") else { return };
    let sandbox = Sandbox::new(Settings::default()).unwrap();
    for part in 0..100 {
        assert!(sandbox.load(&whole[..whole.len() * part / 100]).is_err(), "{part} hundredths of a file");
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % limit
    };
    let (mut refused, rounds) = (0, 300);
    for round in 0..rounds {
        let mut bytes = whole.clone();
        // What a module says of itself stands at its end.
        let end = if round % 2 == 0 { bytes.len() } else { 3_000 };
        for _ in 0..=below(3) {
            let place = bytes.len() - 1 - below(end);
            bytes[place] ^= 1 << below(8);
        }
        refused += u32::from(sandbox.load(&bytes).is_err());
    }
    assert!(refused > 50, "{refused} of {rounds} were refused");
}
