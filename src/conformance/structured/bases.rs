//! The good messages that edits begin with, and the ones that are no longer or never good and are grafted from.
//!
//! All accepted single messages of the corpus (the shapes of real clients among them), then a matrix of our own: each
//! registered sender by each way to name a key, by version of SOAP, by what is covered, and with assertions.

use std::path::Path;

use chrono::Duration;

use super::model::{Model, Statement};
use super::sign::{self, Signer};
use super::text::read;
use super::tree::Tree;
use crate::conformance::case::{Case, Door, Outcome};
use crate::conformance::forge::Recipe;
use crate::conformance::keys::Keys;
use crate::conformance::pure::Pure;
use crate::conformance::seeds::{assertion, forged_at, message};
use crate::conformance::signature::KeyReference;
use crate::flow::inquiry::Stop;

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub name: String,
    pub tree: Tree,
}

/// What trials are made of.
#[derive(Debug)]
pub(super) struct Workshop {
    pub bases: Vec<Base>,
    /// The places of the good ones.
    pub good: Vec<usize>,
    pub signers: Vec<Signer>,
    pub model: Model,
}

impl Workshop {
    /// # Errors
    /// When a message cannot be forged, or a good one is refused by `pure` or not read as the model has it.
    pub fn open(root: &Path, pure: &Pure) -> Result<Self, String> {
        let keys = Keys::open(root.join("keys"));
        let signers = SIGNERS.iter().map(|name| Signer::open(&keys, name)).collect::<Result<Vec<_>, _>>()?;
        let party = |name: &str| PARTIES.iter().find(|(known, _)| *known == name).map(|(_, party)| *party);
        let registered = signers.iter().filter_map(|signer| Some((signer.thumbprint(), party(signer.name)?))).collect();
        let model = Model::new(registered, pure.addresses.clone(), pure.now);
        let mut workshop = Self { bases: Vec::new(), good: Vec::new(), signers, model };
        for (name, recipe, after) in corpus(root)?.into_iter().chain(matrix()) {
            let bytes = forged_at(root, &recipe, after).map_err(|why| format!("{name}: {why}"))?;
            workshop.add(name, &recipe, bytes, pure)?;
        }
        Ok(workshop)
    }

    fn add(&mut self, name: String, recipe: &Recipe, bytes: Vec<u8>, pure: &Pure) -> Result<(), String> {
        let text = String::from_utf8(bytes.clone()).map_err(|error| format!("{name}: {error}"))?;
        let key = recipe.sign.as_ref().and_then(|sign| sign.key.as_deref()).unwrap_or_default();
        let Some(signer) = self.signers.iter().find(|signer| signer.name == key) else { return Ok(()) };
        // What is not in the tree's simple means (CDATA, odd white space in tags) stays with the case that has it.
        let Some(tree) = read(&text) else { return Ok(()) };
        let stated = sign::signature(&tree).and_then(|at| sign::statement(&tree, at, signer.key.public().spki()));
        let Some(statement): Option<Statement> = stated else { return Ok(()) };
        self.model.learn(&tree, statement);
        let accepted = pure.run(bytes, Stop::First);
        if let Ok(accepted) = &accepted {
            let judged = self.model.judge(accepted, &[]);
            judged.map_err(|why| format!("{name} is honest, and the model says {why:?} of {accepted:?}"))?;
            self.good.push(self.bases.len());
        }
        self.bases.push(Base { name, tree });
        Ok(())
    }
}

/// The corpus's accepted cases of one message to the first SOAP endpoint of the hospital's world.
fn corpus(root: &Path) -> Result<Vec<(String, Recipe, Duration)>, String> {
    let cases = Case::all(&root.join("conformance"))?;
    let mut found = Vec::new();
    for case in cases.into_iter().flatten().filter(|case| case.written.world == "hospital") {
        let [step] = case.written.step.as_slice() else { continue };
        let issued = step.expect.as_ref().is_some_and(|expect| expect.outcome == Outcome::Issued);
        let Some(send) = step.send.as_ref().filter(|send| issued && send.door != Some(Door::Token)) else { continue };
        let plain = send.profile.is_none() && send.encoding.is_none() && send.method.is_none();
        if let Some(recipe) = send.recipe.as_ref().filter(|recipe| plain && recipe.then.is_empty()) {
            found.push((case.name.clone(), recipe.clone(), Duration::zero()));
        }
    }
    Ok(found)
}

fn matrix() -> Vec<(String, Recipe, Duration)> {
    let mut found = Vec::new();
    let mut add = |name: String, recipe: Recipe, seconds| found.push((name, recipe, Duration::seconds(seconds)));
    let styles = [
        KeyReference::BinarySecurityToken,
        KeyReference::IssuerSerial,
        KeyReference::SubjectKeyIdentifier,
        KeyReference::Thumbprint,
        KeyReference::EmbeddedCertificate,
    ];
    let addressed = ("addressing", "${file:parts/addressing.xml}");
    let soap12 = ("soap", "http://www.w3.org/2003/05/soap-envelope");
    let all = ["Body", "Timestamp", "To", "Action", "MessageID", "ReplyTo"];
    for (sender, _) in PARTIES {
        let subject = ("context", " Context=\"ours\"");
        for style in styles {
            let parts = ["Body", "Timestamp"];
            add(format!("{sender} by {style:?}"), message(sender, style, &parts, &[]), 0);
            let recipe = message(sender, style, &all, &[addressed, soap12, subject]);
            add(format!("{sender} by {style:?}, SOAP 1.2, addressed"), recipe, 0);
        }
        let token = KeyReference::BinarySecurityToken;
        for part in ["STR", "BinarySecurityToken"] {
            let recipe = message(sender, token, &["Timestamp", part, "Body"], &[("applies_to", REGISTER)]);
            add(format!("{sender}, {part} covered"), recipe, 0);
        }
        let act = ("more", ON_BEHALF_OF);
        add(format!("{sender} on behalf of another"), message(sender, token, &["Body", "Timestamp"], &[act]), 0);
        for (name, style) in
            [("KeyIdentifier", KeyReference::SamlAssertion), ("Reference", KeyReference::SamlReference)]
        {
            for covered in [true, false] {
                let parts = ["Body", "Timestamp", "Assertion"];
                let parts = if covered { &parts[..] } else { &parts[..2] };
                let mut recipe = message(sender, style, parts, &[("token", "${assertion}")]);
                let subject = format!("subject of {sender}");
                let id = format!("_of-{sender}");
                let values = [("holder", *sender), ("subject", subject.as_str()), ("assertion_id", id.as_str())];
                recipe.tokens.insert("assertion".into(), assertion(&values));
                let what = if covered { "covered" } else { "uncovered" };
                add(format!("{sender} with an assertion by {name}, {what}"), recipe, 0);
            }
        }
        // Never to be accepted: of another time, for another endpoint.
        add(format!("{sender}, an hour ago"), message(sender, token, &["Body", "Timestamp"], &[]), -3600);
        let elsewhere = [addressed, ("to", "https://other.example/sts")];
        add(format!("{sender}, to another endpoint"), message(sender, token, &all, &elsewhere), 0);
    }
    for stranger in ["stranger", "outsider", "archive"] {
        let recipe = message(stranger, KeyReference::BinarySecurityToken, &["Body", "Timestamp"], &[]);
        add(format!("{stranger}, who is not registered or suspended"), recipe, 0);
    }
    found
}

/// The registered senders of the hospital's world that are active.
const PARTIES: &[(&str, &str)] =
    &[("hospital", "cbe:0206731645"), ("pharmacy", "cbe:0417882037"), ("clinic", "cbe:0710012383")];

/// Who re-signs: they, and three that nobody is to accept.
const SIGNERS: &[&str] = &["hospital", "pharmacy", "clinic", "stranger", "outsider", "archive"];

const REGISTER: &str = "https://register.example/api";
const ON_BEHALF_OF: &str = "<wst:OnBehalfOf><wsse:UsernameToken><wsse:Username>cbe:0417882037</wsse:Username>\
</wsse:UsernameToken></wst:OnBehalfOf>";
