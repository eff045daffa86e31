//! The README is true: each `onbeat` command in it that ends by itself is run, and prints what it shows.

use std::process::Command;

/// The console blocks of the README, as (arguments of onbeat, lines shown).
fn examples() -> Vec<(Vec<String>, Vec<String>)> {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().expect("a block ends"));
    let examples = blocks.filter_map(|block| {
        let (command, shown) = block.split_once('\n')?;
        let arguments = command.strip_prefix("$ cargo run --release -- ")?;
        let words = arguments.split_whitespace().map(str::to_owned);
        Some((words.collect(), shown.lines().map(str::to_owned).collect()))
    });
    examples.collect()
}

/// Whether the lines are those shown, where `…` stands for any number of lines.
fn matches(shown: &[String], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, lines)| line == first && matches(rest, lines)),
    }
}

#[test]
fn what_the_readme_shows_is_what_is_printed() {
    let mut replayed = 0;
    for (arguments, shown) in
        examples().into_iter().filter(|(arguments, _)| ["replay", "check", "simulate"].contains(&arguments[0].as_str()))
    {
        let output = Command::new(env!("CARGO_BIN_EXE_onbeat")).args(&arguments).output().expect("onbeat runs");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let lines: Vec<&str> = printed.lines().collect();
        assert!(matches(&shown, &lines), "`onbeat {}` prints\n{printed}", arguments.join(" "));
        replayed += 1;
    }
    assert_eq!(replayed, 4);
}

fn is_cargos(option: &str) -> bool {
    matches!(option, "--release" | "--bench" | "--open" | "--workspace" | "--partition")
}

#[test]
fn every_endpoint_and_option_that_the_readme_names_exists() {
    let help = |command| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_onbeat")).args([command, "--help"]).output().expect("onbeat runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let help = help("serve") + &help("replay") + &help("check") + &help("simulate");
    let readme = include_str!("../../README.md").split(|c: char| c.is_whitespace() || c == '`');
    for option in readme.filter(|word| word.starts_with("--") && word.len() > 2 && !is_cargos(word)) {
        assert!(help.contains(option), "the README names {option}");
    }
}
