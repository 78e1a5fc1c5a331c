//! Independent implementations agree with us (`conformance/oracles`). A few trials by default; CI asks for thousands.

#![expect(clippy::expect_used, clippy::panic, reason = "what helps a test fails as the test does")]

use std::env;
use std::path::Path;
use std::time::Instant;

use vidimus::conformance::keys::Keys;
use vidimus::conformance::oracles::plans::Cast;
use vidimus::conformance::oracles::process::Judge;
use vidimus::conformance::oracles::verdict::Ours;
use vidimus::conformance::oracles::{Table, Trials, Workshop, forms, readers, signatures};

#[test]
fn libxml2_santuario_and_the_jdk_write_the_canonical_forms_that_we_write() {
    let Some((libxml, java)) = both(Workshop::libxml, Workshop::java) else { return };
    let mut judges = forms::Judges { libxml, java };
    let table = run(trials("VIDIMUS_ORACLE_DOCUMENTS", 300), |trials| forms::compare(&mut judges, trials));
    // Of 20,000 documents, 500 with each feature.
    for (feature, count) in &table.counts {
        assert!(count * 40 >= table.trials, "only {count} documents of {} have: {feature}", table.trials);
    }
    assert_eq!(table.counts.len(), 14, "{:?}", table.counts);
    let explained = table.explained.get(forms::NEAREST).copied().unwrap_or_default();
    assert_eq!(table.agreed + explained, table.compared, "{:?}", table.explained);
}

#[test]
fn quick_xml_and_libxml2_read_what_we_read_but_for_rules_with_a_name() {
    let Some((quick_xml, libxml)) = both(Workshop::quick_xml, Workshop::libxml) else { return };
    let mut judges = readers::Judges { quick_xml, libxml };
    let table = run(trials("VIDIMUS_ORACLE_DOCUMENTS", 600), |trials| readers::compare(&mut judges, trials));
    assert!(table.counts.get("damaged").is_some_and(|damaged| damaged * 2 >= table.trials));
    assert!(table.counts.get("taken by us").is_some_and(|taken| taken * 2 >= table.trials));
    for rule in table.explained.keys() {
        assert!(readers::RULES.iter().any(|(name, _)| name == rule), "the rule `{rule}` is not explained");
    }
}

#[test]
fn a_signature_made_by_one_is_verified_by_all_and_none_takes_a_changed_one() {
    let Some((libxml, java)) = both(Workshop::libxml, Workshop::java) else { return };
    let mut judges = forms::Judges { libxml, java };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (corpus, keys) = (repository.join("conformance"), repository.join("keys"));
    let ours = Ours::open(&corpus, &keys, "hospital").expect("a world");
    let cast = Cast::of(&Keys::open(&keys), &ours.trust, ours.now, &corpus).expect("parties");
    let trials = trials("VIDIMUS_ORACLE_SIGNATURES", 20);
    let table = run(trials, |trials| signatures::compare(&mut judges, &ours, &cast, trials));
    // So many made by each and verified by each of the others.
    for (direction, count) in signatures::verified(&table) {
        println!("{direction}: {count}");
        assert!(count >= trials.count || trials.count == 1, "{direction}: only {count} of {}", trials.count);
    }
    for rule in table.explained.keys() {
        let known = [signatures::STRICTER, signatures::IN_KEY_INFO, signatures::LOOSER]
            .concat()
            .iter()
            .any(|known| known.name == rule);
        assert!(known, "the rule `{rule}` is not explained");
    }
}

/// Two judges that disagree would be no proof; one that is made to disagree must be seen.
#[test]
fn a_form_that_differs_is_seen_and_made_small() {
    let Some((libxml, other)) = both(Workshop::libxml, Workshop::libxml) else { return };
    // libxml2 knows no verb of the other process, so it ends: an error, never an agreement.
    let mut judges = forms::Judges { libxml, java: other };
    assert!(forms::compare(&mut judges, Trials::of(3)).is_err());
}

/// Runs, prints the table, and fails on what no rule explains.
fn run(trials: Trials, compare: impl FnOnce(Trials) -> Result<Table, String>) -> Table {
    let begun = Instant::now();
    let table = compare(trials).expect("the judges answer");
    println!("{} in {:.1} s: {:#?}", table.name, begun.elapsed().as_secs_f64(), table);
    assert!(table.trials >= trials.count);
    if let Some(folder) = env::var_os("VIDIMUS_REPORT_PARTS") {
        table.part().save(Path::new(&folder)).expect("a part of the report");
    }
    if let Some(first) = table.unexplained.first() {
        panic!(
            "{} differences without a rule; trial {} (VIDIMUS_ORACLE_ONLY={}), {}: {}\n{}",
            table.unexplained_by.values().sum::<usize>(),
            first.number,
            first.number,
            first.judge,
            first.detail,
            first.message
        );
    }
    table
}

fn trials(variable: &str, usual: usize) -> Trials {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match number("VIDIMUS_ORACLE_ONLY") {
        Some(only) => Trials { first: only, count: 1, ..Trials::of(1) },
        None => Trials::of(number(variable).map_or(usual, |count| usize::try_from(count).expect("a count"))),
    }
}

type Start = fn(&Workshop) -> Result<Judge, String>;

/// The judges, or `None` after saying what is missing.
fn both(one: Start, other: Start) -> Option<(Judge, Judge)> {
    let required = env::var_os("VIDIMUS_REQUIRE_TOOLS").is_some();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workshop = Workshop::new(repository, Path::new(env!("CARGO_TARGET_TMPDIR")).join("judges"), required);
    match one(&workshop).and_then(|one| Ok((one, other(&workshop)?))) {
        Ok(judges) => Some(judges),
        Err(missing) => {
            assert!(!required, "required and not there: {missing}");
            println!("skipped: {missing}");
            None
        }
    }
}
