//! Routes files and recordings that were damaged in any way: a message with a line, or a model, and never a panic.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use onbeat_routes::{PlayError, PlayOptions, Played, read_file, read_text};
use proptest::prelude::*;

/// A routes file with every key.
const ROUTES: &str = include_str!("good.toml");

/// A recording with every line.
const RECORDING: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/chat","framing":"chunked"}
{"t_ms":0,"kind":"request","text":"POST /chat HTTP/1.1\r\nHost: onbeat\r\n\r\n","body":{"text":"{\"stream\":true}"}}
{"t_ms":412,"kind":"head","status":200,"headers":[["content-type","text/event-stream"],["x-id","7"]]}
{"t_ms":455,"kind":"write","text":"id: 1\ndata: hello\n\n","first_ms":450}
{"t_ms":460,"kind":"write","base64":"8J+Y","may":true}
{"t_ms":9000,"kind":"end","how":"cut"}
"#;

/// Texts that do harm anywhere.
const SNIPPETS: [&str; 22] = [
    "99999999999999999999",
    "-1",
    "1e999",
    "1.5",
    "nan",
    "2025-01-01T00:00:00Z",
    "true",
    "null",
    "\"",
    "'''",
    "\"\"\"",
    "{{",
    "{{random 1e308 -1e308 99}}",
    "{{pick \"",
    "\\",
    "\u{0}",
    "\u{feff}",
    "\u{2028}",
    "\r",
    "\n",
    "[[a]]\n",
    "a.b.c=1\n",
];

/// A change of a text. Places are fractions of the length.
#[derive(Clone, Debug)]
enum Mutation {
    Truncate(f64),
    Cut(f64, usize),
    Overwrite(f64, u8),
    Insert(f64, usize),
    Nest(f64, usize),
    SwapLines(f64, f64),
    RepeatLine(f64),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = || 0.0..1.0;
    prop_oneof![
        place().prop_map(Mutation::Truncate),
        (place(), 1_usize..40).prop_map(|(at, length)| Mutation::Cut(at, length)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Overwrite(at, byte)),
        (place(), 0..SNIPPETS.len()).prop_map(|(at, snippet)| Mutation::Insert(at, snippet)),
        (place(), 1_usize..3000).prop_map(|(at, depth)| Mutation::Nest(at, depth)),
        (place(), place()).prop_map(|(one, other)| Mutation::SwapLines(one, other)),
        place().prop_map(Mutation::RepeatLine),
    ]
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
fn place(fraction: f64, length: usize) -> usize {
    (fraction * length as f64) as usize
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        match *self {
            _ if length == 0 => {}
            Self::Truncate(at) => bytes.truncate(place(at, length)),
            Self::Cut(at, count) => {
                let from = place(at, length);
                bytes.drain(from..(from + count).min(length));
            }
            Self::Overwrite(at, byte) => bytes[place(at, length)] = byte,
            Self::Insert(at, snippet) => {
                let at = place(at, length);
                bytes.splice(at..at, SNIPPETS[snippet].bytes());
            }
            Self::Nest(at, depth) => {
                let at = place(at, length);
                bytes.splice(at..at, "[".repeat(depth).bytes().chain("]".repeat(depth).bytes()));
            }
            Self::SwapLines(one, other) => {
                let (one, other) = (place(one, lines.len()), place(other, lines.len()));
                lines.swap(one, other);
                *bytes = lines.concat();
            }
            Self::RepeatLine(at) => {
                let at = place(at, lines.len());
                lines.insert(at, lines[at].clone());
                *bytes = lines.concat();
            }
        }
    }
}

fn mutated(good: &str, mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = good.as_bytes().to_vec();
    mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
    bytes
}

#[test]
fn the_undamaged_files_are_read() {
    let model = read_text("good.toml", ROUTES, Path::new("tests")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((model.routes.len(), model.channels.len(), model.scenarios.len()), (8, 2, 1));
    let played = Played::read("a.jsonl", &Bytes::from(RECORDING), &PlayOptions::default());
    assert_eq!(played.expect("a recording").script().count(), 4);
}

/// The folder of the damaged files, with the files that they play.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mutations-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder of the test");
    for name in ["played.sse", "played.jsonl"] {
        std::fs::copy(Path::new("tests").join(name), folder.join(name)).expect("a file of the test");
    }
    folder
});

/// Checks that the problems of a routes file have lines of the file.
fn assert_told(bytes: &[u8]) {
    let file = FOLDER.join("damaged.toml");
    std::fs::write(&file, bytes).expect("a file of the test");
    if let Err(problems) = read_file(&file) {
        let lines = bytes.split(|byte| *byte == b'\n').count();
        assert!(problems.count() > 0);
        for problem in problems.iter() {
            assert!(problem.line.is_some_and(|line| (1..=lines).contains(&line)), "{problem:?} in {lines} lines");
            assert!(problem.problem.starts_with("expected "), "{problem:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_routes_file_is_read_or_refused_with_lines(mutations in prop::collection::vec(mutation(), 1..6)) {
        assert_told(&mutated(ROUTES, &mutations));
    }

    #[test]
    fn a_damaged_recording_is_read_or_refused_with_a_line(mutations in prop::collection::vec(mutation(), 1..6)) {
        let bytes = Bytes::from(mutated(RECORDING, &mutations));
        match Played::read("a.jsonl", &bytes, &PlayOptions::default()) {
            Ok(played) => prop_assert!(played.script().count() > 0),
            Err(PlayError::Line(wrong)) => prop_assert!(wrong.to_string().starts_with("line "), "{wrong}"),
            Err(PlayError::File(why)) => prop_assert!(why.starts_with("expected "), "{why}"),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        assert_told(&bytes);
        let bytes = Bytes::from(bytes);
        for name in ["a.jsonl", "a.sse", "a.ndjson", "a.bin"] {
            let read = Played::read(name, &bytes, &PlayOptions::default());
            prop_assert!(name == "a.jsonl" || read.is_ok());
        }
    }
}

#[test]
fn what_is_deep_wide_or_long_is_refused_or_read() {
    let deep = |open: &str, close: &str| format!("onbeat = 1\nx = {}1{}", open.repeat(5000), close.repeat(5000));
    let routes = "[[route]]\npath = \"/a\"\nbody = \"x\"\n".repeat(2000);
    let long = format!("onbeat = 1\n[[route]]\npath = \"/a\"\nbody = \"{}\"", "x".repeat(4 << 20));
    for text in [
        deep("[", "]"),
        deep("{a=", "}"),
        format!("{}b = 1", "a.".repeat(20_000)),
        format!("onbeat = 1\n[{}b]", "a.".repeat(20_000)),
        format!("onbeat = 1\n{routes}"),
        format!("onbeat = 1\n{}", "[[[".repeat(1000)),
        long,
        "\n".repeat(100_000),
    ] {
        assert_told(text.as_bytes());
    }
    for line in ["[".repeat(100_000), format!("{{\"t_ms\":{}", "[".repeat(100_000)), "x".repeat(4 << 20)] {
        let wrong = Played::read("a.jsonl", &Bytes::from(line), &PlayOptions::default()).expect_err("no recording");
        assert!(wrong.to_string().starts_with("line 1") && wrong.to_string().len() < 300, "{wrong}");
    }
    let write = format!("{{\"t_ms\":500,\"kind\":\"write\",\"text\":\"{}\"}}\n", "x".repeat(4 << 20));
    let long = RECORDING.replacen("{\"t_ms\":9000", &format!("{write}{{\"t_ms\":9000"), 1);
    assert!(Played::read("a.jsonl", &Bytes::from(long), &PlayOptions::default()).is_ok());
}

#[test]
fn a_file_that_is_too_long_is_refused_unread() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("long-{}.toml", std::process::id()));
    let sparse = std::fs::File::create(&file).and_then(|sparse| sparse.set_len(100 << 20));
    sparse.expect("a file without blocks");
    let problems = read_file(&file).expect_err("a long file");
    let name = file.display();
    assert_eq!(
        problems.to_string(),
        format!("{name}: expected a routes file that can be read: it has more than 16 MiB")
    );
    std::fs::remove_file(&file).expect("the file is the test's");
}
