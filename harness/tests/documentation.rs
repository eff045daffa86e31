//! The documentation is true: its commands are run and print what it shows, its options exist, and its links lead
//! somewhere.

mod served;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use self::served::Served;

/// How the documentation calls the program.
const PROGRAM: &str = "cargo onbeat ";
/// How the documentation calls a server.
const SERVER: &str = "serve --addr 127.0.0.1:3000";

/// One file of the documentation.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    /// Returns the contents of the blocks that are marked as `language`, in order.
    fn blocks(&self, language: &str) -> impl Iterator<Item = &str> {
        let fence = format!("```{language}\n");
        let blocks: Vec<&str> = self.text.split(&fence).skip(1).collect();
        blocks.into_iter().map(|rest| rest.split("```").next().expect("a block ends"))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// Returns the pages at the top, and every guide.
fn pages() -> Vec<Page> {
    let guides = fs::read_dir(root().join("docs")).expect("docs/").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> =
        guides.chain(["CHANGELOG.md", "CONTRIBUTING.md", "README.md"].map(|page| root().join(page))).collect();
    paths.sort();
    let page = |path: PathBuf| Page { text: fs::read_to_string(&path).expect("a page"), path };
    paths.into_iter().map(page).collect()
}

fn onbeat(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    program.args(arguments).current_dir(root()).output().expect("onbeat runs")
}

/// Returns whether the lines are those shown, where `…` stands for any number of lines.
fn matches(shown: &[&str], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((&"…", rest)) => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, lines)| line == first && matches(rest, lines)),
    }
}

#[test]
fn a_command_prints_what_the_documentation_shows() {
    let mut run = Vec::new();
    for page in pages() {
        for block in page.blocks("console") {
            let (command, shown) = block.split_once('\n').expect("a command");
            let arguments = command.trim_start_matches("$ ").strip_prefix(PROGRAM).unwrap_or_default();
            let words: Vec<&str> = arguments.split_whitespace().collect();
            // What serves does not end, and what writes fixtures would write them here.
            if words.is_empty() || matches!(words[..], ["serve", ..] | ["fixtures", "write", ..]) {
                continue;
            }
            let output = onbeat(&words);
            assert!(output.status.success(), "`onbeat {arguments}`: {}", String::from_utf8_lossy(&output.stderr));
            let printed = String::from_utf8(output.stdout).expect("UTF-8");
            let (shown, lines): (Vec<_>, Vec<_>) = (shown.lines().collect(), printed.lines().collect());
            assert!(matches(&shown, &lines), "{}: `onbeat {arguments}` prints\n{printed}", page.path.display());
            run.push(words[0].to_owned());
        }
    }
    run.sort();
    assert_eq!(run, ["check", "fixtures", "replay", "replay", "simulate"]);
}

#[test]
fn every_option_that_the_documentation_names_exists() {
    let help = |command| String::from_utf8(onbeat(&[command, "--help"]).stdout).expect("UTF-8");
    let help = ["serve", "record", "replay", "check", "simulate", "fixtures"].map(help).concat();
    // Options of cargo and npm, and of the tools that contributors and front-end teams use.
    let others = [
        "--all",
        "--all-features",
        "--bench",
        "--check",
        "--features",
        "--locked",
        "--open",
        "--package",
        "--partition",
        "--path",
        "--port",
        "--release",
        "--save-dev",
        "--strictPort",
        "--test",
        "--with-deps",
        "--workspace",
        "--yes",
    ];
    for page in pages() {
        let words = page.text.split(|c: char| c.is_whitespace() || "`'(),;:/".contains(c));
        let is_option = |word: &&str| word.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic));
        for option in words.filter(is_option).filter(|word| !others.contains(word)) {
            let option = option.trim_end_matches('.');
            assert!(help.contains(option), "{} names {option}", page.path.display());
        }
    }
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    for page in pages() {
        let links = page.text.split("](").skip(1).map(|rest| rest.split(')').next().expect("a link ends"));
        for link in links.filter(|link| !link.starts_with("http")) {
            let file = link.split('#').next().unwrap_or_default();
            let target = page.path.parent().expect("a folder").join(file);
            assert!(target.exists(), "{} links to {link}", page.path.display());
        }
    }
}

#[test]
fn the_oldest_rust_is_the_same_everywhere() {
    let oldest = concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"));
    for (page, place) in [("README.md", oldest.replace(' ', "](https://rustup.rs) ")), ("test.sh", oldest.to_owned())] {
        let text = fs::read_to_string(root().join(page)).expect("readable");
        assert!(text.contains(&place), "{page} does not say that it needs {oldest}");
    }
}

#[test]
fn no_package_needs_a_newer_rust() {
    let version = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().expect("a number")).collect() };
    let oldest = version(env!("CARGO_PKG_RUST_VERSION"));
    let mut cargo = Command::new(env!("CARGO"));
    let arguments = ["metadata", "--offline", "--locked", "--all-features", "--format-version", "1"];
    let output = cargo.args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let newer =
        packages.iter().filter(|package| package["rust_version"].as_str().is_some_and(|rust| version(rust) > oldest));
    let newer: Vec<String> = newer.map(|package| format!("{} {}", package["name"], package["rust_version"])).collect();
    assert!(packages.len() > 100 && newer.is_empty(), "{newer:?}");
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).expect("the README").lines().count();
    assert!(lines <= 150, "{lines} lines");
}

/// A shell session as the documentation shows one: a server, clients in the background, and commands that end.
struct Session {
    served: Served,
    clients: Vec<Child>,
    /// What the last command printed.
    printed: String,
}

impl Session {
    /// Runs `line` in `folder`. Waits for a client in the background until the server knows its stream.
    fn run(session: Option<Self>, line: &str, folder: &Path) -> Self {
        let Some(mut session) = session else {
            let options =
                line.strip_prefix(PROGRAM).and_then(|line| line.strip_prefix(SERVER)).expect("a server first");
            let served = Served::start(&options.split_whitespace().collect::<Vec<_>>());
            return Self { served, clients: Vec::new(), printed: String::new() };
        };
        let line = line.replace(PROGRAM, concat!(env!("CARGO_BIN_EXE_onbeat"), " "));
        let line = line.replace("localhost:3000", &session.served.addr.to_string());
        let mut shell = Command::new("sh");
        if let Some(line) = line.strip_suffix(" &") {
            let client =
                shell.args(["-c", &format!("exec {line}")]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            session.clients.push(client.expect("a shell runs"));
            while session.streams() < session.clients.len() {
                let ended = session.clients.last_mut().and_then(|client| client.try_wait().expect("a child"));
                assert_eq!(ended, None, "{line} ended");
            }
        } else {
            let output = shell.args(["-c", &line]).current_dir(folder).output().expect("a shell runs");
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            session.printed = String::from_utf8(output.stdout).expect("UTF-8");
            assert!(!session.printed.starts_with("{\"error\""), "{line}: {}", session.printed);
        }
        session
    }

    /// Returns how many connections the server lists.
    fn streams(&self) -> usize {
        let mut socket = TcpStream::connect(self.served.addr).expect("the server listens");
        let request = "GET /__onbeat/connections HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer.matches("\"path\"").count()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for client in &mut self.clients {
            // The client may have ended already.
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

#[test]
fn a_shell_session_does_what_the_documentation_says() {
    let folder = new_folder();
    let mut answers = 0;
    for page in pages() {
        let mut session = None;
        let lines =
            page.blocks("sh").flat_map(str::lines).filter(|line| line.contains("3000") || session_goes_on(line));
        for line in lines.filter(|line| !line.contains(" check ")) {
            session = Some(Session::run(session, line, &folder));
            if line.contains("/advance") {
                let printed = session.as_ref().map(|session| session.printed.clone()).unwrap_or_default();
                assert!(printed.starts_with(r#"{"now_ms":30000,"#), "{printed}");
                if let Some(shown) = page.blocks("json").next() {
                    assert_eq!(printed, shown.trim_end(), "{}", page.path.display());
                    answers += 1;
                }
            }
        }
    }
    fs::remove_dir_all(&folder).expect("the folder is ours");
    assert_eq!(answers, 1);
}

/// Returns whether a line without an address belongs to a session: one that reads what the session has written.
fn session_goes_on(line: &str) -> bool {
    line.contains("replay --log")
}

/// Returns a new folder for what commands write.
fn new_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("documentation-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder of our own");
    folder
}
