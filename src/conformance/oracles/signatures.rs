//! Signatures: each made by one and verified by all the others; and changed, so that nobody takes them.
//!
//! | who | makes | verifies |
//! |---|---|---|
//! | we | [`sign`](crate::wire::dsig::sign) | the signature alone, and the whole message |
//! | libxmlsec1 | fills a template | the signature alone, with the key |
//! | JDK, Santuario | by their own interfaces | the signature alone, with the key |
//! | WSS4J | its own Security header | the whole message: key reference, certificate, time, assertion |
//!
//! Who looks at the signature alone is compared with our look at the signature alone. One that somebody takes and we do
//! not needs a rule ([`STRICTER`]); one that we take and somebody does not needs one too ([`LOOSER`]), and that list is
//! the one to be read with care.

use super::alter::{self, Altered};
use super::forms::Judges;
use super::plans::{AUDIENCE, Cast, ISSUER, Plan};
use super::process::{Answer, Question};
use super::verdict::Ours;
use super::{BATCH, Table, Trials, Unexplained};
use crate::conformance::chance::Dice;
use crate::wire::crypto::SignatureAlgorithm;
use crate::wire::ns;
use crate::wire::x509::Certificate;
use crate::wire::xml::{Document, Element, Limits};

use super::rules::Rule;
pub use super::rules::{IN_KEY_INFO, LOOSER, STRICTER};

/// Who makes and verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    We,
    Xmlsec1,
    Jdk,
    Santuario,
    Wss4j,
}

impl Who {
    const ALL: [Self; 5] = [Self::We, Self::Xmlsec1, Self::Jdk, Self::Santuario, Self::Wss4j];

    pub fn name(self) -> &'static str {
        match self {
            Self::We => "we",
            Self::Xmlsec1 => "libxmlsec1",
            Self::Jdk => "the JDK",
            Self::Santuario => "Santuario",
            Self::Wss4j => "WSS4J",
        }
    }

    /// What this version of the implementation can do. libxmlsec1 1.2 knows no PSS and no EdDSA, the XML signatures of
    /// JDK 17 no EdDSA; the STR-Transform is known to WSS4J and to us.
    fn knows(self, plan: &Plan) -> bool {
        use SignatureAlgorithm as A;
        let pss = matches!(plan.algorithm, A::RsaPssSha256 | A::RsaPssSha384 | A::RsaPssSha512);
        let eddsa = plan.algorithm == A::Ed25519;
        match self {
            Self::We | Self::Wss4j => true,
            Self::Xmlsec1 => !pss && !eddsa && !plan.has_token_transform(),
            Self::Jdk => !eddsa && !plan.has_token_transform(),
            Self::Santuario => !plan.has_token_transform(),
        }
    }

    fn is_java(self) -> bool {
        matches!(self, Self::Jdk | Self::Santuario | Self::Wss4j)
    }

    /// Whether it says something about the whole message.
    fn sees_all(self) -> bool {
        self == Self::Wss4j
    }
}

/// One message to be judged.
struct Message {
    number: u64,
    plan: usize,
    maker: Who,
    bytes: Vec<u8>,
    /// The place of the signature in document order.
    place: usize,
    altered: Option<Altered>,
}

/// Makes signatures by each and verifies them by each, until of each so many have been verified by each other one.
///
/// # Errors
/// When a judge is gone, or a key cannot be read.
pub fn compare(judges: &mut Judges, ours: &Ours, cast: &Cast, trials: Trials) -> Result<Table, String> {
    let names = Who::ALL.map(Who::name);
    let mut table = Table::new("signatures", names.get(1..).unwrap_or_default());
    let pairs: Vec<String> = directions().map(|(maker, who)| direction(maker, who)).collect();
    let enough = |table: &Table| {
        let verified = |pair: &String| table.counts.get(&format!("verified: {pair}")).copied().unwrap_or_default();
        pairs.iter().all(|pair| verified(pair) >= trials.count)
    };
    // Nobody knows all algorithms, so it takes more plans than that; but one alone is one alone.
    let most = if trials.count == 1 { 1 } else { trials.count.saturating_mul(MOST_PLANS) };
    let size = (trials.count / 2).clamp(1, BATCH);
    for numbers in (Trials { count: most, ..trials }).batches_of(size) {
        let plans: Vec<Plan> = numbers.iter().map(|number| cast.plan(&mut Dice::of(trials.seed, *number))).collect();
        let messages = made(judges, cast, &numbers, &plans, &mut table)?;
        let messages = with_altered(messages, trials.seed);
        table.trials += plans.len();
        judge(judges, ours, cast, &plans, &messages, &mut table)?;
        if enough(&table) {
            return Ok(table);
        }
    }
    // A pair that never comes to its number: the caller sees the counts.
    Ok(table)
}

/// Everybody's signatures before everybody else.
pub(super) fn directions() -> impl Iterator<Item = (Who, Who)> {
    let others = |maker| Who::ALL.into_iter().filter(move |who| *who != maker).map(move |who| (maker, who));
    Who::ALL.into_iter().flat_map(others)
}

fn direction(maker: Who, who: Who) -> String {
    format!("{} → {}", maker.name(), who.name())
}

/// The pairs of a maker and a verifier of honest signatures, and how many were verified so.
pub fn verified(table: &Table) -> Vec<(String, usize)> {
    let count = |pair: String| {
        let count = table.counts.get(&format!("verified: {pair}")).copied().unwrap_or_default();
        (pair, count)
    };
    directions().map(|(maker, who)| count(direction(maker, who))).collect()
}

/// The messages of all plans, each made by everybody who can.
fn made(
    judges: &mut Judges,
    cast: &Cast,
    numbers: &[u64],
    plans: &[Plan],
    table: &mut Table,
) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    let mut asked = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let number = numbers.get(index).copied().unwrap_or_default();
        let own = plan.ours(cast)?;
        table.count(&format!("key reference: {}", plan.style.name()));
        table.count(&format!("algorithm: {}", plan.algorithm.uri()));
        for who in Who::ALL.into_iter().filter(|who| who.knows(plan)) {
            if let Some(question) = to_make(who, plan, cast, &own)? {
                asked.push((index, who, question));
            }
        }
        messages.extend(message(number, index, Who::We, own));
    }
    let answers = ask(judges, asked.iter().map(|(_, who, question)| (*who, question.clone())).collect())?;
    for ((plan, maker, _), answer) in asked.iter().zip(answers) {
        let number = numbers.get(*plan).copied().unwrap_or_default();
        let made = answer.and_then(|fields| fields.into_iter().next().ok_or_else(|| "no message".to_owned()));
        match made.map(|bytes| message(number, *plan, *maker, bytes.clone()).ok_or(bytes)) {
            Ok(Ok(message)) => messages.push(message),
            Ok(Err(bytes)) => table.differ(maker.name(), || Unexplained {
                number,
                judge: maker.name().to_owned(),
                detail: "what it made cannot be read".to_owned(),
                message: String::from_utf8_lossy(&bytes).into_owned(),
            }),
            Err(why) => table.differ(&sort_of(*maker, &why), || Unexplained {
                number,
                judge: maker.name().to_owned(),
                detail: format!("it made nothing: {why}"),
                message: plans.get(*plan).map(Plan::bare).unwrap_or_default(),
            }),
        }
    }
    for message in &messages {
        table.count(&format!("made by {}", message.maker.name()));
    }
    Ok(messages)
}

fn message(number: u64, plan: usize, maker: Who, bytes: Vec<u8>) -> Option<Message> {
    let document = Document::parse(bytes.clone(), &Limits::default()).ok()?;
    let place = document.elements().position(is_message_signature)?;
    Some(Message { number, plan, maker, bytes, place, altered: None })
}

fn is_message_signature(element: Element<'_>) -> bool {
    element.is(ns::DS, "Signature") && element.parent().is_some_and(|parent| parent.is(ns::WSSE, "Security"))
}

/// The question that makes somebody sign; `None` for ourselves.
fn to_make(who: Who, plan: &Plan, cast: &Cast, own: &[u8]) -> Result<Option<Question>, String> {
    let party = cast.party(plan)?;
    Ok(match who {
        Who::We => None,
        Who::Xmlsec1 => {
            let template = emptied(own)?;
            let place = message(0, 0, who, template.clone().into_bytes()).map_or(0, |message| message.place);
            let question = Question::new("sign").with(template).with(place.to_string());
            Some(question.with(party.key_pem.as_str()))
        }
        Who::Jdk | Who::Santuario => {
            let unsigned = plan.unsigned(cast)?;
            let document = Document::parse(unsigned.as_str(), &Limits::default()).map_err(|error| error.to_string())?;
            let parent = document.elements().position(|e| e.is(ns::WSSE, "Security")).ok_or("no Security")?;
            let verb = if who == Who::Jdk { "sign-jdk" } else { "sign-santuario" };
            let mut question = Question::new(verb)
                .with(unsigned.as_str())
                .with(parent.to_string())
                .with(plan.algorithm.uri())
                .with(plan.prefixes.join(" "))
                .with(party.key_pem.as_str())
                .with(plan.key_info(cast)?);
            for id in &plan.parts {
                let transform = if *id == "Body" && plan.enveloped { "enveloped" } else { "" };
                let digest = plan.digest.uri();
                question = question.with(*id).with(transform).with(plan.part_prefixes.join(" ")).with(digest);
            }
            Some(question)
        }
        Who::Wss4j => {
            let mut question = Question::new("sign-wss4j")
                .with(plan.bare())
                .with(cast.now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
                .with(plan.wss4j_style())
                .with(plan.algorithm.uri())
                .with(plan.digest.uri())
                .with(plan.wss4j_parts().join(" "))
                .with(party.key_pem.as_str())
                .with(party.certificate_pem.as_str());
            for more in [&cast.issuer.key_pem, &cast.issuer.certificate_pem, ISSUER, AUDIENCE] {
                question = question.with(more);
            }
            Some(question)
        }
    })
}

/// The message without its digests and its signature value.
fn emptied(message: &[u8]) -> Result<String, String> {
    let document = Document::parse(message, &Limits::default()).map_err(|error| error.to_string())?;
    let signature = document.elements().find(|e| is_message_signature(*e)).ok_or("no signature")?;
    let values = signature.descendants().filter(|e| e.is(ns::DS, "DigestValue") || e.is(ns::DS, "SignatureValue"));
    let mut out = String::new();
    let mut from = 0;
    let text = std::str::from_utf8(message).map_err(|error| error.to_string())?;
    for value in values {
        let range = value.range();
        out.push_str(text.get(from..range.start).unwrap_or_default());
        let name = value.qualified_name();
        out.push_str(&format!("<{name}></{name}>"));
        from = range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out)
}

/// Of each plan one message, in two changed versions beside it.
fn with_altered(messages: Vec<Message>, seed: u64) -> Vec<Message> {
    let mut all = Vec::with_capacity(messages.len() * 2);
    let mut turn = 0;
    for message in messages {
        // Each plan has a maker whose message is changed; they take turns.
        let chosen =
            Who::ALL.get(usize::try_from(message.number).unwrap_or_default() % Who::ALL.len()) == Some(&message.maker);
        if chosen {
            turn += 1;
            let mut dice = Dice::of(seed ^ 0xA17E, message.number);
            for altered in [
                alter::covered(&message.bytes, message.place, turn, &mut dice),
                alter::anywhere(&message.bytes, &mut dice),
            ] {
                let Some(altered) = altered else { continue };
                let bytes = altered.bytes.clone();
                all.push(Message {
                    bytes,
                    altered: Some(altered),
                    number: message.number,
                    plan: message.plan,
                    maker: message.maker,
                    place: message.place,
                });
            }
        }
        all.push(message);
    }
    all
}

/// Puts all messages to everybody, and compares.
fn judge(
    judges: &mut Judges,
    ours: &Ours,
    cast: &Cast,
    plans: &[Plan],
    messages: &[Message],
    table: &mut Table,
) -> Result<(), String> {
    let mut asked = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let Some(plan) = plans.get(message.plan) else { continue };
        for who in Who::ALL.into_iter().filter(|who| *who != Who::We && who.knows(plan)) {
            asked.push((index, who, to_judge(who, plan, cast, message)?));
        }
    }
    let answers = ask(judges, asked.iter().map(|(_, who, question)| (*who, question.clone())).collect())?;
    let mut own = Vec::new();
    for message in messages {
        let plan = plans.get(message.plan).ok_or("no plan")?;
        let certificate = Certificate::from_pem(cast.party(plan)?.certificate_pem.as_bytes());
        let certificate = certificate.map_err(|error| error.to_string())?;
        let key = certificate.first().ok_or("no certificate")?.public_key().map_err(|error| error.to_string())?;
        own.push((ours.signature(&message.bytes, message.place, &key), ours.message(&message.bytes)));
    }
    for (message, (signature, whole)) in messages.iter().zip(&own) {
        itself(message, signature, whole, table);
    }
    for ((index, who, _), answer) in asked.iter().zip(answers) {
        let (Some(message), Some((signature, whole))) = (messages.get(*index), own.get(*index)) else { continue };
        let mine = if who.sees_all() { whole } else { signature };
        one(message, *who, mine, &answer.map(drop), table);
    }
    Ok(())
}

/// Our own verdict: an honest message is taken, one whose covered content was changed is not.
fn itself(message: &Message, signature: &Result<(), String>, whole: &Result<(), String>, table: &mut Table) {
    let must = match &message.altered {
        None => true,
        Some(altered) if altered.must_be_refused => false,
        Some(_) => return,
    };
    let direction = direction(message.maker, Who::We);
    for verdict in [signature, whole] {
        if verdict.is_ok() == must {
            table.agree();
            continue;
        }
        let why = verdict.as_ref().err().map_or("taken", String::as_str);
        table.differ(&sort_of(Who::We, why), || shown(message, "we", format!("{direction}: {verdict:?}")));
    }
    if must && message.maker != Who::We {
        table.count(&format!("verified: {direction}"));
    }
}

/// By what rules we may take a message that another refuses: none where it must be refused, or nothing was changed.
fn looser(message: &Message) -> impl Iterator<Item = &'static Rule> {
    let altered = message.altered.as_ref().filter(|altered| !altered.must_be_refused);
    let anywhere = altered.map(|_| LOOSER).unwrap_or_default();
    let hint = altered.filter(|altered| altered.hint).map(|_| IN_KEY_INFO).unwrap_or_default();
    anywhere.iter().chain(hint)
}

/// Another's verdict against ours.
fn one(message: &Message, who: Who, mine: &Result<(), String>, theirs: &Result<(), String>, table: &mut Table) {
    let direction = direction(message.maker, who);
    let kind = message.altered.as_ref().map(|altered| altered.kind);
    let must = message.altered.as_ref().is_none_or(|altered| !altered.must_be_refused);
    match (mine, theirs) {
        (Ok(()), Ok(())) if must => {
            table.agree();
            if kind.is_none() {
                table.count(&format!("verified: {direction}"));
            } else {
                table.count("changed where nothing is signed, taken by both");
            }
        }
        (Err(_), Err(_)) if kind.is_some() => {
            table.agree();
            table.count(&format!("refused by both: {}", kind.unwrap_or_default()));
        }
        (Ok(()), Err(why)) => match looser(message).find(|rule| rule.is_of(who.name(), why)) {
            Some(rule) => table.explain(rule.name),
            None => table.differ(&sort_of(who, &format!("refuses: {why}")), || {
                shown(message, who.name(), format!("{direction}: we take it, they do not: {why}"))
            }),
        },
        (Err(why), Ok(())) => match STRICTER.iter().find(|rule| rule.is_of(who.name(), why)) {
            Some(rule) if kind.is_some() && must => table.explain(rule.name),
            _ => table.differ(&sort_of(who, &format!("takes: {why}")), || {
                shown(message, who.name(), format!("{direction}: they take it, we do not: {why}"))
            }),
        },
        (_, Err(why)) => table.differ(&sort_of(who, &format!("nobody: {why}")), || {
            shown(message, who.name(), format!("{direction}: nobody takes it: {why}"))
        }),
        (Ok(()), Ok(())) => table
            .differ(&sort_of(who, "both take it"), || shown(message, who.name(), format!("{direction}: both take it"))),
    }
}

/// Who and roughly why, to count by.
fn sort_of(who: Who, why: &str) -> String {
    let plain: String = why.chars().take(90).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    format!("{}: {plain}", who.name())
}

fn shown(message: &Message, judge: &str, detail: String) -> Unexplained {
    let what = message
        .altered
        .as_ref()
        .map_or_else(|| "as made".to_owned(), |altered| format!("{}: {}", altered.kind, altered.detail));
    Unexplained {
        number: message.number,
        judge: judge.to_owned(),
        detail: format!("{detail} ({what})"),
        message: String::from_utf8_lossy(&message.bytes).into_owned(),
    }
}

fn to_judge(who: Who, plan: &Plan, cast: &Cast, message: &Message) -> Result<Question, String> {
    let party = cast.party(plan)?;
    let verb = match who {
        Who::Jdk => "verify-jdk",
        Who::Santuario => "verify-santuario",
        Who::Wss4j => {
            let question = Question::new("verify-wss4j").with(message.bytes.clone());
            let now = cast.now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            return Ok(question.with(now).with(cast.authorities.as_str()).with(cast.known.as_str()));
        }
        Who::We | Who::Xmlsec1 => "verify",
    };
    let question = Question::new(verb).with(message.bytes.clone()).with(message.place.to_string());
    Ok(question.with(party.certificate_pem.as_str()))
}

/// Asks each question of the process that it is for; the two run side by side. Answers in the order of the questions.
fn ask(judges: &mut Judges, questions: Vec<(Who, Question)>) -> Result<Vec<Answer>, String> {
    let is_java: Vec<bool> = questions.iter().map(|(who, _)| who.is_java()).collect();
    let (java, libxml): (Vec<_>, Vec<_>) = questions.into_iter().partition(|(who, _)| who.is_java());
    let plain = |asked: Vec<(Who, Question)>| asked.into_iter().map(|(_, question)| question).collect::<Vec<_>>();
    let (java, libxml) = (plain(java), plain(libxml));
    let (one, other) = (&mut judges.java, &mut judges.libxml);
    let (java, libxml) = std::thread::scope(|scope| {
        let java = scope.spawn(|| one.ask_all(&java));
        let libxml = other.ask_all(&libxml)?;
        Ok::<_, String>((java.join().map_err(|_| "asking Java failed".to_owned())??, libxml))
    })?;
    let (mut java, mut libxml) = (java.into_iter(), libxml.into_iter());
    let mut next = |is_java: bool| if is_java { java.next() } else { libxml.next() };
    is_java.into_iter().map(|is_java| next(is_java).ok_or_else(|| "an answer is missing".to_owned())).collect()
}

/// How many plans are made at most for each signature that is asked for.
const MOST_PLANS: usize = 8;
