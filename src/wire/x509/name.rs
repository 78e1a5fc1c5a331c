//! Distinguished names (X.501), out of DER and out of text, compared by their parts.
//!
//! Text comes from `ds:X509IssuerName`: RFC 2253 and RFC 4514, and what real clients make of them
//! (`reference/clients.md` 1): `, ` between parts, quoted values, types as `OID.1.2.3` or `1.2.3`,
//! `\"`. Two names are never compared as text: each library renders the same name differently. A
//! text that can be read in two ways is refused, with the place.

use std::fmt;

use x509_cert::der::asn1::{
    BmpString, Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::{Any, Decode, Encode, Tag, Tagged};
use x509_cert::name::Name;

use crate::wire::hex;

/// A distinguished name: its relative names in the order of the encoding (`C` first).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DistinguishedName {
    relative: Vec<RelativeName>,
}

/// One relative name; nearly always one attribute, several when joined by `+`. Sorted, for the
/// order inside means nothing.
type RelativeName = Vec<NameAttribute>;

/// An attribute of a name: its type, as a dotted OID, and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameAttribute {
    pub oid: String,
    pub value: NameValue,
}

/// Text in whatever string type, or the DER of something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameValue {
    Text(String),
    Der(Vec<u8>),
}

/// Why a text is not a distinguished name; `at` counts bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    pub kind: NameErrorKind,
    pub at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameErrorKind {
    TooLong,
    /// No `=` after the type.
    NoType,
    /// A keyword that is in no table of RFC 4514 nor in use by a known library.
    UnknownType(String),
    /// A quotation mark inside a value without `\` before it, as Java's `X500Principal.toString`
    /// writes: where the value ends cannot be told.
    UnescapedQuote,
    /// A quoted value has no end.
    OpenQuote,
    /// `\` before nothing, or before one hexadecimal digit only.
    Escape,
    /// `#` not followed by the hexadecimal form of a DER value.
    Hex,
    /// The bytes written by `\xx` are not UTF-8.
    Utf8,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match &self.kind {
            NameErrorKind::TooLong => write!(f, "the name is longer than {MAX_TEXT} bytes or has too many parts"),
            NameErrorKind::NoType => write!(f, "no `TYPE=` at byte {at}"),
            NameErrorKind::UnknownType(name) => write!(f, "`{name}` at byte {at} is no known attribute type"),
            NameErrorKind::UnescapedQuote => write!(
                f,
                "an unescaped quotation mark inside the value at byte {at}: write `\\\"`, as RFC 2253 does \
                 (in Java use X500Principal.getName(RFC2253), not toString)"
            ),
            NameErrorKind::OpenQuote => write!(f, "the quoted value that starts at byte {at} has no end"),
            NameErrorKind::Escape => write!(f, "an incomplete escape at byte {at}"),
            NameErrorKind::Hex => write!(f, "no DER value in hexadecimal after `#` at byte {at}"),
            NameErrorKind::Utf8 => write!(f, "the value at byte {at} is not UTF-8"),
        }
    }
}

impl std::error::Error for NameError {}

impl DistinguishedName {
    /// The name as a certificate holds it.
    pub(super) fn from_name(name: &Name) -> Self {
        let relative = name.0.iter().map(|relative| {
            let mut attributes: RelativeName = relative
                .0
                .iter()
                .map(|attribute| NameAttribute { oid: attribute.oid.to_string(), value: value_of(&attribute.value) })
                .collect();
            attributes.sort();
            attributes
        });
        Self { relative: relative.collect() }
    }

    /// Reads a name in text form; the first part of the text is the last of the encoding.
    ///
    /// # Errors
    /// Where and why the text is not a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_TEXT {
            return Err(NameError { kind: NameErrorKind::TooLong, at: MAX_TEXT });
        }
        let mut reader = Reader { text, at: 0 };
        let mut relative: Vec<RelativeName> = Vec::new();
        let mut current = RelativeName::new();
        reader.skip_space();
        while reader.peek().is_some() {
            current.push(reader.attribute()?);
            let joined = reader.take() == Some(b'+');
            if !joined {
                current.sort();
                relative.push(std::mem::take(&mut current));
            }
            if relative.len() + current.len() > MAX_PARTS {
                return Err(NameError { kind: NameErrorKind::TooLong, at: reader.at });
            }
            reader.skip_space();
            if joined && reader.peek().is_none() {
                return Err(NameError { kind: NameErrorKind::NoType, at: reader.at });
            }
        }
        relative.reverse();
        Ok(Self { relative })
    }

    /// Whether both name the same: the same parts in the same order, with equal values. Runs of
    /// white space count as one, for a text form may have been folded; case counts.
    pub fn matches(&self, other: &Self) -> bool {
        self.relative.len() == other.relative.len()
            && self.relative.iter().zip(&other.relative).all(|(ours, theirs)| {
                ours.len() == theirs.len()
                    && ours.iter().zip(theirs).all(|(a, b)| a.oid == b.oid && same(&a.value, &b.value))
            })
    }

    /// All attributes, in the order of the encoding.
    pub fn attributes(&self) -> impl Iterator<Item = &NameAttribute> {
        self.relative.iter().flatten()
    }

    /// The values of one attribute type (dotted OID) that are text.
    pub fn texts<'a>(&'a self, oid: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes().filter(move |attribute| attribute.oid == oid).filter_map(|attribute| match &attribute.value {
            NameValue::Text(text) => Some(text.as_str()),
            NameValue::Der(_) => None,
        })
    }

    /// The first common name (2.5.4.3).
    pub fn common_name(&self) -> Option<&str> {
        self.texts("2.5.4.3").next()
    }

    pub fn is_empty(&self) -> bool {
        self.relative.is_empty()
    }
}

/// RFC 4514: the most specific part first, types in upper case, others as `1.2.3=#hex`.
impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, relative) in self.relative.iter().rev().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            for (index, attribute) in relative.iter().enumerate() {
                if index > 0 {
                    f.write_str("+")?;
                }
                write_attribute(f, attribute)?;
            }
        }
        Ok(())
    }
}

fn write_attribute(f: &mut fmt::Formatter<'_>, attribute: &NameAttribute) -> fmt::Result {
    let keyword = WRITTEN.iter().find(|(_, oid)| *oid == attribute.oid).map(|(keyword, _)| *keyword);
    match (&attribute.value, keyword) {
        (NameValue::Text(text), Some(keyword)) => {
            write!(f, "{keyword}=")?;
            write_escaped(f, text)
        }
        (NameValue::Text(text), None) => {
            let der = Utf8StringRef::new(text).and_then(|text| text.to_der()).map_err(|_| fmt::Error)?;
            write!(f, "{}=#{}", attribute.oid, hex::encode(&der))
        }
        (NameValue::Der(der), keyword) => {
            write!(f, "{}=#{}", keyword.unwrap_or(&attribute.oid), hex::encode(der))
        }
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (index, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{c}")?,
            '#' | ' ' if index == 0 => write!(f, "\\{c}")?,
            ' ' if index == last => f.write_str("\\ ")?,
            c if c.is_ascii_control() => write!(f, "\\{:02X}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    Ok(())
}

/// The text of a value in any of the string types, else its DER.
fn value_of(value: &Any) -> NameValue {
    let text = match value.tag() {
        Tag::Utf8String => Utf8StringRef::try_from(value).ok().map(|text| text.as_str().to_owned()),
        Tag::PrintableString => PrintableStringRef::try_from(value).ok().map(|text| text.as_str().to_owned()),
        Tag::Ia5String => Ia5StringRef::try_from(value).ok().map(|text| text.as_str().to_owned()),
        Tag::TeletexString => TeletexStringRef::try_from(value).ok().map(|text| text.as_str().to_owned()),
        Tag::BmpString => BmpString::from_ucs2(value.value()).ok().map(|text| text.to_string()),
        _ => None,
    };
    text.map_or_else(|| NameValue::Der(value.to_der().unwrap_or_default()), NameValue::Text)
}

fn same(a: &NameValue, b: &NameValue) -> bool {
    match (a, b) {
        (NameValue::Text(a), NameValue::Text(b)) => a.split_whitespace().eq(b.split_whitespace()),
        (a, b) => a == b,
    }
}

/// Reads the text form, byte by byte; all that matters in it is ASCII.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn fail<T>(&self, kind: NameErrorKind, at: usize) -> Result<T, NameError> {
        Err(NameError { kind, at })
    }

    /// `TYPE=value`, up to (not including) the separator behind it.
    fn attribute(&mut self) -> Result<NameAttribute, NameError> {
        self.skip_space();
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
            self.at += 1;
        }
        let keyword = self.text.get(start..self.at).unwrap_or_default();
        self.skip_space();
        if keyword.is_empty() || self.take() != Some(b'=') {
            return self.fail(NameErrorKind::NoType, start);
        }
        let Some(oid) = oid_of(keyword) else {
            return self.fail(NameErrorKind::UnknownType(keyword.to_owned()), start);
        };
        self.skip_space();
        let value = match self.peek() {
            Some(b'"') => NameValue::Text(self.quoted()?),
            Some(b'#') => self.hex()?,
            _ => NameValue::Text(self.plain()?),
        };
        Ok(NameAttribute { oid, value })
    }

    fn quoted(&mut self) -> Result<String, NameError> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.take() {
                None => return self.fail(NameErrorKind::OpenQuote, start),
                // Windows doubles a quotation mark inside a quoted value (CertNameToStr).
                Some(b'"') if self.peek() == Some(b'"') && self.at > start + 1 => {
                    self.at += 1;
                    bytes.push(b'"');
                }
                Some(b'"') => break,
                Some(b'\\') => bytes.push(self.escaped()?),
                Some(byte) => bytes.push(byte),
            }
        }
        let end = self.at - 1;
        self.skip_space();
        if !matches!(self.peek(), None | Some(b',' | b';' | b'+')) {
            return self.fail(NameErrorKind::UnescapedQuote, end);
        }
        self.text_of(bytes, start)
    }

    fn plain(&mut self) -> Result<String, NameError> {
        let start = self.at;
        let mut bytes = Vec::new();
        // Blanks at the end go, unless they were escaped.
        let mut kept = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b';' | b'+' => break,
                b'"' => return self.fail(NameErrorKind::UnescapedQuote, self.at),
                b'\\' => {
                    self.at += 1;
                    bytes.push(self.escaped()?);
                    kept = bytes.len();
                }
                byte => {
                    self.at += 1;
                    bytes.push(byte);
                    if !byte.is_ascii_whitespace() {
                        kept = bytes.len();
                    }
                }
            }
        }
        bytes.truncate(kept);
        self.text_of(bytes, start)
    }

    /// What stands behind a `\`: two hexadecimal digits, or the character itself.
    fn escaped(&mut self) -> Result<u8, NameError> {
        let at = self.at - 1;
        match self.take() {
            None => self.fail(NameErrorKind::Escape, at),
            Some(high) if high.is_ascii_hexdigit() => match (digit(high), self.take().and_then(digit)) {
                (Some(high), Some(low)) => Ok(high << 4 | low),
                _ => self.fail(NameErrorKind::Escape, at),
            },
            Some(byte) => Ok(byte),
        }
    }

    fn hex(&mut self) -> Result<NameValue, NameError> {
        let start = self.at;
        self.at += 1;
        let mut der = Vec::new();
        while let Some(high) = self.peek().and_then(digit) {
            self.at += 1;
            match self.take().and_then(digit) {
                Some(low) => der.push(high << 4 | low),
                None => return self.fail(NameErrorKind::Hex, start),
            }
        }
        self.skip_space();
        match (Any::from_der(&der), self.peek()) {
            (Ok(value), None | Some(b',' | b';' | b'+')) => Ok(value_of(&value)),
            _ => self.fail(NameErrorKind::Hex, start),
        }
    }

    fn text_of(&self, bytes: Vec<u8>, start: usize) -> Result<String, NameError> {
        String::from_utf8(bytes).or_else(|_| self.fail(NameErrorKind::Utf8, start))
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The dotted OID of a keyword in any case, `OID.1.2.3` or `1.2.3`.
fn oid_of(keyword: &str) -> Option<String> {
    let known = WRITTEN.iter().chain(READ).find(|(name, _)| name.eq_ignore_ascii_case(keyword));
    if let Some((_, oid)) = known {
        return Some((*oid).to_owned());
    }
    let dotted = match keyword.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("oid.") => keyword.get(4..)?,
        _ => keyword,
    };
    // The library counts an arc beyond 32 bits round and round: 4294967298 would be 2.
    let fits = dotted.split('.').all(|arc| arc.parse::<u32>().is_ok());
    if !fits {
        return None;
    }
    // It also writes arcs that it does not read, and panics over its own bytes; from bytes it checks them.
    let written = ObjectIdentifier::new(dotted).ok()?;
    ObjectIdentifier::from_bytes(written.as_bytes()).ok().map(|oid| oid.to_string())
}

/// Longest text form, in bytes.
const MAX_TEXT: usize = 4096;
/// Most parts of a name.
const MAX_PARTS: usize = 64;

/// The keywords of RFC 4514 section 3: read and written.
const WRITTEN: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("C", "2.5.4.6"),
    ("STREET", "2.5.4.9"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
];

/// Keywords of Java, .NET and OpenSSL: read only.
const READ: &[(&str, &str)] = &[
    ("S", "2.5.4.8"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("SN", "2.5.4.4"),
    ("SURNAME", "2.5.4.4"),
    ("GIVENNAME", "2.5.4.42"),
    ("GN", "2.5.4.42"),
    ("G", "2.5.4.42"),
    ("INITIALS", "2.5.4.43"),
    ("GENERATION", "2.5.4.44"),
    ("T", "2.5.4.12"),
    ("TITLE", "2.5.4.12"),
    ("DNQ", "2.5.4.46"),
    ("DNQUALIFIER", "2.5.4.46"),
    ("POSTALCODE", "2.5.4.17"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("E", "1.2.840.113549.1.9.1"),
    ("EMAIL", "1.2.840.113549.1.9.1"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_recognised_in_all_the_forms_that_clients_write() {
        let name = DistinguishedName::parse(r#"CN=Sender 006400\, "East",OU=urn:cbe:0206731645,O=Rijksdienst,C=BE"#);
        assert!(matches!(name, Err(NameError { kind: NameErrorKind::UnescapedQuote, at: 19 })), "{name:?}");
        let name = DistinguishedName::parse(r#"CN=Sender 006400\, \"East\",OU=a=b,O=Rijksdienst,C=BE"#).unwrap();
        for form in [
            r#"CN="Sender 006400, \"East\"", OU="a=b", O=Rijksdienst, C=BE"#,
            r#"CN="Sender 006400, ""East""", OU="a=b", O=Rijksdienst, C=BE"#,
            r#"cn=Sender 006400\2C \22East\22; ou = a=b ; OID.2.5.4.10=Rijksdienst;2.5.4.6=BE"#,
            "CN=Sender  006400\\,\n \\\"East\\\",OU=a\\3Db,2.5.4.10=#0c0b52696a6b736469656e7374,C=BE",
        ] {
            let other = DistinguishedName::parse(form).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert!(name.matches(&other), "{form}");
        }
    }

    #[test]
    fn a_value_is_the_same_in_every_string_type_and_bytes_are_only_themselves() {
        let parsed = |text: &str| DistinguishedName::parse(text).unwrap();
        // UTF8String, PrintableString, IA5String, TeletexString, BMPString
        for hex in ["0c03616263", "1303616263", "1603616263", "1403616263", "1e06006100620063"] {
            assert!(parsed("O=abc").matches(&parsed(&format!("O=#{hex}"))), "{hex}");
        }
        assert!(parsed("O=#0403616263").matches(&parsed("O=#0403616263")));
        for other in ["O=abc", "O=#0403616264"] {
            assert!(!parsed("O=#0403616263").matches(&parsed(other)), "{other}");
        }
    }

    #[test]
    fn a_name_may_have_so_many_parts_and_so_many_letters() {
        let parts = |count| vec!["CN=a"; count].join(",");
        assert!(DistinguishedName::parse(&parts(MAX_PARTS)).is_ok());
        assert!(matches!(
            DistinguishedName::parse(&parts(MAX_PARTS + 1)),
            Err(NameError { kind: NameErrorKind::TooLong, .. })
        ));
        let letters = |count| format!("CN={}", "a".repeat(count - 3));
        assert!(DistinguishedName::parse(&letters(MAX_TEXT)).is_ok());
        assert_eq!(
            DistinguishedName::parse(&letters(MAX_TEXT + 1)),
            Err(NameError { kind: NameErrorKind::TooLong, at: MAX_TEXT })
        );
    }

    #[test]
    fn an_arc_beyond_32_bits_is_no_other_arc() {
        for name in ["4294967298.5.4.3=a", "2.5.4.4294967299=a", "OID.184467440737095516162.5.4.3=a"] {
            assert!(DistinguishedName::parse(name).is_err(), "{name}");
        }
    }

    /// Five bytes, the last of which has a high bit: `const-oid` 0.9 writes them and cannot read them.
    #[test]
    fn an_arc_that_the_library_cannot_read_back_is_no_name() {
        for name in ["2.5.1184467443=a", "OID.2.5.4.4294967295=a"] {
            assert!(DistinguishedName::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn order_case_and_type_make_another_name() {
        let name = DistinguishedName::parse("CN=a,O=b,C=BE").unwrap();
        for other in ["C=BE,O=b,CN=a", "CN=A,O=b,C=BE", "CN=a,OU=b,C=BE", "CN=a,O=b", "CN=a+O=b,C=BE", "CN=a,O=b,C=B E"]
        {
            assert!(!name.matches(&DistinguishedName::parse(other).unwrap()), "{other}");
        }
    }

    #[test]
    fn a_relative_name_with_two_attributes_has_no_order() {
        let one = DistinguishedName::parse("SERIALNUMBER=CVR:1+CN=x,C=DK").unwrap();
        let two = DistinguishedName::parse("CN=x + 2.5.4.5=CVR:1, C=DK").unwrap();
        assert!(one.matches(&two));
    }

    #[test]
    fn what_cannot_be_read_in_one_way_is_refused_with_the_place() {
        let cases = [
            (r#"CN="a "b" c",C=BE"#, NameErrorKind::UnescapedQuote, 6),
            (r#"CN="a,C=BE"#, NameErrorKind::OpenQuote, 3),
            (r"CN=a\", NameErrorKind::Escape, 4),
            (r"CN=a\4", NameErrorKind::Escape, 4),
            ("CN", NameErrorKind::NoType, 0),
            ("CN=a,,C=BE", NameErrorKind::NoType, 5),
            ("CN=a+", NameErrorKind::NoType, 5),
            ("XYZ=a", NameErrorKind::UnknownType("XYZ".to_owned()), 0),
            ("CN=#0c05ab", NameErrorKind::Hex, 3),
            (r"CN=\ff", NameErrorKind::Utf8, 3),
        ];
        for (text, kind, at) in cases {
            assert_eq!(DistinguishedName::parse(text), Err(NameError { kind, at }), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_name() {
        for text in [r#"CN=\# a\, \"b\" \+\ ,O=x\\y,C=BE"#, r"CN=a\0Ab\7F", "1.2.840.113549.1.9.1=#0c03614062,DC=x"] {
            let name = DistinguishedName::parse(text).unwrap();
            assert_eq!(DistinguishedName::parse(&name.to_string()).unwrap(), name, "{text}");
            assert_eq!(name.to_string(), text);
        }
    }
}
