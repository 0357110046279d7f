//! The module files of the host's crates, and the ties between them.

use super::names::{Names, Segments};
use crate::source::File;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of imports through which a name is followed.
const HOPS_MAX: usize = 16;

/// A file of a crate's `src`.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) file: String,
    /// The crate's name, then the modules down to this one; `main` beside a library is a module of that name.
    path: Segments,
    names: Names,
}

/// A node of a crate's graph: a top-level folder with the file of its name, or a file that stands alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) of_crate: String,
    name: String,
    is_folder: bool,
}

impl Place {
    /// Returns the name, if the place is a folder.
    pub(super) fn folder(&self) -> Option<&str> {
        self.is_folder.then_some(self.name.as_str())
    }

    /// Returns false if both places are files of one crate's root.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        self.of_crate != other.of_crate || self.is_folder || other.is_folder
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}{}", self.of_crate, self.name, if self.is_folder { "/" } else { "" })
    }
}

/// A reference of one file to an item of another.
#[derive(Debug)]
pub(super) struct Tie {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The item, as the file names it.
    pub(super) name: String,
}

/// The end of a path: a module itself, an item of a module, or something outside the workspace or in the same file.
#[derive(Debug, Clone, Copy)]
enum Target {
    Module(usize),
    Item(usize),
    Elsewhere,
}

/// All module files, without test modules.
#[derive(Debug)]
pub(super) struct Modules {
    pub(super) all: Vec<Module>,
    by_path: BTreeMap<Segments, usize>,
}

impl Modules {
    /// Reads every Rust file in `host/*/src`.
    pub(super) fn of(files: &[File]) -> Self {
        let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let sources = files.iter().filter_map(|file| Some((file, module_path(&file.path, &paths)?)));
        let mut all: Vec<Module> =
            sources.map(|(file, path)| Module { file: file.path.clone(), path, names: Names::of(file) }).collect();
        let of_tests = |module: &Module| {
            let tests = module.names.test_modules.iter();
            tests.map(|name| [module.path.clone(), vec![name.clone()]].concat()).collect::<Vec<_>>()
        };
        let tests: Vec<Segments> = all.iter().flat_map(of_tests).collect();
        all.retain(|module| !tests.iter().any(|test| module.path.starts_with(test)));
        let by_path = all.iter().enumerate().map(|(index, module)| (module.path.clone(), index)).collect();
        Self { all, by_path }
    }

    /// Returns the place of a module in the graph of its crate.
    pub(super) fn place(&self, module: usize) -> Place {
        let path = &self.all[module].path;
        let (name, is_folder) = match path.as_slice() {
            [_] => ("lib.rs".to_owned(), false),
            [_, top, ..] if self.has_children(&path[..2]) => (top.clone(), true),
            [_, below @ ..] => (format!("{}.rs", below.join("/")), false),
            [] => unreachable!("a path begins with its crate"),
        };
        Place { of_crate: path[0].clone(), name, is_folder }
    }

    fn has_children(&self, path: &[String]) -> bool {
        let mut children = self.by_path.range(path.to_vec()..).map(|(other, _)| other).filter(|other| *other != path);
        children.next().is_some_and(|other| other.starts_with(path))
    }

    /// Returns each pair of tied files once, with a name that ties them.
    pub(super) fn ties(&self) -> Vec<Tie> {
        let mut ties = Vec::new();
        for from in 0..self.all.len() {
            let mut seen = BTreeSet::from([from]);
            for (path, everything) in self.named_in(from) {
                let to = match self.resolve(from, path, HOPS_MAX) {
                    Target::Item(to) => to,
                    Target::Module(to) if everything => to,
                    _ => continue,
                };
                if seen.insert(to) {
                    let name = if everything { format!("{}::*", path.join("::")) } else { path.join("::") };
                    ties.push(Tie { from, to, name });
                }
            }
        }
        ties
    }

    /// Returns the paths that a file uses itself, each with true if it imports everything below it. A re-export is not
    /// a use.
    fn named_in(&self, module: usize) -> impl Iterator<Item = (&Segments, bool)> {
        let names = &self.all[module].names;
        let imports = names.imports.iter().filter(|import| !import.exported);
        imports.map(|import| (&import.path, import.name == "*")).chain(names.paths.iter().map(|path| (path, false)))
    }

    /// Follows a path from a module to the file that holds its end, through the imports of others.
    fn resolve(&self, from: usize, path: &[String], hops: usize) -> Target {
        let (Some((first, rest)), Some(hops)) = (path.split_first(), hops.checked_sub(1)) else {
            return Target::Elsewhere;
        };
        let first = match first.as_str() {
            "crate" => self.at(&self.all[from].path[..1]),
            "self" | "super" => self.inside(from, first, false, hops),
            name => self.inside(from, name, rest.is_empty(), hops).or_else(|| self.at(&[name.to_owned()])),
        };
        let mut target = first.unwrap_or(Target::Elsewhere);
        for (index, name) in rest.iter().enumerate() {
            let Target::Module(module) = target else { break };
            let last = index + 1 == rest.len();
            target = self.inside(module, name, last, hops).unwrap_or(Target::Item(module));
        }
        target
    }

    /// Finds a name that a module does not define itself: a child or parent module, or an import.
    fn inside(&self, module: usize, name: &str, last: bool, hops: usize) -> Option<Target> {
        let Module { path, names, .. } = &self.all[module];
        match name {
            "self" => return Some(Target::Module(module)),
            "super" => return self.at(&path[..path.len() - 1]),
            _ => {}
        }
        let child = self.at(&[path.as_slice(), &[name.to_owned()]].concat());
        let import = names.imports.iter().find(|import| import.name == name && import.path != [name]);
        match (child, import) {
            // `mod digest; pub use digest::digest;`: at the end of a path the name means the function.
            (Some(_), Some(import)) if last => Some(self.resolve(module, &import.path, hops)),
            (None, Some(import)) => Some(self.resolve(module, &import.path, hops)),
            (child, _) => child,
        }
    }

    fn at(&self, path: &[String]) -> Option<Target> {
        self.by_path.get(path).copied().map(Target::Module)
    }
}

/// Returns the module path of a file of `host/*/src`; none for test files.
fn module_path(file: &str, all: &BTreeSet<&str>) -> Option<Segments> {
    let (name, inside) = file.strip_prefix("host/")?.split_once("/src/")?;
    let inside = inside.strip_suffix(".rs")?;
    let is_root = inside == "lib" || inside == "main" && !all.contains(format!("host/{name}/src/lib.rs").as_str());
    let below = inside.split('/').filter(|_| !is_root);
    let path: Segments = [name.replace('-', "_").as_str()].into_iter().chain(below).map(str::to_owned).collect();
    (!path.iter().any(|module| module == "tests")).then_some(path)
}
