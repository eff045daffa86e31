use proptest::prelude::*;

use super::*;

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nD\r\nretry: 5000\n\n\r\n3\r\n:\n\n\r\n0\r\n\r\n";
const SIZED: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";

/// Returns the parts of a stream that arrives in `pieces`.
fn parts<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Part>, Malformed> {
    let mut responses = Responses::default();
    let mut parts = Vec::new();
    for piece in pieces {
        responses.push(&Bytes::copy_from_slice(piece));
        while let Some(part) = responses.next_part()? {
            parts.push(part);
        }
    }
    Ok(parts)
}

fn data(text: &'static str) -> Part {
    Part::Data(Bytes::from_static(text.as_bytes()))
}

#[test]
fn chunks_are_told_apart() {
    let parts = parts([CHUNKED]).expect("valid");
    assert!(matches!(&parts[0], Part::Head(head) if head.status == 200));
    assert_eq!(parts[1..], [data("retry: 5000\n\n"), data(":\n\n"), Part::End]);
}

#[test]
fn only_a_body_in_chunks_is_chunked() {
    let unbounded = b"HTTP/1.0 200 OK\r\n\r\nabc";
    for (bytes, is_chunked) in [(CHUNKED, true), (SIZED, false), (unbounded, false)] {
        let mut responses = Responses::default();
        assert!(!responses.is_chunked());
        responses.push(&Bytes::copy_from_slice(bytes));
        for _ in ["head", "datum"] {
            assert_ne!(responses.next_part(), Ok(None));
            assert_eq!(responses.is_chunked(), is_chunked);
        }
    }
}

#[test]
fn a_response_follows_another() {
    let parts = parts([&[SIZED, CHUNKED, SIZED].concat()[..]]).expect("valid");
    assert_eq!(parts.iter().filter(|part| **part == Part::End).count(), 3);
    assert_eq!(parts[1], data("no"));
}

#[test]
fn a_response_without_a_length_ends_with_the_connection() {
    let mut responses = Responses::default();
    responses.push(&Bytes::from_static(b"HTTP/1.0 200 OK\r\n\r\nabc"));
    assert!(matches!(responses.next_part(), Ok(Some(Part::Head(_)))));
    assert_eq!(responses.next_part(), Ok(Some(data("abc"))));
    assert_eq!(responses.next_part(), Ok(None));
    assert_eq!(responses.close(), Some(Part::End));
}

#[test]
fn a_cut_response_does_not_end() {
    let mut responses = Responses::default();
    // Leaves out the very last byte, the LF behind the last chunk.
    responses.push(&Bytes::copy_from_slice(&CHUNKED[..CHUNKED.len() - 1]));
    while let Ok(Some(part)) = responses.next_part() {
        assert_ne!(part, Part::End);
    }
    assert_eq!(responses.close(), None);
    assert!(!responses.is_between());
}

#[test]
fn an_answer_to_head_has_no_body_whatever_its_length_says() {
    let mut responses = Responses::default();
    responses.expect("HEAD");
    responses.push(&Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"));
    assert!(matches!(responses.next_part(), Ok(Some(Part::Head(_)))));
    assert_eq!(responses.next_part(), Ok(Some(Part::End)));
}

/// Pushes a piece, and returns the completed parts.
fn push(responses: &mut Responses, piece: &[u8]) -> Vec<Part> {
    responses.push(&Bytes::copy_from_slice(piece));
    std::iter::from_fn(|| responses.next_part().expect("valid")).collect()
}

#[test]
fn the_bytes_of_an_incomplete_part_can_be_taken_out() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut responses = Responses::default();
    assert_eq!((push(&mut responses, &chunked[..20]).len(), responses.held()), (0, 20));
    assert_eq!(responses.take_held(), None);
    assert_eq!((push(&mut responses, &chunked[20..]).len(), responses.framing()), (1, Some(Framing::Chunked)));
    assert_eq!((push(&mut responses, b"5\r"), responses.held()), (vec![], 0));
    assert_eq!((push(&mut responses, b"\nab"), responses.held()), (vec![], 2));
    assert_eq!(responses.take_held(), Some(Bytes::from_static(b"ab")));
    assert!(!responses.is_chunk_whole());
    assert_eq!((push(&mut responses, b"cde"), responses.is_chunk_whole()), (vec![], true));
    // Takes all bytes of the chunk out before its CR LF: no empty chunk may follow.
    assert_eq!(responses.take_held(), Some(Bytes::from_static(b"cde")));
    assert_eq!(push(&mut responses, b"\r\n1\r\nf\r\n0\r\n\r\n"), [data("f"), Part::End]);
    push(&mut responses, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    assert_eq!((responses.framing(), responses.take_held()), (Some(Framing::Length), Some(Bytes::from_static(b"ab"))));
    assert_eq!(push(&mut responses, b"cd"), [data("cd"), Part::End]);
}

#[test]
fn a_folded_header_is_one_line_and_a_head_may_have_many_headers() {
    let mut responses = Responses::default();
    let many: String = (0..HEADERS_MAX - 2).map(|n| format!("X-{n}: v\r\n")).collect();
    let head = format!("HTTP/1.1 200 OK\r\nX-Long: one\r\n  two\r\n\tthree\r\nX-Next: a\r\n{many}\r\n");
    let parts = push(&mut responses, head.as_bytes());
    let [Part::Head(head)] = &parts[..] else { panic!("{parts:?}") };
    assert_eq!((head.header("x-long"), head.header("x-next")), (Some("one two three"), Some("a")));
    let more = format!("HTTP/1.1 200 OK\r\n{many}A: b\r\nC: d\r\nE: f\r\n\r\n");
    responses = Responses::default();
    responses.push(&Bytes::from(more));
    let told = responses.next_part().expect_err("too many headers").to_string();
    assert_eq!(told, "expected a response head, got more than 256 header lines");
}

#[test]
fn a_head_and_a_trailer_have_the_same_limits_in_one_piece_and_in_several() {
    let head = |length: usize| {
        let (start, end) = ("HTTP/1.1 204 None\r\nA: ", "\r\n\r\n");
        format!("{start}{}{end}", "a".repeat(length - start.len() - end.len()))
    };
    let trailer = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: {}\r\n\r\n", "a".repeat(length - 3))
    };
    for (text, told) in [
        (head(LINE_BYTES_MAX), None),
        (head(LINE_BYTES_MAX + 1), Some("expected a response head, got more than 65536 bytes")),
        (trailer(LINE_BYTES_MAX - 1), None),
        (trailer(LINE_BYTES_MAX), Some("expected a trailer and CR LF, got more than 65536 bytes without CR LF")),
    ] {
        for pieces in [vec![text.as_bytes()], text.as_bytes().chunks(4096).collect()] {
            assert_eq!(parts(pieces).err().map(|error| error.to_string()).as_deref(), told);
        }
    }
}

#[test]
fn the_framing_follows_the_last_coding_and_then_the_length() {
    use Framing::{Chunked, Close, Length};
    for (fields, framing) in [
        ("Transfer-Encoding: gzip, Chunked\r\n", Chunked),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n", Chunked),
        ("Transfer-Encoding: chunked, gzip\r\nContent-Length: 3\r\n", Close),
        ("Content-Length: 3\r\n", Length),
        ("Content-Length: 3, 3\r\n", Length),
        ("", Close),
    ] {
        let mut responses = Responses::default();
        push(&mut responses, format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes());
        assert_eq!(responses.framing(), Some(framing), "{fields}");
    }
}

#[test]
fn responses_without_a_body_end_with_their_heads_and_interim_heads_come_before_another() {
    let framed = "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n";
    for status in [204, 304] {
        let parts = parts([format!("HTTP/1.1 {status} None\r\n{framed}").as_bytes()]).expect("valid");
        assert!(matches!(&parts[..], [Part::Head(_), Part::End]), "{parts:?}");
    }
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let parts = parts([&[interim, SIZED].concat()[..]]).expect("valid");
    let statuses: Vec<u16> =
        parts.iter().filter_map(|part| if let Part::Head(head) = part { Some(head.status) } else { None }).collect();
    assert_eq!((statuses, &parts[3..]), (vec![100, 103, 404], &[data("no"), Part::End][..]));
}

#[test]
fn extensions_of_chunks_and_trailers_are_read_over() {
    let chunks = "3 ;name=\"value\"\r\nabc\r\n00;last\r\nDigest: abc\r\nSignature: d\r\n\r\n";
    let bytes = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
    assert_eq!(parts([bytes.as_bytes()]).expect("valid")[1..], [data("abc"), Part::End]);
}

#[test]
fn what_is_no_http_is_said_to_be_none() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (bytes, said) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\n".to_owned(),
            "one plain Content-Length, got Content-Length: 3, 4",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\n".to_owned(),
            "one plain Content-Length, got Content-Length: +3",
        ),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), "expected a response head"),
        (format!("{chunked}zz\r\n"), "expected a chunk size"),
        (format!("{chunked}+2\r\nab\r\n"), "expected a chunk size"),
        (format!("{chunked}ffffffffffffffff\r\n"), "expected a chunk size"),
        (format!("{chunked}2\r\nabc\r\n"), "expected CR LF after a chunk"),
    ] {
        let error = parts([bytes.as_bytes()]).expect_err(&bytes).to_string();
        assert!(error.contains(said), "{error}");
    }
}

proptest! {
    #[test]
    fn parts_do_not_depend_on_how_the_bytes_were_split(cuts in prop::collection::vec(0..200_usize, 0..20)) {
        let stream = [SIZED, CHUNKED, SIZED].concat();
        // Cuts anywhere, perhaps twice at one place: an empty piece changes nothing.
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % stream.len()).collect();
        cuts.sort_unstable();
        let bounds: Vec<usize> = [0].into_iter().chain(cuts).chain([stream.len()]).collect();
        let pieces = bounds.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(parts(pieces).expect("valid"), parts([&stream[..]]).expect("valid"));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
        let _ = parts([&bytes[..]]);
        let _ = parts([&[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &bytes[..]].concat()[..]]);
    }
}
