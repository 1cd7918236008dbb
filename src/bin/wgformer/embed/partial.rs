//! What a run that can be resumed has embedded so far: `OUTPUT.partial`, and beside it `OUTPUT.partial.json`, which says
//! how much of it is whole and what it was made from.
//!
//! Every format comes from the same records at the end, so none has to be cut and continued itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::format::{Kind, Row, Rows};
use super::model::Sink;
use super::origin::{self, Origin};
use crate::output::explain;
use crate::temporary;

/// How old what is safe may be while rows come; while none comes, all of them are.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many batches' rows come together, and are lost together: enough that texts of like length share a batch, and few
/// since a batch alone may take seconds on a CPU.
pub(super) const WINDOW_BATCHES: usize = 4;

pub(super) struct Partial {
    paths: Paths,
    data: BufWriter<File>,
    checkpoint: Checkpoint,
    hasher: XxHash3_128,
    saved: Instant,
    /// Whether there are rows since then.
    has_unsaved: bool,
}

struct Paths {
    data: PathBuf,
    checkpoint: PathBuf,
    /// Until it is whole.
    next_checkpoint: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Checkpoint {
    origin: Origin,
    /// How many texts, or passages of texts, are embedded.
    rows: usize,
    /// How much of the data that is, from its start.
    bytes: u64,
    /// Of that much.
    hash: String,
}

impl Partial {
    /// Begins, or goes on with what an earlier run of the same origin left.
    pub(super) fn open(output: &Path, origin: Origin) -> Result<Self> {
        let paths = Paths::beside(output)?;
        let mut data = paths.open_locked()?;
        let earlier = paths.read_checkpoint()?;
        let failed = |error: io::Error| paths.explain(&error);
        let mut hasher = XxHash3_128::new();
        if let Some(earlier) = &earlier {
            if let Some(difference) = origin.difference(&earlier.origin) {
                return Err(paths.refuse(&format!("it was begun {difference}; run it as before")));
            }
            let whole = origin::hash_rest(&mut (&mut data).take(earlier.bytes), &mut hasher);
            if whole.map_err(failed)? != earlier.bytes || origin::in_hex(&hasher) != earlier.hash {
                return Err(paths.refuse("it is damaged"));
            }
        } else if data.metadata().map_err(failed)?.len() > 0 {
            let message = format!("there is no {}", paths.checkpoint.display());
            return Err(paths.refuse(&message));
        }
        let checkpoint = match earlier {
            Some(earlier) => Checkpoint { origin, ..earlier },
            None => Checkpoint {
                origin,
                rows: 0,
                bytes: 0,
                hash: origin::in_hex(&hasher),
            },
        };
        data.set_len(checkpoint.bytes).map_err(failed)?;
        data.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut partial = Self {
            data: BufWriter::with_capacity(1 << 16, data),
            checkpoint,
            hasher,
            saved: Instant::now(),
            has_unsaved: false,
            paths,
        };
        partial.save()?;
        Ok(partial)
    }

    /// How many texts, or passages of texts, are embedded.
    pub(super) fn rows(&self) -> usize {
        self.checkpoint.rows
    }

    /// What was written until now survives whatever comes.
    ///
    /// # Errors
    /// Also if the input was changed since this run began: what was read since the last time is then not kept.
    pub(super) fn save(&mut self) -> Result<()> {
        self.checkpoint.origin.check_input()?;
        self.checkpoint.hash = origin::in_hex(&self.hasher);
        let saved = self
            .data
            .flush()
            // The data first: a checkpoint never speaks of what is not there.
            .and_then(|()| self.data.get_ref().sync_data())
            .and_then(|()| self.paths.write_checkpoint(&self.checkpoint));
        self.saved = Instant::now();
        self.has_unsaved = false;
        Ok(saved.map_err(|error| self.paths.explain(&error))?)
    }

    /// Gives all of them, from the first on, to `rows`, and when these are finished removes both files.
    pub(super) fn finish(mut self, mut rows: Box<dyn Rows>, kind: Kind<'_>) -> Result<()> {
        self.save()?;
        let Self {
            paths,
            data,
            checkpoint,
            ..
        } = self;
        let failed = |error: io::Error| paths.explain(&error);
        let mut data = data.into_inner().map_err(|error| failed(error.into()))?;
        data.rewind().map_err(failed)?;
        let mut records = BufReader::with_capacity(1 << 16, data);
        for _ in 0..checkpoint.rows {
            let record = Record::read(&mut records).map_err(failed)?;
            rows.write(&Row {
                index: record.index,
                text: &record.text,
                pair: record.pair.as_deref(),
                place: record.place,
                tokens: record.tokens,
                is_cut: record.is_cut,
                values: &record.values,
                kind,
            })?;
        }
        rows.finish(kind.dimensions())?;
        let removed = paths.remove(records.into_inner(), checkpoint);
        Ok(removed.map_err(failed)?)
    }
}

impl Sink for Partial {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        let record = record(row)?;
        let written = self.data.write_all(&record);
        written.map_err(|error| self.paths.explain(&error))?;
        self.hasher.write(&record);
        self.checkpoint.rows += 1;
        self.checkpoint.bytes += record.len() as u64;
        self.has_unsaved = true;
        if self.saved.elapsed() >= INTERVAL {
            self.save()?;
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<()> {
        if self.has_unsaved {
            self.save()?;
        }
        Ok(())
    }
}

/// Removes what a run with --resume left beside an output that another run has written meanwhile: of no use any more. What
/// is not such a run's stays, and so does what one is writing.
pub(super) fn remove_old(output: &Path) -> Result<()> {
    if !output.is_file() {
        return Ok(()); // a device, or standard output
    }
    let paths = Paths::beside(output)?;
    let data = match OpenOptions::new().write(true).open(&paths.data) {
        Ok(data) if temporary::try_lock(&data).is_ok() => data,
        _ => return Ok(()),
    };
    match paths.read_checkpoint() {
        Ok(Some(checkpoint)) => {
            let removed = paths.remove(data, checkpoint);
            Ok(removed.map_err(|error| paths.explain(&error))?)
        }
        _ => Ok(()),
    }
}

impl Paths {
    fn beside(output: &Path) -> Result<Self> {
        if output.is_dir() {
            return Err(anyhow!("cannot write {}: it is a folder", output.display()));
        }
        let beside = |end: &str| {
            let mut name = output.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        Ok(Self {
            data: beside(".partial"),
            checkpoint: beside(".partial.json"),
            next_checkpoint: beside(".partial.json.new"),
        })
    }

    /// Why nothing goes on here, and what to do.
    fn refuse(&self, why: &str) -> anyhow::Error {
        let (data, checkpoint) = (self.data.display(), self.checkpoint.display());
        anyhow!(
            "cannot resume from {data}: {why}, or delete {data} and {checkpoint} to start again"
        )
    }

    fn explain(&self, error: &io::Error) -> io::Error {
        explain(&self.data.display().to_string(), error)
    }

    /// The data, such that no other run changes it or the checkpoint from now on. It is created where nothing is done yet.
    fn open_locked(&self) -> Result<File> {
        loop {
            if !self.data.is_file() && self.read_checkpoint()?.is_some_and(|it| it.bytes > 0) {
                return Err(self.refuse("it is not there"));
            }
            let data = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&self.data)
                .map_err(|error| self.explain(&error))?;
            temporary::try_lock(&data).map_err(|error| match error {
                fs4::TryLockError::WouldBlock => anyhow!(
                    "another run is writing {}: wait for it, or name another --output",
                    self.data.display()
                ),
                fs4::TryLockError::Error(error) => self.explain(&error).into(),
            })?;
            // Another run may have finished, and removed it, before it was locked.
            if is_at(&data, &self.data) {
                return Ok(data);
            }
        }
    }

    fn read_checkpoint(&self) -> Result<Option<Checkpoint>> {
        let json = match fs::read(&self.checkpoint) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(anyhow!(
                    "cannot read {}: {error}",
                    self.checkpoint.display()
                ));
            }
        };
        let checkpoint = serde_json::from_slice(&json).map_err(|error| {
            let checkpoint = self.checkpoint.display();
            self.refuse(&format!("{checkpoint} is damaged ({error})"))
        })?;
        Ok(Some(checkpoint))
    }

    /// Removes both files. Should it end in between, the next run finds one that has done nothing yet.
    fn remove(&self, data: File, mut checkpoint: Checkpoint) -> io::Result<()> {
        (checkpoint.rows, checkpoint.bytes) = (0, 0);
        checkpoint.hash = origin::in_hex(&XxHash3_128::new());
        self.write_checkpoint(&checkpoint)?;
        data.set_len(0)?;
        fs::remove_file(&self.checkpoint)?;
        fs::remove_file(&self.data) // last, with its lock
    }

    /// The old one, or the new one, but never a part of one.
    fn write_checkpoint(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let mut file = File::create(&self.next_checkpoint)?;
        serde_json::to_writer_pretty(&mut file, checkpoint)?;
        file.sync_all()?;
        fs::rename(&self.next_checkpoint, &self.checkpoint)?;
        #[cfg(unix)]
        File::open(temporary::folder(&self.checkpoint))?.sync_all()?; // the name is the folder's
        Ok(())
    }
}

/// Whether it is still the file of that name.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        let place = |it: io::Result<fs::Metadata>| it.map(|it| (it.dev(), it.ino())).ok();
        let there = place(fs::metadata(path));
        there.is_some() && there == place(file.metadata())
    }
    #[cfg(not(unix))]
    {
        let _ = file; // what it is, only the system's own interface tells
        path.is_file()
    }
}

/// All little-endian: the text's number, its passage's place or nothing, its length in bytes, that of its pair or nothing,
/// both texts, the number of tokens, whether it was cut, the number of its values, and these.
fn record(row: &Row<'_>) -> Result<Vec<u8>> {
    let pair = row.pair.unwrap_or_default();
    let texts = row.text.len() + pair.len();
    let mut record = Vec::with_capacity(49 + texts + 4 * row.values.len());
    let place = row.place.clone().unwrap_or(NO_PLACE);
    let pair_length = row.pair.map_or(NO_PAIR, |pair| pair.len() as u64);
    for number in [row.index, place.start, place.end, row.text.len()] {
        record.extend((number as u64).to_le_bytes());
    }
    record.extend(pair_length.to_le_bytes());
    record.extend(row.text.as_bytes());
    record.extend(pair.as_bytes());
    record.extend(u32::try_from(row.tokens)?.to_le_bytes());
    record.push(u8::from(row.is_cut));
    record.extend(u32::try_from(row.values.len())?.to_le_bytes());
    record.extend(row.values.iter().flat_map(|value| value.to_le_bytes()));
    Ok(record)
}

/// That of a whole text: no passage ends before it begins.
const NO_PLACE: Range<usize> = Range { start: 1, end: 0 };

/// Instead of a length, which is never so large.
const NO_PAIR: u64 = u64::MAX;

struct Record {
    index: usize,
    text: String,
    pair: Option<String>,
    place: Option<Range<usize>>,
    tokens: usize,
    is_cut: bool,
    values: Vec<f32>,
}

impl Record {
    fn read(reader: &mut impl Read) -> io::Result<Self> {
        let index = read_number::<8>(reader)?;
        let place = read_number::<8>(reader)?..read_number::<8>(reader)?;
        let length = read_number::<8>(reader)?;
        let pair_length = read_u64::<8>(reader)?;
        let text = read_text(reader, length)?;
        let pair = match usize::try_from(pair_length) {
            Ok(length) if pair_length != NO_PAIR => Some(read_text(reader, length)?),
            _ => None,
        };
        let tokens = read_number::<4>(reader)?;
        let is_cut = read_number::<1>(reader)? != 0;
        let mut values = vec![0; 4 * read_number::<4>(reader)?];
        reader.read_exact(&mut values)?;
        let values = values.chunks_exact(4);
        Ok(Self {
            index,
            text,
            pair,
            place: Some(place).filter(|place| *place != NO_PLACE),
            tokens,
            is_cut,
            values: values
                .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
                .collect(),
        })
    }
}

/// Of so many bytes.
fn read_text(reader: &mut impl Read, length: usize) -> io::Result<String> {
    let mut text = vec![0; length];
    reader.read_exact(&mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}

/// One of so many bytes.
fn read_number<const BYTES: usize>(reader: &mut impl Read) -> io::Result<usize> {
    usize::try_from(read_u64::<BYTES>(reader)?).map_err(io::Error::other)
}

fn read_u64<const BYTES: usize>(reader: &mut impl Read) -> io::Result<u64> {
    let mut number = [0; 8];
    reader.read_exact(&mut number[..BYTES])?;
    Ok(u64::from_le_bytes(number))
}
