//! The files that a configuration names: texts, certificates, secrets, lists of files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::problem::Problem;
use crate::wire::x509::Certificate;

/// What is wrong with a file, in words; the caller knows who named it.
pub(super) type Wrong = (String, String);

/// The files of a pattern, in order. `*` may stand in the last part, for any part of a name; names
/// that begin with a dot are left out. A path without `*` is itself.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn list(dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, Wrong> {
    let path = dir.join(pattern);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().unwrap_or(dir);
    if folder.to_string_lossy().contains('*') {
        return Err((format!("`{pattern}` has a `*` in a folder's name"), "Use `*` in the last part only".to_owned()));
    }
    let Some((begin, end)) = name.split_once('*') else {
        return Ok(vec![path.clone()]);
    };
    let entries = std::fs::read_dir(folder).map_err(|error| {
        (format!("the folder `{}` cannot be read: {error}", folder.display()), "Create it".to_owned())
    })?;
    let fits = |name: &str| {
        name.len() >= begin.len() + end.len()
            && name.starts_with(begin)
            && name.ends_with(end)
            && !name.starts_with('.')
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(fits))
        .collect();
    found.sort();
    Ok(found)
}

pub(super) fn text(path: &Path) -> Result<String, Wrong> {
    std::fs::read_to_string(path).map_err(|error| {
        let Problem { says, fix, .. } = Problem::unreadable(path, &error);
        (says, fix)
    })
}

/// The certificates of a PEM file; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<Certificate>, Wrong> {
    let pem = text(path)?;
    let says = |what: String| (format!("`{}`: {what}", path.display()), PEM_FIX.to_owned());
    if pem.contains("PRIVATE KEY") {
        let what = "a private key lies in a file of certificates".to_owned();
        return Err((says(what).0, "Give the certificate only, and keep the key to its owner".to_owned()));
    }
    let found = Certificate::from_pem(pem.as_bytes()).map_err(|error| says(error.to_string()))?;
    if found.is_empty() { Err(says("no certificate is in it".to_owned())) } else { Ok(found) }
}

/// A text that only its owner may read.
pub(super) fn secret(path: &Path) -> Result<Zeroizing<String>, Wrong> {
    let text = Zeroizing::new(text(path)?);
    let mode = std::fs::metadata(path).map(|meta| meta.permissions().mode() & 0o777).unwrap_or(0);
    if mode & 0o077 != 0 {
        let says = format!("`{}` can be read by others than its owner (mode {mode:04o})", path.display());
        return Err((says, format!("Type `chmod 600 {}`", path.display())));
    }
    Ok(text)
}

const PEM_FIX: &str = "Give a PEM file: `-----BEGIN CERTIFICATE-----` …";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_part_of_a_name_and_nothing_hidden() {
        let dir = std::env::temp_dir().join(format!("vidimus-files-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["b.toml", "a.toml", ".c.toml", "a.pem", "toml"] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        let names = |pattern| -> Vec<String> {
            let found = list(&dir, pattern).unwrap();
            found.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("*.toml"), ["a.toml", "b.toml"]);
        assert_eq!(names("a*"), ["a.pem", "a.toml"]);
        assert_eq!(names("missing"), ["missing"]);
        assert!(list(&dir, "none/*.toml").is_err());
        assert!(list(&dir, "*/a.toml").is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
