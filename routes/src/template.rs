//! Text with placeholders.

/// A text, whose placeholders are filled in when the text is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The text.
    pub text: String,
}
