//! `vidimus envelope c14n FILE`: the canonical bytes of an element, exactly as they are digested.
//!
//! With `--ref` alone the signature's own reference says how; every setting can also be given.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use crate::cli::exit;
use crate::cli::files;
use crate::cli::{Exit, Failure, Output};
use crate::wire::base64;
use crate::wire::crypto::DigestAlgorithm;

use super::canonical::{self, Form};
use super::inspect::parse;

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused, Exit::NotFound], [
    "vidimus envelope c14n message.xml --ref body-1 --hash sha256",
    "vidimus envelope c14n message.xml --element Body --prefix-list soapenv > body.c14n",
    "vidimus envelope c14n - --inclusive --with-comments",
]))]
pub struct Args {
    /// The envelope, or any XML; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The element with this id; without further settings, as the signature's reference to it says
    #[arg(long = "ref", value_name = "ID", conflicts_with = "element")]
    reference: Option<String>,
    /// The element at this path, as `inspect` writes it, with or without prefixes; or of this name
    #[arg(long, value_name = "PATH")]
    element: Option<String>,
    /// Inclusive canonicalization (C14N 1.0), in place of exclusive
    #[arg(long)]
    inclusive: bool,
    /// Keep comments
    #[arg(long)]
    with_comments: bool,
    /// Prefixes to treat as inclusive, separated by blanks; `#default` is the default namespace
    #[arg(long, value_name = "PREFIXES", conflicts_with = "inclusive")]
    prefix_list: Option<String>,
    /// Print the digest of the form in place of the form
    #[arg(long, value_enum)]
    hash: Option<Hash>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl From<Hash> for DigestAlgorithm {
    fn from(hash: Hash) -> Self {
        match hash {
            Hash::Sha256 => Self::Sha256,
            Hash::Sha384 => Self::Sha384,
            Hash::Sha512 => Self::Sha512,
        }
    }
}

/// # Errors
/// When the file cannot be read, or the element is not one.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let document = parse(files::read(&args.file)?)?;
    let element = canonical::element(&document, args.reference.as_deref(), args.element.as_deref())?;
    let form = Form {
        inclusive: args.inclusive,
        comments: args.with_comments,
        prefixes: args.prefix_list.iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect(),
    };
    let is_chosen = form != Form::default() || args.prefix_list.is_some();
    let referenced = args.reference.as_deref().map(|id| id.trim_start_matches('#'));
    let referenced = referenced.filter(|_| !is_chosen).and_then(|id| canonical::as_referenced(&document, id));
    let whole = args.reference.is_none() && args.element.is_none();
    let (octets, how, wanted) = match referenced {
        Some((octets, how, digest)) => (octets?, format!("as its signature says: {how}"), Some(digest)),
        None if whole => (canonical::of_document(&document, &form)?, form.describe(), None),
        None => (canonical::of(element, &form)?, form.describe(), None),
    };
    let digest = args.hash.map(|hash| DigestAlgorithm::from(hash).digest(&octets));
    let digest = digest.as_ref().map(AsRef::as_ref).map(base64::encode);
    if out.is_json() {
        let text = args.hash.is_none().then(|| String::from_utf8_lossy(&octets));
        out.json(&json!({
            "schema": "vidimus.c14n/v1", "element": element.path(), "form": how, "bytes": octets.len(),
            "digest": digest, "canonical": text, "digest_in_message": wanted.as_deref().map(base64::encode),
        }));
    } else if let Some(digest) = &digest {
        out.line(digest);
    } else {
        out.bytes(&octets);
    }
    out.note(format_args!("canonical  {}  {how}  {} bytes", element.path(), octets.len()));
    if let (Some(digest), Some(wanted)) = (&digest, &wanted) {
        let wanted = base64::encode(wanted);
        let says = if *digest == wanted { "equals" } else { "is not" };
        out.note(format_args!("this {says} the DigestValue of the message, {wanted}"));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::{Cli, Format, Verb};

    use super::*;

    fn ran(words: &[&str], text: &str) -> (String, Exit) {
        let path = std::env::temp_dir().join(format!("vidimus-c14n-{}.xml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let path = path.display().to_string();
        let line = ["vidimus", "envelope", "c14n", &path].into_iter().chain(words.iter().copied());
        let Verb::Envelope(args) = Cli::try_parse_from(line).unwrap().verb else { panic!("another verb") };
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        let mut out = Output::new(Format::Human, &mut result, &mut notes);
        let exit = super::super::run(args, &mut out).unwrap_or_else(|failure| out.failure(&failure));
        (String::from_utf8(result).unwrap(), exit)
    }

    #[test]
    fn bytes_are_written_as_they_are_and_the_digest_is_theirs() {
        let text = "<a xmlns:b=\"urn:b\"><c Id=\"1\">&#13;\u{e9}</c></a>";
        assert_eq!(ran(&["--ref", "#1"], text), ("<c Id=\"1\">&#xD;\u{e9}</c>".to_owned(), Exit::Done));
        let digest = base64::encode(&crate::wire::crypto::sha256("<c Id=\"1\">&#xD;\u{e9}</c>".as_bytes()));
        assert_eq!(ran(&["--ref", "1", "--hash", "sha256"], text), (format!("{digest}\n"), Exit::Done));
        assert_eq!(ran(&["--element", "d"], text).1, Exit::NotFound);
        assert!(ran(&["--inclusive"], text).0.starts_with("<a xmlns:b=\"urn:b\"><c"));
    }
}
