//! The nearest name, for messages about a name that is not known.

use strsim::damerau_levenshtein;

/// Returns the known name that is most like `name`, if one is like it: at most one edit for each four characters, and one.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let edits_max = 1 + name.chars().count() / 4;
    let rated =
        known.into_iter().map(|known| (damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known));
    rated.filter(|(edits, _)| *edits <= edits_max).min_by_key(|(edits, _)| *edits).map(|(_, known)| known)
}
