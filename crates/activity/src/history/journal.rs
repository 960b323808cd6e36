//! Writes a history beside whoever notes it: nobody waits for the disk, and a disk that is slow or full costs records only.

use std::fs::{self, File, Metadata, OpenOptions};
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::carried::Carried;
use super::{ReadError, Record, of_files, old_of};

/// Records that wait for the disk at most.
const WAITING: usize = 8_192;
/// Records that are written at once at most.
const AT_ONCE: usize = 512;
/// The least bound that is of use, in bytes.
pub const LEAST: u64 = 64 << 10;

/// Where transitions are noted. Cheap to clone; all clones write to the same file.
#[derive(Clone, Debug)]
pub struct Journal {
    records: mpsc::Sender<Record>,
    lost: Arc<AtomicU64>,
}

/// A journal that can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file can't be opened for writing.
    #[error("can't write the history {file}: {source}; its directory must exist and be writable for the controller")]
    Open {
        /// Which.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It can't be written on.
    #[error("can't write the history {file}: {source}")]
    Write {
        /// Which.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// What is in it can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The bound is too small.
    #[error("the history may not take less than 64 KiB")]
    TooSmall,
}

impl Journal {
    /// Opens the history in `path`, which takes at most `bound` bytes on disk: when it takes half of them it becomes `path` with
    /// `.1`, in the place of an older one. Blocks while it reads what is there. The future writes, and ends when the last clone
    /// of the journal is dropped and all is written. One process at a time may write a file; another may have written it meanwhile.
    pub fn open(path: &Path, bound: u64) -> Result<(Self, impl Future<Output = ()> + Send + 'static), JournalError> {
        if bound < LEAST {
            return Err(JournalError::TooSmall);
        }
        let writer = Writer::open(path, bound / 2)?;
        let (sender, records) = mpsc::channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let writing = write(writer, records, lost.clone());
        Ok((Self { records: sender, lost }, writing))
    }

    /// Notes what happened. Never waits: when too much waits for the disk, the record is lost and counted.
    pub fn note(&self, record: Record) {
        // Once the writer has ended the process does so too, and nobody reads of it.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.records.try_send(record) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many records were lost since it was opened, because the disk was too slow or refused them.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

async fn write(writer: Writer, mut records: mpsc::Receiver<Record>, lost: Arc<AtomicU64>) {
    let (mut writer, mut told) = (Some(writer), 0);
    let mut batch = Vec::with_capacity(AT_ONCE);
    while records.recv_many(&mut batch, AT_ONCE).await > 0 {
        let Some(mut mine) = writer.take() else { return };
        let together = std::mem::take(&mut batch);
        let count = together.len() as u64;
        let written = tokio::task::spawn_blocking(move || {
            let written = mine.write(&together);
            (mine, written)
        });
        // It ends early only when the runtime does.
        let Ok((mine, written)) = written.await else { return };
        writer = Some(mine);
        if let Err(error) = written {
            lost.fetch_add(count, Ordering::Relaxed);
            tracing::warn!("{error}");
        }
        let all = lost.load(Ordering::Relaxed);
        if all > told {
            tracing::warn!(lost = all, "records of the history were lost: the disk is too slow, or refuses them");
            told = all;
        }
    }
}

/// The file, and what is known of the servers that run.
struct Writer {
    book: Book,
    carried: Carried,
}

impl Writer {
    fn open(path: &Path, half: u64) -> Result<Self, JournalError> {
        let file = || path.display().to_string();
        let book = Book::open(path, half).map_err(|source| JournalError::Open { file: file(), source })?;
        let mut carried = Carried::default();
        of_files(path, None)?.records.iter().for_each(|record| carried.note(record));
        Ok(Self { book, carried })
    }

    fn write(&mut self, records: &[Record]) -> Result<(), JournalError> {
        if self.book.was_written_by_another() {
            *self = Self::open(&self.book.path, self.book.half)?;
        }
        self.put(records).map_err(|source| JournalError::Write { file: self.book.path.display().to_string(), source })
    }

    fn put(&mut self, records: &[Record]) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            let line = record.line();
            if self.book.is_full(lines.len() + line.len()) {
                self.book.append(&lines)?;
                lines.clear();
                self.book.turn()?;
                self.book.append(&self.carried.lines(self.book.half / 2))?;
            }
            self.carried.note(record);
            lines.extend(line);
        }
        self.book.append(&lines)
    }
}

/// The file with its bound.
struct Book {
    path: PathBuf,
    file: File,
    len: u64,
    half: u64,
}

impl Book {
    fn open(path: &Path, half: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let len = file.metadata()?.len();
        let mut book_len = len;
        if len > 0 {
            // A line that a crash tore is ended, so that it spoils no other.
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                book_len += 1;
            }
        }
        Ok(Self { path: path.to_owned(), file, len: book_len, half })
    }

    /// Whether the file is another one by now, or has other lines in it: a process that led meanwhile wrote it.
    fn was_written_by_another(&self) -> bool {
        let here = |data: &Metadata| (data.dev(), data.ino());
        let (Ok(mine), Ok(there)) = (self.file.metadata(), fs::metadata(&self.path)) else { return true };
        here(&mine) != here(&there) || there.len() != self.len
    }

    /// Whether so many more bytes go over its half of the bound.
    fn is_full(&self, more: usize) -> bool {
        self.len > 0 && self.len + more as u64 > self.half
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(lines);
        if written.is_err() {
            let _ = self.file.write_all(b"\n");
        }
        // What was torn on a full disk has a length too, and its line must end.
        self.len = self.file.metadata().map_or(self.len + lines.len() as u64, |data| data.len());
        written
    }

    /// Puts it in the place of the older one and begins anew.
    fn turn(&mut self) -> io::Result<()> {
        fs::rename(&self.path, old_of(&self.path))?;
        self.file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        self.len = 0;
        Ok(())
    }
}
