//! Snapshots, which are beside the packages and not inside one.

/// The folder of the snapshots.
pub(crate) const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots");

/// Holds `$text` against the snapshot `$name`. The name must be a literal here, so that orphans can be found.
macro_rules! assert_snapshot {
    ($name:literal, $text:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path($crate::snapshot::SNAPSHOTS);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $text));
    }};
}
pub(crate) use assert_snapshot;
