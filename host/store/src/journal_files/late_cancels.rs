//! The reserve: room on the disk for what leaves after the journal has failed. Only cancels do, and they never wait; who reads
//! what happened later finds them here. The room is written and synced at the start, so that a full disk does not matter.

use crc32fast::hash;
use model::{OrderId, SessionId, Time};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The room: more cancels than a session has open orders.
const ROOM: u64 = 1 << 20;
/// One record: session, order, time, and the CRC-32 of these.
const RECORD: usize = 28;
const STEP: u64 = 28;
/// Cancels that wait for the disk; more are not written down, for they must not wait.
const WAITING_MAX: usize = 4_096;

/// A cancel that left after the journal had failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LateCancel {
    /// The session.
    pub(crate) session: SessionId,
    /// The order.
    pub(crate) order: OrderId,
    /// When.
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
        // Room that nobody wrote to is zeros.
        (read.session.0 != 0 && hash(body).to_be_bytes() == sum).then_some(read)
    }
}

/// Returns where it lies.
fn path(dir: &Path) -> PathBuf {
    dir.join("reserve")
}

/// Returns the cancels that an earlier session left in the reserve.
///
/// # Errors
/// If it is there and cannot be read.
pub(super) fn left(dir: &Path) -> std::io::Result<Vec<LateCancel>> {
    let mut bytes = Vec::new();
    match files::open(&path(dir), files::Links::Refuse) {
        Ok(file) => file.take(ROOM).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(bytes.chunks_exact(RECORD).map_while(LateCancel::decode).collect())
}

/// Makes the room anew, and begins to write what is told to the disk.
///
/// # Errors
/// If there is no room.
pub(super) fn open(dir: &Path) -> std::io::Result<SyncSender<LateCancel>> {
    let mut file = crate::private_file::open(&path(dir), |options| options.write(true).create(true).truncate(true))?;
    std::io::copy(&mut std::io::repeat(0).take(ROOM), &mut file)?;
    file.sync_all()?;
    files::sync_folder(dir)?;
    let (late, told) = sync_channel(WAITING_MAX);
    std::thread::Builder::new().name("journal reserve".to_owned()).spawn(move || keep(&file, &told))?;
    Ok(late)
}

fn keep(file: &File, told: &Receiver<LateCancel>) {
    let mut at = 0u64;
    while let Ok(cancel) = told.recv() {
        let written = file.write_all_at(&cancel.encode(), at).and_then(|()| file.sync_data());
        if let Err(error) = written {
            tracing::error!(%error, order = cancel.order.0, "a cancel could not be written to the reserve");
        }
        at = at.saturating_add(STEP);
        if at > ROOM.saturating_sub(STEP) {
            tracing::error!("the reserve is full");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn what_was_written_comes_back_and_a_new_reserve_is_empty() {
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
        // A record that was cut off ends the list.
        let file = std::fs::OpenOptions::new().write(true).open(path(&dir)).unwrap();
        file.write_all_at(&[0; 4], STEP * 2 + 20).unwrap();
        assert_eq!(left(&dir).unwrap().len(), 2);
        drop(open(&dir).unwrap());
        assert_eq!(left(&dir).unwrap(), []);
        assert_eq!(std::fs::metadata(path(&dir)).unwrap().len(), ROOM, "the room is taken before it is needed");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
