//! Templates: text with `${…}`.
//!
//! ```text
//! ${name}  ${name=default}        a value of the recipe, of the target, of an earlier step
//! ${now}  ${now+300}  ${now-60:s} the clock, moved by seconds; `:s` without milliseconds
//! ${endpoint}                     where the message goes
//! ${certificate}  ${certificate:NAME}   base64 of the signer's, or another's, certificate
//! ${path:NAME+NAME}              base64 of a PKIPath of certificates, in this order (the leaf last)
//! ${issuer} ${serial} ${ski} ${thumbprint} ${modulus} ${exponent}   likewise, of that certificate
//! ${pkipath:LEAF,CA}              base64 of a PKIPath, whose first certificate is the last one named
//! ${file:parts/x.xml}             another template
//! ${repeat:600:x}                 a text so many times
//! ${…|fold}  ${…|crlf}            base64 in lines of 76, ending in LF or in CR LF
//! ${…|base64}  ${…|base64url}     encoded
//! ```

use std::fs;
use std::path::Path;

use chrono::Duration;

use super::keys::Keys;
use crate::model::Time;
use crate::wire::base64;
use crate::wire::crypto::Components;
use crate::wire::x509::Certificate;
use crate::wire::xml::time;

/// What the placeholders mean.
pub(super) struct Scope<'a> {
    pub keys: &'a Keys,
    /// The signer, whose certificate `${certificate}` is.
    pub signer: Option<&'a str>,
    pub clock: Time,
    pub endpoint: &'a str,
    /// Where `${file:…}` looks.
    pub folder: &'a Path,
    pub value: &'a dyn Fn(&str) -> Option<String>,
}

impl Scope<'_> {
    /// The text of a template file, filled.
    ///
    /// # Errors
    /// When the file, a key or a value is missing.
    pub fn file(&self, name: &str) -> Result<String, String> {
        let path = self.folder.join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        // Editors end files with a line end; messages do not have it.
        self.fill(text.strip_suffix('\n').unwrap_or(&text))
    }

    /// `text` with its placeholders filled.
    ///
    /// # Errors
    /// When a value or a key is missing, or a placeholder is not one.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        self.filled(text, 0)
    }

    fn filled(&self, text: &str, depth: usize) -> Result<String, String> {
        if depth > DEEPEST {
            return Err("values that name each other without end".into());
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let end = closing(after).ok_or("`${` without `}`")?;
            let (inside, behind) = after.split_at_checked(end).ok_or("`${` without `}`")?;
            out.push_str(&self.placeholder(inside, depth)?);
            rest = behind.strip_prefix('}').unwrap_or(behind);
        }
        out.push_str(rest);
        Ok(out)
    }

    fn placeholder(&self, text: &str, depth: usize) -> Result<String, String> {
        let name_end =
            text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(name_end).unwrap_or((text, ""));
        if let Some(default) = rest.strip_prefix('=') {
            let value = (self.value)(name).unwrap_or_else(|| default.to_owned());
            return self.filled(&value, depth + 1);
        }
        let (rest, filter) = match rest.rsplit_once('|') {
            Some((rest, filter)) => (rest, Some(filter)),
            None => (rest, None),
        };
        let value = match name {
            "now" => self.now(rest)?,
            "endpoint" if rest.is_empty() => self.endpoint.to_owned(),
            "path" => self.path(rest.strip_prefix(':').ok_or("${path:NAME+NAME}")?)?,
            "file" => self.file(rest.strip_prefix(':').ok_or("${file:NAME}")?)?,
            "repeat" => repeated(rest)?,
            "pkipath" => self.pkipath(rest)?,
            _ if CERTIFICATE_WORDS.contains(&name) => {
                let of = rest.strip_prefix(':').map(|of| self.filled(of, depth + 1)).transpose()?;
                self.of_certificate(name, of.as_deref())?
            }
            _ if rest.is_empty() => {
                let value = (self.value)(name).ok_or_else(|| format!("nothing gives `{name}` a value"))?;
                self.filled(&value, depth + 1)?
            }
            _ => return Err(format!("`${{{text}}}` is no placeholder")),
        };
        match filter {
            None => Ok(value),
            Some("fold") => Ok(folded(&value, "\n")),
            Some("crlf") => Ok(folded(&value, "&#13;\n")),
            Some("base64") => Ok(base64::encode(value.as_bytes())),
            Some("base64url") => Ok(base64::encode_url(value.as_bytes())),
            Some(other) => Err(format!("`|{other}` is no filter")),
        }
    }

    /// `+SECONDS` or `-SECONDS`, then `:s`; both optional.
    fn now(&self, text: &str) -> Result<String, String> {
        let (offset, whole) = match text.strip_suffix(":s") {
            Some(offset) => (offset, true),
            None => (text, false),
        };
        let seconds =
            if offset.is_empty() { 0 } else { offset.parse::<i64>().map_err(|e| format!("{offset}: {e}"))? };
        let written = time::format_millis(self.clock + Duration::seconds(seconds));
        match (whole, written.split_once('.')) {
            (true, Some((seconds, _))) => Ok(format!("{seconds}Z")),
            _ => Ok(written),
        }
    }

    /// ITU-T X.509 §7.7.1: a SEQUENCE of certificates.
    fn path(&self, names: &str) -> Result<String, String> {
        let mut content = Vec::new();
        for name in names.split('+') {
            content.extend_from_slice(self.keys.certificate(name)?.der());
        }
        let length = u16::try_from(content.len()).map_err(|_| "the path is too long")?.to_be_bytes();
        Ok(base64::encode(&[&[0x30, 0x82], length.as_slice(), &content].concat()))
    }

    fn of_certificate(&self, word: &str, name: Option<&str>) -> Result<String, String> {
        let name = name.or(self.signer).ok_or_else(|| format!("`${{{word}}}`: nobody signs; name a certificate"))?;
        let certificate = self.keys.certificate(name)?;
        Ok(match word {
            "certificate" => base64::encode(certificate.der()),
            "issuer" => escaped(&certificate.issuer().to_string()),
            "subject" => escaped(&certificate.subject().to_string()),
            "serial" => certificate.serial().to_string(),
            "ski" => base64::encode(certificate.subject_key_identifier().unwrap_or_default()),
            "thumbprint" => base64::encode(&certificate.thumbprint_sha1()),
            _ => base64::encode(&rsa_component(&certificate, word)?),
        })
    }
}

impl Scope<'_> {
    /// ITU-T X.509 §9.3: the certificate nearest to the root stands first.
    fn pkipath(&self, written: &str) -> Result<String, String> {
        let names = written.strip_prefix(':').ok_or("${pkipath:LEAF,CA}")?;
        let mut inside = Vec::new();
        for name in names.split(',').rev() {
            inside.extend_from_slice(self.keys.certificate(name)?.der());
        }
        let length = u16::try_from(inside.len()).map_err(|_| "a path of more than 65535 bytes")?;
        let [high, low] = length.to_be_bytes();
        // SEQUENCE, its length in two bytes
        let mut path = vec![0x30, 0x82, high, low];
        path.extend_from_slice(&inside);
        Ok(base64::encode(&path))
    }
}

/// `:NUMBER:TEXT`
fn repeated(written: &str) -> Result<String, String> {
    let parts = written.strip_prefix(':').and_then(|rest| rest.split_once(':'));
    let (number, text) = parts.ok_or("${repeat:NUMBER:TEXT}")?;
    let number: usize = number.parse().map_err(|error| format!("{number}: {error}"))?;
    Ok(text.repeat(number.min(MOST_REPEATS)))
}

fn rsa_component(certificate: &Certificate, word: &str) -> Result<Vec<u8>, String> {
    let key = certificate.public_key().map_err(|error| error.to_string())?;
    match (key.components(), word) {
        (Components::Rsa { modulus, .. }, "modulus") => Ok(modulus.to_vec()),
        (Components::Rsa { exponent, .. }, "exponent") => Ok(exponent.to_vec()),
        _ => Err(format!("the key has no {word}")),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Base64 in lines of 76 characters (RFC 2045 6.8), with an end of line behind each but the last.
pub(super) fn folded(text: &str, line_end: &str) -> String {
    let lines: Vec<&str> = text.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    lines.join(line_end)
}

/// The `}` that closes a placeholder, which may hold others.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' if open == 0 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

const CERTIFICATE_WORDS: &[&str] =
    &["certificate", "issuer", "subject", "serial", "ski", "thumbprint", "modulus", "exponent"];

/// More than any limit that a case could want to exceed.
const MOST_REPEATS: usize = 10_000_000;

/// How deep values may name other values.
const DEEPEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let scope = Scope {
            keys: &Keys::open("keys"),
            signer: None,
            clock: "2026-03-01T12:00:00Z".parse().unwrap(),
            endpoint: "https://sts",
            folder: Path::new("conformance"),
            value: &|name| match name {
                "a" => Some("A${b}".into()),
                "b" => Some("B".into()),
                "loop" => Some("${loop}".into()),
                _ => None,
            },
        };
        scope.fill(text)
    }

    #[test]
    fn fills_values_defaults_and_times() {
        for (text, wanted) in [
            ("x${a}y", "xABy"),
            ("${c=d${b}}", "dB"),
            ("${b=d}", "B"),
            ("${now}", "2026-03-01T12:00:00.000Z"),
            ("${now+300:s}", "2026-03-01T12:05:00Z"),
            ("${now-1}", "2026-03-01T11:59:59.000Z"),
            ("${endpoint}", "https://sts"),
            ("${b|base64}", "Qg=="),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn refuses_what_has_no_value() {
        for text in ["${c}", "${loop}", "${", "${now+x}", "${b|rot13}", "${certificate}"] {
            assert!(filled(text).is_err(), "{text}");
        }
    }
}
