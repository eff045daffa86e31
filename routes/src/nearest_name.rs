//! The nearest name, for messages about a name that is not known.

use strsim::damerau_levenshtein;

/// How many characters two names have in common at least, if one is the beginning of the other.
const BEGINNING_MIN: usize = 4;

/// Returns the known name with the fewest edits, at most one edit for each four characters of `name`, and one more. Returns
/// else a known name with `name` as the beginning, or the other way round, as `wait_ms` and `wait`. Never returns `name` itself,
/// which a folder lists for a link to a missing file.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Allows more edits in a long name: `heartbeat_msec` is near to `heartbeat_ms`, but `id` is not near to `play`.
    let edits_max = 1 + name.chars().count() / 4;
    let others = known.into_iter().filter(|known| *known != name);
    let rated = others.map(|known| (damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known));
    let begins = |known: &str| {
        name.len().min(known.len()) >= BEGINNING_MIN && (known.starts_with(name) || name.starts_with(known))
    };
    // Rates names within the edits before names that only share a beginning.
    let rated = rated.map(|(edits, known)| (edits > edits_max, edits, known));
    let like = rated.filter(|(is_far, _, known)| !is_far || begins(known));
    like.min_by_key(|(is_far, edits, _)| (*is_far, *edits)).map(|(.., known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_near_by_a_few_edits_or_by_its_beginning() {
        let known = ["wait_ms", "event", "end", "open", "send_b64"];
        for (name, expected) in [
            ("evnt", Some("event")),
            ("Event", Some("event")),
            ("event", None),
            ("ent", Some("end")),
            ("wait", Some("wait_ms")),
            ("wait_ms_total", Some("wait_ms")),
            ("opne", Some("open")),
            ("send", Some("end")),
            ("b64", None),
            ("wai", None),
            ("status", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest("a", []), None);
    }
}
