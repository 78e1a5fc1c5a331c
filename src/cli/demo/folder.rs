//! The demo's folder: made once, used again, and removed only when the demo made it.
//!
//! A marker file says so and keeps what the next run wants to know: the ports. A folder without a
//! marker is somebody's own and is never touched.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::pki::{self, Files};
use crate::cli::Failure;
use crate::model::Time;

/// What the marker file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    schema: String,
    pub created: Time,
    /// Whether keys and configuration were written to the end.
    pub complete: bool,
    #[serde(default)]
    pub ports: Ports,
}

/// Ports on the loopback address; 0: none was used yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    pub sts: u16,
    pub soap: u16,
    pub rest: u16,
}

/// An open demo folder.
#[derive(Debug)]
pub struct Folder {
    pub files: Files,
    pub marker: Marker,
    /// Whether keys and configuration were there already.
    pub reused: bool,
}

impl Folder {
    /// Opens the folder, or makes it with its keys and certificates. With `fresh`, what an earlier
    /// demo left in it is removed first.
    ///
    /// # Errors
    /// When the folder is somebody's own, too old, or cannot be written.
    pub fn open(dir: &Path, fresh: bool, now: Time) -> Result<Self, Failure> {
        let dir = absolute(dir)?;
        if let Some(marker) = marker_of(&dir)? {
            if marker.complete && !fresh {
                return Self::reuse(&dir, marker, now);
            }
            // Not through a link: what lies elsewhere was not made by the demo.
            let removed = fs::remove_dir_all(&dir);
            removed.map_err(|error| Failure::unexpected(format!("`{}` cannot be removed: {error}", dir.display())))?;
        }
        pki::private_folder(&dir)?;
        let marker = Marker { schema: SCHEMA.to_owned(), created: now, complete: false, ports: Ports::default() };
        let mut folder = Self { files: Files::new(&dir), marker, reused: false };
        folder.save()?;
        pki::create(&folder.files, now)?;
        Ok(folder)
    }

    /// States that everything is written, and which ports are used now.
    ///
    /// # Errors
    /// When the marker cannot be written.
    pub fn complete(&mut self, ports: Ports) -> Result<(), Failure> {
        self.marker.complete = true;
        self.marker.ports = ports;
        self.save()
    }

    fn reuse(dir: &Path, marker: Marker, now: Time) -> Result<Self, Failure> {
        let age = now.signed_duration_since(marker.created).num_days();
        if age >= pki::VALID_DAYS {
            return Err(Failure::usage(
                format!("the certificates in `{}` have expired: they were made {age} days ago", dir.display()),
                "Add --fresh to make new ones",
            ));
        }
        Ok(Self { files: Files::new(dir), marker, reused: true })
    }

    fn save(&mut self) -> Result<(), Failure> {
        let path = self.files.dir().join(MARKER);
        let text = serde_json::to_vec(&self.marker).map_err(|error| Failure::unexpected(error.to_string()))?;
        fs::write(&path, text)
            .map_err(|error| Failure::unexpected(format!("`{}` cannot be written: {error}", path.display())))
    }
}

/// The marker of a folder that a demo made; `None` when the folder is not there or is empty.
fn marker_of(dir: &Path) -> Result<Option<Marker>, Failure> {
    let foreign = |why: &str| {
        Failure::usage(
            format!("`{}` {why}, so it is left alone", dir.display()),
            "Choose a folder that is not there yet with --dir",
        )
    };
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(foreign(&format!("cannot be looked at ({error})"))),
        Ok(meta) if !meta.is_dir() => return Err(foreign("is no folder")),
        Ok(_) => {}
    }
    match fs::read(dir.join(MARKER)) {
        Ok(bytes) => {
            let marker: Option<Marker> = serde_json::from_slice(&bytes).ok();
            let marker = marker.filter(|marker| marker.schema == SCHEMA);
            marker.map(Some).ok_or_else(|| foreign("has a marker that another version wrote"))
        }
        Err(_) => {
            let empty = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
            if empty { Ok(None) } else { Err(foreign("was not made by the demo")) }
        }
    }
}

/// The folder's full path: children and the lines to paste must not depend on where they are run.
fn absolute(dir: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(dir).map_err(|error| Failure::usage(format!("`{}`: {error}", dir.display()), "Give a path"))
}

const MARKER: &str = ".vidimus-demo.json";
const SCHEMA: &str = "vidimus.demo-folder/v1";

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("vidimus-demo-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        dir
    }

    fn now() -> Time {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_folder_is_used_again_with_its_keys_until_they_expire() {
        let dir = place("again");
        let mut first = Folder::open(&dir, false, now()).unwrap();
        first.complete(Ports { sts: 4711, ..Ports::default() }).unwrap();
        let ca = fs::read(first.files.ca()).unwrap();
        let second = Folder::open(&dir, false, now()).unwrap();
        assert!(second.reused && second.marker.ports.sts == 4711);
        assert_eq!(fs::read(second.files.ca()).unwrap(), ca);
        let later = now() + chrono::TimeDelta::days(pki::VALID_DAYS);
        assert!(Folder::open(&dir, false, later).unwrap_err().fix.contains("--fresh"));
        let third = Folder::open(&dir, true, later).unwrap();
        assert!(!third.reused);
        assert_ne!(fs::read(third.files.ca()).unwrap(), ca);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn somebody_elses_folder_is_left_alone() {
        let dir = place("foreign");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("thesis.tex"), "years of work").unwrap();
        for fresh in [false, true] {
            let failure = Folder::open(&dir, fresh, now()).unwrap_err();
            assert!(failure.says.contains("left alone"), "{failure:?}");
        }
        assert!(dir.join("thesis.tex").exists());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_was_not_finished_is_made_anew() {
        let dir = place("unfinished");
        Folder::open(&dir, false, now()).unwrap();
        assert!(!Folder::open(&dir, false, now()).unwrap().reused);
        fs::remove_dir_all(&dir).unwrap();
    }
}
