//! `vidimus envelope tamper --kind K FILE`: any attack of the catalogue, made of a good message, for
//! whoever tests his own service.
//!
//! The kinds are those that the corpus runs against this program itself
//! (`conformance/tamper`); what each must come to is told beside it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::credentials::CredentialArgs;
use crate::cli::exit;
use crate::cli::files;
use crate::cli::{Exit, Failure, Output};
use crate::conformance::tamper::{self, Attacker, FAMILIES, Good, Kind, Must, Signs};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Usage, Exit::Refused, Exit::NotFound], [
    "vidimus envelope tamper --list",
    "vidimus envelope tamper good.xml --kind body-to-header > evil.xml",
    "vidimus envelope tamper good.xml --kind all --out attacks --p12 own.p12 --password-file pw",
]))]
pub struct Args {
    /// An envelope that the service accepts; `-` is stdin
    #[arg(value_name = "FILE", required_unless_present = "list")]
    file: Option<PathBuf>,
    /// Which attack; `all` makes every one that fits the message
    #[arg(long, value_name = "KIND", required_unless_present = "list")]
    kind: Option<String>,
    /// List the kinds: what each does, and what must come of it
    #[arg(long)]
    list: bool,
    /// With `--kind all`: the folder that gets a file for each attack
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The key that signs where an attack needs a signature, in place of a stranger's made for the occasion. With the
    /// sender's own key, attacks in which only the shape is wrong are signed well
    #[command(flatten)]
    credentials: CredentialArgs,
}

/// # Errors
/// When a file cannot be used, or the kind does not fit the message.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    if args.list {
        list(out);
        return Ok(Exit::Done);
    }
    let (Some(file), Some(name)) = (&args.file, &args.kind) else {
        return Err(Failure::usage("a message and a kind are needed", "See --list"));
    };
    let good = Good::read(&files::read(file)?)
        .map_err(|error| Failure::new(Exit::Refused, format!("not XML that is read here: {error}"), ""))?;
    let attacker = attacker(&args.credentials, out)?;
    if name == "all" {
        return all(args, &good, &attacker, out);
    }
    let kind = tamper::kind(name).ok_or_else(|| unknown(name))?;
    let bytes = kind.tamper(&good, &attacker).map_err(|why| {
        let says = format!("`{name}` does not fit this message: {why}");
        Failure::new(Exit::Refused, says, "Give another message, or --kind all for every kind that fits")
    })?;
    if out.is_json() {
        let mut object = described(kind);
        if let Value::Object(object) = &mut object {
            object.insert("schema".to_owned(), "vidimus.tampered/v1".into());
            object.insert("bytes".to_owned(), bytes.len().into());
            object.insert("envelope".to_owned(), String::from_utf8_lossy(&bytes).into());
        }
        out.json(&object);
    } else {
        out.bytes(&bytes);
    }
    out.note(format_args!("{}  {}  {}", kind.name, kind.row, kind.says));
    out.note(format_args!("must {}", must(kind)));
    Ok(Exit::Done)
}

/// Every kind that fits, a file each.
fn all(args: &Args, good: &Good, attacker: &Attacker, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let folder = args.out.as_ref().ok_or_else(|| Failure::usage("`--kind all` makes many files", "Add --out DIR"))?;
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::unexpected(format!("`{}` cannot be made: {error}", folder.display())))?;
    let (mut made, mut left_out) = (Vec::new(), Vec::new());
    for kind in tamper::kinds() {
        match kind.tamper(good, attacker) {
            Ok(bytes) => {
                let path = folder.join(format!("{}.xml", kind.name));
                files::write(&path, &bytes)?;
                let mut object = described(kind);
                if let Value::Object(object) = &mut object {
                    object.insert("file".to_owned(), path.display().to_string().into());
                }
                made.push(object);
                if !out.is_json() {
                    out.line(format_args!("{:<32} must {}", kind.name, must(kind)));
                }
            }
            Err(why) => left_out.push(json!({"kind": kind.name, "why": why})),
        }
    }
    out.note(format_args!("{} attacks in {}; {} do not fit", made.len(), folder.display(), left_out.len()));
    if out.is_json() {
        out.json(&json!({"schema": "vidimus.attacks/v1", "made": made, "left_out": left_out}));
    }
    Ok(Exit::Done)
}

fn attacker(credentials: &CredentialArgs, out: &mut Output<'_>) -> Result<Attacker, Failure> {
    if !credentials.are_given() {
        return Attacker::stranger().map_err(Failure::unexpected);
    }
    let (key, certificate) = credentials.load(out)?.into_pair();
    Ok(Attacker::with(key, certificate))
}

fn list(out: &mut Output<'_>) {
    if out.is_json() {
        let kinds: Vec<Value> = tamper::kinds().map(described).collect();
        out.json(&json!({"schema": "vidimus.kinds/v1", "kinds": kinds}));
        return;
    }
    for (family, kinds) in FAMILIES {
        out.line(format_args!("{family}"));
        for kind in *kinds {
            out.line(format_args!("  {:<32} {:<5} {}", kind.name, kind.row, kind.says));
        }
    }
    out.note("All must be refused; those of equal meaning may be taken for the good message, once.");
    out.note("Rows are those of the catalogue; `-o json` tells for each kind what must come of it and who signs.");
}

fn described(kind: &Kind) -> Value {
    json!({
        "kind": kind.name, "row": kind.row, "says": kind.says,
        "must": match kind.must { Must::Refuse => "refuse", Must::MeanTheSame => "refuse-or-mean-the-same" },
        "signed_by": match kind.signs { Signs::Nobody => "unchanged", Signs::Stranger => "stranger", Signs::Anybody => "anybody" },
    })
}

fn must(kind: &Kind) -> &'static str {
    match (kind.must, kind.signs) {
        (Must::Refuse, Signs::Stranger) => "be refused, unless the key that signed is trusted",
        (Must::Refuse, _) => "be refused",
        (Must::MeanTheSame, _) => {
            "be refused, or mean what the good message means; after that message, be refused as sent before"
        }
    }
}

fn unknown(name: &str) -> Failure {
    let near = tamper::kinds().map(|kind| kind.name).find(|known| known.contains(name) || name.contains(*known));
    let near = near.map(|near| format!(" (`{near}`?)")).unwrap_or_default();
    Failure::new(Exit::NotFound, format!("there is no kind `{name}`{near}"), "See `vidimus envelope tamper --list`")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::{Cli, Format, Verb};

    use super::*;

    fn ran(words: &[&str], format: Format) -> (Vec<u8>, String, Exit) {
        let line = ["vidimus", "envelope", "tamper"].into_iter().chain(words.iter().copied());
        let Verb::Envelope(args) = Cli::try_parse_from(line).unwrap().verb else { panic!("another verb") };
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        let mut out = Output::new(format, &mut result, &mut notes);
        let exit = super::super::run(args, &mut out).unwrap_or_else(|failure| out.failure(&failure));
        (result, String::from_utf8(notes).unwrap(), exit)
    }

    #[test]
    fn a_kind_is_made_listed_or_named_as_unknown() {
        let (list, ..) = ran(&["--list"], Format::Human);
        assert!(String::from_utf8(list).unwrap().contains("  body-to-header                   C01"));
        let (list, ..) = ran(&["--list"], Format::Json);
        let list: Value = serde_json::from_slice(&list).unwrap();
        assert!(list["kinds"].as_array().is_some_and(|kinds| kinds.len() >= 120));
        let (_, notes, exit) = ran(&["Cargo.toml", "--kind", "body-to"], Format::Human);
        assert_eq!(exit, Exit::Refused, "{notes}");

        let path = std::env::temp_dir().join(format!("vidimus-tamper-{}.xml", std::process::id()));
        std::fs::write(
            &path,
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body/></s:Envelope>",
        )
        .unwrap();
        let path = path.display().to_string();
        let (result, notes, exit) = ran(&[&path, "--kind", "doctype"], Format::Human);
        assert_eq!(exit, Exit::Done);
        assert!(result.starts_with(b"<!DOCTYPE a><s:Envelope"), "{notes}");
        assert!(notes.contains("must be refused"), "{notes}");
        let (_, notes, exit) = ran(&[&path, "--kind", "body-to-header"], Format::Human);
        assert_eq!(exit, Exit::Refused);
        assert!(
            notes.contains("does not fit this message: that part is not signed") || notes.contains("does not fit"),
            "{notes}"
        );
        let (_, notes, exit) = ran(&[&path, "--kind", "body-to"], Format::Human);
        assert_eq!(exit, Exit::NotFound);
        assert!(notes.contains("(`body-to-header`?)"), "{notes}");
    }
}
