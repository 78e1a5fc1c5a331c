//! Parse and verify: the part of the path that every stranger can make us walk.

use std::hint::black_box;
use std::sync::Arc;

use vidimus::flow::inquiry::{Inquiry, Stop};
use vidimus::flow::trust::Trust;
use vidimus::flow::verify::Terms;
use vidimus::flow::{parse, verify};
use vidimus::serve::clock::stopwatch;

use crate::bare::Bare;
use crate::measure::{Row, in_turn};
use crate::message;
use crate::site::{Own, Site};

/// A RequestSecurityToken of the size that real ones have.
pub fn verify() -> Row {
    let site = Site::new(Own::Rsa);
    let message = message::of_size(&site, 0, SIZE).body;
    let signer = site.keys.private("hospital").expect("the signer's key");
    let bare = Bare::of(&message);
    let settings = &site.loaded.settings;
    let trust = Trust::new(Arc::new(site.loaded.registry.clone()), settings.trust.anchors.clone());
    let door = settings.doors.first().expect("one SOAP door");
    let addresses = [door.endpoint.clone()];
    let subject = |_| {
        let mut inquiry = Inquiry::new(Stop::First, stopwatch);
        let document = parse::document(message.clone(), &settings.limits, &mut inquiry).expect("a document");
        let envelope = parse::envelope(&document, &door.profile, &mut inquiry).expect("an envelope");
        let (limits, profile) = (&settings.limits, door.profile.as_ref());
        let terms = Terms { trust: &trust, profile, limits, addresses: &addresses, now: site.now };
        black_box(verify::envelope(&envelope, terms, &mut inquiry).expect("a good message").identity());
    };
    let floor = |_| bare.iter().for_each(|signature| signature.verify(signer.public()));
    in_turn(format!("verify a signed message of {} bytes", message.len()), floor, subject)
}

const SIZE: usize = 9_700;
