//! A stream that is added as CONTRIBUTING tells is served, on the page, replayed, checked and simulated.
//!
//! The test takes the steps of CONTRIBUTING in a copy of the sources, builds the copy, and runs the program.

mod served;

use std::env::consts::EXE_EXTENSION;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use self::served::Served;

/// The folders of the workspace without a part in the program.
const LEFT_OUT: [&str; 7] = [".git", "clients", "consumers", "docs", "node_modules", "snapshots", "target"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable folder");
    for entry in fs::read_dir(from).expect("a readable folder").map(|entry| entry.expect("an entry")) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_file() {
            write(&to, fs::read(&from).expect("a readable file"));
        } else if !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            copy(&from, &to);
        }
    }
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(path, bytes).expect("a writable file");
}

/// A copy of the sources, in which a stream is added.
struct Workspace {
    folder: PathBuf,
}

impl Workspace {
    fn copied() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("added-stream");
        // The folder may hold files of a run before.
        let _ = fs::remove_dir_all(&folder);
        copy(root(), &folder);
        let workspace = Self { folder };
        let version = concat!("version = \"", env!("CARGO_PKG_VERSION"));
        let manifest = workspace.read("Cargo.toml").replace(version, &version.replace('"', "\"9"));
        write(&workspace.folder.join("Cargo.toml"), manifest);
        workspace
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).expect("a readable file")
    }

    /// Changes a file as a block of CONTRIBUTING shows: the lines that are kept and taken away stand in the file once.
    fn apply(&self, diff: &str) {
        let (path, hunks) = diff.strip_prefix("+++ ").and_then(|diff| diff.split_once('\n')).expect("a path");
        let mut text = self.read(path);
        for hunk in hunks.split("@@\n") {
            let side = |left_out: char| -> String {
                let lines = hunk.lines().filter(|line| !line.starts_with(left_out));
                lines.map(|line| line.get(1..).unwrap_or_default().to_owned() + "\n").collect()
            };
            let (before, after) = (side('+'), side('-'));
            assert_eq!(text.matches(&before).count(), 1, "CONTRIBUTING shows lines that {path} has not:\n{before}");
            text = text.replacen(&before, &after, 1);
        }
        write(&self.folder.join(path), text);
    }

    /// Adds the copied cases and the stream's own at the end of the cases.
    fn add_cases(&self, own: &str) {
        let path = "fixtures/cases.json";
        let cases = self.read(path);
        let start = |case: &str| cases.find(&format!("  {{\n    \"id\": \"dynamic-counter.{case}\"")).expect(case);
        let shared = cases[start("status")..start("period")].replace("dynamic-counter.", "ticks.");
        let others = cases.strip_suffix("\n]\n").expect("a list");
        write(&self.folder.join(path), format!("{others},\n{shared}{own}]\n"));
    }

    /// Builds the program. An empty test has Cargo choose the features with which the dependencies of this very test were
    /// built; since Cargo 1.91 the copy shares these in the folder for intermediate files. The version of the copy is
    /// another, or Cargo would take the crates of the copy for those of the original.
    fn build(&self) {
        fs::create_dir_all(self.folder.join("harness/tests")).expect("a writable folder");
        write(&self.folder.join("harness/tests/empty.rs"), "");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--offline", "--workspace", "--all-features", "--bin", "onbeat", "--test", "empty"]);
        cargo.current_dir(&self.folder).env("CARGO_TARGET_DIR", self.folder.join("target"));
        cargo.env("CARGO_BUILD_BUILD_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder"));
        let output = cargo.output().expect("Cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn program(&self) -> Command {
        let mut program = Command::new(self.folder.join("target/debug/onbeat").with_extension(EXE_EXTENSION));
        program.current_dir(&self.folder);
        program
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.program().args(arguments).output().expect("onbeat runs")
    }

    /// Runs a command to a good end; returns the printed text.
    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "onbeat {}: {out}{err}", arguments.join(" "));
        out.into_owned()
    }
}

/// Returns the blocks of the section on endpoints, each with its language and without its indentation.
fn blocks(contributing: &str) -> Vec<(&str, String)> {
    let (_, section) = contributing.split_once("## Adding an endpoint\n").expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let block =
        |block: &'_ str| block.lines().map(|line| line.get(3..).unwrap_or_default().to_owned() + "\n").collect();
    let fenced = section.split("   ```").skip(1).step_by(2);
    fenced.map(|fenced| fenced.split_once('\n').expect("a language")).map(|(of, text)| (of, block(text))).collect()
}

fn get(served: &Served, path: &str) -> String {
    let mut socket = TcpStream::connect(served.addr).expect("a server");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer in UTF-8");
    answer
}

#[test]
fn a_stream_that_is_added_by_contributing_alone_is_served_on_the_page_replayed_checked_and_simulated() {
    let workspace = Workspace::copied();
    let contributing = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("readable");
    let blocks = blocks(&contributing);
    let [("rust", script), ("diff", registry), ("json", cases), ("diff", fixture), ("diff", its_cases)] = &blocks[..]
    else {
        panic!("expected the blocks of the five steps, got {blocks:?}")
    };
    write(&workspace.folder.join("server/src/endpoints/ticks.rs"), script);
    workspace.apply(registry);
    workspace.add_cases(cases);
    workspace.apply(fixture);
    workspace.apply(its_cases);
    let golden = "fixtures/streams/ticks.jsonl";
    write(&workspace.folder.join(golden), "");
    workspace.build();

    let replayed = workspace.printed(&["replay", "ticks"]);
    for line in ["     2000 ms  write  data: 2⏎⏎", "     3000 ms  end    complete"] {
        assert!(replayed.contains(line), "{replayed}");
    }
    workspace.printed(&["fixtures", "write"]);
    assert!(workspace.read(golden).contains(r#""text":"data: 1\n\n","cases":["ticks.count","#));

    workspace.build();
    workspace.printed(&["fixtures", "verify"]);
    let served = Served::spawn(workspace.program().args(["serve", "--addr", "127.0.0.1:0", "--control"]));
    let module = get(&served, "/__onbeat/page/endpoints.js");
    assert!(module.contains(r#""/stream-json","/ticks"];"#), "{module}");
    let check = |server: &Served| workspace.run(&["check", &server.addr.to_string(), "--only", "ticks.*"]);
    let checked = String::from_utf8(check(&served).stdout).expect("UTF-8");
    assert!(checked.contains("conforms: 13 required cases hold, 0 fail; 0 differ as they may; "), "{checked}");
    let other = check(&Served::start(&[]));
    assert_eq!(other.status.code(), Some(1), "a server without the stream does not conform");
    assert!(String::from_utf8_lossy(&other.stdout).contains("ticks.status"));

    let simulated = String::from_utf8(workspace.run(&["simulate", "--seeds", "0..1000"]).stdout).expect("UTF-8");
    assert!(simulated.contains("1000 worlds, 0 failed;"), "{simulated}");
    let worlds = simulated.lines().find_map(|line| line.strip_suffix(" worlds had /ticks"));
    assert!(worlds.is_some_and(|worlds| worlds.trim() != "0"), "{simulated}");
}
