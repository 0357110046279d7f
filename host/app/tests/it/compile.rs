//! Compilation in a separate process: the real program, and processes that fail in every way.

use crate::guest::{Guest, one_event, session};
use sandbox::{Cache, Compile, Compiler, Instance, LoadError, Measure, Program, Reaction, Sandbox, Settings};
use std::fs;
use std::path::{Path, PathBuf};
use testkit::Scratch;

/// The real program.
fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_polytrader").into(), vec!["compile".to_owned()])
}

/// A process that runs this script instead of compiling.
fn shell(script: &str) -> Program {
    Program::new("/bin/sh".into(), vec!["-c".to_owned(), script.to_owned()])
}

/// A program that does not exist: modules that load with it come from the cache.
fn nothing() -> Program {
    Program::new("/nowhere/at/all".into(), Vec::new())
}

fn sandbox(settings: Settings, program: Program, cache: Option<&Path>) -> Sandbox {
    let cache = cache.map(|dir| Cache::open(dir.to_owned()).unwrap());
    Sandbox::new(settings, Compiler::Process { program, cache }).unwrap()
}

fn run(sandbox: &Sandbox, bytes: &[u8]) -> Reaction {
    let module = sandbox.load(bytes).unwrap();
    let mut instance = Instance::start(sandbox, &module, session()).unwrap();
    let mut batch = one_event(instance.grants());
    instance.on_events(1, &mut batch).unwrap()
}

fn limits(compile: Compile) -> Settings {
    Settings { compile, ..Settings::default() }
}

/// Returns the error of loading a module with this compiler.
fn failure(settings: Settings, program: Program) -> LoadError {
    sandbox(settings, program, None).load(&Guest::default().core()).unwrap_err()
}

fn native_files(dir: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|ending| ending == "native")).collect()
}

#[test]
fn a_module_compiled_elsewhere_does_what_it_does_here_fuel_included() {
    let bytes = Guest::default().core();
    let here = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
    let there = sandbox(Settings::default(), program(), None);
    assert_eq!(run(&there, &bytes), run(&here, &bytes));
    assert!(run(&here, &bytes).fuel > 0);
    // An invalid module gives the same error.
    for bytes in [wat::parse_str("(module)").unwrap(), wat::parse_str("(module (func (result i32)))").unwrap()] {
        assert_eq!(there.load(&bytes).unwrap_err(), here.load(&bytes).unwrap_err());
    }
}

#[test]
fn what_was_compiled_once_is_kept_and_believed_only_as_it_was_written() {
    let dir = Scratch::new("native");
    let bytes = Guest::default().core();
    let first = run(&sandbox(Settings::default(), program(), Some(&dir)), &bytes);
    let kept = || sandbox(Settings::default(), nothing(), Some(&dir));
    assert_eq!(run(&kept(), &bytes), first, "loaded without a compiler");
    // A different module or different limits miss the cache.
    let missing = |result: Result<_, LoadError>| matches!(result.map(|_: sandbox::Module| ()), Err(LoadError::Host(_)));
    assert!(missing(kept().load(&Guest { layout: 9, ..Guest::default() }.core())));
    let other = Settings { fuel: 7, ..Settings::default() };
    assert!(missing(sandbox(other, nothing(), Some(&dir)).load(&bytes)));
    // After one bit of native code is changed, the module is compiled again.
    let files = native_files(&dir);
    let mut native = fs::read(&files[0]).unwrap();
    assert_eq!(files.len(), 1);
    let middle = native.len() / 2;
    native[middle] ^= 1;
    fs::write(&files[0], &native).unwrap();
    assert!(missing(kept().load(&bytes)), "changed code was accepted");
    assert_eq!(run(&sandbox(Settings::default(), program(), Some(&dir)), &bytes), first);
    assert_eq!(run(&kept(), &bytes), first, "repaired");
}

#[test]
fn a_compiler_that_breaks_down_is_a_sentence_and_the_next_module_loads() {
    let soon = limits(Compile { time_ms: 300, ..Compile::default() });
    assert_eq!(failure(soon, shell("exec sleep 600")), LoadError::CompileTime { limit_ms: 300 });
    assert_eq!(failure(soon, shell("cat >/dev/null; exec sleep 600")), LoadError::CompileTime { limit_ms: 300 });
    let settings = Settings::default();
    let crash = |script: &str| match failure(settings, shell(script)) {
        LoadError::CompileCrash(words) => words,
        other => panic!("{other}"),
    };
    assert!(crash("kill -SEGV $$").contains("signal: 11"));
    assert!(crash("echo it hurts >&2; exit 3").contains("exit status: 3 it hurts"));
    assert!(crash("cat >/dev/null; echo something else").contains("is not valid"));
    assert!(crash("exit 0").contains("is not valid"));
    let complains = shell("echo memory allocation of 7 bytes failed >&2; kill -ABRT $$");
    assert_eq!(failure(settings, complains), LoadError::CompileMemory { limit: settings.compile.memory_max });
    let busy = limits(Compile { processor_s: 7, ..Compile::default() });
    assert_eq!(failure(busy, shell("kill -XCPU $$")), LoadError::CompileTime { limit_ms: 7_000 });
    let small = limits(Compile { native_max: 1_000, ..Compile::default() });
    let over = LoadError::Over { what: Measure::Native, got: 1_065, limit: 1_000 };
    assert_eq!(failure(small, shell("exec head -c 100000000 /dev/zero")), over);
    assert!(matches!(failure(settings, nothing()), LoadError::Host(_)));
    run(&sandbox(settings, program(), None), &Guest::default().core());
}

#[test]
fn the_compiler_has_limits_of_its_own() {
    // A few hundred thousand instructions, in functions that are all within their limits.
    let body = "(drop (i32.mul (i32.const 3) (i32.load (i32.const 8))))".repeat(2_000);
    let large = Guest { items: format!("(func {body})").repeat(100), ..Guest::default() }.core();
    // Less memory than the program itself needs.
    let poor = limits(Compile { memory_max: 24 << 20, ..Compile::default() });
    let error = sandbox(poor, program(), None).load(&large).unwrap_err();
    assert_eq!(error, LoadError::CompileMemory { limit: 24 << 20 });
    let hasty = limits(Compile { time_ms: 5, ..Compile::default() });
    let error = sandbox(hasty, program(), None).load(&large).unwrap_err();
    assert_eq!(error, LoadError::CompileTime { limit_ms: 5 });
    let narrow = limits(Compile { native_max: 10_000, ..Compile::default() });
    let error = sandbox(narrow, program(), None).load(&large).unwrap_err();
    assert!(matches!(error, LoadError::Over { what: Measure::Native, limit: 10_000, .. }), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_compiler_inherits_nothing_but_its_pipes() {
    assert!(std::env::var_os("PATH").is_some(), "this process has an environment to pass on");
    let dir = Scratch::new("inherits");
    let held = fs::File::create(dir.join("held-open")).unwrap();
    let look = "/usr/bin/env >&2; readlink /proc/self/fd/* >&2; pwd >&2; exit 1";
    let LoadError::CompileCrash(seen) = failure(Settings::default(), shell(look)) else { panic!("expected a failure") };
    assert!(!seen.contains("PATH=") && !seen.contains("HOME=") && seen.ends_with('/'), "{seen}");
    // Descriptors inherited by this process are closed by the seccomp filter; this process's own are not passed on.
    assert!(seen.contains("pipe:") && !seen.contains("held-open"), "{seen}");
    drop(held);
}

#[cfg(target_os = "linux")]
#[test]
fn the_real_compiler_gives_up_the_system_before_it_sees_the_module() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut command = Command::new(env!("CARGO_BIN_EXE_polytrader"));
    command.arg("compile").env_clear().stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // A request without its module: a key, 9 s of processor time, 3 GiB.
    input.write_all(&[&[7; 32], 9_u64.to_le_bytes().as_slice(), &(3_u64 << 30).to_le_bytes()].concat()).unwrap();
    let look = |what: &str| fs::read_to_string(format!("/proc/{}/{what}", child.id())).unwrap();
    let started = std::time::Instant::now();
    while !look("status").contains("Seccomp:\t2") {
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "no filter: {}", look("status"));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let limits = look("limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(["Max cpu time", "Max address space", "Max core file size"].map(limit), ["9", "3221225472", "0"]);
    assert_eq!(
        limits.lines().find(|line| line.starts_with("Max file size")).unwrap().split_whitespace().nth(3),
        Some("0")
    );
    drop(input);
    assert!(child.wait().unwrap().success(), "an empty module gets an answer too");
}
