//! The calls, on Windows or under Wine.
#![cfg(windows)]
#![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

use std::os::windows::io::{AsHandle, AsRawHandle, OwnedHandle};
use std::path::PathBuf;
use std::time::Duration;
use win32::access::{self, Access};
use win32::event::{Event, Held, Kind, send};
use win32::secret::Scope;
use win32::{clock, machine, pipe, process, secret};

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("Zoë's {name} {}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_name_is_held_by_one_until_it_is_released() {
    let name = format!("polytrader-test-{}", std::process::id());
    let first = Held::take(&name).unwrap().unwrap();
    assert!(Held::take(&name).unwrap().is_none());
    drop(first);
    assert!(Held::take(&name).unwrap().is_some());
}

#[test]
fn an_event_that_is_set_ends_one_wait() {
    assert!(send(std::process::id(), Kind::Lock).is_err(), "nothing waits yet");
    let event = Event::of_this_process(Kind::Lock).unwrap();
    assert!(Event::of_this_process(Kind::Lock).is_err(), "the second would take the first one's signals");
    send(std::process::id(), Kind::Lock).unwrap();
    event.wait().unwrap();
    assert!(send(std::process::id(), Kind::Terminate).is_err(), "an event of another kind");
}

#[test]
fn a_folder_is_closed_to_others() {
    let folder = folder("closed");
    access::close_to_others(&folder, true).unwrap();
    assert!(!access::is_open_to_others(&folder, Access::Any).unwrap());
    std::fs::write(folder.join("file"), "text").unwrap();
    access::close_to_others(&folder.join("file"), false).unwrap();
    assert!(!access::is_open_to_others(&folder.join("file"), Access::Any).unwrap());
    assert_eq!(std::fs::read_to_string(folder.join("file")).unwrap(), "text");
    assert!(access::is_open_to_others(&folder.join("missing"), Access::Any).is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn protected_data_is_read_back_and_damage_is_noticed() {
    for scope in [Scope::User, Scope::Machine] {
        let data = secret::protect(b"a passphrase", scope).unwrap();
        assert!(!data.windows(12).any(|part| part == b"a passphrase"));
        assert_eq!(secret::unprotect(&data).unwrap(), b"a passphrase");
        assert!(secret::unprotect(&data[..data.len() / 2]).is_err());
    }
}

#[test]
fn a_handle_that_is_given_is_that_of_the_pipe() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    // This process in place of a child.
    let number = pipe::give(OwnedHandle::from(writer).as_handle(), this_process()).unwrap();
    let adopted = pipe::adopt(number).unwrap().unwrap();
    let mut writer = std::io::PipeWriter::from(adopted);
    std::io::Write::write_all(&mut writer, b"answer").unwrap();
    drop(writer);
    assert_eq!(std::io::read_to_string(&mut reader).unwrap(), "answer");
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let number = u64::try_from(file.as_raw_handle().addr()).unwrap();
    assert!(pipe::adopt(number).unwrap().is_none(), "a file is refused");
}

fn this_process() -> std::os::windows::io::RawHandle {
    // The pseudo handle of the calling process.
    std::ptr::without_provenance_mut(usize::MAX)
}

#[test]
fn the_machine_is_described() {
    assert!(machine::memory().unwrap().available > 1 << 20);
    assert!(machine::free_space(&std::env::temp_dir()).unwrap() > 0);
    assert!(machine::free_space(&std::env::temp_dir().join("no such folder")).is_err());
    assert!(machine::id().unwrap().len() > 20);
    assert!(process::resident().unwrap().peak >= process::resident().unwrap().now.min(1));
    assert_ne!(process::parent_id(), Some(std::process::id()));
}

#[test]
fn the_clock_is_steady() {
    let before = clock::since_boot_micros();
    std::thread::sleep(Duration::from_millis(20));
    let passed = clock::since_boot_micros() - before;
    assert!((15_000..5_000_000).contains(&passed), "{passed}");
}

#[test]
fn a_child_is_killed_and_a_missing_process_is_an_error() {
    let mut child = std::process::Command::new("cmd").args(["/c", "pause"]).stdin(std::process::Stdio::piped()).spawn();
    let child = child.as_mut().unwrap();
    process::kill(child.id()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(137));
    assert_eq!(process::kill(0x7fff_fff0).unwrap_err().raw_os_error(), Some(87));
}
