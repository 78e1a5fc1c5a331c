//! The keys that a message shows, and which of them its `ds:KeyInfo` names.

use super::tree::{NodeId, Tree};
use crate::wire::base64;
use crate::wire::crypto::{PublicKey, sha1_thumbprint};
use crate::wire::ns;
use crate::wire::x509::Certificate;

/// A key and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
    /// For people: `CN=gent in wsse:BinarySecurityToken #X509-1`.
    pub whose: String,
    /// The element of the message that shows it.
    pub node: Option<NodeId>,
    certificate: Option<Vec<u8>>,
}

impl Key {
    /// The key of a certificate; `place` says where it was found.
    pub fn of_certificate(der: &[u8], place: &str, node: Option<NodeId>) -> Option<Self> {
        let certificate = Certificate::parse(der).ok()?;
        Some(Self {
            spki: certificate.spki().to_vec(),
            whose: format!("{} in {place}", certificate.subject()),
            node,
            certificate: Some(der.to_vec()),
        })
    }

    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }

    #[cfg(test)]
    pub fn for_tests(spki: Vec<u8>) -> Self {
        Self { spki, whose: "a test".to_owned(), node: None, certificate: None }
    }
}

/// All keys that the message shows, in document order.
pub fn shown(tree: &Tree) -> Vec<Key> {
    let mut found: Vec<Key> = Vec::new();
    for id in tree.elements() {
        let is_value = tree.is(id, ns::WSSE, "KeyIdentifier") && tree.attribute(id, "ValueType") == Some(ns::X509_V3);
        let is_token = tree.is(id, ns::WSSE, "BinarySecurityToken");
        let key = if is_value || is_token || tree.is(id, ns::DS, "X509Certificate") {
            let der = base64::decode_xml(&tree.text(id)).ok();
            der.and_then(|der| {
                let certificate = Key::of_certificate(&der, &described(tree, id), Some(id));
                // The own certificate stands last in a path (X.509 Token Profile 1.1 §3.1).
                certificate.or_else(|| Key::of_certificate(last_inside(&der)?, &described(tree, id), Some(id)))
            })
        } else if tree.is(id, ns::DS, "RSAKeyValue") {
            rsa(tree, id)
        } else {
            None
        };
        if found.len() < MOST_KEYS {
            found.extend(key);
        }
    }
    found
}

/// The last value of a DER SEQUENCE.
fn last_inside(der: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    let (content, _) = der.first().filter(|tag| **tag == SEQUENCE).and_then(|_| value(der))?;
    let mut rest = content;
    let mut last = None;
    while !rest.is_empty() {
        let (_, behind) = value(rest)?;
        last = rest.get(..rest.len() - behind.len());
        rest = behind;
    }
    last
}

/// Length of tag and length, and of the content.
fn header(der: &[u8]) -> Option<(usize, usize)> {
    match *der.get(1)? {
        short @ 0..0x80 => Some((2, short.into())),
        long => {
            let digits = der.get(2..2 + usize::from(long & 0x7f)).filter(|digits| digits.len() <= 4)?;
            let length = digits.iter().fold(0usize, |sum, digit| (sum << 8) | usize::from(*digit));
            Some((2 + digits.len(), length))
        }
    }
}

/// The content of the DER value at the beginning, and what follows it.
fn value(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (start, length) = header(der)?;
    der.get(start..)?.split_at_checked(length)
}

fn described(tree: &Tree, id: NodeId) -> String {
    let own = tree.ids(id).next().map(|id| format!(" #{id}")).unwrap_or_default();
    format!("{}{own}", tree.name(id))
}

fn rsa(tree: &Tree, id: NodeId) -> Option<Key> {
    let number = |name| base64::decode_xml(&tree.text(tree.child(id, ns::DS, name)?)).ok();
    let key = PublicKey::from_rsa(&number("Modulus")?, &number("Exponent")?).ok()?;
    Some(Key { spki: key.spki().to_vec(), whose: described(tree, id), node: Some(id), certificate: None })
}

/// The key that a KeyInfo names: one that it shows, or refers to in the message, or one of `known`.
pub fn named<'k>(tree: &Tree, key_info: NodeId, shown: &'k [Key], known: &'k [Key]) -> Option<&'k Key> {
    let within: Vec<NodeId> = tree.inside(key_info).collect();
    let own = shown.iter().find(|key| key.node.is_some_and(|node| within.contains(&node)));
    own.or_else(|| {
        let references = within.iter().filter_map(|id| tree.attribute(*id, "URI")?.strip_prefix('#'));
        let targets: Vec<NodeId> = references.flat_map(|id| tree.by_id(id).collect::<Vec<_>>()).collect();
        let inside: Vec<NodeId> = targets.iter().flat_map(|target| tree.inside(*target)).collect();
        shown.iter().find(|key| key.node.is_some_and(|node| inside.contains(&node)))
    })
    .or_else(|| {
        // A SAML assertion by its ID; then its confirmation key, not its issuer's.
        let ids = within.iter().filter(|id| tree.is(**id, ns::WSSE, "KeyIdentifier")).map(|id| tree.text(*id));
        let targets: Vec<NodeId> = ids.filter_map(|id| id_of(tree, id.trim())).collect();
        let confirmations: Vec<NodeId> = targets
            .iter()
            .flat_map(|target| tree.inside(*target))
            .filter(|id| tree.name(*id).ends_with("SubjectConfirmation"))
            .flat_map(|id| tree.inside(id))
            .collect();
        shown.iter().find(|key| key.node.is_some_and(|node| confirmations.contains(&node)))
    })
    .or_else(|| known.iter().chain(shown).find(|key| within.iter().any(|id| names(tree, *id, key))))
}

/// Whether an element names the certificate of a key without bringing it.
fn names(tree: &Tree, id: NodeId, key: &Key) -> bool {
    let Some(certificate) = key.certificate().and_then(|der| Certificate::parse(der).ok()) else { return false };
    let text = tree.text(id);
    let octets = || base64::decode_xml(&text).unwrap_or_default();
    match tree.attribute(id, "ValueType") {
        Some(ns::THUMBPRINT_SHA1) => octets() == sha1_thumbprint(certificate.der()),
        Some(ns::X509_SUBJECT_KEY_IDENTIFIER) => certificate.subject_key_identifier() == Some(octets().as_slice()),
        _ if tree.is(id, ns::DS, "X509SKI") => certificate.subject_key_identifier() == Some(octets().as_slice()),
        _ if tree.is(id, ns::DS, "X509SerialNumber") => certificate.serial().to_string() == text.trim(),
        _ => false,
    }
}

fn id_of(tree: &Tree, id: &str) -> Option<NodeId> {
    tree.by_id(id).next()
}

const MOST_KEYS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_path_is_the_own_certificate() {
        assert_eq!(last_inside(&[0x30, 6, 2, 1, 1, 2, 1, 7]), Some(&[2, 1, 7][..]));
        for broken in [&[][..], &[0x30], &[0x30, 5, 2, 1], &[0x30, 3, 2, 9, 1], &[0x31, 0], &[0x30, 0x89]] {
            assert_eq!(last_inside(broken), None, "{broken:?}");
        }
    }
}
