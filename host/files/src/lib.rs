//! Opens files whose names others can give to something else: a strategy's settings, the configuration, what lies in the data folder.
//!
//! To open a named pipe waits for its other end, and to read a device may never end. A look at the file before it is opened helps little,
//! because the name can belong to something else by then. So files are opened without waiting, and what was opened is looked at: it must be a
//! regular file.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// What is done with a name that is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// The link is followed: an operator named the file, and some mount configurations and secrets as links.
    Follow,
    /// The link is refused: nothing of ours makes one.
    Refuse,
}

/// Opens a regular file to read it.
///
/// # Errors
/// If it cannot be opened, is no regular file, or is a link where that is refused.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path, links)
}

/// Opens a regular file with these options, whose system flags are replaced.
///
/// # Errors
/// If it cannot be opened, is no regular file, or is a link where that is refused.
pub fn open_with(options: &mut OpenOptions, path: &Path, links: Links) -> io::Result<File> {
    set_flags(options, links);
    let file = options.open(path).map_err(named)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`], and if the file is longer or cannot be read.
pub fn read(path: &Path, links: Links, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path, links)?;
    // In one piece: a buffer that grows leaves copies behind, of secrets too.
    let length = file.metadata()?.len().min(most).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        return Ok(bytes);
    }
    Err(io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes")))
}

/// Reads a regular file of at most `most` bytes, which must be UTF-8.
///
/// # Errors
/// As [`read`], and if it is not.
pub fn read_text(path: &Path, links: Links, most: u64) -> io::Result<String> {
    text(read(path, links, most)?)
}

/// What is said of bytes that [`is_utf16`].
pub const UTF_16: &str = "it is UTF-16, expected UTF-8; save it again in that encoding";

/// Returns bytes as text, which must be UTF-8.
///
/// # Errors
/// A sentence, if they are not; of UTF-16 it says so.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    if is_utf16(&bytes) {
        return Err(io::Error::new(ErrorKind::InvalidData, UTF_16));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(ErrorKind::InvalidData, format!("byte {at} is not UTF-8"))
    })
}

/// Says whether bytes are text in UTF-16, as some editors and shells of Windows write it: with its byte order mark, or with the zeros that
/// every other byte of plain text is then.
pub fn is_utf16(bytes: &[u8]) -> bool {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, second, ..] => (*first == 0) != (*second == 0),
        _ => false,
    }
}

/// Returns bytes without the byte order mark of UTF-8, which some editors of Windows write at the beginning.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Waits until the names of a folder's files are on the disk.
///
/// # Errors
/// If it is no folder, or the disk fails.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_DIRECTORY);
    options.read(true).open(path)?.sync_all()
}

#[cfg(unix)]
fn set_flags(options: &mut OpenOptions, links: Links) {
    let nofollow = if links == Links::Refuse { libc::O_NOFOLLOW } else { 0 };
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NONBLOCK | libc::O_NOCTTY | nofollow);
}

/// Other systems name their pipes elsewhere.
#[cfg(not(unix))]
fn set_flags(_: &mut OpenOptions, _: Links) {}

/// Says what the system means by its numbers for links, and for pipes that nothing reads.
#[cfg(unix)]
fn named(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::new(ErrorKind::InvalidInput, "it is a link, not a file"),
        Some(libc::ENXIO) => no_file(),
        _ => error,
    }
}

#[cfg(not(unix))]
fn named(error: io::Error) -> io::Error {
    error
}

fn no_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is no regular file")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use testkit::{Scratch, at_once, named_pipe};

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let dir = Scratch::new("no-regular-file");
        let pipe = dir.join("pipe");
        named_pipe(&pipe);
        std::os::unix::fs::symlink(&pipe, dir.join("link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
        let names = [pipe, dir.join("link"), dir.join("socket"), dir.to_owned(), "/dev/zero".into(), "/dev/tty".into()];
        for name in names {
            for links in [Links::Follow, Links::Refuse] {
                let (one, two) = (name.clone(), name.clone());
                assert!(at_once(move || read(&one, links, 10)).is_err(), "{}", name.display());
                let write = move || open_with(OpenOptions::new().append(true).create(true), &two, links);
                assert!(at_once(write).is_err(), "{}", name.display());
            }
        }
        drop(socket);
    }

    #[test]
    fn a_pipe_with_a_reader_is_refused_too() {
        let dir = Scratch::new("pipe-with-a-reader");
        let pipe = dir.join("pipe");
        named_pipe(&pipe);
        let reader = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        assert!(open_with(OpenOptions::new().append(true), &pipe, Links::Refuse).is_err());
        assert!(open(&pipe, Links::Follow).is_err());
        drop(reader);
    }

    #[test]
    fn a_link_is_followed_or_refused() {
        let dir = Scratch::new("links");
        std::fs::write(dir.join("file"), "text").unwrap();
        std::os::unix::fs::symlink(dir.join("file"), dir.join("link")).unwrap();
        assert_eq!(read_text(&dir.join("link"), Links::Follow, 4).unwrap(), "text");
        let refused = read(&dir.join("link"), Links::Refuse, 4).unwrap_err();
        assert_eq!(refused.to_string(), "it is a link, not a file");
    }

    #[test]
    fn only_a_folder_is_synced_as_one() {
        let dir = Scratch::new("folder-sync");
        let pipe = dir.join("pipe");
        named_pipe(&pipe);
        sync_folder(&dir).unwrap();
        assert!(at_once(move || sync_folder(&pipe)).is_err());
    }

    #[test]
    fn text_in_utf_16_is_refused_by_a_sentence_that_says_so() {
        let words = "[budget]\ncapital_usd = 5 # größer\n";
        let little: Vec<u8> = words.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = words.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in
            [[vec![0xff, 0xfe], little.clone()].concat(), [vec![0xfe, 0xff], big.clone()].concat(), little, big]
        {
            assert!(text(bytes).unwrap_err().to_string().contains("UTF-16, expected UTF-8"));
        }
        for whole in [words, "", "a", "\u{feff}a"] {
            assert_eq!(text(whole.as_bytes().to_vec()).unwrap(), whole);
        }
        assert_eq!(text(vec![b'a', 0xff]).unwrap_err().to_string(), "byte 1 is not UTF-8");
        assert_eq!((without_mark("\u{feff}a".as_bytes()), without_mark(b"a")), (&b"a"[..], &b"a"[..]));
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let dir = Scratch::new("limits");
        let file = dir.join("file");
        std::fs::write(&file, "text").unwrap();
        assert_eq!(read(&file, Links::Refuse, 4).unwrap(), b"text");
        assert_eq!(read(&file, Links::Refuse, 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read(&dir.join("none"), Links::Refuse, 3).unwrap_err().kind(), ErrorKind::NotFound);
        std::fs::write(&file, [0xff]).unwrap();
        assert_eq!(read_text(&file, Links::Refuse, 4).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
