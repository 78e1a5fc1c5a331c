//! The parts of the report that the program can make by itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use crate::conformance::case::Case;
use crate::conformance::catalogue::{Catalogue, Wanted};
use crate::conformance::corpora::{self, CorpusResult};
use crate::conformance::fuzz::Until;
use crate::conformance::report::Part;
use crate::conformance::runner::{Corpus, Variant};
use crate::conformance::structured::Machine;
use crate::conformance::{across, fuzz, mutants};

/// Where everything is, and how much of it is tried.
#[derive(Debug, Clone)]
pub struct Settings {
    pub project: PathBuf,
    pub vectors: Option<PathBuf>,
    pub edits: u64,
    pub fuzz_seconds: u64,
}

/// A part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// The attack list, row by row, under each profile
    Catalogue,
    /// Every case as written and repaired, and its mutants
    Cases,
    /// Public corpora
    Corpora,
    /// Structured edits of good messages
    Edits,
    /// Fuzz targets
    Fuzz,
}

impl Name {
    pub const ALL: [Self; 5] = [Self::Catalogue, Self::Cases, Self::Corpora, Self::Edits, Self::Fuzz];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Cases => "cases",
            Self::Corpora => "corpora",
            Self::Edits => "edits",
            Self::Fuzz => "fuzz",
        }
    }

    /// Makes the part.
    ///
    /// # Errors
    /// When what it needs cannot be read.
    pub fn made(self, settings: &Settings) -> Result<Part, String> {
        match self {
            Self::Catalogue => catalogue(settings),
            Self::Cases => cases(settings),
            Self::Corpora => corpora(settings),
            Self::Edits => edits(settings),
            Self::Fuzz => fuzzing(settings),
        }
    }
}

fn corpus(settings: &Settings) -> Result<(Arc<Corpus>, Vec<Case>), String> {
    let corpus = Corpus::open(settings.project.join("conformance"), settings.project.join("keys"));
    let cases = corpus.cases()?.into_iter().collect::<Result<_, _>>()?;
    Ok((Arc::new(corpus), cases))
}

fn catalogue(settings: &Settings) -> Result<Part, String> {
    let (corpus, cases) = corpus(settings)?;
    let verdicts = across::verdicts(&corpus, &cases)?;
    let catalogue = Catalogue::read(corpus.folder())?.derived(&cases, &verdicts);
    let faults = catalogue.faults(&cases, |file| std::fs::read_to_string(settings.project.join(file)).ok());
    let title = "Every row of the attack list, and the cases and tests that show it; a verdict of each profile.";
    let mut part = Part::new("catalogue", title, ["class", "rows", "shown", "cases", "tests", "deferred"]);
    let classes: std::collections::BTreeSet<String> = catalogue
        .rows
        .iter()
        .map(|row| &row.row)
        .chain(catalogue.deferred.iter().map(|row| &row.row))
        .filter_map(|row| row.get(..1))
        .map(str::to_owned)
        .collect();
    for class in classes {
        let rows: Vec<_> = catalogue.rows.iter().filter(|row| row.row.starts_with(&class)).collect();
        let deferred = catalogue.deferred.iter().filter(|row| row.row.starts_with(&class)).count();
        let shown = rows.iter().filter(|row| !row.cases.is_empty() || !row.tests.is_empty()).count();
        let count =
            |of: fn(&crate::conformance::catalogue::Row) -> usize| rows.iter().map(|row| of(row)).sum::<usize>();
        part.row([
            class,
            (rows.len() + deferred).to_string(),
            shown.to_string(),
            count(|row| row.cases.len()).to_string(),
            count(|row| row.tests.len()).to_string(),
            deferred.to_string(),
        ]);
    }
    for profile in verdicts.keys() {
        let said = |verdict: &str| {
            let rows = catalogue.rows.iter();
            rows.filter(|row| row.profiles.get(profile).is_some_and(|said| said.as_str() == verdict)).count()
        };
        part.note(format!(
            "`{profile}` refuses {} rows, accepts {}, and is silent on {}, which are not about one message of its own",
            said("refuse"),
            said("accept"),
            said("-")
        ));
    }
    let refusing = |row: &&crate::conformance::catalogue::Row| row.wanted == Wanted::Refuse;
    let accepting = |row: &crate::conformance::catalogue::Row| {
        u64::try_from(row.profiles.values().filter(|verdict| verdict.as_str() == "accept").count()).unwrap_or(u64::MAX)
    };
    part.wrongly_accepted = catalogue.rows.iter().filter(refusing).map(accepting).sum();
    faults.into_iter().for_each(|fault| part.fault(fault));
    Ok(part.with(&catalogue))
}

fn cases(settings: &Settings) -> Result<Part, String> {
    let (corpus, cases) = corpus(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|why| why.to_string())?;
    let mut part = Part::new("cases", "Every case through the real router.", ["what", "run", "as expected"]);
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut note = |what, outcome: Result<usize, String>, name: &str, part: &mut Part| {
        let (run, right) = counts.entry(what).or_default();
        *run += *outcome.as_ref().unwrap_or(&1);
        *right += *outcome.as_ref().unwrap_or(&0);
        if let Err(why) = outcome {
            part.wrongly_accepted += u64::from(why.contains("ACCEPTED"));
            part.fault(format!("{what}: {name}: {why}"));
        }
    };
    for case in &cases {
        let what = if case.refuses() { "refused as written" } else { "accepted as written" };
        let run = |variant| runtime.block_on(corpus.run(case, variant)).map(|()| 1);
        note(what, run(Variant::AsWritten), &case.name, &mut part);
        if case.refuses() {
            note("accepted when repaired", run(Variant::Repaired), &case.name, &mut part);
        }
        if mutants::fits(case) {
            note("mutants refused", runtime.block_on(mutants::run(&corpus, case)), &case.name, &mut part);
        }
    }
    for (what, (run, right)) in &counts {
        part.row([(*what).to_owned(), run.to_string(), right.to_string()]);
    }
    let counts: BTreeMap<&str, usize> = counts.iter().map(|(what, (run, _))| (*what, *run)).collect();
    Ok(part.with(&counts))
}

fn corpora(settings: &Settings) -> Result<Part, String> {
    let columns = ["corpus", "rows", "agreed valid", "agreed invalid", "outside", "valid, refused", "wrongly accepted"];
    let title = "Public corpora: a divergence may only be a good row that we refuse, with its reason.";
    let mut part = Part::new("corpora", title, columns);
    let Some(vectors) = &settings.vectors else {
        part.note("skipped: $VIDIMUS_VECTORS names no folder");
        return Ok(part);
    };
    let mut results: Vec<CorpusResult> = Vec::new();
    for (name, judgement) in corpora::documents::judgements(&settings.project.join("conformance"))? {
        results.extend(corpora::documents::run(vectors, &name, &judgement)?);
    }
    results.push(corpora::x509_limbo::run(&vectors.join("x509-limbo"))?);
    results.push(corpora::crl::run(&vectors.join("rustls-webpki"))?);
    results.extend(corpora::wycheproof::run(&vectors.join("wycheproof"))?);
    for result in &results {
        part.wrongly_accepted += u64::try_from(result.wrongly_accepted.len()).unwrap_or(u64::MAX);
        part.row([
            result.corpus.clone(),
            result.rows.to_string(),
            result.agreed_valid.to_string(),
            result.agreed_invalid.to_string(),
            result.unsupported.to_string(),
            result.refused_valid.len().to_string(),
            result.wrongly_accepted.len().to_string(),
        ]);
    }
    Ok(part.with(&results))
}

fn edits(settings: &Settings) -> Result<Part, String> {
    let machine = Machine::open(&settings.project)?;
    let report = machine.run(SEED, settings.edits);
    let title =
        "Chains of edits on good messages, signed anew by others: accepted only what the generator knows was signed.";
    let mut part = Part::new("edits", title, ["chains", "made", "accepted", "share"]);
    for (what, share) in [("all", report.all), ("harmless only", report.harmless), ("signed anew", report.resigned)] {
        part.row([
            what.to_owned(),
            share.made.to_string(),
            share.accepted.to_string(),
            format!("{} %", share.percent()),
        ]);
    }
    part.wrongly_accepted = u64::try_from(report.wrongly_accepted.len()).unwrap_or(u64::MAX);
    part.note(format!(
        "{} good messages; wrongly refused: {}; crashed: {}",
        machine.bases().count(),
        report.wrongly_refused.len(),
        report.crashed
    ));
    if !report.passes() {
        part.fault("this part does not pass");
    }
    Ok(part.with(&report))
}

fn fuzzing(settings: &Settings) -> Result<Part, String> {
    let title = "Fuzz targets: the committed seeds, then mutants of them without guidance.";
    let mut part = Part::new("fuzz", title, ["target", "seeds", "executions", "outcome"]);
    let until = Until::Seconds(settings.fuzz_seconds);
    // As many at a time as there are processors, so that each has its seconds for itself.
    for targets in fuzz::TARGETS.chunks(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)) {
        let mut running = Vec::new();
        for target in targets {
            let seeds = target.corpus(&settings.project)?;
            let count = seeds.len();
            running.push((target, count, std::thread::spawn(move || target.mutate(&seeds, until))));
        }
        for (target, count, thread) in running {
            let (executions, outcome) = match thread.join() {
                Ok(executions) => (executions.to_string(), "no crash"),
                Err(_) => {
                    part.fault(format!("{} crashed; the input stands on stderr", target.name));
                    (String::new(), "CRASHED")
                }
            };
            part.row([target.name.to_owned(), count.to_string(), executions, outcome.to_owned()]);
        }
    }
    Ok(part)
}

/// The same trials each time.
const SEED: u64 = 1;
