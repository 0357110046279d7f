//! Output of commands if it is not read, the disk is full or the reader is slow.

use crate::process::{Folder, program};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Commands that print something and end by themselves.
fn commands(data: &Path) -> Vec<Command> {
    let lines: [&[&str]; 6] = [
        &["config", "--mode", "demo"],
        &[
            "doctor",
            "--mode",
            "live",
            "--set",
            "venue.site_url=http://127.0.0.1:1",
            "--set",
            "venue.clob_url=http://127.0.0.1:1",
        ],
        &["strategy", "list"],
        &["kill", "--mode", "live"],
        &["--help"],
        &["no-such-command"],
    ];
    let command = |words: &&[&str]| {
        let mut command = program();
        command.args(*words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !words.iter().any(|word| word.starts_with("--h") || word.starts_with("no-")) {
            command.arg("--data-dir").arg(data);
        }
        command
    };
    lines.iter().map(command).collect()
}

/// Returns the combined output of a command, and its exit status.
fn printed(mut command: Command) -> (ExitStatus, String) {
    let output = command.output().unwrap();
    (output.status, String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn a_command_whose_output_is_closed_or_full_ends_as_it_would_otherwise() {
    let folder = Folder::new("closed-outputs");
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    for number in 0..commands(&folder.0).len() {
        let (status, text) = printed(commands(&folder.0).remove(number));
        assert!(!text.is_empty() && !text.contains("panicked"), "{text}");
        // The reader of standard output has closed it before anything is printed.
        let mut command = commands(&folder.0).remove(number);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (closed, errors) = printed_errors(command.stdout(writer));
        assert!(closed == status && !errors.contains("panicked"), "{closed} instead of {status}: {errors}");
        let (on_full, errors) = printed_errors(command.stdout(full()));
        assert!(on_full == status && !errors.contains("panicked"), "{on_full} instead of {status}: {errors}");
        assert_eq!(command.stdout(Stdio::null()).stderr(full()).status().unwrap(), status);
    }
}

fn printed_errors(command: &mut Command) -> (ExitStatus, String) {
    let output = command.output().unwrap();
    (output.status, String::from_utf8(output.stderr).unwrap())
}

/// Starts a command whose standard output is a pipe of one page that is already full.
fn started(mut command: Command, reader_is_slow: bool) -> (Child, std::thread::JoinHandle<Vec<u8>>) {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4_096).unwrap();
    writer.write_all(&[b'.'; 4_096]).unwrap();
    let child = command.stdout(writer).spawn().unwrap();
    // Only the command holds the writing end.
    drop(command);
    let read = std::thread::spawn(move || {
        let mut text = vec![0; 4_096];
        if reader_is_slow {
            std::thread::sleep(Duration::from_secs(2));
            reader.read_exact(&mut text).unwrap();
            text.clear();
            reader.read_to_end(&mut text).unwrap();
            return text;
        }
        // Kept open, but never read.
        std::thread::park();
        Vec::new()
    });
    (child, read)
}

#[test]
fn a_slow_reader_gets_everything_and_one_that_stands_still_delays_the_end_by_a_limit() {
    let folder = Folder::new("slow-reader");
    let mut all = commands(&folder.0);
    let whole = all[0].output().unwrap().stdout;
    assert!(whole.len() > 4_096, "more than the pipe holds");
    let (mut child, read) = started(commands(&folder.0).remove(0), true);
    assert_eq!(read.join().unwrap(), whole);
    assert!(child.wait().unwrap().success());
    let started_at = Instant::now();
    let stuck: Vec<_> = commands(&folder.0).into_iter().map(|command| started(command, false)).collect();
    for (mut child, _read) in stuck {
        child.wait().unwrap();
    }
    assert!(started_at.elapsed() < Duration::from_secs(60), "a stalled output delays the end by 5 s");
}
