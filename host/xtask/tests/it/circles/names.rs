//! The names that a Rust file uses, read from its tokens. Tokens are sufficient and, unlike a syntax tree, include the
//! contents of macros.

use crate::source::File;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;

/// The segments of a path: `crate::a::B` has three.
pub(super) type Segments = Vec<String>;

/// One name that a `use` brings into a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) path: Segments,
    /// The name in this file; `*` for everything below the path.
    pub(super) name: String,
    /// True if the import is also an export, with any `pub`.
    pub(super) exported: bool,
}

/// The names that a file uses outside of its tests.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) imports: Vec<Import>,
    /// The paths in code, including those of one segment.
    pub(super) paths: BTreeSet<Segments>,
    /// The modules that exist in tests only.
    pub(super) test_modules: Vec<String>,
}

impl Names {
    /// Reads a file.
    pub(super) fn of(file: &File) -> Self {
        let tokens: TokenStream = file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path));
        let mut names = Self::default();
        names.read(tokens, false);
        names
    }

    /// Reads the tokens of a file or of a group; `inline` is set inside of `mod x { .. }`.
    fn read(&mut self, tokens: TokenStream, inline: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while let [_, ..] = rest {
            let before = &tokens[..tokens.len() - rest.len()];
            rest = &rest[self.read_one(before, rest, inline)..];
        }
    }

    /// Reads the item at the start of `rest`, and returns its number of tokens.
    fn read_one(&mut self, before: &[TokenTree], rest: &[TokenTree], inline: bool) -> usize {
        match rest {
            [TokenTree::Punct(hash), TokenTree::Group(attribute), item @ ..]
                if hash.as_char() == '#' && is_test(&attribute.stream()) =>
            {
                let length = length_of_item(item);
                self.test_modules.extend(declared_module(&item[..length]));
                2 + length
            }
            [TokenTree::Ident(word), TokenTree::Ident(_), TokenTree::Group(body), ..] if word == "mod" => {
                self.read(body.stream(), true);
                3
            }
            [TokenTree::Ident(word), tree @ ..] if word == "use" && !starts_with(tree, "<") => {
                let length = tree.iter().take_while(|token| !is(token, ';')).count();
                self.read_use(&tree[..length], &[], is_exported(before), inline);
                1 + length
            }
            [TokenTree::Ident(_), ..] => {
                let (path, length) = path(rest, inline);
                if !continues(before) {
                    self.paths.insert(path);
                }
                length
            }
            [TokenTree::Group(group), ..] => {
                self.read(group.stream(), inline);
                1
            }
            _ => 1,
        }
    }

    /// Reads one branch of the tree of a `use`.
    fn read_use(&mut self, branch: &[TokenTree], above: &[String], exported: bool, inline: bool) {
        let mut path = above.to_vec();
        let mut name = None;
        for (index, token) in branch.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    name = branch.get(index + 1).map(ToString::to_string);
                    break;
                }
                TokenTree::Ident(word) => path.push(segment(word, path.is_empty() && inline)),
                TokenTree::Group(group) => {
                    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                    let branches = tokens.split(|token| is(token, ',')).filter(|branch| !branch.is_empty());
                    branches.for_each(|branch| self.read_use(branch, &path, exported, inline));
                    return;
                }
                token if is(token, '*') => name = Some("*".to_owned()),
                _ => {}
            }
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let Some(name) = name.or_else(|| path.last().cloned()) else { return };
        self.imports.push(Import { path, name, exported });
    }
}

/// Returns the path at the start of the tokens, and its number of tokens.
fn path(tokens: &[TokenTree], inline: bool) -> (Segments, usize) {
    let mut path = Vec::new();
    let mut length = 0;
    while let Some(TokenTree::Ident(word)) = tokens.get(length) {
        path.push(segment(word, path.is_empty() && inline));
        length += 1;
        match &tokens[length..] {
            [one, two, TokenTree::Ident(_), ..] if is(one, ':') && is(two, ':') => length += 2,
            _ => break,
        }
    }
    (path, length)
}

/// Returns a segment as text. The parent of an inline module is the file that contains it.
fn segment(word: &proc_macro2::Ident, first_of_inline: bool) -> String {
    let word = word.to_string();
    let word = word.trim_start_matches("r#");
    if first_of_inline && word == "super" { "self".to_owned() } else { word.to_owned() }
}

/// Returns true if a name after these tokens is a field, a method, a lifetime, or the end of a qualified path.
fn continues(before: &[TokenTree]) -> bool {
    match before {
        [.., two, one] if is(one, '.') => !is(two, '.'),
        [.., two, one] if is(one, ':') => is(two, ':'),
        [.., one] => is(one, '\''),
        [] => false,
    }
}

/// Returns true if these tokens end with `pub` or `pub(..)`.
fn is_exported(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(word), TokenTree::Group(_)] | [.., TokenTree::Ident(word)] => word == "pub",
        _ => false,
    }
}

/// Returns true if this is the content of `#[cfg(test)]`, or of a narrower `cfg`.
fn is_test(attribute: &TokenStream) -> bool {
    let text = attribute.to_string();
    let mut words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.next() == Some("cfg") && words.clone().any(|word| word == "test") && !words.any(|word| word == "not")
}

/// Returns the number of tokens of the item at the start, up to its `;` or its body.
fn length_of_item(tokens: &[TokenTree]) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == proc_macro2::Delimiter::Brace,
        token => is(token, ';'),
    };
    tokens.iter().position(ends).map_or(tokens.len(), |end| end + 1)
}

/// Returns the name in `mod name;`.
fn declared_module(item: &[TokenTree]) -> Option<String> {
    match item {
        [.., TokenTree::Ident(word), TokenTree::Ident(name), end] if word == "mod" && is(end, ';') => {
            Some(name.to_string())
        }
        _ => None,
    }
}

fn starts_with(tokens: &[TokenTree], text: &str) -> bool {
    tokens.first().is_some_and(|token| token.to_string() == text)
}

fn is(token: &TokenTree, letter: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Names {
        Names::of(&File::new("host/a/src/b.rs", text))
    }

    fn imports(text: &str) -> Vec<String> {
        let text_of = |import: &Import| {
            let export = if import.exported { "pub " } else { "" };
            format!("{export}{} as {}", import.path.join("::"), import.name)
        };
        names(text).imports.iter().map(text_of).collect()
    }

    fn has(text: &str, path: &str) -> bool {
        names(text).paths.contains(&path.split("::").map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_name_of_a_use_is_read() {
        assert_eq!(
            imports("use crate::{a::{self, B, c::{D as E, F}}, g::*}; pub(crate) use h::I as _;"),
            [
                "crate::a as a",
                "crate::a::B as B",
                "crate::a::c::D as E",
                "crate::a::c::F as F",
                "crate::g as *",
                "pub h::I as _"
            ]
        );
        assert_eq!(imports("mod inner { use super::A; }"), ["self::A as A"]);
        assert_eq!(imports("fn f<'a>() -> impl Sized + use<'a> {}"), Vec::<String>::new());
    }

    #[test]
    fn paths_are_read_in_code_and_in_macros() {
        assert!(has("fn f() -> crate::a::B { g() }", "crate::a::B"));
        assert!(has("fn f() { json!({\"a\": crate::a::b(1)}); }", "crate::a::b"));
        assert!(has("fn f() { x.collect::<super::C>(); &y[..super::LENGTH] }", "super::C"));
        assert!(has("fn f() { x.collect::<super::C>(); &y[..super::LENGTH] }", "super::LENGTH"));
        assert!(!has("fn f() { x.send }", "send"));
        assert!(!has("// crate::a::b\nfn f() { \"crate::a::b\" }", "crate::a::b"));
    }

    #[test]
    fn tests_are_left_out() {
        let text = "#[cfg(test)]\nmod stories;\n#[cfg(all(test, unix))]\n#[allow(x)]\nmod tests { use crate::a; }\n\
                    #[cfg(not(test))]\nuse crate::b;\n#[cfg_attr(test, derive(Debug))]\nstruct C(crate::d::E);";
        assert_eq!(names(text).test_modules, ["stories"]);
        assert_eq!(imports(text), ["crate::b as b"]);
        assert!(has(text, "crate::d::E"));
    }
}
