//! The language of comments, messages and pages: no phrase of the list, and no doc comment that begins with a question word.

use crate::source::File;

/// Phrases that stand for an indefinite person or a private idiom, as they are found in lower-case text. Split, so that the list
/// does not match itself.
const PHRASES: [[&str; 2]; 7] = [
    ["who", "ever"],
    ["no", "body"],
    ["some", "body"],
    ["those who do ", "not look"],
    ["those that do ", "not look"],
    ["since ", "ever"],
    ["makes no ", "sense"],
];
/// As [`PHRASES`], found only as whole words.
const WORDS: [[&str; 2]; 2] = [["to", "ld"], ["an", "ew"]];
/// "is no" before a noun stands for "is not a"; "there is no" is plain English.
const IS_NO: [&str; 2] = ["is ", "no "];
const QUESTIONS: [&str; 8] = ["What", "Who", "How", "Where", "Why", "Which", "When", "Whether"];

/// Texts that stay as they are: the file, the text, and the reason.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "sdk/wit/since-0.1.0/strategy.wit",
    "and an unchanged target is",
    "a released contract, whose text is fixed by its hash",
)];

/// Returns the breaches in one file, as `line: description`.
pub(super) fn private(file: &File) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut in_doc = false;
    for (line, number) in file.text.lines().zip(1..) {
        let excepted = EXCEPTIONS.iter().any(|(path, text, _)| file.path == *path && line.contains(text));
        let doc = doc_text(file, line);
        if !excepted {
            breaches.extend(phrase(&prose(file, line)).map(|found| format!("{number}: \"{found}\"")));
            let begins = doc.filter(|_| !in_doc).and_then(|text| text.split_whitespace().next());
            if let Some(word) = begins.filter(|word| QUESTIONS.contains(word)) {
                breaches.push(format!("{number}: the doc comment begins with \"{word}\""));
            }
        }
        in_doc = doc.is_some();
    }
    breaches
}

fn doc_text<'t>(file: &File, line: &'t str) -> Option<&'t str> {
    let line = line.trim_start();
    if !file.is_rust() {
        return None;
    }
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
}

/// Removes `{name}` placeholders: they are identifiers.
fn without_placeholders(text: &str) -> String {
    let mut parts = text.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + " " + part.split_once('}').map_or(part, |(_, rest)| rest))
}

/// Returns the part of a line that people read: in code its comment and its literals, elsewhere all of it.
fn prose(file: &File, line: &str) -> String {
    let code = [".rs", ".ts", ".tsx", ".css"].iter().any(|end| file.path.ends_with(end));
    let text = [".md", ".html", ".toml", ".wit", ".py", ".sh"].iter().any(|end| file.path.ends_with(end));
    if text {
        return line.to_owned();
    }
    if code { without_placeholders(&comment_and_literals(line)) } else { String::new() }
}

fn comment_and_literals(line: &str) -> String {
    let start = line.trim_start();
    if start.starts_with("//") || start.starts_with('*') || start.starts_with("/*") {
        return line.to_owned();
    }
    let (mut prose, mut quote, mut escaped, mut before) = (String::new(), None, false, ' ');
    for (at, character) in line.char_indices() {
        match quote {
            None if line[at..].starts_with("//") && before != ':' => return prose + " " + &line[at..],
            None if matches!(character, '"' | '`') => quote = Some(character),
            Some(end) if character == end && !escaped => {
                quote = None;
                prose.push(' ');
            }
            Some(_) => prose.push(character),
            None => {}
        }
        escaped = character == '\\' && !escaped;
        before = character;
    }
    prose
}

fn phrase(prose: &str) -> Option<String> {
    let text = prose.to_lowercase();
    let listed = PHRASES.iter().map(|parts| parts.concat()).find(|phrase| text.contains(phrase.as_str()));
    let word = || {
        let words: Vec<String> = WORDS.iter().map(|parts| parts.concat()).collect();
        let mut of_text = text.split(|character: char| !character.is_alphanumeric() && character != '_');
        of_text.find(|word| words.iter().any(|listed| listed == word)).map(str::to_owned)
    };
    listed.or_else(word).or_else(|| is_no(&text))
}

fn is_no(text: &str) -> Option<String> {
    let mark = IS_NO.concat();
    text.match_indices(mark.as_str()).find_map(|(at, _)| {
        let before = &text[..at];
        let inside_a_word = before.chars().next_back().is_some_and(char::is_alphanumeric);
        let noun = text[at + mark.len()..].starts_with(|character: char| character.is_ascii_lowercase());
        (noun && !inside_a_word && !before.ends_with("there ")).then(|| mark.clone() + "..")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> File {
        File::new("host/app/src/some.rs", text)
    }

    #[test]
    fn phrases_are_found_in_comments_messages_and_pages_and_not_in_code() {
        let [whoever, told] = [PHRASES[0].concat(), WORDS[0].concat()];
        let is_no = IS_NO.concat();
        let count = |file: &File| private(file).len();
        assert_eq!(count(&rust(&format!("// {whoever} asks\nlet a = 1; // {told} later\n"))), 2);
        assert_eq!(count(&rust(&format!("fail(\"the body {is_no}object\");"))), 1);
        assert_eq!(count(&rust(&format!("let {told} = self.{told}(\"there {is_no}body\");"))), 0);
        assert_eq!(count(&rust(&format!("let re{told} = \"re{told}\";"))), 0);
        assert_eq!(count(&File::new("docs/live.md", &format!("It is {told}."))), 1);
        assert_eq!(count(&File::new("dashboard/src/a.tsx", &format!("<p title=\"{whoever}\">"))), 1);
        assert_eq!(count(&File::new("host/a/tests/data.json", &whoever)), 0);
    }

    #[test]
    fn a_question_word_is_refused_only_at_the_beginning_of_a_doc_comment() {
        assert_eq!(private(&rust("/// What it is.\n/// Why not.\nfn a() {}\n")).len(), 1);
        assert_eq!(private(&rust("/// Returns what it is.\n/// When it is over.\nfn a() {}\n")).len(), 0);
        assert_eq!(private(&rust("// How it is done.\n")).len(), 0);
    }
}
