//! Text of the page. Everything that is not written by this program is escaped here.

use model::Usd;
use std::fmt::Write;

/// Longest text from outside that is shown, in characters.
const TEXT_MAX: usize = 300;

/// Escapes text for elements and quoted attributes. Control characters and those that reverse the direction of writing
/// are shown as their numbers, and long text is cut.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (number, character) in text.chars().enumerate() {
        if number >= TEXT_MAX {
            escaped.push('…');
            break;
        }
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
                // Writing to a string does not fail.
                let _written = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            _ if character.is_control() => {
                let _written = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Escapes JSON for a data block: no text in it can end the element or begin a comment.
pub(crate) fn escape_json(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Writes money with a sign and two decimals, or more if it is less than a cent.
pub(crate) fn signed(dollars: f64) -> String {
    let text = money(dollars.abs());
    match dollars {
        _ if dollars > 0.0 => format!("+{text}"),
        _ if dollars < 0.0 => format!("\u{2212}{text}"),
        _ => text,
    }
}

/// Writes money with two decimals and separators between thousands, or with six decimals below a cent.
pub(crate) fn money(dollars: f64) -> String {
    let sign = if dollars < 0.0 { "\u{2212}" } else { "" };
    let dollars = dollars.abs();
    if dollars > 0.0 && dollars < 0.005 {
        return format!("{sign}${dollars:.6}");
    }
    let text = format!("{dollars:.2}");
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    format!("{sign}${}.{cents}", thousands(whole))
}

/// Writes micro-dollars as [`signed`].
pub(crate) fn signed_usd(usd: Usd) -> String {
    signed(crate::statistics::units(usd.0))
}

/// Writes micro-dollars as [`money`].
pub(crate) fn usd(usd: Usd) -> String {
    money(crate::statistics::units(usd.0))
}

/// Writes a count with separators between thousands.
pub(crate) fn count(value: u64) -> String {
    thousands(&value.to_string())
}

fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    for (digit, left) in digits.chars().zip((0..digits.len()).rev()) {
        text.push(digit);
        if left > 0 && left.is_multiple_of(3) {
            text.push('\u{202f}');
        }
    }
    text
}

/// Writes a number with at most four decimals.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.replace('-', "\u{2212}") }
}

/// Writes a share in percent with one decimal.
pub(crate) fn percent(value: f64) -> String {
    let text = format!("{:.1} %", value * 100.0);
    if text == "-0.0 %" { "0.0 %".to_owned() } else { text.replace('-', "\u{2212}") }
}

/// Writes a value, or a dash if there is none.
pub(crate) fn maybe(value: Option<f64>, write: fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), write)
}

/// Writes the cells of a table whose first column is text and whose others are numbers. The cells are HTML.
pub(crate) fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut html = format!("<div class=\"scroll\"><table><caption>{caption}</caption><thead><tr>");
    for head in heads {
        let _written = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead><tbody>");
    if rows.is_empty() {
        let _written = write!(html, "<tr><td colspan=\"{}\" class=\"none\">none</td></tr>", heads.len());
    }
    for row in rows {
        html.push_str("<tr>");
        for (number, cell) in row.iter().enumerate() {
            let _written = if number == 0 {
                write!(html, "<th scope=\"row\">{cell}</th>")
            } else {
                write!(html, "<td>{cell}</td>")
            };
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_inert() {
        assert_eq!(
            escape("<script>alert('1' & \"2\")</script>"),
            "&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;"
        );
        assert_eq!(escape("a\u{202e}b\u{0}\n"), "a\\u202eb\\u0000 ");
        assert_eq!(escape(&"x".repeat(400)).chars().count(), TEXT_MAX + 1);
        assert_eq!(escape_json("</script><!--"), "\\u003c/script\\u003e\\u003c!--");
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(money(1_234_567.891), "$1\u{202f}234\u{202f}567.89");
        assert_eq!((signed(0.0), signed(-0.5), signed(2.0)), ("$0.00".into(), "\u{2212}$0.50".into(), "+$2.00".into()));
        assert_eq!(money(0.000012), "$0.000012");
        assert_eq!((number(0.06500), number(-1.0), number(-0.00001)), ("0.065".into(), "\u{2212}1".into(), "0".into()));
        assert_eq!((percent(0.1234), percent(-0.0001)), ("12.3 %".into(), "0.0 %".into()));
        assert_eq!(count(1_000), "1\u{202f}000");
        assert_eq!(maybe(None, number), "–");
    }
}
