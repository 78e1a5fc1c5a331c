//! Canonical forms: the same subtree of the same document by us and by others, byte for byte.
//!
//! libxml2 is given the nodes by a function, Santuario walks the subtree, the JDK is given a set of nodes: three ways
//! through two other people's code.

use std::collections::BTreeSet;

use super::documents::{Attribute, Piece, Spot, Tree};
use super::process::{Answer, Judge, Question};
use super::{Table, Trials, Unexplained, shrink};
use crate::conformance::chance::Dice;
use crate::wire::xml::c14n::{self, Exclusive};
use crate::wire::xml::inclusive::{Version, inclusive};
use crate::wire::xml::{Document, Element, Limits};

/// One document with the subsets of it to compare.
#[derive(Debug, Clone)]
struct Trial {
    tree: Tree,
    subsets: Vec<Subset>,
}

/// A part of a document, and how to canonicalise it. Elements are named by their id in the tree.
#[derive(Debug, Clone)]
struct Subset {
    apex: usize,
    /// Left out with all that is in it.
    omit: Option<usize>,
    prefixes: Vec<&'static str>,
    /// Canonical XML 1.0, which a dated exception lets in: no list, nothing left out.
    inclusive: bool,
}

/// The judges of canonical forms: libxml2, and Santuario and the JDK in one process.
#[derive(Debug)]
pub struct Judges {
    pub libxml: Judge,
    pub java: Judge,
}

/// Compares the canonical forms of random documents and subsets.
///
/// # Errors
/// When a judge is gone.
pub fn compare(judges: &mut Judges, trials: Trials) -> Result<Table, String> {
    let mut table = Table::new("canonical forms", &JUDGES.map(|(name, _)| name));
    for numbers in trials.batches() {
        let batch: Vec<Trial> =
            numbers.iter().map(|number| Trial::random(&mut Dice::of(trials.seed, *number))).collect();
        for trial in &batch {
            trial.features().iter().for_each(|feature| table.count(feature));
        }
        table.trials += batch.len();
        let (ours, theirs) = judges.ask_all(&batch)?;
        let first = theirs.first().cloned().unwrap_or_default();
        for ((name, verb), answers) in JUDGES.into_iter().zip(theirs) {
            for ((((number, trial), ours), theirs), libxml) in
                numbers.iter().zip(&batch).zip(&ours).zip(answers).zip(&first)
            {
                for (index, subset) in trial.subsets.iter().enumerate() {
                    if difference(ours, &theirs, index).is_none() {
                        table.agree();
                    } else if subset.inclusive
                        && difference(ours, libxml, index).is_none()
                        && but_for_xml(ours, &theirs, index)
                    {
                        table.explain(NEAREST);
                    } else {
                        table.differ(name, || judges.smallest(trial, index, *number, name, verb));
                    }
                }
            }
        }
    }
    Ok(table)
}

impl Judges {
    /// Our forms and theirs; the judges run side by side.
    fn ask_all(&mut self, batch: &[Trial]) -> Result<(Vec<Ours>, Vec<Vec<Answer>>), String> {
        let questions = |verb: &str| batch.iter().map(|trial| trial.question(verb)).collect::<Vec<Question>>();
        let [(_, libxml), (_, santuario), (_, jdk)] = JUDGES;
        let (for_libxml, for_santuario, for_jdk) = (questions(libxml), questions(santuario), questions(jdk));
        let (one, other) = (&mut self.libxml, &mut self.java);
        std::thread::scope(|scope| {
            let libxml = scope.spawn(|| one.ask_all(&for_libxml));
            let java = scope.spawn(|| Ok::<_, String>((other.ask_all(&for_santuario)?, other.ask_all(&for_jdk)?)));
            let ours = batch.iter().map(Trial::ours).collect();
            let libxml = libxml.join().map_err(|_| "asking libxml2 failed".to_owned())??;
            let (santuario, jdk) = java.join().map_err(|_| "asking Java failed".to_owned())??;
            Ok((ours, vec![libxml, santuario, jdk]))
        })
    }

    fn smallest(&mut self, trial: &Trial, index: usize, number: u64, name: &str, verb: &str) -> Unexplained {
        let judge = if verb == "c14n" { &mut self.libxml } else { &mut self.java };
        let failing =
            Trial { tree: trial.tree.clone(), subsets: trial.subsets.get(index).cloned().into_iter().collect() };
        let readable = failing.ours().is_ok();
        let mut differs = |trial: &Trial| {
            let theirs = judge.ask(&trial.question(verb)).ok()?;
            let ours = trial.ours();
            // One that we cannot read is another difference than the one that is looked for.
            if ours.is_ok() == readable { difference(&ours, &theirs, 0) } else { None }
        };
        let smallest = shrink::smallest(failing, Trial::simpler, |trial| differs(trial).is_some());
        let detail = differs(&smallest).unwrap_or_else(|| "it differs no more when asked again".to_owned());
        let subset = smallest.subsets.first().map(|subset| format!("{subset:?}")).unwrap_or_default();
        Unexplained {
            number,
            judge: name.to_owned(),
            detail: format!("{subset}\n{detail}"),
            message: smallest.tree.text(),
        }
    }
}

/// The forms of a trial's subsets by us.
type Ours = Result<Vec<Vec<u8>>, String>;

/// What differs, if anything.
fn difference(ours: &Ours, theirs: &Answer, index: usize) -> Option<String> {
    let shown = |form: Result<Option<&Vec<u8>>, &String>| match form {
        Ok(form) => String::from_utf8_lossy(form.map(Vec::as_slice).unwrap_or_default()).into_owned(),
        Err(why) => format!("refused: {why}"),
    };
    let ours = ours.as_ref().map(|forms| forms.get(index));
    let theirs = theirs.as_ref().map(|forms| forms.get(index));
    let equal = matches!((ours, theirs), (Ok(Some(ours)), Ok(Some(theirs))) if ours == theirs);
    (!equal).then(|| format!("ours:   {}\ntheirs: {}", shown(ours), shown(theirs)))
}

/// Whether nothing but attributes of the xml namespace differs.
fn but_for_xml(ours: &Ours, theirs: &Answer, index: usize) -> bool {
    let plain = |form: &Vec<u8>| {
        let text = String::from_utf8_lossy(form).into_owned();
        let mut parts = text.split(" xml:");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            // `name="value"` and what is behind it.
            out.push_str(part.splitn(3, '"').nth(2).unwrap_or_default());
        }
        out
    };
    match (ours.as_ref().map(|forms| forms.get(index)), theirs.as_ref().map(|forms| forms.get(index))) {
        (Ok(Some(ours)), Ok(Some(theirs))) => plain(ours) == plain(theirs),
        _ => false,
    }
}

impl Trial {
    fn random(dice: &mut Dice) -> Self {
        let tree = Tree::random(dice);
        let count = tree.elements().len();
        let whole = Subset { apex: 0, omit: None, prefixes: list(dice), inclusive: false };
        let mut subsets = vec![whole];
        for _ in 0..2 {
            let apex = dice.below(count);
            let inside: Vec<usize> = tree.inside(apex).iter().skip(1).map(|spot| spot.element.id).collect();
            let omit = if dice.percent(40) { dice.pick(&inside).copied() } else { None };
            subsets.push(Subset { apex, omit, prefixes: list(dice), inclusive: false });
        }
        let apex = if dice.percent(30) { 0 } else { dice.below(count) };
        subsets.push(Subset { apex, omit: None, prefixes: Vec::new(), inclusive: true });
        Self { tree, subsets }
    }

    fn question(&self, verb: &str) -> Question {
        let place = |id| self.tree.place(id).map(|place| place.to_string()).unwrap_or_default();
        self.subsets.iter().fold(Question::new(verb).with(self.tree.text()), |question, subset| {
            let omit = subset.omit.map(place).unwrap_or_default();
            let method = if subset.inclusive { "inclusive" } else { "exclusive" };
            question.with(method).with(subset.prefixes.join(" ")).with(place(subset.apex)).with(omit)
        })
    }

    fn ours(&self) -> Ours {
        let document = Document::parse(self.tree.text(), &Limits::default()).map_err(|error| error.to_string())?;
        let element = |id: usize| self.tree.place(id).and_then(|place| document.elements().nth(place));
        let form = |subset: &Subset| {
            let apex = element(subset.apex).ok_or("no apex")?;
            let omit = subset.omit.and_then(element).map(Element::id);
            let mut form = Vec::new();
            if subset.inclusive {
                let limit = Exclusive::default().limit;
                inclusive(apex, Version::V1, omit, limit, &mut form).map_err(|error| error.to_string())?;
                return Ok(form);
            }
            let how = Exclusive { prefixes: &subset.prefixes, omit, ..Exclusive::default() };
            c14n::exclusive(apex, &how, &mut form).map_err(|error| error.to_string())?;
            Ok(form)
        };
        self.subsets.iter().map(form).collect()
    }

    fn simpler(&self, n: usize) -> Option<Self> {
        // First the list and what is left out, then the document.
        let mut simpler = self.clone();
        let subset = simpler.subsets.first_mut()?;
        let own = subset.prefixes.len() + usize::from(subset.omit.is_some());
        if n < subset.prefixes.len() {
            subset.prefixes.remove(n);
            return Some(simpler);
        }
        if n < own {
            subset.omit = None;
            return Some(simpler);
        }
        simpler.tree = self.tree.simpler(n - own)?;
        Some(simpler)
    }

    /// What this trial is a trial of. A feature counts where it can change the form: in a subset.
    fn features(&self) -> BTreeSet<&'static str> {
        let of = |subset: &Subset| {
            let inside = Inside(self.tree.inside(subset.apex));
            FEATURES.iter().filter(|(_, has)| has(&inside, subset)).map(|(name, _)| *name).collect::<Vec<_>>()
        };
        self.subsets.iter().flat_map(of).collect()
    }
}

/// The elements of a subset.
struct Inside<'t>(Vec<Spot<'t>>);

impl Inside<'_> {
    /// Whether an element declares a prefix so, given what it is bound to above, if it is.
    fn declares(&self, so: impl Fn(&str, &str, Option<&str>) -> bool) -> bool {
        self.0.iter().any(|spot| {
            spot.element.declarations().any(|(prefix, now)| {
                let mut outer = spot.above.iter().rev().flat_map(|node| node.declarations());
                let before = outer.find(|(known, _)| *known == prefix).map(|(_, namespace)| namespace);
                so(prefix, &now, before.as_deref())
            })
        })
    }

    fn attribute(&self, so: impl Fn(&Attribute) -> bool) -> bool {
        self.0.iter().any(|spot| spot.element.attributes.iter().any(&so))
    }

    /// Whether a piece of a text or of a value, as written, is so.
    fn text(&self, so: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|spot| {
            spot.element.content.iter().any(|piece| matches!(piece, Piece::Text(text) if so(text)))
                || spot.element.attributes.iter().flat_map(|attribute| &attribute.value).any(|piece| so(piece))
        })
    }
}

fn list(dice: &mut Dice) -> Vec<&'static str> {
    if dice.percent(45) {
        return Vec::new();
    }
    let mut list: Vec<&'static str> = LISTED.iter().copied().filter(|_| dice.percent(35)).collect();
    dice.shuffle(&mut list);
    list
}

type Has = fn(&Inside<'_>, &Subset) -> bool;

/// By name: whether a subset of a document has it.
const FEATURES: &[(&str, Has)] = &[
    ("xmlns undeclared", |inside, _| {
        inside.declares(|prefix, now, before| {
            prefix.is_empty() && now.is_empty() && before.is_some_and(|b| !b.is_empty())
        })
    }),
    ("prefix declared again", |inside, _| inside.declares(|_, now, before| before == Some(now))),
    ("prefix bound otherwise", |inside, _| {
        inside.declares(|_, now, before| before.is_some_and(|before| before != now))
    }),
    ("xml:* attribute", |inside, _| inside.attribute(|attribute| attribute.prefix == "xml")),
    ("PrefixList", |_, subset| !subset.prefixes.is_empty()),
    ("PrefixList with #default", |_, subset| subset.prefixes.contains(&"#default")),
    ("CR as written", |inside, _| inside.text(|text| text.contains('\r'))),
    ("character reference", |inside, _| inside.text(|text| text.contains("&#"))),
    ("CDATA", |inside, _| inside.text(|text| text.contains("<![CDATA["))),
    ("comment", |inside, _| inside.text(|text| text.starts_with("<!--"))),
    ("subset apex", |_, subset| subset.apex != 0),
    ("inclusive", |_, subset| subset.inclusive),
    ("inclusive, a subset apex", |_, subset| subset.inclusive && subset.apex != 0),
    ("element left out", |_, subset| subset.omit.is_some()),
];

/// Why Java may differ from libxml2 and us, in inclusive forms only: C14N 1.0 §2.4 asks for the nearest ancestor's attribute
/// where the parent is left out. Santuario 3.0 takes a farther one's; the JDK, given a set of nodes, repeats the apex's
/// attributes on elements inside.
pub const NEAREST: &str = "an xml:* attribute comes from the nearest ancestor that is left out, and once";

const JUDGES: [(&str, &str); 3] = [("libxml2", "c14n"), ("Apache Santuario", "c14n-santuario"), ("JDK", "c14n-jdk")];
/// What a PrefixList may name: also what is bound nowhere.
const LISTED: &[&str] = &["p", "q", "r", "zz", "P", "#default", "unknown"];
