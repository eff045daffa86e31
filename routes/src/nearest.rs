//! The nearest of some names, for hints in errors.

/// How like a name must be to be worth a hint, from 0 to 1.
const LIKENESS_MIN: f64 = 0.5;

/// The longest name that is compared.
const COMPARED_BYTES_MAX: usize = 256;

/// Returns a hint like `; did you mean "steps"?`; nothing if no name is near.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, names).map_or_else(String::new, |nearest| format!("; did you mean \"{nearest}\"?"))
}

/// Returns the name that is most like a name; of several the first.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(f64, &str)> = None;
    for known in names {
        let likeness = likeness(name, known);
        if likeness >= LIKENESS_MIN && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, known));
        }
    }
    best.map(|(_, name)| name)
}

/// Returns how like two names are, from 0 to 1, where 1 is equal but for case.
pub(crate) fn likeness(one: &str, other: &str) -> f64 {
    // The comparison takes time in the product of the lengths.
    if one.len().max(other.len()) > COMPARED_BYTES_MAX {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(&one.to_lowercase(), &other.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_with_fewest_other_letters() {
        let names = ["step", "steps", "status", "wait_ms"];
        for (name, expected) in [
            ("stepz", Some("step")),
            ("Steps", Some("steps")),
            ("wait", Some("wait_ms")),
            ("satus", Some("status")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), expected, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), names), None);
    }
}
