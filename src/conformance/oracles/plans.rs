//! Messages to be signed: who, with what, over which parts of which random envelope.

use super::documents::Tree;
use crate::conformance::KeyReference;
use crate::conformance::chance::Dice;
use crate::conformance::forge::{self, Recipe, Sign, Target as ForgeTarget};
use crate::conformance::keys::Keys;
use crate::conformance::pki;
use crate::conformance::signature;
use crate::conformance::template::Scope;
use crate::flow::trust::Trust;
use crate::model::{KeyThumbprint, Time};
use crate::registry::Standing;
use crate::wire::base64;
use crate::wire::crypto::{DigestAlgorithm, PrivateKey, SignatureAlgorithm};
use crate::wire::dsig::sign::{self, How, OverParts, Part, Place, Target};
use crate::wire::ns;
use crate::wire::soap::Version;
use crate::wire::xml::time::format_millis;
use crate::wire::xml::{Document, Limits};

/// Somebody who signs.
#[derive(Debug)]
pub(super) struct Party {
    name: &'static str,
    key: PrivateKey,
    pub key_pem: String,
    pub certificate_pem: String,
    /// What the issuer says of the party, for its key; signed. SAML 2.0 and 1.1.
    assertion: String,
    assertion_1_1: String,
}

/// All that plans are made of.
#[derive(Debug)]
pub struct Cast {
    parties: Vec<Party>,
    keys: Keys,
    pub(super) issuer: Party,
    pub(super) now: Time,
    /// Certificates of authorities, PEM.
    pub(super) authorities: String,
    /// Certificates that a reference can name, PEM.
    pub(super) known: String,
}

/// One message: what is signed and how.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub party: usize,
    pub algorithm: SignatureAlgorithm,
    pub digest: DigestAlgorithm,
    pub style: Style,
    /// Ids in our envelopes; WSS4J takes those that it knows as names of parts.
    pub parts: Vec<&'static str>,
    /// Whether the reference to the Body has an enveloped-signature transform that does nothing, as node-soap sends it.
    pub enveloped: bool,
    pub prefixes: Vec<&'static str>,
    pub part_prefixes: Vec<&'static str>,
    soap: &'static str,
    version: Version,
    addressing: bool,
    spaced: bool,
    payload: String,
}

/// How the message names the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Token,
    IssuerSerial,
    SubjectKeyIdentifier,
    Thumbprint,
    Embedded,
    Saml,
    Saml1,
}

impl Style {
    const ALL: [Self; 7] = [
        Self::Token,
        Self::IssuerSerial,
        Self::SubjectKeyIdentifier,
        Self::Thumbprint,
        Self::Embedded,
        Self::Saml,
        Self::Saml1,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "BinarySecurityToken",
            Self::IssuerSerial => "IssuerSerial",
            Self::SubjectKeyIdentifier => "SubjectKeyIdentifier",
            Self::Thumbprint => "Thumbprint",
            Self::Embedded => "embedded certificate",
            Self::Saml => "SAML 2.0 assertion",
            Self::Saml1 => "SAML 1.1 assertion",
        }
    }

    fn reference(self) -> KeyReference {
        match self {
            Self::Token => KeyReference::BinarySecurityToken,
            Self::IssuerSerial => KeyReference::IssuerSerial,
            Self::SubjectKeyIdentifier => KeyReference::SubjectKeyIdentifier,
            Self::Thumbprint => KeyReference::Thumbprint,
            Self::Embedded => KeyReference::EmbeddedCertificate,
            Self::Saml | Self::Saml1 => KeyReference::SamlAssertion,
        }
    }
}

impl Cast {
    /// The parties of the corpus that are registered and active, one for each kind of key.
    ///
    /// # Errors
    /// When a key of the corpus cannot be read.
    pub fn of(keys: &Keys, trust: &Trust, now: Time, corpus: &std::path::Path) -> Result<Self, String> {
        let issuer = party("issuer", keys, now, corpus)?;
        let mut parties: Vec<Party> = Vec::new();
        let mut known = String::new();
        for entry in pki::ENTRIES.iter().filter(|entry| entry.issuer == Some("ca") && !entry.authority) {
            let Ok(certificate) = keys.certificate(entry.name) else { continue };
            let thumbprint = KeyThumbprint(certificate.key_thumbprint());
            let sender = trust.registry.sender_by_key(&thumbprint);
            let active = sender.is_some_and(|sender| {
                sender.standing == Standing::Active && sender.certificates.iter().any(|der| der == certificate.der())
            });
            if !active {
                continue;
            }
            let party = party(entry.name, keys, now, corpus)?;
            known.push_str(&party.certificate_pem);
            if !parties.iter().any(|other| other.key.public().kind() == party.key.public().kind()) {
                parties.push(party);
            }
        }
        let authorities = read(keys, "ca.cert.pem")?;
        Ok(Self { parties, keys: keys.clone(), issuer, now, authorities, known })
    }

    pub(super) fn party(&self, plan: &Plan) -> Result<&Party, String> {
        self.parties.get(plan.party).ok_or_else(|| "no such party".to_owned())
    }

    /// The plan of a stream of draws.
    pub(super) fn plan(&self, dice: &mut Dice) -> Plan {
        // The first one has an RSA key, which most senders have.
        let party = if dice.percent(45) { 0 } else { dice.below(self.parties.len()) };
        let kind = self.parties.get(party).map(|party| party.key.public().kind());
        let fits = |algorithm: &SignatureAlgorithm| Some(algorithm.key_kind()) == kind;
        let algorithms: Vec<SignatureAlgorithm> = SignatureAlgorithm::ALL.into_iter().filter(fits).collect();
        let style = dice.pick(&Style::ALL).copied().unwrap_or(Style::Token);
        let addressing = dice.percent(50);
        let mut parts = vec!["Body", "Timestamp"];
        if addressing {
            parts.push("To");
        }
        match style {
            Style::Token if dice.percent(50) => parts.push("X509"),
            Style::Token | Style::Saml | Style::Saml1 if dice.percent(40) => parts.push("STR"),
            Style::Saml | Style::Saml1 if dice.percent(50) => parts.push("_assertion-1"),
            _ => {}
        }
        dice.shuffle(&mut parts);
        let list = |dice: &mut Dice| -> Vec<&'static str> {
            if dice.percent(50) { LISTED.iter().copied().filter(|_| dice.percent(40)).collect() } else { Vec::new() }
        };
        Plan {
            party,
            algorithm: dice.pick(&algorithms).copied().unwrap_or(SignatureAlgorithm::RsaSha256),
            digest: dice.pick(&DIGESTS).copied().unwrap_or(DigestAlgorithm::Sha256),
            style,
            enveloped: dice.percent(8),
            prefixes: list(dice),
            part_prefixes: list(dice),
            parts,
            soap: dice.pick(&["soap", "S", "soapenv", "env"]).copied().unwrap_or("soap"),
            version: if dice.percent(50) { Version::Soap11 } else { Version::Soap12 },
            addressing,
            spaced: dice.percent(40),
            payload: Tree::random(dice).root_text(),
        }
    }
}

fn party(name: &'static str, keys: &Keys, now: Time, corpus: &std::path::Path) -> Result<Party, String> {
    // WSS4J judges assertions by the machine's own clock.
    let values = [("holder", name), ("assertion_until", "2046-01-01T00:00:00.000Z")];
    let restriction =
        format!("<AudienceRestrictionCondition><Audience>{AUDIENCE}</Audience></AudienceRestrictionCondition>");
    let older = [("assertion_issuer", ISSUER), ("assertion_signer", "issuer"), ("conditions", &restriction)];
    let assertion = assertion_of("parts/assertion.xml", &values, keys, now, corpus)?;
    let assertion_1_1 =
        assertion_of("parts/assertion-1.1.xml", &[&values[..], &older[..]].concat(), keys, now, corpus)?;
    // WSS4J wants to be told whose signature it is. No signature covers that.
    let issuer = base64::encode(keys.certificate("issuer")?.der());
    let named = format!(
        "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{issuer}</ds:X509Certificate></ds:X509Data>\
         </ds:KeyInfo>"
    );
    Ok(Party {
        name,
        key: keys.private(name)?,
        key_pem: read(keys, &format!("{name}.key.pem"))?,
        certificate_pem: read(keys, &format!("{name}.cert.pem"))?,
        assertion: assertion.replacen("</ds:SignatureValue>", &named, 1),
        assertion_1_1,
    })
}

/// A template of the corpus, filled and signed by the issuer.
fn assertion_of(
    template: &str,
    values: &[(&str, &str)],
    keys: &Keys,
    now: Time,
    corpus: &std::path::Path,
) -> Result<String, String> {
    let recipe = Recipe {
        from: Some(template.to_owned()),
        values: values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        sign: Some(Sign { key: Some("issuer".to_owned()), ..Sign::default() }),
        ..Recipe::default()
    };
    let target = ForgeTarget { folder: corpus.to_owned(), ..ForgeTarget::default() };
    String::from_utf8(forge::forge(&recipe, keys, now, &target)?).map_err(|error| error.to_string())
}

fn read(keys: &Keys, name: &str) -> Result<String, String> {
    let path = keys.folder().join(name);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

impl Plan {
    pub fn has_token_transform(&self) -> bool {
        self.parts.contains(&"STR")
    }

    /// The envelope without a Security header.
    pub fn bare(&self) -> String {
        self.envelope("")
    }

    /// The envelope with a Security header that lacks the signature.
    pub fn unsigned(&self, cast: &Cast) -> Result<String, String> {
        let party = cast.party(self)?;
        let space = if self.spaced { "\n  " } else { "" };
        let token = match self.style {
            Style::Token => self.fill(
                cast,
                &format!(
                    "<wsse:BinarySecurityToken EncodingType=\"{}\" ValueType=\"{}\" wsu:Id=\"X509\">${{certificate}}\
                     </wsse:BinarySecurityToken>",
                    ns::BASE64_BINARY,
                    ns::X509_V3
                ),
            )?,
            Style::Saml => party.assertion.clone(),
            Style::Saml1 => party.assertion_1_1.clone(),
            _ => String::new(),
        };
        let (created, expires) = (format_millis(cast.now), format_millis(cast.now + chrono::Duration::seconds(300)));
        Ok(self.envelope(&format!(
            "{space}<wsse:Security xmlns:wsse=\"{}\" {}:mustUnderstand=\"1\">{space}{token}{space}<wsu:Timestamp \
             wsu:Id=\"Timestamp\"><wsu:Created>{created}</wsu:Created>{space}<wsu:Expires>{expires}</wsu:Expires>\
             </wsu:Timestamp>{space}</wsse:Security>",
            ns::WSSE,
            self.soap,
        )))
    }

    /// What WSS4J is asked for: its own style of STR-Transform over an assertion is another one.
    pub fn wss4j_style(&self) -> &'static str {
        match self.style {
            Style::Token if self.payload.len().is_multiple_of(5) && !self.has_token_transform() => "path",
            Style::Token => "token",
            Style::IssuerSerial => "issuer-serial",
            Style::SubjectKeyIdentifier => "subject-key-identifier",
            Style::Thumbprint => "thumbprint",
            Style::Embedded => "embedded",
            Style::Saml if self.has_token_transform() => "saml2-str",
            Style::Saml => "saml2",
            Style::Saml1 if self.has_token_transform() => "saml1-str",
            Style::Saml1 => "saml1",
        }
    }

    /// The parts by the names that WSS4J's driver knows.
    pub fn wss4j_parts(&self) -> Vec<&'static str> {
        let named = self.parts.iter().map(|id| match *id {
            "X509" => "Token",
            "_assertion-1" => "Assertion",
            other => other,
        });
        let plain = self.part_prefixes.is_empty().then_some("no-prefixes");
        named.chain(plain).collect()
    }

    fn envelope(&self, security: &str) -> String {
        let soap = self.soap;
        let space = if self.spaced { "\n " } else { "" };
        let to = if self.addressing {
            format!("<wsa:To xmlns:wsa=\"{}\" wsu:Id=\"To\">{ADDRESS}</wsa:To>", ns::WSA)
        } else {
            String::new()
        };
        format!(
            "<{soap}:Envelope xmlns:{soap}=\"{}\" xmlns:wsu=\"{}\" xmlns:q=\"urn:outer\">{space}<{soap}:Header>{to}{security}\
             </{soap}:Header>{space}<{soap}:Body wsu:Id=\"Body\">{space}{}{space}</{soap}:Body>{space}</{soap}:Envelope>",
            self.version.namespace(),
            ns::WSU,
            self.payload,
        )
    }

    /// The KeyInfo, with its prefixes declared.
    pub fn key_info(&self, cast: &Cast) -> Result<String, String> {
        let unsigned = self.unsigned(cast)?;
        let template = match self.style {
            // STR/X509Data with a certificate is outside the Basic Security Profile, and unknown to WSS4J.
            Style::Embedded => format!(
                "<ds:KeyInfo><wsse:SecurityTokenReference wsu:Id=\"STR\"><wsse:KeyIdentifier EncodingType=\"{}\" \
                 ValueType=\"{}\">${{certificate}}</wsse:KeyIdentifier></wsse:SecurityTokenReference></ds:KeyInfo>",
                ns::BASE64_BINARY,
                ns::X509_V3
            ),
            style => signature::key_info(&unsigned, style.reference())?,
        };
        let written = self.fill(cast, &template)?;
        let declared =
            format!("<ds:KeyInfo xmlns:ds=\"{}\" xmlns:wsse=\"{}\" xmlns:wsu=\"{}\">", ns::DS, ns::WSSE, ns::WSU);
        Ok(written.replacen("<ds:KeyInfo>", &declared, 1))
    }

    fn fill(&self, cast: &Cast, text: &str) -> Result<String, String> {
        let scope = Scope {
            keys: &cast.keys,
            signer: Some(cast.party(self)?.name),
            clock: cast.now,
            endpoint: ADDRESS,
            folder: std::path::Path::new(""),
            value: &|_| None,
        };
        scope.fill(text)
    }

    /// Signed by us.
    pub fn ours(&self, cast: &Cast) -> Result<Vec<u8>, String> {
        let unsigned = self.unsigned(cast)?;
        let document = Document::parse(unsigned, &Limits::default()).map_err(|error| error.to_string())?;
        let security = document.elements().find(|e| e.is(ns::WSSE, "Security")).ok_or("no Security")?;
        let parts: Vec<Part<'_>> = self
            .parts
            .iter()
            .map(|id| Part {
                target: Target::Id(id),
                how: match *id {
                    "STR" => How::Token,
                    "Body" if self.enveloped => How::Enveloped,
                    _ => How::Exclusive,
                },
                // WSS4J reads no PrefixList inside TransformationParameters.
                prefixes: if *id == "STR" { &[] } else { &self.part_prefixes },
            })
            .collect();
        let what = OverParts {
            parts: &parts,
            place: Place::LastIn(security.id()),
            algorithm: self.algorithm,
            digest: self.digest,
            prefixes: &self.prefixes,
            id: Some("SIG"),
            key_info: &self.key_info(cast)?,
        };
        sign::sign_parts(&document, &what, &cast.party(self)?.key).map_err(|error| error.to_string())
    }
}

/// Whom the registry of the world knows as issuer of assertions, and for whom they are.
pub(super) const ISSUER: &str = "https://idp.region.example";
pub(super) const AUDIENCE: &str = "https://sts.example";
/// What a covered `wsa:To` says.
pub(super) const ADDRESS: &str = "https://sts.example/sts/oasis";
const DIGESTS: [DigestAlgorithm; 3] = [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512];
/// What a PrefixList may name; `p` and `q` are bound in payloads, `q` outside them too.
const LISTED: &[&str] = &["soap", "wsse", "p", "q", "#default", "unknown"];
