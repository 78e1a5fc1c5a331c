//! Tokens (security.md C21-C32, F): a SAML assertion in the header, wrapped, swapped, restyled.

use super::good::{Good, after, before, content, first, remove, replace, set, without_attribute};
use super::keys::strangers_key;
use super::signature::qualified;
use super::wrapping::wrapper;
use super::{Attacker, Kind, Unfit};
use crate::wire::ns;
use crate::wire::xml::Element;

pub const KINDS: &[Kind] = &[
    Kind::by_stranger(
        "saml-xsw-1",
        "C21",
        "The evil assertion's signature holds the whole good one, first in it",
        |good, attacker| {
            let evil = evil(good, attacker)?;
            let signature = good.assertion_signature()?;
            let holds = signature_with(signature, good.assertion()?.source(), true)?;
            placed(good, attacker, evil.replacen(MARK, &holds, 1))
        },
    ),
    Kind::by_stranger(
        "saml-xsw-2",
        "C22",
        "The good assertion, stripped, stands before the evil one's signature",
        |good, attacker| {
            let evil = evil(good, attacker)?;
            let inside = format!("{}{}", stripped(good)?, good.assertion_signature()?.source());
            placed(good, attacker, evil.replacen(MARK, &inside, 1))
        },
    ),
    Kind::by_stranger("saml-xsw-3", "C23", "The evil assertion stands before the good one", |good, attacker| {
        placed(good, attacker, format!("{}{}", evil(good, attacker)?.replacen(MARK, "", 1), good.assertion()?.source()))
    }),
    Kind::by_stranger("saml-xsw-4", "C24", "The good assertion stands inside the evil one", |good, attacker| {
        placed(good, attacker, evil(good, attacker)?.replacen(MARK, good.assertion()?.source(), 1))
    }),
    Kind::by_stranger(
        "saml-xsw-5",
        "C25",
        "The evil assertion keeps the signature, the good one follows without it",
        |good, attacker| {
            let evil = evil(good, attacker)?.replacen(MARK, good.assertion_signature()?.source(), 1);
            placed(good, attacker, format!("{evil}{}", stripped(good)?))
        },
    ),
    Kind::by_stranger(
        "saml-xsw-6",
        "C26",
        "The evil assertion's signature holds the good one, stripped",
        |good, attacker| {
            let holds = signature_with(good.assertion_signature()?, &stripped(good)?, false)?;
            placed(good, attacker, evil(good, attacker)?.replacen(MARK, &holds, 1))
        },
    ),
    Kind::by_stranger(
        "saml-xsw-7",
        "C27",
        "The evil assertion stands in an element of extensions, the good one beside it",
        |good, attacker| {
            let evil = evil(good, attacker)?.replacen(MARK, "", 1);
            placed(
                good,
                attacker,
                format!("<x:Extensions xmlns:x=\"urn:evil\">{evil}</x:Extensions>{}", good.assertion()?.source()),
            )
        },
    ),
    Kind::by_stranger(
        "saml-xsw-8",
        "C28",
        "The evil assertion's signature holds the good one in a ds:Object",
        |good, attacker| {
            let signature = good.assertion_signature()?;
            let object = qualified(signature.prefix(), "Object");
            let holds = signature_with(signature, &format!("<{object}>{}</{object}>", stripped(good)?), false)?;
            placed(good, attacker, evil(good, attacker)?.replacen(MARK, &holds, 1))
        },
    ),
    Kind::by_stranger(
        "saml-evil-last",
        "C30",
        "An unsigned assertion follows the good one, and its key signs",
        |good, attacker| {
            placed(
                good,
                attacker,
                format!("{}{}", good.assertion()?.source(), evil(good, attacker)?.replacen(MARK, "", 1)),
            )
        },
    ),
    Kind::by_stranger(
        "saml-evil-alone",
        "F07",
        "An unsigned assertion stands in the place of the good one, and its key signs",
        |good, attacker| placed(good, attacker, evil(good, attacker)?.replacen(MARK, "", 1)),
    ),
    Kind::by_stranger(
        "saml-evil-wrapped-good",
        "C27",
        "The good assertion moves into a wrapper, an unsigned one stands in its place",
        |good, attacker| {
            let good_aside = wrapper(good.assertion()?.source());
            placed(good, attacker, format!("{}{good_aside}", evil(good, attacker)?.replacen(MARK, "", 1)))
        },
    ),
    Kind::by_stranger(
        "saml-evil-same-id",
        "C02",
        "An unsigned assertion with the same ID stands before the good one",
        |good, attacker| {
            let id = good.id(good.assertion()?)?;
            let evil = evil(good, attacker)?.replacen(MARK, "", 1).replacen(EVIL_ID, id, 1);
            let changed = good.with([before(good.assertion()?, evil)]);
            Ok(changed)
        },
    ),
    Kind::by_stranger(
        "saml-sender-vouches",
        "F05",
        "A forged assertion says sender-vouches and brings the forger's key",
        |good, attacker| {
            let evil =
                evil(good, attacker)?.replacen(MARK, "", 1).replace(ns::SAML2_HOLDER_OF_KEY, ns::SAML2_SENDER_VOUCHES);
            placed(good, attacker, evil)
        },
    ),
    Kind::refused(
        "assertion-second-unsigned",
        "C30",
        "A second assertion that nobody signed stands beside the good one",
        |good, attacker| Ok(good.with([after(good.assertion()?, evil(good, attacker)?.replacen(MARK, "", 1))])),
    ),
    Kind::refused("assertion-twice", "C30", "The assertion stands twice", |good, _| {
        Ok(good.with([after(good.assertion()?, good.assertion()?.source())]))
    }),
    Kind::refused("assertion-id-as-1-1", "C32", "Another element has the assertion's ID as AssertionID", |good, _| {
        let id = good.id(good.assertion()?)?;
        Ok(good.with([first(good.header()?, format!("<x AssertionID=\"{id}\"/>"))]))
    }),
    Kind::by_stranger(
        "assertion-key-swapped",
        "F01",
        "The key in the assertion is a stranger's, who signs the message",
        |good, attacker| {
            let data = confirmation_key(good)?;
            Ok(good.with([content(data, attacker.x509_data())]))
        },
    ),
    Kind::by_stranger(
        "assertion-stolen",
        "F01",
        "A stranger sends somebody's assertion under a signature of his own",
        |good, attacker| {
            good.assertion()?;
            Ok(good.with(strangers_key(good, &attacker.certificate())?))
        },
    ),
    Kind::refused("assertion-unsigned", "F07", "The assertion's own signature is taken away", |good, _| {
        Ok(good.with([remove(good.assertion_signature()?)]))
    }),
    Kind::refused("assertion-subject-other", "F20", "The assertion names another subject", |good, _| {
        let name = inside(good, "NameID")?;
        Ok(good.with([content(name, "admin")]))
    }),
    Kind::refused("assertion-subject-comment", "A18", "A comment splits a changed subject", |good, _| {
        let name = inside(good, "NameID")?;
        Ok(good.with([content(name, "admin<!-- -->.example")]))
    }),
    Kind::same(
        "assertion-subject-comment-only",
        "A18",
        "A comment splits the subject; nobody may read the first half alone",
        |good, _| {
            let name = inside(good, "NameID")?;
            let text = name.text().unwrap_or_default().into_owned();
            let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
            let (one, other) = text.split_at_checked(middle).ok_or("the subject is empty")?;
            let written = format!("{}<!-- -->{}", super::bytes::escaped(one), super::bytes::escaped(other));
            Ok(good.with([content(name, written)]))
        },
    ),
    Kind::refused("assertion-bearer", "F04", "The confirmation method becomes bearer", |good, _| {
        let confirmation = inside(good, "SubjectConfirmation")?;
        Ok(good.with([set(confirmation, "Method", ns::SAML2_BEARER)?]))
    }),
    Kind::refused("assertion-issuer-other", "F08", "The assertion names another issuer", |good, _| {
        Ok(good.with([content(inside(good, "Issuer")?, "https://idp.evil.example")]))
    }),
    Kind::refused("assertion-audience-other", "F10", "The assertion is for another service", |good, _| {
        Ok(good.with([content(inside(good, "Audience")?, "https://another.example")]))
    }),
    Kind::refused("assertion-audience-removed", "F09", "The assertion no longer says for whom it is", |good, _| {
        Ok(good.with([remove(inside(good, "AudienceRestriction")?)]))
    }),
    Kind::refused("assertion-extended", "F11", "The assertion is to count until 2099", |good, _| {
        Ok(good.with([set(inside(good, "Conditions")?, "NotOnOrAfter", "2099-01-01T00:00:00Z")?]))
    }),
    Kind::refused(
        "assertion-condition-unknown",
        "F15",
        "The assertion has a condition that nobody knows",
        |good, _| Ok(good.with([first(inside(good, "Conditions")?, "<evil/>")])),
    ),
    Kind::refused("assertion-version", "F24", "The assertion says that it is of version 1.1", |good, _| {
        Ok(good.with([set(good.assertion()?, "Version", "1.1")?]))
    }),
    Kind::refused("assertion-id-removed", "F25", "The assertion has no ID", |good, _| {
        Ok(good.with([without_attribute(good.assertion()?, "ID")?]))
    }),
    Kind::refused("assertion-id-no-name", "F25", "The assertion's ID is no name", |good, _| {
        Ok(good.with([set(good.assertion()?, "ID", "1 2")?]))
    }),
    Kind::refused(
        "assertion-encrypted",
        "F26",
        "The assertion is encrypted, though nothing is decrypted",
        |good, _| {
            let encrypted = format!(
                "<e:EncryptedAssertion xmlns:e=\"{}\"><x:EncryptedData xmlns:x=\"{}\"/></e:EncryptedAssertion>",
                ns::SAML2,
                ns::XENC
            );
            Ok(good.with([replace(good.assertion()?, encrypted)]))
        },
    ),
    Kind::refused("assertion-attribute-added", "F18", "An attribute is added to the assertion", |good, _| {
        let statement = inside(good, "AttributeStatement")?;
        let (attribute, value) =
            (qualified(statement.prefix(), "Attribute"), qualified(statement.prefix(), "AttributeValue"));
        let added = format!("<{attribute} Name=\"role\"><{value}>admin</{value}></{attribute}>");
        Ok(good.with([first(statement, added)]))
    }),
    Kind::refused(
        "assertion-in-advice",
        "C31",
        "An evil assertion stands in the good one's Advice",
        |good, attacker| {
            let assertion = good.assertion()?;
            let advice = qualified(assertion.prefix(), "Advice");
            let evil = evil(good, attacker)?.replacen(MARK, "", 1);
            Ok(good.with([after(inside(good, "Conditions")?, format!("<{advice}>{evil}</{advice}>"))]))
        },
    ),
    Kind::by_stranger(
        "assertion-resigned",
        "F07",
        "A stranger signs a changed assertion, and the message with its key",
        |good, attacker| placed(good, attacker, signed_by_stranger(good, attacker)?),
    ),
];

/// Where the evil assertion's signature would stand.
const MARK: &str = "<!-- signature -->";
const EVIL_ID: &str = "evil-assertion";

fn inside<'g>(good: &'g Good, name: &str) -> Result<Element<'g>, Unfit> {
    let assertion = good.assertion()?;
    let found = assertion.descendants().find(|element| element.is(ns::SAML2, name));
    found.ok_or("the assertion lacks that element")
}

/// `ds:KeyInfo` in the subject's confirmation.
fn confirmation_key(good: &Good) -> Result<Element<'_>, Unfit> {
    let confirmation = inside(good, "SubjectConfirmation")?;
    let found = confirmation.descendants().find(|element| element.is(ns::DS, "KeyInfo"));
    found.ok_or("the assertion confirms no key")
}

/// The assertion without its signature.
fn stripped(good: &Good) -> Result<String, Unfit> {
    let assertion = good.assertion()?;
    Ok(assertion.source().replacen(good.assertion_signature()?.source(), "", 1))
}

/// A copy of the assertion with another ID and subject and the attacker's key; [`MARK`] in the place
/// of its signature.
fn evil(good: &Good, attacker: &Attacker) -> Result<String, Unfit> {
    let assertion = good.assertion()?;
    let mut changes = vec![
        replace(good.assertion_signature()?, MARK),
        content(confirmation_key(good)?, attacker.x509_data()),
        set(assertion, "ID", EVIL_ID)?,
    ];
    if let Ok(name) = inside(good, "NameID") {
        changes.push(content(name, "admin"));
    }
    let changed = good.with(changes);
    let changed = Good::read(changed.as_bytes()).map_err(|_| "the changed message is not XML")?;
    Ok(changed.assertion()?.source().to_owned())
}

/// The assertion's signature with something more inside, first or last.
fn signature_with(signature: Element<'_>, inside: &str, is_first: bool) -> Result<String, Unfit> {
    let source = signature.source();
    let place = if is_first { source.find('>').map(|at| at + 1) } else { source.rfind("</") };
    let (head, tail) = place.and_then(|at| source.split_at_checked(at)).ok_or("the signature has no end")?;
    Ok(format!("{head}{inside}{tail}"))
}

/// These assertions in the place of the good one, and the evil one named by KeyInfo.
fn placed(good: &Good, _attacker: &Attacker, assertions: String) -> Result<String, Unfit> {
    let id = good.id(good.assertion()?)?;
    let key_info = good.key_info()?;
    let mut changes = vec![replace(good.assertion()?, assertions)];
    let named = key_info.source().replace(&format!("#{id}"), &format!("#{EVIL_ID}"));
    let named = named.replace(&format!(">{id}<"), &format!(">{EVIL_ID}<"));
    if named == key_info.source() {
        return Err("KeyInfo does not mean the assertion");
    }
    changes.push(replace(key_info, named));
    // A Reference to the good assertion stays: it is there still, or its absence is one more fault.
    Ok(good.with(changes))
}

/// The evil assertion under the attacker's own signature, with his certificate in its KeyInfo.
fn signed_by_stranger(good: &Good, attacker: &Attacker) -> Result<String, Unfit> {
    use crate::wire::crypto::{DigestAlgorithm, SignatureAlgorithm};
    use crate::wire::xml::c14n::{Exclusive, exclusive};
    let evil = evil(good, attacker)?;
    let (head, tail) = evil.split_once(MARK).ok_or("the assertion has no place for a signature")?;
    let body = format!("{head}{tail}");
    // In its place, where its prefixes are bound; there the canonical form is made.
    let standing = good.with([replace(good.assertion()?, body)]);
    let standing = Good::read(standing.as_bytes()).map_err(|_| "the changed message is not XML")?;
    let mut octets = Vec::new();
    exclusive(standing.assertion()?, &Exclusive::default(), &mut octets).map_err(|_| "there is no canonical form")?;
    let digest = crate::wire::base64::encode(DigestAlgorithm::Sha256.digest(&octets).as_ref());
    let method = attacker.key().default_algorithm();
    let info = format!(
        "<ds:SignedInfo xmlns:ds=\"{}\"><ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod><ds:Reference URI=\"#{EVIL_ID}\"><ds:Transforms><ds:Transform \
         Algorithm=\"{}\"></ds:Transform><ds:Transform Algorithm=\"{}\"></ds:Transform></ds:Transforms><ds:DigestMethod \
         Algorithm=\"{}\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        ns::DS,
        ns::EXC_C14N,
        SignatureAlgorithm::uri(method),
        ns::ENVELOPED_SIGNATURE,
        ns::EXC_C14N,
        ns::SHA256
    );
    let value = attacker.key().sign(method, info.as_bytes()).map_err(|_| "the attacker's key does not sign")?;
    let value = crate::wire::base64::encode(&value);
    Ok(format!(
        "{head}<ds:Signature xmlns:ds=\"{}\">{info}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>{}</ds:KeyInfo>\
         </ds:Signature>{tail}",
        ns::DS,
        attacker.x509_data()
    ))
}
