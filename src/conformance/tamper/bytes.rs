//! Bytes and XML (security.md A): what a strict reader refuses before it looks at any signature, and
//! what means the same to it.

use super::good::{Good, after, attribute, content, first, last};
use super::{Kind, Unfit};
use crate::wire::ns;

pub const KINDS: &[Kind] = &[
    Kind::refused("doctype", "A01", "An empty DOCTYPE stands before the Envelope", |good, _| {
        before_root(good, "<!DOCTYPE a>")
    }),
    Kind::refused("entity-internal", "A02", "A text comes from an entity of the DOCTYPE", |good, _| {
        in_leaf(good, "<!DOCTYPE a [<!ENTITY e \"admin\">]>", "&e;")
    }),
    Kind::refused("entity-file", "A03", "A text comes from a file of the receiver (XXE)", |good, _| {
        in_leaf(good, "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>", "&e;")
    }),
    Kind::refused(
        "entity-url",
        "A04",
        "A text comes from an address that the receiver would call (SSRF)",
        |good, _| in_leaf(good, "<!DOCTYPE a [<!ENTITY e SYSTEM \"http://127.0.0.1:1/e\">]>", "&e;"),
    ),
    Kind::refused("entity-parameter", "A05", "A parameter entity loads a DTD from elsewhere", |good, _| {
        before_root(good, "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/p.dtd\"> %p;]>")
    }),
    Kind::refused("doctype-fixed-attribute", "A06", "The DTD gives ds:Signature another namespace", |good, _| {
        before_root(
            good,
            "<!DOCTYPE a [<!ATTLIST Signature xmlns CDATA #FIXED \"http://www.w3.org/2000/09/xmldsig#\" xmlns CDATA \"x\">]>",
        )
    }),
    Kind::refused("entity-id", "A07", "A second element has the signed id by way of an entity", |good, _| {
        let id = good.id(good.body()?).or(good.id(good.timestamp()?))?;
        let header = good.header()?;
        let doctype = format!("<!DOCTYPE a [<!ENTITY i \"{id}\">]>");
        Ok(good.with([super::good::before(good.envelope(), doctype), last(header, "<x Id=\"&i;\"/>")]))
    }),
    Kind::refused(
        "doctype-two-documents",
        "A08",
        "Two readers see two documents by a trick with DOCTYPE and CDATA",
        |good, _| {
            let doctype = "<!DOCTYPE r SYSTEM 'x\"><!--'>";
            Ok(good.with([
                super::good::before(good.envelope(), doctype),
                last(good.envelope(), "<![CDATA[--><Evil/><!--]]>-->"),
            ]))
        },
    ),
    Kind::refused(
        "entity-expansion",
        "A09",
        "Twenty entities that double make a million (billion laughs)",
        |good, _| {
            let mut doctype = "<!DOCTYPE a [<!ENTITY e0 \"x\">".to_owned();
            for level in 1..=20 {
                doctype.push_str(&format!("<!ENTITY e{level} \"&e{};&e{};\">", level - 1, level - 1));
            }
            in_leaf(good, &format!("{doctype}]>"), "&e20;")
        },
    ),
    Kind::refused("entity-quadratic", "A10", "One long entity is used ten thousand times", |good, _| {
        let doctype = format!("<!DOCTYPE a [<!ENTITY e \"{}\">]>", "x".repeat(10_000));
        in_leaf(good, &doctype, &"&e;".repeat(10_000))
    }),
    Kind::refused("entity-recursive", "A11", "An entity holds itself", |good, _| {
        in_leaf(good, "<!DOCTYPE a [<!ENTITY e \"&f;\"><!ENTITY f \"&e;\">]>", "&e;")
    }),
    Kind::refused("encoding-utf-16", "A12", "The message comes in UTF-16", |good, _| {
        Ok(good.text().trim_start_matches('\u{feff}').to_owned())
    })
    .encoded(|text| "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()),
    Kind::refused("encoding-declared-latin-1", "A13", "The XML declaration says ISO-8859-1", |good, _| {
        Ok(format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{}", without_prolog(good)))
    }),
    Kind::refused("encoding-declared-utf-7", "A13", "The XML declaration says UTF-7", |good, _| {
        Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-7\"?>{}", without_prolog(good)))
    }),
    Kind::refused("encoding-overlong", "A14", "A slash is written as two bytes of UTF-8", |good, _| {
        Ok(good.with([first(good.header()?, format!("<x>{MARK}</x>"))]))
    })
    .encoded(|text| marked(&text, &[0xc0, 0xaf])),
    Kind::refused("encoding-surrogate", "A14", "Half a surrogate pair stands in a text", |good, _| {
        Ok(good.with([first(good.header()?, format!("<x>{MARK}</x>"))]))
    })
    .encoded(|text| marked(&text, &[0xed, 0xa0, 0x80])),
    Kind::refused("character-nul", "A14", "A NUL byte stands in a text", |good, _| {
        Ok(good.with([first(good.header()?, "<x>\u{0}</x>")]))
    }),
    Kind::refused("character-nul-reference", "A14", "A text has &#0;", |good, _| {
        Ok(good.with([first(good.header()?, "<x>&#0;</x>")]))
    }),
    Kind::refused("character-control-reference", "A14", "A text has &#x1F;", |good, _| {
        Ok(good.with([first(good.header()?, "<x>&#x1F;</x>")]))
    }),
    Kind::refused("character-none", "A14", "A text has U+FFFE, which is no character", |good, _| {
        Ok(good.with([first(good.header()?, "<x>\u{fffe}</x>")]))
    }),
    Kind::refused("version-1-1", "A15", "The XML declaration says version 1.1", |good, _| {
        Ok(format!("<?xml version=\"1.1\"?>{}", without_prolog(good)))
    }),
    Kind::refused("processing-instruction", "A16", "A processing instruction stands in the Body", |good, _| {
        Ok(good.with([first(good.body()?, "<?x y?>")]))
    }),
    Kind::refused(
        "processing-instruction-in-text",
        "A17",
        "A processing instruction splits a signed text",
        |good, _| {
            let leaf = good.leaf()?;
            let text = leaf.text().unwrap_or_default().into_owned();
            let (one, other) = halves(&text);
            Ok(good.with([content(leaf, format!("{}<?x .evil?>{}", escaped(one), escaped(other)))]))
        },
    ),
    Kind::same(
        "comment-in-text",
        "A18",
        "A comment splits a signed text; nobody may read the first half alone",
        |good, _| {
            let leaf = good.leaf()?;
            let text = leaf.text().unwrap_or_default().into_owned();
            let (one, other) = halves(&text);
            Ok(good.with([content(leaf, format!("{}<!-- evil -->{}", escaped(one), escaped(other)))]))
        },
    ),
    Kind::same("comment-between-elements", "A19", "A comment stands between signed elements", |good, _| {
        Ok(good.with([first(good.body()?, "<!-- c -->")]))
    }),
    Kind::same("cdata-in-text", "A20", "A signed text is written as CDATA", |good, _| {
        let leaf = good.leaf()?;
        let text = leaf.text().unwrap_or_default().into_owned();
        if text.contains("]]>") || text.contains('\r') {
            return Err("the text cannot stand in CDATA");
        }
        Ok(good.with([content(leaf, format!("<![CDATA[{text}]]>"))]))
    }),
    Kind::refused("element-in-text", "A21", "An element splits a signed text", |good, _| {
        let leaf = good.leaf()?;
        let text = leaf.text().unwrap_or_default().into_owned();
        let (one, other) = halves(&text);
        Ok(good.with([content(leaf, format!("{}<b/>{}", escaped(one), escaped(other)))]))
    }),
    Kind::same("character-reference", "A22", "A signed text is written with character references", |good, _| {
        let leaf = good.leaf()?;
        let text = leaf.text().unwrap_or_default().into_owned();
        Ok(good.with([content(leaf, text.chars().map(|c| format!("&#x{:X};", u32::from(c))).collect::<String>())]))
    }),
    Kind::refused("line-ends-escaped", "A23", "A carriage return comes into a signed text as &#13;", |good, _| {
        Ok(good.with([last(good.leaf()?, "&#13;")]))
    }),
    Kind::refused("depth", "A24", "1,500 elements stand inside each other", |good, _| {
        let nested = format!("{}{}", "<x>".repeat(1500), "</x>".repeat(1500));
        Ok(good.with([first(good.header()?, nested)]))
    }),
    Kind::refused("attributes", "A25", "An element has 5,000 attributes", |good, _| {
        let many: String = (0..5000).map(|number| format!(" a{number}=\"\"")).collect();
        Ok(good.with([first(good.header()?, format!("<x{many}/>"))]))
    }),
    Kind::refused("namespaces", "A26", "An element declares 5,000 namespaces", |good, _| {
        let many: String = (0..5000).map(|number| format!(" xmlns:a{number}=\"urn:{number}\"")).collect();
        Ok(good.with([first(good.header()?, format!("<x{many}/>"))]))
    }),
    Kind::refused("elements", "A27", "The header has 25,000 empty elements", |good, _| {
        Ok(good.with([first(good.header()?, "<x/>".repeat(25_000))]))
    }),
    Kind::refused("name", "A28", "An element's name has 100,000 letters", |good, _| {
        Ok(good.with([first(good.header()?, format!("<{}/>", "x".repeat(100_000)))]))
    }),
    Kind::refused("namespace-xml-bound", "A34", "The prefix xml is bound to another namespace", |good, _| {
        Ok(good.with([first(good.header()?, "<x xmlns:xml=\"urn:evil\"/>")]))
    }),
    Kind::refused("namespace-xmlns-bound", "A34", "The prefix xmlns is bound", |good, _| {
        Ok(good.with([first(good.header()?, "<x xmlns:xmlns=\"urn:evil\"/>")]))
    }),
    Kind::refused("namespace-undeclared", "A34", "A prefix is used that nobody declared", |good, _| {
        Ok(good.with([first(good.header()?, "<nobody:x/>")]))
    }),
    Kind::refused("namespace-emptied", "A34", "A prefix is bound to the empty namespace", |good, _| {
        Ok(good.with([first(good.header()?, "<x xmlns:p=\"\"/>")]))
    }),
    Kind::refused(
        "namespace-relative",
        "A35",
        "A namespace name is relative, at which some canonicalizers stop",
        |good, _| Ok(good.with([attribute(good.body()?, "xmlns:evil=\"1\"")])),
    ),
    Kind::refused(
        "namespace-malformed",
        "A35",
        "A namespace name holds a control character, at which some canonicalizers stop",
        |good, _| Ok(good.with([attribute(good.body()?, "xmlns:evil=\"http://example.com\u{80}\"")])),
    ),
    Kind::refused(
        "attribute-twice",
        "A37",
        "Two prefixes of one namespace give an element the same attribute twice",
        |good, _| Ok(good.with([first(good.header()?, "<x xmlns:a=\"urn:x\" xmlns:b=\"urn:x\" a:k=\"1\" b:k=\"2\"/>")])),
    ),
    Kind::refused("second-root", "A39", "A second document follows the Envelope", |good, _| {
        Ok(good.with([after(good.envelope(), "<Evil/>")]))
    }),
    Kind::refused("text-behind-root", "A39", "Text follows the Envelope", |good, _| Ok(format!("{}evil", good.text()))),
    Kind::refused("text-before-root", "A39", "Text stands before the Envelope", |good, _| before_root(good, "evil")),
    Kind::refused("byte-order-mark-inside", "A39", "A byte order mark stands between Header and Body", |good, _| {
        Ok(good.with([super::good::before(good.body()?, "\u{feff}")]))
    }),
    Kind::same(
        "white-space-outside",
        "E06",
        "The message is written anew with other white space where nothing is signed",
        |good, _| Ok(good.with([super::good::before(good.body()?, "\n\n  "), first(good.header()?, "\n\t")])),
    ),
    Kind::same("declaration-unused", "E06", "The Envelope declares a namespace that nobody uses", |good, _| {
        Ok(good.with([attribute(good.envelope(), "xmlns:unused-by-all=\"urn:unused\"")]))
    }),
    Kind::refused(
        "xop-include",
        "E19",
        "A signed text is to be fetched from an attachment or an address (MTOM)",
        |good, _| {
            let include =
                "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"http://127.0.0.1:1/x\"/>";
            Ok(good.with([content(good.leaf()?, include)]))
        },
    ),
    Kind::refused(
        "xop-token",
        "E19",
        "The certificate is to be fetched from an attachment or an address (MTOM)",
        |good, _| {
            let include =
                "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"http://127.0.0.1:1/x\"/>";
            Ok(good.with([content(good.token()?, include)]))
        },
    ),
    Kind::refused("encrypted-body", "E26", "The Body holds EncryptedData, though nothing is decrypted", |good, _| {
        Ok(good.with([content(good.body()?, encrypted())]))
    }),
    Kind::refused("encrypted-key", "E26", "The Security header holds an EncryptedKey", |good, _| {
        let key = format!(
            "<xenc:EncryptedKey xmlns:xenc=\"{}\"><xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-1_5\"/>\
             <xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>",
            ns::XENC
        );
        Ok(good.with([first(good.security()?, key)]))
    }),
    Kind::refused(
        "encrypted-header",
        "C18",
        "An EncryptedHeader holds plain text beside what is encrypted",
        |good, _| {
            let header =
                format!("<w:EncryptedHeader xmlns:w=\"{}\">{}<x/></w:EncryptedHeader>", ns::WSSE11, encrypted());
            Ok(good.with([first(good.header()?, header)]))
        },
    ),
];

fn encrypted() -> String {
    format!(
        "<xenc:EncryptedData xmlns:xenc=\"{}\"><xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData>\
         </xenc:EncryptedData>",
        ns::XENC
    )
}

fn before_root(good: &Good, text: &str) -> Result<String, Unfit> {
    Ok(good.with([super::good::before(good.envelope(), text)]))
}

/// With a DOCTYPE, and with its entity as a text of the Body.
fn in_leaf(good: &Good, doctype: &str, text: &str) -> Result<String, Unfit> {
    Ok(good.with([super::good::before(good.envelope(), doctype), content(good.leaf()?, text)]))
}

/// From the Envelope on.
fn without_prolog(good: &Good) -> String {
    good.text().get(good.envelope().range()).unwrap_or_default().to_owned()
}

fn halves(text: &str) -> (&str, &str) {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    text.split_at_checked(middle).unwrap_or((text, ""))
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

fn marked(text: &str, with: &[u8]) -> Vec<u8> {
    let (before, behind) = text.split_once(MARK).unwrap_or((text, ""));
    [before.as_bytes(), with, behind.as_bytes()].concat()
}

/// Where bytes go that a text cannot hold.
const MARK: &str = "vidimus-bytes-go-here";
