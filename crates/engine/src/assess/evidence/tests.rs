//! The table of terms and levels, and the sum.

use super::executable::Executable;
use super::name_resolution::NameResolution;
use super::port::Port;
use super::*;
use crate::assess::scope::Scope;
use crate::assess::usual;
use crate::assess::weigh::weigh;
use crate::know::{Ballot, LEVELS_MAX};

/// Levels of a term by their numbers.
fn rows(term: Term) -> impl Iterator<Item = term_level::Row> {
    (1..).map_while(move |number| (term.item().row)(number))
}

#[test]
fn shares_of_a_terms_levels_add_up_to_one() {
    for term in Term::ALL.into_iter().filter(|term| *term != Term::Reputation) {
        let prior: f32 = rows(term).map(|row| row.prior).sum();
        assert!((prior - 1.0).abs() < 1e-3, "{term:?} prior {prior}");
        for scope in [Scope::External, Scope::Network] {
            let usual: f32 = rows(term).map(|row| row.usual(scope)).sum();
            assert!((usual - 1.0).abs() < 1e-3, "{term:?} usual {usual} in {scope:?}");
        }
    }
}

#[test]
fn each_term_has_its_own_place_and_names() {
    for (index, term) in Term::ALL.into_iter().enumerate() {
        assert_eq!(term.index(), index);
        assert!(rows(term).count() < LEVELS_MAX, "{term:?} has more levels than there are numbers");
        let names: std::collections::BTreeSet<_> = rows(term).map(|row| row.name).collect();
        assert_eq!(names.len(), rows(term).count(), "{term:?}");
    }
}

#[test]
fn further_terms_of_a_group_count_half() {
    let of = |levels| weigh(levels, Scope::External, Ballot::default().usual()).score;
    let none = Levels::default();
    let both = of(none.with(Term::NameResolution, NameResolution::NoLookup).with(Term::Port, Port::Unusual));
    let (name, port) = (
        of(none.with(Term::NameResolution, NameResolution::NoLookup)),
        of(none.with(Term::Port, Port::Unusual)),
    );
    assert!(name > port && port > 0.0);
    assert!((both - (name + 0.5 * port)).abs() < 1e-4);
}

#[test]
fn unknown_counts_nothing() {
    let weighed = weigh(Levels::default(), Scope::Internal, Ballot::default().usual());
    assert!(weighed.score.abs() < f32::EPSILON);
}

fn worth(scope: Scope, levels: Levels, votes: &Ballot) -> f32 {
    levels.iter().map(|level| usual::bits(scope, level, votes.usual())).sum()
}

#[test]
fn what_is_common_here_is_worth_less() {
    let mut votes = Ballot::default();
    let levels = Levels::default().with(Term::NameResolution, NameResolution::NoLookup);
    let before = worth(Scope::External, levels, &votes);
    for _ in 0..50 {
        votes.cast(levels.profile(Scope::External));
    }
    assert!(worth(Scope::External, levels, &votes) < before - 1.0);
    assert!((worth(Scope::Internal, levels, &votes) - before).abs() < 1e-6);
}

#[test]
fn a_mass_compromise_cannot_make_itself_usual() {
    let mut votes = Ballot::default();
    let levels = Levels::default().with(Term::Executable, Executable::NotInImageWritable);
    let before = worth(Scope::External, levels, &votes);
    for _ in 0..100_000 {
        votes.cast(levels.profile(Scope::External));
    }
    assert!(worth(Scope::External, levels, &votes) > before - 2.01);
}

/// The table of `docs/detection.md`, with the levels in the order of their numbers.
fn table() -> String {
    let mut table = "| term | level: prior/usual (network) |\n|---|---|\n".to_owned();
    for term in Term::ALL {
        let levels: Vec<String> = rows(term)
            .map(|row| {
                let (usual, network) = (row.usual(Scope::External), row.usual(Scope::Network));
                let differs = if network == usual { String::new() } else { format!(" ({network})") };
                format!("{} {}/{usual}{differs}", row.name, row.prior)
            })
            .collect();
        table += &format!("| {} | {} |\n", term.as_str(), levels.join(", "));
    }
    table
}

/// Checkpoints keep levels by number, and findings name them: who changes the table sees here that it changes both.
#[test]
fn the_page_on_detection_prints_the_table() {
    const MARKS: [&str; 2] =
        ["<!-- evidence: written by `cargo xtask docs` -->\n", "<!-- end of evidence -->"];
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detection.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (found, after) = rest.split_once(MARKS[1]).unwrap();
    let expected = format!("\n{}\n", table());
    if std::env::var_os("BEACONWATCH_WRITE_DOCS").is_some() {
        std::fs::write(&file, [before, MARKS[0], &expected, MARKS[1], after].concat()).unwrap();
    } else {
        assert_eq!(found, expected, "run `cargo xtask docs`");
    }
}
