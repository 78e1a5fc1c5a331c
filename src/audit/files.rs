//! The files of the trail, for writing.
//!
//! In the trail's folder: `leaves-NNN.jsonl`, segments named by the number of their first leaf;
//! `hashes`, 32 bytes for each leaf, derived; `checkpoints`; `openings/NNN.jsonl`, beside the
//! segment of the same name. All are readable by their owner only.

use std::fs;
use std::fs::File;
use std::io;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::journal::{Entry, Position};
use super::tree::{Edge, leaf_hash};

/// The open ends of the files. What an append that failed had written is taken back by the next.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    segment: u64,
    leaves: File,
    /// Bytes of the segment that hold whole leaves.
    length: u64,
    openings: File,
    openings_length: u64,
    hashes: File,
    edge: Edge,
    segment_bytes: u64,
}

impl Files {
    /// Opens the files for going on behind `at`; the segment is made when it is not there.
    pub(super) fn open(folder: &Path, at: Position, segment_bytes: u64) -> io::Result<Self> {
        private_folder(&openings_folder(folder))?;
        let mut openings = private_file(&openings_path(folder, at.segment))?;
        let openings_length = cut_torn_line(&mut openings)?;
        let mut files = Self {
            folder: folder.to_owned(),
            segment: at.segment,
            leaves: private_file(&segment_path(folder, at.segment))?,
            length: at.offset,
            openings,
            openings_length,
            hashes: private_file(&folder.join(HASHES))?,
            edge: at.edge,
            segment_bytes,
        };
        files.take_back()?;
        Ok(files)
    }

    pub(super) fn edge(&self) -> &Edge {
        &self.edge
    }

    pub(super) fn position(&self) -> Position {
        Position { edge: self.edge.clone(), segment: self.segment, offset: self.length }
    }

    /// Writes entries behind the last; they are on disk after [`Files::sync`].
    pub(super) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        if self.length >= self.segment_bytes {
            self.rotate()?;
        }
        self.take_back()?;
        let mut edge = self.edge.clone();
        let (mut lines, mut hashes, mut openings) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            let hash = leaf_hash(entry.line.as_bytes());
            edge.push(hash);
            hashes.extend_from_slice(&hash);
            lines.extend_from_slice(entry.line.as_bytes());
            lines.push(b'\n');
            openings.extend_from_slice(entry.openings.as_bytes());
        }
        self.openings.write_all(&openings)?;
        self.hashes.write_all(&hashes)?;
        self.leaves.write_all(&lines)?;
        self.length += lines.len() as u64;
        self.openings_length += openings.len() as u64;
        self.edge = edge;
        Ok(())
    }

    /// Writes the openings of entries whose leaves are there already.
    pub(super) fn append_openings(&mut self, entries: &[Entry]) -> io::Result<()> {
        let openings: String = entries.iter().map(|entry| entry.openings.as_str()).collect();
        self.openings.write_all(openings.as_bytes())?;
        self.openings_length += openings.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.openings.sync_data()?;
        self.hashes.sync_data()?;
        self.leaves.sync_data()
    }

    /// Removes all openings of a reference; gives how many there were. The whole folder is read.
    pub(super) fn erase(&mut self, reference: &str) -> io::Result<usize> {
        let mut erased = 0;
        for path in listed(&openings_folder(&self.folder), "", OPENINGS_END)?.into_values() {
            erased += erase_in(&path, reference)?;
        }
        self.openings = private_file(&openings_path(&self.folder, self.segment))?;
        self.openings_length = self.openings.seek(SeekFrom::End(0))?;
        Ok(erased)
    }

    /// Begins the next segment. The one before it is on disk and never touched again.
    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        let first = self.edge.size();
        let leaves = private_file(&segment_path(&self.folder, first))?;
        let openings = private_file(&openings_path(&self.folder, first))?;
        sync_folder(&self.folder)?;
        sync_folder(&openings_folder(&self.folder))?;
        (self.leaves, self.openings, self.segment) = (leaves, openings, first);
        (self.length, self.openings_length) = (0, 0);
        Ok(())
    }

    /// Puts the ends of the files back to the last whole entry, whatever a failed write left.
    fn take_back(&mut self) -> io::Result<()> {
        let hashes = self.edge.size() * 32;
        for (file, length) in
            [(&mut self.leaves, self.length), (&mut self.openings, self.openings_length), (&mut self.hashes, hashes)]
        {
            if file.metadata()?.len() != length {
                file.set_len(length)?;
            }
            file.seek(SeekFrom::Start(length))?;
        }
        Ok(())
    }
}

/// Appends to a file of its own and waits for the disk.
pub(super) fn append_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private_file(path)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

/// All segments in order: the number of the first leaf, and the path.
pub(super) fn segments(folder: &Path) -> io::Result<std::collections::BTreeMap<u64, PathBuf>> {
    listed(folder, SEGMENT_START, SEGMENT_END)
}

pub(super) fn openings_files(folder: &Path) -> io::Result<std::collections::BTreeMap<u64, PathBuf>> {
    listed(&openings_folder(folder), "", OPENINGS_END)
}

/// The files of a folder that have a number between `start` and `end`, by that number.
fn listed(folder: &Path, start: &str, end: &str) -> io::Result<std::collections::BTreeMap<u64, PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(std::collections::BTreeMap::new()),
        entries => entries?,
    };
    let mut found = std::collections::BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let number = (name.to_str())
            .and_then(|name| name.strip_prefix(start)?.strip_suffix(end))
            .and_then(|number| number.parse().ok());
        if let Some(number) = number {
            found.insert(number, entry.path());
        }
    }
    Ok(found)
}

pub(super) fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{SEGMENT_START}{first:012}{SEGMENT_END}"))
}

fn openings_path(folder: &Path, first: u64) -> PathBuf {
    openings_folder(folder).join(format!("{first:012}{OPENINGS_END}"))
}

fn openings_folder(folder: &Path) -> PathBuf {
    folder.join("openings")
}

/// Cuts a last line without line end; gives the length that is left.
pub(super) fn cut_torn_line(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut part = vec![0; 64 << 10];
    while end > 0 {
        let begin = end.saturating_sub(part.len() as u64);
        let part = part.get_mut(..usize::try_from(end - begin).unwrap_or(0)).unwrap_or_default();
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            end = begin + at as u64 + 1;
            break;
        }
        end = begin;
    }
    if end < length {
        file.set_len(end)?;
    }
    file.seek(SeekFrom::Start(end))?;
    Ok(end)
}

fn erase_in(path: &Path, reference: &str) -> io::Result<usize> {
    let text = fs::read_to_string(path)?;
    // written by us: the reference is the first member
    let start = format!("{{\"ref\":\"{reference}\",");
    let kept: String = text.split_inclusive('\n').filter(|line| !line.starts_with(&start)).collect();
    if kept.len() == text.len() {
        return Ok(0);
    }
    let beside = path.with_extension("new");
    let mut file = private_file(&beside)?;
    file.set_len(0)?;
    file.write_all(kept.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(text.lines().count() - kept.lines().count())
}

pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes new names in a folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(super) const HASHES: &str = "hashes";
pub(super) const CHECKPOINTS: &str = "checkpoints";
const SEGMENT_START: &str = "leaves-";
const SEGMENT_END: &str = ".jsonl";
const OPENINGS_END: &str = ".jsonl";
