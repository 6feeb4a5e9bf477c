//! Text inside XML.

use std::fmt::{self, Write};

/// Text with what XML would misread replaced by references. Characters that XML 1.0 cannot hold become U+FFFD.
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            // Written plainly, a reader would make a space of them in an attribute.
            '\t' | '\n' | '\r' => write!(f, "&#{};", u32::from(c)),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}'),
            _ => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text_and_forbidden_characters_are_replaced() {
        let escaped = Escaped("a<b> & \"c\"\n\u{1}é🚗").to_string();
        assert_eq!(escaped, "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}é🚗");
    }
}
