//! What an envelope says: header blocks, tokens, times, signatures with their references and what
//! these cover. Reads any XML that parses and judges nothing; for judgement see `verify`.

use serde::Serialize;

use crate::wire::ns;
use crate::wire::xml::{ById, Document, Element};

/// All of it, as `-o json` writes it.
#[derive(Debug, Serialize)]
pub struct Structure {
    schema: &'static str,
    verified: bool,
    bytes: usize,
    /// `1.1`, `1.2`, or nothing when the root is no SOAP envelope.
    soap: Option<&'static str>,
    root: Part,
    headers: Vec<Part>,
    security: Vec<Security>,
    body: Vec<Part>,
}

/// One element.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    pub name: String,
    pub namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its text, when it has no elements and is short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    pub path: String,
    /// First byte and the byte after the last, in the file.
    pub bytes: (usize, usize),
}

#[derive(Debug, Serialize)]
struct Security {
    actor: Option<String>,
    must_understand: bool,
    tokens: Vec<Part>,
    created: Option<String>,
    expires: Option<String>,
    signatures: Vec<Signature>,
    others: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Signature {
    part: Part,
    method: String,
    canonicalization: String,
    key: Vec<String>,
    references: Vec<Reference>,
}

#[derive(Debug, Serialize)]
struct Reference {
    uri: String,
    transforms: Vec<String>,
    digest: String,
    /// How many elements have the id.
    found: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    covers: Option<Part>,
}

impl Structure {
    pub fn of(document: &Document) -> Self {
        let root = document.root();
        let soap = match (root.local_name(), root.namespace()) {
            ("Envelope", ns::SOAP11) => Some("1.1"),
            ("Envelope", ns::SOAP12) => Some("1.2"),
            _ => None,
        };
        let soap_ns = root.namespace();
        let blocks: Vec<_> = root.children_named(soap_ns, "Header").flat_map(Element::children).collect();
        let (security, headers): (Vec<_>, Vec<_>) =
            blocks.into_iter().partition(|block| block.is(ns::WSSE, "Security"));
        let bodies = root.children_named(soap_ns, "Body");
        Self {
            schema: "vidimus.structure/v1",
            verified: false,
            bytes: document.bytes().len(),
            soap,
            root: Part::of(root),
            headers: headers.into_iter().map(Part::of).collect(),
            security: security.into_iter().map(Security::of).collect(),
            body: bodies.flat_map(|body| std::iter::once(body).chain(body.children())).map(Part::of).collect(),
        }
    }

    /// The same for people.
    pub fn lines(&self) -> Vec<String> {
        let kind =
            self.soap.map_or_else(|| format!("no SOAP envelope: {}", self.root.name), |soap| format!("SOAP {soap}"));
        let mut lines = vec![format!("{kind}, {} bytes", self.bytes)];
        lines.extend(self.headers.iter().map(|part| format!("header     {}", part.line())));
        for security in &self.security {
            security.lines(&mut lines);
        }
        let body = self.body.iter().zip(["body      "].into_iter().chain(std::iter::repeat("  content ")));
        lines.extend(body.map(|(part, label)| format!("{label} {}", part.line())));
        lines
    }
}

impl Part {
    pub fn of(element: Element<'_>) -> Self {
        const IDS: [(&str, &str); 7] = [
            (ns::WSU, "Id"),
            (ns::XML, "id"),
            ("", "Id"),
            ("", "ID"),
            ("", "id"),
            ("", "AssertionID"),
            ("", "RequestID"),
        ];
        let id = IDS.iter().find_map(|(namespace, name)| element.attribute(namespace, name));
        let text = element.text().map(|text| text.trim().to_owned());
        Self {
            name: element.qualified_name().to_owned(),
            namespace: element.namespace().to_owned(),
            id: id.map(str::to_owned),
            text: text.filter(|text| !text.is_empty() && text.chars().count() <= SHORT),
            path: element.path(),
            bytes: (element.range().start, element.range().end),
        }
    }

    fn line(&self) -> String {
        let mut line = self.name.clone();
        if let Some(id) = &self.id {
            line.push_str(&format!("  #{id}"));
        }
        if let Some(text) = &self.text {
            line.push_str(&format!("  {text}"));
        }
        line + &format!("  (bytes {}–{})", self.bytes.0, self.bytes.1)
    }
}

impl Security {
    fn of(header: Element<'_>) -> Self {
        let time = |name| {
            let timestamp = header.child(ns::WSU, "Timestamp")?;
            Some(timestamp.child(ns::WSU, name)?.text()?.trim().to_owned())
        };
        let is_signature = |element: &Element<'_>| element.is(ns::DS, "Signature");
        let is_timestamp = |element: &Element<'_>| element.is(ns::WSU, "Timestamp");
        let rest = header.children().filter(|element| !is_signature(element) && !is_timestamp(element));
        let (tokens, others): (Vec<_>, Vec<_>) = rest.partition(|element| is_token(*element));
        let actor = header.attribute(ns::SOAP11, "actor").or_else(|| header.attribute(ns::SOAP12, "role"));
        let must =
            header.attribute(ns::SOAP11, "mustUnderstand").or_else(|| header.attribute(ns::SOAP12, "mustUnderstand"));
        Self {
            actor: actor.map(str::to_owned),
            must_understand: matches!(must, Some("1" | "true")),
            tokens: tokens.into_iter().map(Part::of).collect(),
            created: time("Created"),
            expires: time("Expires"),
            signatures: header.children().filter(is_signature).map(Signature::of).collect(),
            others: others.into_iter().map(Part::of).collect(),
        }
    }

    fn lines(&self, lines: &mut Vec<String>) {
        let actor = self.actor.as_ref().map(|actor| format!(", for {actor}")).unwrap_or_default();
        let must = if self.must_understand { ", mustUnderstand" } else { "" };
        lines.push(format!("security   wsse:Security{must}{actor}"));
        lines.extend(self.tokens.iter().map(|part| format!("  token    {}", part.line())));
        if self.created.is_some() || self.expires.is_some() {
            let shown = |time: &Option<String>| time.clone().unwrap_or_else(|| "absent".to_owned());
            lines.push(format!("  time     created {}, expires {}", shown(&self.created), shown(&self.expires)));
        }
        lines.extend(self.others.iter().map(|part| format!("  other    {}", part.line())));
        for signature in &self.signatures {
            let Signature { part, method, canonicalization, key, references } = signature;
            lines.push(format!("  signed   {method}, {canonicalization}  (bytes {}–{})", part.bytes.0, part.bytes.1));
            lines.push(format!("    key    {}", key.join("; ")));
            lines.extend(references.iter().map(|reference| format!("    part   {}", reference.line())));
        }
    }
}

impl Signature {
    fn of(signature: Element<'_>) -> Self {
        let info = signature.child(ns::DS, "SignedInfo");
        let algorithm = |name| info.and_then(|info| info.child(ns::DS, name)).map_or("absent".to_owned(), algorithm_of);
        let references = info.into_iter().flat_map(|info| info.children_named(ns::DS, "Reference"));
        Self {
            part: Part::of(signature),
            method: algorithm("SignatureMethod"),
            canonicalization: algorithm("CanonicalizationMethod"),
            key: key_of(signature),
            references: references.map(Reference::of).collect(),
        }
    }
}

impl Reference {
    fn of(reference: Element<'_>) -> Self {
        let uri = reference.attribute("", "URI").unwrap_or_default();
        let transforms = reference.child(ns::DS, "Transforms").into_iter();
        let transforms: Vec<_> =
            transforms.flat_map(|all| all.children_named(ns::DS, "Transform")).map(algorithm_of).collect();
        let document = reference.document();
        let (found, mut covers) = match uri.strip_prefix('#').map(|id| document.by_id(id)) {
            Some(ById::One(element)) => (1, Some(element)),
            Some(ById::Repeated(count)) => (count, None),
            Some(ById::None) | None => (0, None),
        };
        if transforms.iter().any(|name| name == "STR-Transform") {
            covers = covers.and_then(token_of);
        }
        Self {
            uri: uri.to_owned(),
            transforms,
            digest: reference.child(ns::DS, "DigestMethod").map_or("absent".to_owned(), algorithm_of),
            found,
            covers: covers.map(Part::of),
        }
    }

    fn line(&self) -> String {
        let how = if self.transforms.is_empty() { "no transform".to_owned() } else { self.transforms.join(" + ") };
        let how = format!("{}, {how}", self.digest);
        match &self.covers {
            Some(part) => format!("{} → {} (bytes {}–{})  {how}", self.uri, part.path, part.bytes.0, part.bytes.1),
            None => format!("{} → {} elements have this id  {how}", self.uri, self.found),
        }
    }
}

/// The token that a security token reference leads to, in this document.
fn token_of(reference: Element<'_>) -> Option<Element<'_>> {
    let direct = reference.child(ns::WSSE, "Reference").and_then(|direct| direct.attribute("", "URI"));
    let id = match direct {
        Some(uri) => uri.strip_prefix('#')?.to_owned(),
        None => reference.child(ns::WSSE, "KeyIdentifier")?.text()?.trim().to_owned(),
    };
    match reference.document().by_id(&id) {
        ById::One(token) => Some(token),
        ById::None | ById::Repeated(_) => None,
    }
}

/// How ds:KeyInfo names the key, one entry for each way.
fn key_of(signature: Element<'_>) -> Vec<String> {
    let Some(info) = signature.child(ns::DS, "KeyInfo") else { return vec!["no ds:KeyInfo".to_owned()] };
    let mut ways = Vec::new();
    for child in info.children().flat_map(|child| {
        let inner: Vec<_> =
            if child.is(ns::WSSE, "SecurityTokenReference") { child.children().collect() } else { vec![child] };
        inner
    }) {
        let kind = child.attribute("", "ValueType").map(|uri| format!(" {}", short(uri))).unwrap_or_default();
        let value = child.attribute("", "URI").map(str::to_owned).or_else(|| Part::of(child).text).unwrap_or_default();
        let inner: Vec<_> = child.children().map(Element::local_name).collect();
        let inner = if inner.is_empty() { String::new() } else { format!(" ({})", inner.join(", ")) };
        ways.push(format!("{}{kind}{inner} {value}", child.qualified_name()).trim_end().to_owned());
    }
    ways
}

fn is_token(element: Element<'_>) -> bool {
    element.is(ns::WSSE, "BinarySecurityToken")
        || element.is(ns::WSSE, "UsernameToken")
        || element.local_name() == "Assertion"
        || element.local_name() == "EncryptedAssertion"
}

fn algorithm_of(element: Element<'_>) -> String {
    element.attribute("", "Algorithm").map_or("absent".to_owned(), short)
}

/// The usual name of an identifier, or the identifier itself.
pub fn short(uri: &str) -> String {
    match uri {
        ns::EXC_C14N => "exc-c14n".to_owned(),
        ns::C14N => "c14n 1.0 (inclusive)".to_owned(),
        ns::C14N11 => "c14n 1.1 (inclusive)".to_owned(),
        _ => match uri.rsplit_once('#') {
            Some((_, name)) if !name.is_empty() => name.to_owned(),
            _ => uri.to_owned(),
        },
    }
}

/// Longer texts are payload, not structure.
const SHORT: usize = 120;

#[cfg(test)]
mod tests {
    use crate::wire::xml::Limits;

    use super::*;

    const MESSAGE: &str = r##"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><s:Header><wsa:To u:Id="to">urn:here</wsa:To><o:Security s:mustUnderstand="1"><o:BinarySecurityToken u:Id="x">QUJD</o:BinarySecurityToken><u:Timestamp u:Id="t"><u:Created>2026-01-01T00:00:00Z</u:Created></u:Timestamp><d:Signature xmlns:d="http://www.w3.org/2000/09/xmldsig#"><d:SignedInfo><d:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><d:Reference URI="#t"><d:Transforms><d:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></d:Transforms><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/></d:Reference><d:Reference URI="#gone"><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/></d:Reference></d:SignedInfo><d:KeyInfo><o:SecurityTokenReference><o:Reference URI="#x" ValueType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"/></o:SecurityTokenReference></d:KeyInfo></d:Signature></o:Security></s:Header><s:Body u:Id="b"><a/></s:Body></s:Envelope>"##;

    fn structure() -> Structure {
        Structure::of(&Document::parse(MESSAGE, &Limits::default()).unwrap())
    }

    #[test]
    fn the_structure_reads_like_the_message() {
        let ranges_left_out: Vec<String> = structure()
            .lines()
            .iter()
            .map(|line| line.split("  (bytes").next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            ranges_left_out,
            [
                &format!("SOAP 1.1, {} bytes", MESSAGE.len()),
                "header     wsa:To  #to  urn:here",
                "security   wsse:Security, mustUnderstand",
                "  token    o:BinarySecurityToken  #x  QUJD",
                "  time     created 2026-01-01T00:00:00Z, expires absent",
                "  signed   rsa-sha256, exc-c14n",
                "    key    o:Reference X509v3 #x",
                &format!(
                    "    part   #t → /s:Envelope/s:Header/o:Security/u:Timestamp (bytes {}–{})  sha256, exc-c14n",
                    MESSAGE.find("<u:Timestamp").unwrap(),
                    MESSAGE.find("<d:Signature").unwrap(),
                ),
                "    part   #gone → 0 elements have this id  sha256, no transform",
                "body       s:Body  #b",
                "  content  a",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn json_says_that_nothing_was_verified() {
        let object = serde_json::to_value(structure()).unwrap();
        assert_eq!(object["schema"], "vidimus.structure/v1");
        assert_eq!(object["verified"], false);
        assert_eq!(object["security"][0]["signatures"][0]["references"][0]["covers"]["name"], "u:Timestamp");
    }
}
