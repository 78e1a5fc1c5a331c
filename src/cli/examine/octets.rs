//! What may have happened to a canonical form as text: line ends, encoding, escaping, what stands
//! around it. Each takes a form and gives the octets that may have been digested.

type Row = (&'static str, fn(&str) -> Option<Vec<u8>>, &'static str, &'static str, &'static str);

/// Name, effect, how it was when it was digested, how that comes about, what to do.
pub const ALL: &[Row] = &[
    (
        "no-carriage-returns",
        without_cr,
        "there are no carriage returns in it",
        "carriage returns (&#13;) came into it after signing",
        "Build the message with LF alone, and send the bytes that were signed",
    ),
    (
        "trailing-newline",
        |form| Some([form.as_bytes(), b"\n"].concat()),
        "a line end follows it",
        "a line end behind the element was digested with it",
        "Digest the canonical form alone: no println, no file that an editor ends with a new line",
    ),
    (
        "trailing-cr-lf",
        |form| Some([form.as_bytes(), b"\r\n"].concat()),
        "CR LF follows it",
        "a line end behind the element was digested with it",
        "Digest the canonical form alone: no println, no file that an editor ends with a new line",
    ),
    (
        "byte-order-mark",
        |form| Some([b"\xef\xbb\xbf", form.as_bytes()].concat()),
        "a byte order mark stands before it",
        "the text was encoded with a BOM before digesting",
        "Encode without BOM (.NET: new UTF8Encoding(false)) before digesting",
    ),
    (
        "xml-declaration",
        |form| Some([b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>", form.as_bytes()].concat()),
        "an XML declaration stands before it",
        "the element was serialised as a document of its own, with its declaration",
        "Omit the XML declaration before digesting (OMIT_XML_DECLARATION), better: canonicalize with a library",
    ),
    (
        "xml-declaration-lower",
        |form| Some([b"<?xml version=\"1.0\" encoding=\"utf-8\"?>", form.as_bytes()].concat()),
        "an XML declaration (utf-8) stands before it",
        "the element was serialised as a document of its own, with its declaration",
        "Omit the XML declaration before digesting (OmitXmlDeclaration), better: canonicalize with a library",
    ),
    (
        "xml-declaration-line",
        |form| Some([b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", form.as_bytes()].concat()),
        "an XML declaration and a line end stand before it",
        "the element was serialised as a document of its own, with its declaration",
        "Omit the XML declaration before digesting, better: canonicalize with a library (PHP: C14N(), not saveXML())",
    ),
    (
        "utf-16-little-endian",
        |form| Some(form.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "it is encoded in UTF-16",
        "the text was digested in UTF-16 (.NET: Encoding.Unicode)",
        "Digest the UTF-8 bytes of the canonical form (Encoding.UTF8)",
    ),
    (
        "utf-16-big-endian",
        |form| Some(form.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        "it is encoded in UTF-16, big-endian",
        "the text was digested in UTF-16 (Java: getBytes(\"UTF-16BE\"))",
        "Digest the UTF-8 bytes of the canonical form (StandardCharsets.UTF_8)",
    ),
    (
        "re-encoded",
        undone,
        "each character that is not ASCII is encoded once",
        "the message was encoded in UTF-8 a second time after signing: somebody read its UTF-8 as Latin-1",
        "Send the bytes that were signed; find the step that reads them with another charset than UTF-8",
    ),
    (
        "latin-1",
        latin1,
        "it is encoded in Latin-1",
        "the text was digested in ISO-8859-1 or Windows-1252, and sent in UTF-8 (Java: getBytes() without charset)",
        "Digest the UTF-8 bytes of the canonical form (StandardCharsets.UTF_8)",
    ),
    (
        "doubly-encoded",
        doubled,
        "each character that is not ASCII is encoded twice",
        "the signer read UTF-8 as Latin-1 before digesting, and the message was sent right",
        "Read the message as UTF-8 before signing; find the step that uses the platform's charset",
    ),
    (
        "question-marks",
        question_marks,
        "each character that is not ASCII is a question mark",
        "the signer encoded the text in a charset that lacks them (US-ASCII, POSIX locale)",
        "Set the charset to UTF-8 before digesting (Java: -Dfile.encoding=UTF-8, or getBytes(UTF_8))",
    ),
    (
        "decimal-references",
        |form| references(form, false),
        "each character that is not ASCII is written as a reference (&#233;)",
        "the signer did not replace character references when it canonicalized",
        "Canonicalize with a library: character references become characters (Canonical XML §1.1)",
    ),
    (
        "hexadecimal-references",
        |form| references(form, true),
        "each character that is not ASCII is written as a reference (&#xE9;)",
        "the signer did not replace character references when it canonicalized",
        "Canonicalize with a library: character references become characters (Canonical XML §1.1)",
    ),
    (
        "escaped-once",
        |form| replaced(form, "&amp;", "&"),
        "its special characters are escaped once",
        "the values were escaped a second time after signing (&amp;amp;)",
        "Escape values once, when the message is built, and not when it is put into the envelope",
    ),
    (
        "escaped-twice",
        |form| replaced(form, "&", "&amp;"),
        "its special characters are escaped twice",
        "the signer digested a text that was escaped once more than what was sent",
        "Escape values once, when the message is built",
    ),
    (
        "greater-than",
        |form| replaced(form, "&gt;", ">"),
        "`>` is not escaped",
        "the signer's canonicaliser leaves `>` as it is",
        "Canonicalize with a library: `>` in text is written &gt; (Canonical XML §2.3)",
    ),
    (
        "quotation-marks",
        |form| texts(form, &[("\"", "&quot;")]),
        "quotation marks in texts are escaped",
        "the signer's canonicaliser escapes them, as no canonical form does",
        "Canonicalize with a library: quotation marks in texts stay (Canonical XML §2.3)",
    ),
    (
        "quotation-marks-and-apostrophes",
        |form| texts(form, &[("\"", "&quot;"), ("'", "&apos;")]),
        "quotation marks and apostrophes in texts are escaped",
        "the signer's canonicaliser escapes them, as no canonical form does",
        "Canonicalize with a library: quotation marks in texts stay (Canonical XML §2.3)",
    ),
    (
        "empty-elements",
        |form| empty_tags(form, "/>"),
        "empty elements are written <a/>",
        "the signer did not expand them, as every canonical form does",
        "Canonicalize with a library: <a/> becomes <a></a> (Canonical XML §1.1)",
    ),
    (
        "empty-elements-blank",
        |form| empty_tags(form, " />"),
        "empty elements are written <a />",
        "the signer did not expand them, as every canonical form does",
        "Canonicalize with a library: <a /> becomes <a></a> (Canonical XML §1.1)",
    ),
    (
        "content-only",
        content,
        "only its content is taken, without its own tags",
        "the signer digested what stands inside the element",
        "Digest the whole element, its start tag and end tag too (an outer, not an inner form)",
    ),
    (
        "space-around-gone",
        |form| Some(form.split_whitespace().collect::<Vec<_>>().join(" ").into_bytes()),
        "each run of white space is one blank",
        "a text filter normalised white space when the signer digested",
        "Digest the canonical form as it is",
    ),
];

/// Line ends in texts as a canonicaliser writes a tree that holds CR LF.
pub fn cr_lf(form: &str) -> Option<Vec<u8>> {
    replaced(form, "\n", "&#xD;\n")
}

pub fn cr_lf_unescaped(form: &str) -> Option<Vec<u8>> {
    replaced(form, "\n", "\r\n")
}

fn without_cr(form: &str) -> Option<Vec<u8>> {
    let all_gone = form.replace("&#xD;", "");
    (all_gone.len() < form.len()).then(|| all_gone.into_bytes())
}

fn replaced(form: &str, from: &str, to: &str) -> Option<Vec<u8>> {
    form.contains(from).then(|| form.replace(from, to).into_bytes())
}

fn latin1(form: &str) -> Option<Vec<u8>> {
    if form.is_ascii() {
        return None;
    }
    form.chars().map(cp1252_byte).collect()
}

/// Characters that are bytes of UTF-8 become the characters that they were.
fn undone(form: &str) -> Option<Vec<u8>> {
    let bytes = latin1(form)?;
    std::str::from_utf8(&bytes).is_ok().then_some(bytes)
}

fn doubled(form: &str) -> Option<Vec<u8>> {
    let twice: String = form.bytes().map(char::from).collect();
    (!form.is_ascii()).then(|| twice.into_bytes())
}

fn question_marks(form: &str) -> Option<Vec<u8>> {
    let lost: String = form.chars().map(|character| if character.is_ascii() { character } else { '?' }).collect();
    (!form.is_ascii()).then(|| lost.into_bytes())
}

fn references(form: &str, hexadecimal: bool) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(form.len() + 16);
    for character in form.chars() {
        match (character.is_ascii(), hexadecimal) {
            (true, _) => out.push(character),
            (false, true) => out.push_str(&format!("&#x{:X};", u32::from(character))),
            (false, false) => out.push_str(&format!("&#{};", u32::from(character))),
        }
    }
    (!form.is_ascii()).then(|| out.into_bytes())
}

/// Replaces between tags alone.
fn texts(form: &str, replaced: &[(&str, &str)]) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(form.len() + 16);
    let mut rest = form;
    while let Some(start) = rest.find('<') {
        let (mut text, behind) = (rest.get(..start)?.to_owned(), rest.get(start..)?);
        for (from, to) in replaced {
            text = text.replace(from, to);
        }
        let end = tag_end(behind)?;
        out.push_str(&text);
        out.push_str(behind.get(..end)?);
        rest = behind.get(end..)?;
    }
    out.push_str(rest);
    (out != form).then(|| out.into_bytes())
}

/// Where the tag at the beginning ends: values may hold `>`, in canonical form.
fn tag_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `<a></a>` written with an empty-element tag.
fn empty_tags(form: &str, end: &str) -> Option<Vec<u8>> {
    let mut out = String::with_capacity(form.len());
    let mut rest = form;
    while let Some(at) = rest.find("></") {
        let (before, behind) = (rest.get(..at)?, rest.get(at + 1..)?);
        let start = before.rfind('<')?;
        let is_start_tag = !before.get(start..)?.starts_with("</");
        out.push_str(before);
        if is_start_tag {
            out.push_str(end);
            rest = behind.get(behind.find('>')? + 1..)?;
        } else {
            out.push('>');
            rest = behind;
        }
    }
    out.push_str(rest);
    (out != form).then(|| out.into_bytes())
}

fn content(form: &str) -> Option<Vec<u8>> {
    let start = tag_end(form)?;
    let end = form.rfind("</")?;
    form.get(start..end).filter(|content| !content.is_empty()).map(|content| content.as_bytes().to_vec())
}

/// The byte that Windows-1252 (and below 0x80 to 0x9F, Latin-1) has for a character.
fn cp1252_byte(character: char) -> Option<u8> {
    if let Some(at) = CP1252.iter().position(|known| *known == character) {
        return u8::try_from(0x80 + at).ok();
    }
    u8::try_from(u32::from(character)).ok()
}

/// 0x80 to 0x9F of Windows-1252; the five that it leaves open stand for themselves.
const CP1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(effect: impl Fn(&str) -> Option<Vec<u8>>, form: &str) -> Option<String> {
        effect(form).map(|octets| String::from_utf8(octets).unwrap())
    }

    #[test]
    fn forms_change_as_their_names_say() {
        assert_eq!(of(undone, "<a>CafÃ© â‚¬</a>").as_deref(), Some("<a>Café €</a>"));
        assert_eq!(of(doubled, "<a>é</a>").as_deref(), Some("<a>Ã©</a>"));
        assert_eq!(undone("<a>é</a>"), None);
        assert_eq!(of(|form| references(form, true), "é").as_deref(), Some("&#xE9;"));
        assert_eq!(
            of(|form| empty_tags(form, "/>"), "<a b=\">\"><c></c><d>1</d></a>").as_deref(),
            Some("<a b=\">\"><c/><d>1</d></a>")
        );
        assert_eq!(
            of(|form| texts(form, &[("\"", "&quot;")]), "<a b=\"1\">\"</a>").as_deref(),
            Some("<a b=\"1\">&quot;</a>")
        );
        assert_eq!(of(content, "<a b=\">\"><c></c></a>").as_deref(), Some("<c></c>"));
        assert_eq!(latin1("€é"), Some(vec![0x80, 0xe9]));
        assert_eq!(without_cr("<a></a>"), None);
    }
}
