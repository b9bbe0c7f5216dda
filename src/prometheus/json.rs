//! JSON, as much of it as is written here: objects, lists, numbers and escaped texts.

use std::fmt::{Display, Write};
use std::time::Duration;

/// Texts are cut after so many characters.
const TEXT_LIMIT: usize = 256;

/// A value that is being written. What has commas between it and ends with a bracket is written by
/// [`Json::object`] and [`Json::list`] alone.
#[derive(Default)]
pub(crate) struct Json {
    text: String,
    /// The next element of what is open comes after another.
    is_further: bool,
}

impl Json {
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Writes an object, whose fields `fields` writes.
    pub(crate) fn object(&mut self, fields: impl FnOnce(&mut Json)) {
        self.between('{', '}', fields);
    }

    /// Writes the list of what `element` makes of each item.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut element: impl FnMut(&mut Json, T),
    ) {
        self.between('[', ']', |json| {
            for item in items {
                json.separate();
                element(json, item);
                json.is_further = true;
            }
        });
    }

    /// Names the next field; its value comes next.
    pub(crate) fn field(&mut self, name: &str) -> &mut Json {
        self.separate();
        self.is_further = true;
        self.string(name);
        self.text.push(':');
        self
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.text.push('"');
        let mut characters = text.chars();
        for c in characters.by_ref().take(TEXT_LIMIT) {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                // Besides what must be escaped, the two that end a line of JavaScript, and what
                // would change the colours of a terminal.
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    self.raw(format_args!("\\u{:04x}", u32::from(c)));
                }
                c => self.text.push(c),
            }
        }
        if characters.next().is_some() {
            self.text.push('…');
        }
        self.text.push('"');
    }

    pub(crate) fn number(&mut self, number: impl Into<u64>) {
        self.raw(number.into());
    }

    /// JSON has no infinity: what is not a number is null.
    pub(crate) fn fraction(&mut self, number: f64) {
        if number.is_finite() { self.raw(number) } else { self.null() }
    }

    pub(crate) fn seconds(&mut self, duration: Duration) {
        self.fraction(duration.as_secs_f64());
    }

    pub(crate) fn bool(&mut self, is: bool) {
        self.raw(is);
    }

    pub(crate) fn null(&mut self) {
        self.raw("null");
    }

    fn between(&mut self, open: char, close: char, content: impl FnOnce(&mut Json)) {
        self.text.push(open);
        self.is_further = false;
        content(self);
        self.text.push(close);
        self.is_further = true;
    }

    fn separate(&mut self) {
        if self.is_further {
            self.text.push(',');
        }
    }

    fn raw(&mut self, value: impl Display) {
        // Writing to a text cannot fail.
        let _ = write!(self.text, "{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::default();
        write(&mut json);
        json.into_text()
    }

    #[test]
    fn whatever_could_end_a_text_is_escaped() {
        let text = written(|json| json.string("a\"b\\c\n\0\u{7f}\u{2028}é😀/"));
        assert_eq!(text, r#""a\"b\\c\u000a\u0000\u007f\u2028é😀/""#);
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let text = written(|json| json.string(&"é".repeat(TEXT_LIMIT + 1)));
        assert_eq!(text, format!("\"{}…\"", "é".repeat(TEXT_LIMIT)));
        let text = written(|json| json.string(&"é".repeat(TEXT_LIMIT)));
        assert_eq!(text, format!("\"{}\"", "é".repeat(TEXT_LIMIT)));
    }

    #[test]
    fn objects_and_lists_have_commas_between_and_none_at_the_end() {
        let text = written(|json| {
            json.object(|json| {
                json.field("none").list([0_u64; 0], Json::number);
                json.field("some").list([1_u64, 2, 3], Json::number);
                json.field("objects").list([true, false], |json, is| {
                    json.object(|json| {
                        json.field("is").bool(is);
                        json.field("nothing").object(|_| ());
                    });
                });
                json.field("infinite").fraction(f64::INFINITY);
                json.field("short").seconds(Duration::from_nanos(1_500));
            });
        });
        let expected = concat!(
            r#"{"none":[],"some":[1,2,3],"objects":[{"is":true,"nothing":{}},"#,
            r#"{"is":false,"nothing":{}}],"infinite":null,"short":0.0000015}"#,
        );
        assert_eq!(text, expected);
    }
}
