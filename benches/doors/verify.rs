//! Parse and verify: the part of the path that every stranger can make us walk.
//!
//! From the bytes to coverage; for a holder-of-key message also the assertion's own signature. The path of a certificate
//! is not built: it is registered.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use vidimus::flow::authenticate;
use vidimus::flow::inquiry::{Inquiry, Stop};
use vidimus::flow::trust::Trust;
use vidimus::flow::verify::Terms;
use vidimus::flow::{parse, verify};
use vidimus::serve::clock::stopwatch;
use vidimus::wire::crypto::PublicKey;
use vidimus::wire::dsig::Signature;
use vidimus::wire::ns;
use vidimus::wire::xml::{Document, Limits};

use crate::allocations;
use crate::bare::Bare;
use crate::measure::{Row, in_turn, median};
use crate::message;
use crate::site::{Own, Site};

/// A message that is verified.
pub struct Subject {
    pub name: &'static str,
    pub message: Vec<u8>,
    /// Who made each signature, in document order.
    pub signers: &'static [&'static str],
    floor: Duration,
}

impl Subject {
    /// The bare cryptography, in nanoseconds.
    pub fn floor(&self) -> f64 {
        self.floor.as_secs_f64() * 1e9
    }
}

/// The rows, and what was verified.
pub fn verify(mut tell: impl FnMut(&Row)) -> Vec<Subject> {
    let site = Site::new(Own::Rsa);
    let (claims, document) = (message::Filling::Claims, message::Filling::Document);
    let subjects = [
        ("signed RST", message::signed(&site, SIZE, claims), &["hospital"][..]),
        ("SAML HoK, two signatures", message::held(&site, SIZE), &["issuer", "hospital"]),
        ("100 KB body, claims", message::signed(&site, LARGE, claims), &["hospital"]),
        ("100 KB body, a document", message::signed(&site, LARGE, document), &["hospital"]),
    ];
    let mut done = Vec::new();
    for (name, message, signers) in subjects {
        let row = row(&site, name, &message, signers);
        tell(&row);
        done.push(Subject { name, message, signers, floor: row.floor });
    }
    done
}

fn row(site: &Site, name: &str, message: &[u8], signers: &[&str]) -> Row {
    let bare = Bare::of(message);
    let keys: Vec<PublicKey> =
        signers.iter().map(|name| site.keys.private(name).expect("a signer's key").public().clone()).collect();
    let settings = &site.loaded.settings;
    let trust = Trust::new(Arc::new(site.loaded.registry.clone()), settings.trust.anchors.clone());
    let door = settings.doors.first().expect("one SOAP door");
    let addresses = [door.endpoint.clone()];
    let limits = &settings.limits;
    let subject = |_| {
        let mut inquiry = Inquiry::new(Stop::First, stopwatch);
        let document = parse::document(message.to_vec(), limits, &mut inquiry).expect("a document");
        let envelope = parse::envelope(&document, &door.profile, &mut inquiry).expect("an envelope");
        let terms = Terms { trust: &trust, profile: &door.profile, limits, addresses: &addresses, now: site.now };
        let verified = verify::envelope(&envelope, terms, &mut inquiry).expect("a good message");
        if signers.len() > 1 {
            black_box(authenticate::requester(&verified, terms, "https://sts.example", &mut inquiry).expect("known"));
        }
        black_box(verified.identity());
    };
    let floor = |_| bare.iter().zip(&keys).for_each(|(signature, key)| signature.verify(key));
    let allocated = allocations::of(|| subject(0));
    let row = in_turn(format!("{name}: {} bytes", message.len()), floor, subject);
    let stages = stages(message, limits, &bare, &keys);
    let document = Document::parse(message, limits).expect("a document");
    let elements = document.elements().count();
    let attributes: usize = document.elements().map(|element| element.attributes().count()).sum();
    let each = allocated as f64 / elements as f64;
    row.with(format!(
        "{stages}; {elements} elements, {attributes} attributes; {allocated} allocations ({each:.2} an element)"
    ))
}

/// The parts of it, each by itself, the floor's two as well.
fn stages(message: &[u8], limits: &Limits, bare: &[Bare], keys: &[PublicKey]) -> String {
    let document = Document::parse(message, limits).expect("a document");
    let elements: Vec<_> = document.elements().filter(|element| element.is(ns::DS, "Signature")).collect();
    let signatures: Vec<_> =
        elements.iter().map(|element| Signature::parse(*element, limits).expect("a signature")).collect();
    let mut octets = Vec::with_capacity(message.len() * 2);
    let parse = median(|| {
        black_box(Document::parse(message, limits).expect("a document"));
    });
    let structure = median(|| {
        elements.iter().for_each(|element| drop(black_box(Signature::parse(*element, limits))));
    });
    let form = median(|| {
        for signature in &signatures {
            black_box(signature.canonical_signed_info(limits).expect("SignedInfo"));
            for reference in signature.references() {
                black_box(reference.canonical(limits, &mut octets).expect("a reference"));
            }
        }
    });
    let digests = median(|| bare.iter().for_each(Bare::digest));
    let both = median(|| bare.iter().zip(keys).for_each(|(signature, key)| signature.verify(key)));
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    format!(
        "parse {:.1}, structure {:.1}, canonical forms {:.1}, digests {:.1}, signatures {:.1}",
        micros(parse),
        micros(structure),
        micros(form),
        micros(digests),
        micros(both.saturating_sub(digests))
    )
}

const SIZE: usize = 9_700;
const LARGE: usize = 100_000;
