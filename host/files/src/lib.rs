//! Safe opening of files whose names other users can repoint: a strategy's settings, the configuration, files in the
//! data directory.
//!
//! Opening a named pipe blocks until its other end opens, and reading a device may never end. Checking the file before
//! opening it does not help much, because the name can point to something else by then. So files are opened without
//! blocking, and the opened file is checked: it must be a regular file.

mod platform;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Handling of a name that is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Follow the link: an operator named the file, and some mount configurations and secrets as links.
    Follow,
    /// Reject the link: this program never creates one.
    Refuse,
}

/// Opens a regular file for reading.
///
/// # Errors
/// If it cannot be opened, is not a regular file, or is a link and links are rejected.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path, links)
}

/// Opens a regular file with these options. System-specific flags in them are replaced.
///
/// # Errors
/// If it cannot be opened, is not a regular file, or is a link and links are rejected.
pub fn open_with(options: &mut OpenOptions, path: &Path, links: Links) -> io::Result<File> {
    platform::set_flags(options, links);
    let file = options.open(path).map_err(platform::named)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As for [`open`], and if the file is longer or cannot be read.
pub fn read(path: &Path, links: Links, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path, links)?;
    // With one allocation: a growing buffer leaves copies behind, of secrets too.
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
/// As for [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, links: Links, most: u64) -> io::Result<String> {
    text(read(path, links, most)?)
}

/// Error text for bytes that are UTF-16 according to [`is_utf16`].
pub const UTF_16: &str = "it is UTF-16, expected UTF-8; save it again in that encoding";

/// Converts bytes to text, which must be UTF-8.
///
/// # Errors
/// If they are not; the error names UTF-16 if that is the encoding.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    if is_utf16(&bytes) {
        return Err(io::Error::new(ErrorKind::InvalidData, UTF_16));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(ErrorKind::InvalidData, format!("byte {at} is not UTF-8"))
    })
}

/// Returns true if the bytes look like UTF-16 text, as written by some editors and shells on Windows: they begin with
/// its byte order mark, or exactly one of the first two bytes is zero.
pub fn is_utf16(bytes: &[u8]) -> bool {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, second, ..] => (*first == 0) != (*second == 0),
        _ => false,
    }
}

/// Strips the UTF-8 byte order mark, which some editors on Windows write at the beginning of a file.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Syncs a folder, so that the names of its files are durable.
///
/// # Errors
/// If it is not a folder, or if the sync fails.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    platform::sync_folder(path)
}

/// Writes all bytes at an offset of a file. On Windows the position of the file's next read or write moves too.
///
/// # Errors
/// If they cannot be written; a part may be.
pub fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    platform::write_all_at(file, bytes, at)
}

fn no_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "not a regular file")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use testkit::{Scratch, at_once, named_pipe};

    #[test]
    fn anything_but_a_regular_file_is_refused_at_once() {
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
