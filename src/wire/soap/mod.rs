//! SOAP 1.1 and 1.2: the envelope, its header blocks, its one payload.
//!
//! Reading decides by position: the Body is the last child of the Envelope, and what it holds is
//! its one element child. Nothing is looked up by name deeper down, which is what signature
//! wrapping lives on (McIntosh and Austel 2005). WS-Addressing headers: [`addressing`].

pub mod addressing;
pub mod fault;
mod write;

use std::fmt;

pub use addressing::Addressing;
pub use fault::Fault;
pub use write::{FaultCode, NewAddressing, NewEnvelope, NewFault};

use crate::wire::guard::{self, Guard};
use crate::wire::ns;
use crate::wire::shape::{ShapeError, name_of, short};
use crate::wire::xml::{Document, Element, NodeId};

/// The two versions of SOAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    Soap11,
    Soap12,
}

impl Version {
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => ns::SOAP11,
            Self::Soap12 => ns::SOAP12,
        }
    }

    /// The media type of a message, without parameters.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml",
            Self::Soap12 => "application/soap+xml",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Soap11 => "1.1",
            Self::Soap12 => "1.2",
        }
    }
}

/// An envelope of the right shape. Received, not believed.
#[derive(Debug, Clone)]
pub struct Envelope<'d> {
    pub version: Version,
    pub element: Element<'d>,
    pub header: Option<Element<'d>>,
    pub blocks: Vec<HeaderBlock<'d>>,
    pub body: Element<'d>,
    /// The one element that the Body holds.
    pub payload: Element<'d>,
}

/// One child of the Header.
#[derive(Debug, Clone, Copy)]
pub struct HeaderBlock<'d> {
    pub element: Element<'d>,
    pub must_understand: bool,
    pub role: Role<'d>,
}

/// For whom a header block is: SOAP 1.1 `actor`, SOAP 1.2 `role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role<'d> {
    /// No role, an empty one, `next` or the ultimate receiver.
    Ours,
    Other(&'d str),
}

/// Why a document is not an envelope that we take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    /// The element at fault.
    pub at: NodeId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The root is something else; its name.
    NotAnEnvelope(String),
    /// An Envelope of a version that does not exist; its namespace.
    UnknownVersion(String),
    HeaderRepeated,
    HeaderAfterBody,
    BodyMissing,
    BodyRepeated,
    /// Anything but one Header and one Body, in that order, inside the Envelope.
    Unexpected(String),
    /// The Body holds this many elements instead of one.
    BodyContent {
        elements: usize,
    },
    /// Text directly inside Envelope, Header or Body.
    StrayText,
    /// `mustUnderstand` is neither of `0`, `1`, `false`, `true`.
    MustUnderstand(String),
    /// A WS-Addressing header stands there twice.
    AddressingRepeated(String),
    /// Headers of two versions of WS-Addressing.
    AddressingMixed,
    /// A WS-Addressing header that cannot be read.
    Addressing(ShapeError),
}

impl Error {
    fn new(kind: ErrorKind, at: Element<'_>) -> Self {
        Self { kind, at: at.id() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::NotAnEnvelope(found) => write!(f, "the root element is {found}, not a SOAP Envelope"),
            ErrorKind::UnknownVersion(found) => write!(f, "an Envelope of no known SOAP version: `{found}`"),
            ErrorKind::HeaderRepeated => f.write_str("the Envelope has two Headers"),
            ErrorKind::HeaderAfterBody => f.write_str("the Header stands behind the Body"),
            ErrorKind::BodyMissing => f.write_str("the Envelope has no Body"),
            ErrorKind::BodyRepeated => f.write_str("the Envelope has two Bodies"),
            ErrorKind::Unexpected(found) => write!(f, "{found} has no place in the Envelope"),
            ErrorKind::BodyContent { elements } => write!(f, "the Body holds {elements} elements instead of one"),
            ErrorKind::StrayText => f.write_str("text stands directly in Envelope, Header or Body"),
            ErrorKind::MustUnderstand(found) => write!(f, "mustUnderstand=\"{found}\" is neither 0 nor 1"),
            ErrorKind::AddressingRepeated(name) => write!(f, "the addressing header {name} stands there twice"),
            ErrorKind::AddressingMixed => f.write_str("addressing headers of two versions"),
            ErrorKind::Addressing(error) => write!(f, "an addressing header: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl<'d> Envelope<'d> {
    /// Reads the document as an envelope (SOAP 1.1 section 4, SOAP 1.2 part 1 section 5).
    ///
    /// # Errors
    /// When it has another shape: what stands where it may not, and at which element.
    pub fn read(document: &'d Document) -> Result<Self, Error> {
        let element = document.root();
        let version = version_of(element)?;
        refuse_text(element)?;
        let (header, body) = header_and_body(element, version)?;
        let blocks = match header {
            Some(header) => {
                refuse_text(header)?;
                header.children().map(|block| header_block(block, version)).collect::<Result<_, _>>()?
            }
            None => Vec::new(),
        };
        refuse_text(body)?;
        let mut children = body.children();
        let payload = match (children.next(), children.next()) {
            (Some(payload), None) => payload,
            (Some(payload), Some(_)) if !guard::stands(Guard::BodyContent) => payload,
            _ => return Err(Error::new(ErrorKind::BodyContent { elements: body.children().count() }, body)),
        };
        Ok(Self { version, element, header, blocks, body, payload })
    }

    /// The header blocks that are for us.
    pub fn our_blocks(&self) -> impl Iterator<Item = &HeaderBlock<'d>> {
        self.blocks.iter().filter(|block| block.role == Role::Ours)
    }

    /// The blocks for us that must be understood and whose name `understood` does not know
    /// (SOAP 1.1 section 4.2.3, SOAP 1.2 part 1 section 5.2.3).
    pub fn not_understood(&self, understood: impl Fn(Element<'d>) -> bool) -> Vec<Element<'d>> {
        self.our_blocks()
            .filter(|block| block.must_understand && !understood(block.element))
            .map(|block| block.element)
            .collect()
    }

    /// The WS-Addressing headers.
    ///
    /// # Errors
    /// When one stands there twice, cannot be read, or two versions are mixed.
    pub fn addressing(&self) -> Result<Addressing<'d>, Error> {
        addressing::read(self)
    }

    /// The payload as a Fault, when it is one.
    pub fn fault(&self) -> Option<Fault> {
        fault::read(self)
    }
}

fn version_of(root: Element<'_>) -> Result<Version, Error> {
    if root.local_name() != "Envelope" {
        return Err(Error::new(ErrorKind::NotAnEnvelope(name_of(root)), root));
    }
    match root.namespace() {
        ns::SOAP11 => Ok(Version::Soap11),
        ns::SOAP12 => Ok(Version::Soap12),
        other => Err(Error::new(ErrorKind::UnknownVersion(short(other)), root)),
    }
}

/// One optional Header, then one Body, then nothing. SOAP 1.1 lets elements follow the Body; they
/// are refused, for they are where a moved Body hides.
fn header_and_body<'d>(envelope: Element<'d>, version: Version) -> Result<(Option<Element<'d>>, Element<'d>), Error> {
    let (mut header, mut body) = (None, None);
    for child in envelope.children() {
        if child.is(version.namespace(), "Header") {
            if body.is_some() && guard::stands(Guard::EnvelopeChildren) {
                return Err(Error::new(ErrorKind::HeaderAfterBody, child));
            }
            if header.replace(child).is_some() && guard::stands(Guard::EnvelopeChildren) {
                return Err(Error::new(ErrorKind::HeaderRepeated, child));
            }
        } else if child.is(version.namespace(), "Body") {
            if body.replace(child).is_some() && guard::stands(Guard::EnvelopeChildren) {
                return Err(Error::new(ErrorKind::BodyRepeated, child));
            }
        } else if guard::stands(Guard::EnvelopeChildren) {
            return Err(Error::new(ErrorKind::Unexpected(name_of(child)), child));
        }
    }
    let body = body.ok_or_else(|| Error::new(ErrorKind::BodyMissing, envelope))?;
    Ok((header, body))
}

fn header_block(element: Element<'_>, version: Version) -> Result<HeaderBlock<'_>, Error> {
    let must_understand = match element.attribute(version.namespace(), "mustUnderstand").map(str::trim) {
        None | Some("0" | "false") => false,
        Some("1" | "true") => true,
        Some(other) => return Err(Error::new(ErrorKind::MustUnderstand(short(other)), element)),
    };
    let attribute = match version {
        Version::Soap11 => "actor",
        Version::Soap12 => "role",
    };
    let role = match element.attribute(version.namespace(), attribute) {
        None | Some("" | ns::SOAP11_ACTOR_NEXT | ns::SOAP12_ROLE_NEXT | ns::SOAP12_ROLE_ULTIMATE_RECEIVER) => {
            Role::Ours
        }
        Some(other) => Role::Other(other),
    };
    Ok(HeaderBlock { element, must_understand, role })
}

fn refuse_text(element: Element<'_>) -> Result<(), Error> {
    if element.has_character_data() { Err(Error::new(ErrorKind::StrayText, element)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::Limits;

    fn read(xml: &str) -> Result<(Version, usize), ErrorKind> {
        let document = Document::parse(xml, &Limits::default()).unwrap();
        let envelope = Envelope::read(&document).map_err(|error| error.kind)?;
        Ok((envelope.version, envelope.blocks.len()))
    }

    fn soap11(inside: &str) -> String {
        format!("<s:Envelope xmlns:s='{}'>{inside}</s:Envelope>", ns::SOAP11)
    }

    #[test]
    fn an_envelope_has_a_header_that_may_be_absent_and_a_body_with_one_element() {
        assert_eq!(read(&soap11("<s:Body><a/></s:Body>")), Ok((Version::Soap11, 0)));
        assert_eq!(
            read(&soap11("\n <s:Header><x/><y/></s:Header>\n<s:Body> <a/> </s:Body>")),
            Ok((Version::Soap11, 2))
        );
        let soap12 = format!("<Envelope xmlns='{}'><Body><a xmlns=''/></Body></Envelope>", ns::SOAP12);
        assert_eq!(read(&soap12), Ok((Version::Soap12, 0)));
    }

    #[test]
    fn refuses_each_envelope_of_another_shape() {
        let cases = [
            (soap11(""), ErrorKind::BodyMissing),
            (soap11("<s:Body/>"), ErrorKind::BodyContent { elements: 0 }),
            (soap11("<s:Body><a/><b/></s:Body>"), ErrorKind::BodyContent { elements: 2 }),
            (soap11("<s:Body><a/></s:Body><s:Body><a/></s:Body>"), ErrorKind::BodyRepeated),
            (soap11("<s:Header/><s:Header/><s:Body><a/></s:Body>"), ErrorKind::HeaderRepeated),
            (soap11("<s:Body><a/></s:Body><s:Header/>"), ErrorKind::HeaderAfterBody),
            (soap11("<s:Body><a/></s:Body><x/>"), ErrorKind::Unexpected("{}x".to_owned())),
            (
                soap11(&format!("<t:Body xmlns:t='{}'><a/></t:Body><s:Body><a/></s:Body>", ns::SOAP12)),
                ErrorKind::Unexpected(format!("{{{}}}Body", ns::SOAP12)),
            ),
            (soap11("x<s:Body><a/></s:Body>"), ErrorKind::StrayText),
            (soap11("<s:Body>x<a/></s:Body>"), ErrorKind::StrayText),
            ("<Envelope xmlns='urn:x'/>".to_owned(), ErrorKind::UnknownVersion("urn:x".to_owned())),
            ("<a/>".to_owned(), ErrorKind::NotAnEnvelope("{}a".to_owned())),
            (soap11("<s:Header><x s:mustUnderstand='yes'/></s:Header>"), ErrorKind::BodyMissing),
            (
                soap11("<s:Header><x s:mustUnderstand='yes'/></s:Header><s:Body><a/></s:Body>"),
                ErrorKind::MustUnderstand("yes".to_owned()),
            ),
        ];
        for (xml, kind) in cases {
            assert_eq!(read(&xml), Err(kind), "{xml}");
        }
    }

    #[test]
    fn only_blocks_for_us_must_be_understood() {
        let xml = soap11(
            "<s:Header><known s:mustUnderstand='1'/><other s:mustUnderstand='1' s:actor='urn:other'/>\
             <strange s:mustUnderstand='1'/><plain/></s:Header><s:Body><a/></s:Body>",
        );
        let document = Document::parse(xml, &Limits::default()).unwrap();
        let envelope = Envelope::read(&document).unwrap();
        let strange: Vec<_> = envelope
            .not_understood(|element| element.is("", "known"))
            .into_iter()
            .map(|element| element.local_name().to_owned())
            .collect();
        assert_eq!(strange, ["strange"]);
    }
}
