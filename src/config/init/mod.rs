//! `vidimus init`: a folder that a server can be started from.
//!
//! Every key of [`SETTINGS`] stands in the file with its meaning; what is not set is commented out
//! with its default. Keys are made here and written once, for their owner only. Nothing that exists
//! is ever overwritten.

use std::fmt::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use chrono::{Datelike, Days};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

use super::options::{SETTINGS, Setting};
use super::problem::Problem;
use super::values;
use crate::keys::file::{generate, generate_secret, write_private};
use crate::model::{KeyPurpose, Time};

/// What the folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// TLS for `localhost` is made too, by a certificate that nobody else trusts.
    Demo,
    /// The operator brings the TLS certificate.
    Production,
}

/// What to create.
#[derive(Debug, Clone)]
pub struct InitOptions {
    pub mode: Mode,
    pub issuer: String,
    pub listen: String,
    /// Further settings for the file: key, and value as TOML.
    pub settings: Vec<(String, String)>,
    /// Files that are there instead of ours. One under `registry/` or `policies/` replaces the
    /// examples of that folder; both files of `tls/` replace the TLS certificate.
    pub files: Vec<GivenFile>,
}

/// A file of the caller's.
#[derive(Debug, Clone)]
pub struct GivenFile {
    /// From the folder.
    pub path: PathBuf,
    pub text: String,
    /// For its owner only.
    pub secret: bool,
}

/// What was created.
#[derive(Debug, Clone, Default)]
pub struct Created {
    /// The configuration file.
    pub config: PathBuf,
    /// All files, in the order of making.
    pub files: Vec<PathBuf>,
    /// What is left to do before a server can be started.
    pub notes: Vec<String>,
}

/// Creates a configuration in `dir`.
///
/// # Errors
/// When one is there already, the issuer cannot be used, or a file cannot be written.
pub fn init(dir: &Path, options: &InitOptions, now: Time) -> Result<Created, Problem> {
    values::url(&options.issuer)
        .map_err(|fix| Problem::new(format!("`{}` cannot be our name", options.issuer), fix))?;
    let config = dir.join(CONFIG);
    if config.exists() {
        let says = format!("there is a configuration in `{}` already", dir.display());
        return Err(Problem::new(says, "Name another folder; nothing that exists is overwritten"));
    }
    let mut making = Making { dir, created: Created { config, ..Created::default() } };
    for folder in ["", "keys", "tls", "trust", "registry", "policies", "senders", "issuers", "data"] {
        making.folder(folder)?;
    }
    for file in &options.files {
        making.write(&file.path, file.text.as_bytes(), file.secret)?;
    }
    making.keys(options, now)?;
    making.tls(options, now)?;
    making.examples(options)?;
    making.write(Path::new("README.md"), include_bytes!("README.md"), false)?;
    making.write(Path::new(".gitignore"), b"keys/\ntls/\ndata/\n", false)?;
    // Last, so that a folder without it can be seen to be half-made.
    making.write(Path::new(CONFIG), text(options).as_bytes(), false)?;
    Ok(making.created)
}

struct Making<'a> {
    dir: &'a Path,
    created: Created,
}

impl Making<'_> {
    fn folder(&self, name: &str) -> Result<(), Problem> {
        let path = self.dir.join(name);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|error| unwritable(&path, &error))
    }

    fn write(&mut self, name: &Path, bytes: &[u8], secret: bool) -> Result<(), Problem> {
        let path = self.dir.join(name);
        if let Some(parent) = name.parent().and_then(Path::to_str) {
            self.folder(parent)?;
        }
        let written = if secret {
            write_private(&path, bytes)
        } else {
            std::fs::File::create_new(&path).and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
        };
        written.map_err(|error| unwritable(&path, &error))?;
        self.created.files.push(path);
        Ok(())
    }

    /// One key for each purpose; those that sign XML with a certificate that carries them.
    fn keys(&mut self, options: &InitOptions, now: Time) -> Result<(), Problem> {
        for (purpose, name, with_certificate) in [
            (KeyPurpose::Assertions, "assertions", true),
            (KeyPurpose::AccessTokens, "access-tokens", false),
            (KeyPurpose::SoapAnswers, "soap-answers", true),
            (KeyPurpose::Checkpoints, "checkpoints", false),
        ] {
            let path = PathBuf::from(format!("keys/{name}.key"));
            if given(options, &path) {
                continue;
            }
            let pem = generate(purpose).map_err(unmade)?;
            self.write(&path, pem.as_bytes(), true)?;
            if with_certificate {
                let key = KeyPair::from_pem(&pem).map_err(unmade)?;
                let mut params = CertificateParams::default();
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
                let certificate = certificate(params, &format!("{} ({name})", options.issuer), &key, now)?;
                self.write(Path::new(&format!("keys/{name}.pem")), certificate.as_bytes(), false)?;
            }
        }
        let secret = Path::new("keys/pseudonyms.secret");
        if given(options, secret) { Ok(()) } else { self.write(secret, &*generate_secret(), true) }
    }

    fn tls(&mut self, options: &InitOptions, now: Time) -> Result<(), Problem> {
        let chosen = options.settings.iter().any(|(key, _)| key.starts_with("tls."));
        if chosen || given(options, Path::new(TLS_KEY)) {
            return Ok(());
        }
        if options.mode == Mode::Production {
            let says = format!(
                "TLS: not created. Put the certificate with its chain at {TLS_CERT}, its key (mode 0600) at {TLS_KEY}"
            );
            self.created.notes.push(says);
            return Ok(());
        }
        let pem = generate(KeyPurpose::Tls).map_err(unmade)?;
        let key = KeyPair::from_pem(&pem).map_err(unmade)?;
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let host = options.issuer.trim_start_matches("https://").split(['/', ':']).next().unwrap_or_default();
        if !names.iter().any(|name| name == host) {
            names.push(host.to_owned());
        }
        let mut params = CertificateParams::new(names).map_err(unmade)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = certificate(params, host, &key, now)?;
        self.write(Path::new(TLS_KEY), pem.as_bytes(), true)?;
        self.write(Path::new(TLS_CERT), certificate.as_bytes(), false)?;
        self.created.notes.push(format!("TLS: a certificate for localhost that nobody else trusts is at {TLS_CERT}"));
        Ok(())
    }

    fn examples(&mut self, options: &InitOptions) -> Result<(), Problem> {
        let replaced = |folder: &str| options.files.iter().any(|file| file.path.starts_with(folder));
        for (name, text) in EXAMPLES {
            let path = Path::new(name);
            let replaced = path.parent().and_then(Path::to_str).is_some_and(replaced);
            if !replaced {
                self.write(path, text.as_bytes(), false)?;
            }
        }
        #[cfg(feature = "cedar")]
        if !given(options, Path::new(SCHEMA)) {
            self.write(Path::new(SCHEMA), crate::pdp::cedar::SCHEMA.as_bytes(), false)?;
        }
        if !replaced("registry") {
            self.created.notes.push("No sender is registered yet: see registry/senders.toml".to_owned());
        }
        Ok(())
    }
}

fn given(options: &InitOptions, path: &Path) -> bool {
    options.files.iter().any(|file| file.path == path)
}

/// The text of `vidimus.toml`, from the table.
fn text(options: &InitOptions) -> String {
    let set = |setting: &Setting| match setting.key {
        "config_version" => setting.default.map(str::to_owned),
        "issuer" => Some(quoted(&options.issuer)),
        "listen" => Some(quoted(&options.listen)),
        key => options.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()),
    };
    let mut text = HEAD.to_owned();
    let mut section = "";
    for setting in SETTINGS {
        let (of, name) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if of != section {
            section = of;
            let _infallible = writeln!(text, "\n[{section}]");
        }
        let _infallible = writeln!(text, "\n# {}  [{}]", setting.says, setting.variable());
        let _infallible = match (set(setting), setting.default) {
            (Some(value), _) => writeln!(text, "{name} = {value}"),
            (None, default) => writeln!(text, "# {name} = {}", default.unwrap_or("\"\"")),
        };
    }
    text.push_str(AUTHORITIES);
    text.push_str(DOORS);
    text
}

fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

/// A self-signed certificate, valid from yesterday for two years.
fn certificate(mut params: CertificateParams, name: &str, key: &KeyPair, now: Time) -> Result<String, Problem> {
    let day = |time: Time| {
        // rcgen takes years, months and days
        rcgen::date_time_ymd(
            time.year(),
            u8::try_from(time.month()).unwrap_or(1),
            u8::try_from(time.day()).unwrap_or(1),
        )
    };
    params.is_ca = IsCa::ExplicitNoCa;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = day(now - Days::new(1));
    params.not_after = day(now + Days::new(730));
    Ok(params.self_signed(key).map_err(unmade)?.pem())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Problem {
    let fix = match error.kind() {
        std::io::ErrorKind::AlreadyExists => "Name another folder; nothing that exists is overwritten",
        _ => "Check the folder and its permissions",
    };
    Problem::new(format!("`{}` cannot be written: {error}", path.display()), fix)
}

fn unmade(error: impl std::fmt::Display) -> Problem {
    Problem::new(format!("a key or certificate could not be made: {error}"), "")
}

/// The configuration's name in its folder.
pub const CONFIG: &str = "vidimus.toml";
const TLS_CERT: &str = "tls/certificate.pem";
const TLS_KEY: &str = "tls/key.pem";
#[cfg(feature = "cedar")]
const SCHEMA: &str = "policies/vidimus.cedarschema";

const HEAD: &str = "\
# Vidimus. A line that begins with `#` shows a default; remove the `#` to change it.
# A value is taken from, each over the one before: default, this file, the environment variable in
# brackets, the flag `--set KEY=VALUE`. `vidimus config show --effective --origin` tells which it was.
# Paths begin at the folder of this file. `vidimus config check` says what is wrong.
";

const AUTHORITIES: &str = "
# What the authorities of your senders revoke. Each anchor stands in an entry that names a source, or
# says `revocation = \"off\"` in so many words. What is unknown or too old is refused.
# [[trust.authority]]
#   anchors = [\"trust/root.pem\"]
#   intermediates = [\"trust/issuing.pem\"]               # so that senders need not send them, and their CRLs verify
#   crl_urls = [\"http://crl.example/root.crl\"]          # fetched in the background; the only addresses ever called
#   crl_files = [\"trust/issuing.crl\"]                   # read again while the server runs
#   ocsp_url = \"http://ocsp.example/\"                   # asked about each registered certificate
#   unknown = { accept_until = \"2026-12-31\", reason = \"the CRL moves to another host\" }
#   extended_key_usage = [\"clientAuth\"]                 # must be there; without this key: clientAuth, if there is any
#   policies = [\"2.16.56.1.1.1.2.2\"]
";

const DOORS: &str = "
# SOAP endpoints. Without any: one for each built-in profile, at the profile's own path.
# [[doors.soap]]
# profile = \"oasis\"
# path = \"/sts/oasis\"
";

const EXAMPLES: &[(&str, &str)] = &[
    ("registry/senders.toml", include_str!("senders.toml")),
    ("registry/services.toml", include_str!("services.toml")),
    ("registry/issuers.toml", include_str!("issuers.toml")),
    ("policies/permit-own-account.cedar", include_str!("permit-own-account.cedar")),
    ("policies/permit-mandate.cedar", include_str!("permit-mandate.cedar")),
    ("policies/permit-by-claim.cedar", include_str!("permit-by-claim.cedar")),
];
