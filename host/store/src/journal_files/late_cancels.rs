//! Late cancels: disk space reserved for the cancels that are sent after the journal has failed. They never wait, and
//! are found here when the session is examined later. The space is written and synced at the start, so that a full disk
//! does not matter.

use crc32fast::hash;
use files::write_all_at;
use model::{OrderId, SessionId, Time};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The reserved bytes: room for more cancels than a session has open orders.
const ROOM: u64 = 1 << 20;
/// One record: session, order, time, and the CRC-32 of these.
const RECORD: usize = 28;
const STEP: u64 = 28;
/// The most cancels that wait for the disk; more are not recorded, because they must not wait.
const WAITING_MAX: usize = 4_096;

/// A cancel that was sent after the journal had failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LateCancel {
    /// The session.
    pub(crate) session: SessionId,
    /// The order.
    pub(crate) order: OrderId,
    /// The time.
    pub(crate) at: Time,
}

impl LateCancel {
    fn encode(&self) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        let fields = [self.session.0, self.order.0, self.at.0];
        for (place, field) in record.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        let (body, sum) = record.split_at_mut(24);
        sum.copy_from_slice(&hash(body).to_be_bytes());
        record
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let (body, sum) = record.split_at_checked(24)?;
        let mut fields = body.chunks_exact(8).filter_map(|field| field.try_into().ok().map(u64::from_be_bytes));
        let read =
            Self { session: SessionId(fields.next()?), order: OrderId(fields.next()?), at: Time(fields.next()?) };
        // Unused space is zeros.
        (read.session.0 != 0 && hash(body).to_be_bytes() == sum).then_some(read)
    }
}

/// Returns the path of the file.
fn path(dir: &Path) -> PathBuf {
    dir.join("reserve")
}

/// Returns the cancels that an earlier session recorded here.
///
/// # Errors
/// If the file exists and cannot be read.
pub(super) fn left(dir: &Path) -> std::io::Result<Vec<LateCancel>> {
    let mut bytes = Vec::new();
    match files::open(&path(dir), files::Links::Refuse) {
        Ok(file) => file.take(ROOM).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(bytes.chunks_exact(RECORD).map_while(LateCancel::decode).collect())
}

/// Creates an empty file, and starts the thread that writes the cancels sent to it.
///
/// # Errors
/// If there is no space.
pub(super) fn open(dir: &Path) -> std::io::Result<SyncSender<LateCancel>> {
    let mut file = crate::private_file::open(&path(dir), |options| options.write(true).create(true).truncate(true))?;
    std::io::copy(&mut std::io::repeat(0).take(ROOM), &mut file)?;
    file.sync_all()?;
    files::sync_folder(dir)?;
    let (late, cancels) = sync_channel(WAITING_MAX);
    std::thread::Builder::new().name("journal reserve".to_owned()).spawn(move || write_all(&file, &cancels))?;
    Ok(late)
}

fn write_all(file: &File, cancels: &Receiver<LateCancel>) {
    let mut at = 0u64;
    while let Ok(cancel) = cancels.recv() {
        let written = write_all_at(file, &cancel.encode(), at).and_then(|()| file.sync_data());
        if let Err(error) = written {
            tracing::error!(%error, order = cancel.order.0, "writing a late cancel failed");
        }
        at = at.saturating_add(STEP);
        if at > ROOM.saturating_sub(STEP) {
            tracing::error!("late cancel file full");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn written_cancels_are_read_back_and_a_new_file_is_empty() {
        let dir = std::env::temp_dir().join(format!("polytrader-reserve-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        assert_eq!(left(&dir).unwrap(), []);
        let late = open(&dir).unwrap();
        let cancel = |order| LateCancel { session: SessionId(7), order: OrderId(order), at: Time(9) };
        (1..=3).for_each(|order| late.send(cancel(order)).unwrap());
        drop(late);
        while left(&dir).unwrap().len() < 3 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(left(&dir).unwrap(), [cancel(1), cancel(2), cancel(3)]);
        // A truncated record ends the list.
        let file = std::fs::OpenOptions::new().write(true).open(path(&dir)).unwrap();
        file.write_all_at(&[0; 4], STEP * 2 + 20).unwrap();
        assert_eq!(left(&dir).unwrap().len(), 2);
        drop(open(&dir).unwrap());
        assert_eq!(left(&dir).unwrap(), []);
        assert_eq!(std::fs::metadata(path(&dir)).unwrap().len(), ROOM, "the space is allocated in advance");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
