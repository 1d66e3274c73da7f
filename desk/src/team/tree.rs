//! The tree of a tenant's teams: where a team may hang, and what hangs below it. Plain arithmetic.

use super::DEPTH_MAX;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use terms::TeamId;

/// A team and where it hangs.
pub(crate) struct Node {
    pub(crate) parent: Option<TeamId>,
    pub(crate) name: String,
}

/// All teams of a tenant by id.
pub(crate) struct Tree(BTreeMap<TeamId, Node>);

impl Tree {
    pub(crate) fn new(nodes: impl IntoIterator<Item = (TeamId, Node)>) -> Self {
        Tree(nodes.into_iter().collect())
    }

    /// From the top down to the team itself; nothing where there is no such team.
    fn line(&self, team: TeamId) -> Vec<TeamId> {
        let mut line = Vec::new();
        let mut at = Some(team).filter(|team| self.0.contains_key(team));
        // No good line is longer; a damaged store must not hold anybody up.
        while let Some(team) = at.filter(|_| line.len() <= DEPTH_MAX) {
            line.push(team);
            at = self.0.get(&team).and_then(|node| node.parent);
        }
        line.reverse();
        line
    }

    /// Its name behind the names of those above it: `客服部 / 一班`.
    pub(crate) fn path(&self, team: TeamId) -> String {
        let names = self.line(team).into_iter().filter_map(|team| self.0.get(&team));
        names.map(|node| node.name.as_str()).collect::<Vec<_>>().join(" / ")
    }

    /// The teams, and all that hang below them.
    pub(crate) fn with_below(&self, teams: &[TeamId]) -> BTreeSet<TeamId> {
        let hangs = |team: &TeamId| self.line(*team).iter().any(|above| teams.contains(above));
        self.0.keys().copied().filter(hangs).collect()
    }

    /// Levels from the team down, itself included.
    fn levels(&self, team: TeamId) -> usize {
        let below = |other: &TeamId| {
            let line = self.line(*other);
            let at = line.iter().position(|above| *above == team)?;
            Some(line.len() - at)
        };
        self.0.keys().filter_map(below).max().unwrap_or(1)
    }

    /// Refuses a place that is none, lies below `moved` itself, or makes the tree too deep. `moved`
    /// is none for a team to be.
    pub(crate) fn check_place(&self, moved: Option<TeamId>, parent: Option<TeamId>) -> Result<()> {
        let Some(parent) = parent else { return Ok(()) };
        let line = self.line(parent);
        if line.is_empty() {
            return Err(Error::invalid("parent", format!("there is no such team: {parent}")));
        }
        if moved.is_some_and(|moved| line.contains(&moved)) {
            let problem = "a team cannot belong to itself or to a team below it";
            return Err(Error::invalid("parent", problem));
        }
        let levels = line.len() + moved.map_or(1, |moved| self.levels(moved));
        if levels > DEPTH_MAX {
            let problem = format!("teams have at most {DEPTH_MAX} levels");
            return Err(Error::invalid("parent", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Teams 1 to `length` in one line, and team 100 beside them.
    fn tree(length: u64) -> Tree {
        let node = |parent: Option<u64>, name: String| Node { parent: parent.map(TeamId), name };
        let line = (1..=length).map(|id| {
            let parent = (id > 1).then(|| id - 1);
            (TeamId(id), node(parent, format!("t{id}")))
        });
        Tree::new(line.chain([(TeamId(100), node(None, "beside".to_owned()))]))
    }

    fn problem(tree: &Tree, moved: Option<u64>, parent: u64) -> Option<String> {
        let checked = tree.check_place(moved.map(TeamId), Some(TeamId(parent)));
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn a_team_hangs_neither_below_itself_nor_too_deep_nor_nowhere() {
        let deep = tree(DEPTH_MAX as u64 - 1);
        let last = DEPTH_MAX as u64 - 1;
        assert_eq!(problem(&deep, None, last), None);
        assert_eq!(problem(&deep, Some(100), last), None);
        for below in [2, 3, last] {
            let told = problem(&deep, Some(2), below).expect("it would be a ring");
            assert!(told.contains("below it"), "{told}");
        }
        // Team 2 with all below it has one level less than the tree.
        assert_eq!(problem(&deep, Some(2), 100), None);
        let whole = tree(DEPTH_MAX as u64);
        for (moved, parent) in [(None, DEPTH_MAX as u64), (Some(1), 100)] {
            let told = problem(&whole, moved, parent).expect("it would be too deep");
            assert!(told.contains("levels"), "{told}");
        }
        assert!(problem(&deep, None, 77).is_some_and(|told| told.contains("no such team: 77")));
    }

    #[test]
    fn what_hangs_below_a_team_is_found_and_named_by_its_way() {
        let tree = tree(4);
        assert_eq!(tree.path(TeamId(3)), "t1 / t2 / t3");
        let below: Vec<u64> = tree.with_below(&[TeamId(3)]).iter().map(|team| team.0).collect();
        assert_eq!(below, [3, 4]);
        assert_eq!(tree.with_below(&[TeamId(1), TeamId(100)]).len(), 5);
        assert!(tree.with_below(&[TeamId(77)]).is_empty());
    }

    #[test]
    fn a_ring_in_a_damaged_store_ends() {
        let node = |parent| Node { parent: Some(TeamId(parent)), name: "ring".to_owned() };
        let ring = Tree::new([(TeamId(1), node(2)), (TeamId(2), node(1))]);
        assert_eq!(ring.with_below(&[TeamId(1)]).len(), 2);
    }
}
