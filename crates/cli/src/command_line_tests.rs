//! The tree is a contract: every help text is a snapshot, every reserved verb answers.

use super::*;

fn arguments(line: &str) -> Vec<OsString> {
    std::iter::once("seawall").chain(line.split_whitespace()).map(OsString::from).collect()
}

fn failure(line: &str) -> Failure {
    match parse(arguments(line)) {
        Err(failure) => failure,
        Ok(_) => panic!("{line} was accepted"),
    }
}

#[test]
fn the_tree_is_well_formed() {
    tree().debug_assert();
}

#[test]
fn help_of_every_verb() {
    let mut command = tree().term_width(120);
    command.build();
    let mut text = String::new();
    collect(&mut command, &mut text);
    insta::assert_snapshot!("help", text);
}

fn collect(command: &mut Command, text: &mut String) {
    let help = command.render_long_help();
    *text += &format!("=== {}\n{help}\n", command.get_bin_name().unwrap_or_default());
    for below in command.get_subcommands_mut().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        collect(below, text);
    }
}

#[test]
fn every_reserved_verb_says_that_it_is_not_in_this_version() {
    let top = RESERVED.iter().map(|(name, _)| (*name).to_string());
    let repo = RESERVED_REPO.iter().map(|(name, _)| format!("repo {name}"));
    let key = RESERVED_KEY.iter().map(|(name, _)| format!("repo key {name}"));
    for line in top.chain(repo).chain(key) {
        for extra in ["", " --help", " something --with flags"] {
            let failure = failure(&format!("{line}{extra}"));
            assert_eq!(failure.exit_code(), 2, "{line}");
            assert!(
                failure.render().contains(&format!("seawall {line} (")) && failure.render().contains("is not in this version"),
                "{}",
                failure.render()
            );
        }
    }
}

#[test]
fn typing_errors_are_usage_errors_with_a_hint() {
    insta::assert_snapshot!("typo_in_a_verb", failure("bakcup --all").render());
    insta::assert_snapshot!("typo_in_a_flag", failure("backup --tabel orders").render());
    insta::assert_snapshot!("contradicting_flags", failure("backup --all --table orders").render());
}

#[test]
fn global_flags_stand_before_or_after_the_verb() {
    for line in ["--json config check", "config check --json", "config --json check"] {
        assert!(matches!(parse(arguments(line)), Ok(Parsed::Run(parsed)) if parsed.global.json), "{line}");
    }
}
