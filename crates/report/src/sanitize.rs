//! Text that others chose, made safe to print.

use std::borrow::Cow;

/// Text that cannot control a terminal or turn the reading direction around: control characters, line
/// separators, bidirectional controls and invisible characters are written as `\u{..}`.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_harmful(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_or_the_reading_direction_is_written_out() {
        assert_eq!(sanitize("plain \u{e9} \u{2192}"), "plain \u{e9} \u{2192}");
        assert_eq!(sanitize("a\x1b[2Jb\u{9b}\n\u{202e}c"), "a\\u{1b}[2Jb\\u{9b}\\u{a}\\u{202e}c");
    }
}
