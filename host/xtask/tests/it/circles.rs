//! Checks that no circle of modules leaves a folder or a crate, so that dependencies between folders and crates point
//! one way.
//!
//! A crate has one place for each top-level folder (`orders.rs` and all files below `orders/`) and one for each file
//! that stands alone in `src`. A place points to another if a file in it names an item of a file in the other: as an
//! import, as a path, or inside a macro. An import counts for the file that defines the item, wherever it is
//! re-exported; `mod x;` and a `pub use` that the file does not use itself are ignored, and so are tests. Files that
//! stand alone are one unit, the crate's root, and may use each other, as files of one folder may; a circle that
//! includes a folder or a second crate is a breach. Method calls are not detected: a call of `engine.place()` does not
//! name the file of its `impl`.

mod graph;
mod modules;
mod names;

use crate::source::{self, File};
use graph::Arrows;
use modules::{Modules, Place, Tie};
use std::collections::{BTreeMap, BTreeSet};

/// A crate whose folders may be part of a circle.
struct Known {
    name: &'static str,
    folders: &'static [&'static str],
    #[expect(dead_code, reason = "for the reader of the table")]
    why: &'static str,
}

const KNOWN: &[Known] = &[Known {
    name: "engine",
    folders: &["risk"],
    why: "decided: one state machine, whose `impl Engine` has a file for each subject, the gate among them",
}];

/// Places that reach each other, and a shortest circle among them.
struct Circle {
    places: BTreeSet<Place>,
    shortest: String,
}

/// The places of all crates, and for each arrow between two of them one tie that causes it.
struct Drawing {
    modules: Modules,
    places: Vec<Place>,
    arrows: Arrows,
    ties: BTreeMap<(usize, usize), Tie>,
}

impl Drawing {
    fn of(files: &[File]) -> Self {
        let modules = Modules::of(files);
        let places: BTreeSet<Place> = (0..modules.all.len()).map(|module| modules.place(module)).collect();
        let places: Vec<Place> = places.into_iter().collect();
        let index = |module| places.binary_search(&modules.place(module)).unwrap();
        let (mut arrows, mut ties) = (Arrows::new(), BTreeMap::new());
        for tie in modules.ties() {
            let (from, to) = (index(tie.from), index(tie.to));
            if from != to {
                arrows.entry(from).or_default().insert(to);
                ties.entry((from, to)).or_insert(tie);
            }
        }
        Self { modules, places, arrows, ties }
    }

    /// Returns the circles that leave a folder or a crate.
    fn circles(&self) -> Vec<Circle> {
        let circles = graph::circles(&self.arrows).into_iter();
        circles
            .filter_map(|circle| Some(Circle { shortest: self.shortest(&circle)?, places: self.named(&circle) }))
            .collect()
    }

    fn named(&self, circle: &BTreeSet<usize>) -> BTreeSet<Place> {
        circle.iter().map(|place| self.places[*place].clone()).collect()
    }

    /// Returns a shortest path out of a folder or a crate and back.
    fn shortest(&self, circle: &BTreeSet<usize>) -> Option<String> {
        let arrows = self.ties.keys().filter(|(from, to)| circle.contains(from) && circle.contains(to));
        let leaving = arrows.filter(|(from, to)| self.places[*from].is_apart_from(&self.places[*to]));
        let ways = leaving.filter_map(|(from, to)| {
            Some([&[*from], graph::shortest_way(*to, *from, &self.arrows)?.as_slice()].concat())
        });
        let way = ways.min_by_key(Vec::len)?;
        let hops: Vec<String> = way.windows(2).map(|hop| self.hop(hop[0], hop[1])).collect();
        Some(hops.join(", "))
    }

    fn hop(&self, from: usize, to: usize) -> String {
        let tie = &self.ties[&(from, to)];
        format!("{} -> {} ({})", self.modules.all[tie.from].file, self.modules.all[tie.to].file, tie.name)
    }
}

/// Returns the circles that are not in the table, and the entries of the table that are no longer needed.
fn breaches(files: &[File], known: &[Known]) -> Vec<String> {
    let circles = Drawing::of(files).circles();
    let unknown = circles.iter().filter(|circle| !known.iter().any(|known| known.covers(circle)));
    let mut breaches: Vec<String> = unknown.map(Circle::to_string).collect();
    let solved = known.iter().filter(|known| !circles.iter().any(|circle| known.covers(circle)));
    breaches.extend(solved.map(|known| format!("{} has no circle of these folders; remove it from KNOWN", known.name)));
    breaches
}

impl Known {
    fn covers(&self, circle: &Circle) -> bool {
        circle.places.iter().all(|place| {
            place.of_crate == self.name && place.folder().is_none_or(|folder| self.folders.contains(&folder))
        })
    }
}

impl std::fmt::Display for Circle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places: Vec<String> = self.places.iter().map(Place::to_string).collect();
        write!(f, "{}: {}", places.join(" "), self.shortest)
    }
}

#[test]
fn no_circle_leaves_a_folder() {
    let breaches = breaches(&source::all(), KNOWN);
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

/// Returns the breaches in files below `host/`, given as one line `path: text` for each file.
fn check(files: &str) -> Vec<String> {
    check_with(files, &[])
}

fn check_with(files: &str, known: &[Known]) -> Vec<String> {
    let lines = files.lines().map(str::trim).filter(|line| !line.is_empty());
    let files = lines.map(|line| {
        let (path, text) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
        File::new(&format!("host/{path}"), text)
    });
    breaches(&files.collect::<Vec<_>>(), known)
}

const TWO_FOLDERS: &str = "
    a/src/lib.rs: mod left; mod right;
    a/src/left.rs: pub mod one;
    a/src/left/one.rs: use crate::right::Two; pub struct One;
    a/src/right.rs: mod two; pub use two::Two;
    a/src/right/two.rs: pub struct Two; fn f() { crate::left::one::One; }
";

#[test]
fn a_circle_inside_of_a_folder_passes() {
    let folder = "
        a/src/lib.rs: mod left;
        a/src/left.rs: mod one; mod two; use one::One; pub struct Left;
        a/src/left/one.rs: use super::{Left, two::Two}; pub struct One;
        a/src/left/two.rs: use crate::left::one::One; pub struct Two;
    ";
    assert_eq!(check(folder), Vec::<String>::new());
}

#[test]
fn a_circle_of_files_that_stand_alone_passes() {
    let root = "
        a/src/lib.rs: mod one; mod two; pub struct A; fn f() { one::f() }
        a/src/one.rs: use crate::{A, two::Two}; pub struct One; pub fn f() {}
        a/src/two.rs: use crate::one::One; pub struct Two;
    ";
    assert_eq!(check(root), Vec::<String>::new());
}

#[test]
fn a_circle_of_two_folders_is_found_with_its_names() {
    assert_eq!(
        check(TWO_FOLDERS),
        ["a/left/ a/right/: host/a/src/left/one.rs -> host/a/src/right/two.rs (crate::right::Two), \
          host/a/src/right/two.rs -> host/a/src/left/one.rs (crate::left::one::One)"]
    );
}

#[test]
fn folders_that_point_to_each_other_by_different_files_are_found() {
    let folders = "
        a/src/lib.rs: mod left; mod right;
        a/src/left.rs: pub mod low; mod high;
        a/src/left/low.rs: pub struct Low;
        a/src/left/high.rs: use crate::right::low::Low;
        a/src/right.rs: pub mod low; mod high;
        a/src/right/low.rs: pub struct Low;
        a/src/right/high.rs: use crate::left::low;  fn f() -> low::Low {}
    ";
    assert_eq!(
        check(folders),
        ["a/left/ a/right/: host/a/src/left/high.rs -> host/a/src/right/low.rs (crate::right::low::Low), \
          host/a/src/right/high.rs -> host/a/src/left/low.rs (low::Low)"]
    );
}

#[test]
fn a_circle_of_a_folder_and_the_root_is_found() {
    let root = "
        a/src/lib.rs: mod routes; pub struct Parts; pub fn router() { routes::health::show() }
        a/src/routes.rs: pub mod health;
        a/src/routes/health.rs: use crate::Parts; pub fn show() {}
    ";
    assert_eq!(
        check(root),
        ["a/lib.rs a/routes/: host/a/src/lib.rs -> host/a/src/routes/health.rs (routes::health::show), \
          host/a/src/routes/health.rs -> host/a/src/lib.rs (crate::Parts)"]
    );
}

#[test]
fn the_shortest_of_many_circles_is_shown() {
    let three = "
        a/src/lib.rs: mod left; mod middle; mod right;
        a/src/left.rs: mod x; use crate::middle::Middle; pub struct Left;
        a/src/left/x.rs:
        a/src/middle.rs: mod x; use crate::right::Right; pub struct Middle;
        a/src/middle/x.rs:
        a/src/right.rs: mod x; use crate::left::Left; use crate::middle::Middle; pub struct Right;
        a/src/right/x.rs:
    ";
    assert_eq!(
        check(three),
        ["a/left/ a/middle/ a/right/: host/a/src/middle.rs -> host/a/src/right.rs (crate::right::Right), \
          host/a/src/right.rs -> host/a/src/middle.rs (crate::middle::Middle)"]
    );
}

#[test]
fn a_circle_of_crates_is_found() {
    let crates = "
        left-one/src/lib.rs: pub mod x; pub use x::X;
        left-one/src/x.rs: pub struct X; fn f() { right::Y::new() }
        right/src/lib.rs: mod y; pub use y::Y;
        right/src/y.rs: pub struct Y; use left_one::X;
    ";
    assert_eq!(
        check(crates),
        ["left_one/x.rs right/y.rs: host/left-one/src/x.rs -> host/right/src/y.rs (right::Y::new), \
          host/right/src/y.rs -> host/left-one/src/x.rs (left_one::X)"]
    );
}

#[test]
fn re_exports_and_mod_lines_are_no_arrows() {
    let through_root = "
        a/src/lib.rs: mod left; mod right; pub use left::Left; pub use right::Right;
        a/src/left.rs: mod x; pub use x::Left; pub(crate) use crate::right::Right as Other;
        a/src/left/x.rs: use super::Other; pub struct Left;
        a/src/right.rs: mod x; pub use x::Right;
        a/src/right/x.rs: pub struct Right;
        a/src/user.rs: use crate::{Left, Right, left::Other};
    ";
    assert_eq!(check(through_root), Vec::<String>::new());
    // The same root is part of the circle once it uses what it exports.
    let with_use = through_root.replace("pub use right::Right;", "pub use right::Right; pub struct A(Left);");
    let with_use = with_use.replace("pub struct Left;", "pub struct Left(crate::A);");
    assert_eq!(check(&with_use).len(), 1);
}

#[test]
fn a_function_that_is_named_as_its_module_is_found() {
    let named = "
        a/src/lib.rs: mod left; mod digest; pub use digest::digest;
        a/src/left.rs: mod x; pub struct Left;
        a/src/left/x.rs: use crate::digest; fn f() { digest(1) }
        a/src/digest.rs: use crate::left::Left; pub fn digest() {}
    ";
    assert_eq!(check(named).len(), 1);
}

#[test]
fn tests_are_no_arrows() {
    let tests = TWO_FOLDERS.replace("fn f()", "#[cfg(test)] fn f()");
    assert_eq!(check(&tests), Vec::<String>::new());
    let file = TWO_FOLDERS.replace("mod two;", "#[cfg(test)] mod two;");
    assert_eq!(check(&file), Vec::<String>::new());
    let folder = TWO_FOLDERS.replace("right/two.rs", "right/tests/two.rs");
    assert_eq!(check(&folder), Vec::<String>::new());
}

#[test]
fn a_known_circle_passes_until_it_grows_or_is_solved() {
    let known = |folders| [Known { name: "a", folders, why: "decided" }];
    assert_eq!(check_with(TWO_FOLDERS, &known(&["left", "right"])), Vec::<String>::new());
    assert_eq!(check_with(TWO_FOLDERS, &known(&["left"])).len(), 2);
    let solved = TWO_FOLDERS.replace("use crate::right::Two;", "");
    assert_eq!(
        check_with(&solved, &known(&["left", "right"])),
        ["a has no circle of these folders; remove it from KNOWN"]
    );
}
