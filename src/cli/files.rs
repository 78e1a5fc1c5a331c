//! Files that people name on the command line; `-` is stdin. Reading is bounded.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Failure;

/// The whole of `path`, or of stdin for `-`.
///
/// # Errors
/// When it cannot be read or is larger than [`LIMIT`].
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        std::io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
    };
    match read {
        Err(error) => Err(unreadable(path, &error)),
        Ok(length) if length as u64 > LIMIT => {
            Err(Failure::usage(format!("`{}` is larger than {LIMIT} bytes", path.display()), "Give another file"))
        }
        Ok(_) => Ok(bytes),
    }
}

/// The same as text.
///
/// # Errors
/// Also when it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|_| {
        Failure::usage(format!("`{}` is not text in UTF-8", path.display()), "Check that it is the file you mean")
    })
}

pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes a result to a file of its own.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| Failure::unexpected(format!("`{}` cannot be written: {error}", path.display())))
}

/// Whether others than the owner may read the file. Pipes and sockets belong to nobody else.
pub fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o044 != 0)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("`{}` cannot be read: {error}", path.display()), "Check the path and its permissions")
}

/// Nothing that these commands read is larger: messages, tokens, keys, certificates.
const LIMIT: u64 = 16 * 1024 * 1024;
