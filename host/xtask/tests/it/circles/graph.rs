//! Circles in a directed graph whose nodes are numbers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The nodes that each node points to.
pub(super) type Arrows = BTreeMap<usize, BTreeSet<usize>>;

/// Returns the sets of two or more nodes in which every node reaches every other.
pub(super) fn circles(arrows: &Arrows) -> Vec<BTreeSet<usize>> {
    let reached: BTreeMap<usize, BTreeSet<usize>> =
        arrows.keys().map(|node| (*node, reached_from(*node, arrows))).collect();
    let mut circles = BTreeSet::new();
    for (node, others) in &reached {
        let back = |other: &&usize| reached.get(other).is_some_and(|nodes| nodes.contains(node));
        let mut circle: BTreeSet<usize> = others.iter().filter(back).copied().collect();
        circle.insert(*node);
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn reached_from(start: usize, arrows: &Arrows) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        open.extend(arrows.get(&node).into_iter().flatten().filter(|next| reached.insert(**next)));
    }
    reached
}

/// Returns the nodes of a shortest path, both ends included.
pub(super) fn shortest_way(from: usize, to: usize, arrows: &Arrows) -> Option<Vec<usize>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = ways.pop_front() {
        let end = *way.last()?;
        if end == to {
            return Some(way);
        }
        for next in arrows.get(&end).into_iter().flatten().filter(|next| seen.insert(**next)) {
            ways.push_back([way.as_slice(), &[*next]].concat());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(pairs: &[(usize, usize)]) -> Arrows {
        let mut arrows = Arrows::new();
        for (from, to) in pairs {
            arrows.entry(*from).or_default().insert(*to);
        }
        arrows
    }

    #[test]
    fn each_circle_is_found_once() {
        let two = arrows(&[(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 4), (5, 6), (7, 7)]);
        assert_eq!(circles(&two), [BTreeSet::from([1, 2, 3]), BTreeSet::from([4, 5])]);
        assert_eq!(circles(&arrows(&[(1, 2), (1, 3), (2, 4), (3, 4)])), []);
    }

    #[test]
    fn the_shortest_way_is_found() {
        let graph = arrows(&[(1, 2), (2, 3), (3, 4), (2, 4), (4, 1)]);
        assert_eq!(shortest_way(1, 4, &graph), Some(vec![1, 2, 4]));
        assert_eq!(shortest_way(3, 5, &graph), None);
    }
}
