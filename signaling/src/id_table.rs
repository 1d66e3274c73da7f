//! Values by numbers that we made ourselves. One is found by a hash, however many and however large
//! they are; all of them are gone through in the order of their numbers, so that what is done for each
//! is done in the same order wherever the same happened before. Coming and going take longer.

use crate::id_map::IdMap;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::ops::Index;

/// See the module.
#[derive(Debug)]
pub(crate) struct IdTable<K, V> {
    /// Values stay where they are until they go.
    slots: Vec<Option<(K, V)>>,
    /// Slots whose values have gone.
    spare: Vec<usize>,
    slot_of: IdMap<K, usize>,
    in_order: BTreeMap<K, usize>,
}

impl<K: Copy + Ord + Hash, V> IdTable<K, V> {
    pub fn new() -> Self {
        IdTable {
            slots: Vec::new(),
            spare: Vec::new(),
            slot_of: IdMap::default(),
            in_order: BTreeMap::new(),
        }
    }

    pub fn get(&self, id: &K) -> Option<&V> {
        let slot = *self.slot_of.get(id)?;
        self.slots.get(slot)?.as_ref().map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, id: &K) -> Option<&mut V> {
        let slot = *self.slot_of.get(id)?;
        self.slots.get_mut(slot)?.as_mut().map(|(_, value)| value)
    }

    pub fn contains_key(&self, id: &K) -> bool {
        self.slot_of.contains_key(id)
    }

    /// The value of this number; one is made where there is none.
    pub fn get_or_insert_with(&mut self, id: K, make: impl FnOnce() -> V) -> &mut V {
        let slot = match self.slot_of.get(&id) {
            Some(&slot) => slot,
            None => self.free_slot(id),
        };
        let (_, value) = self.slots[slot].get_or_insert_with(|| (id, make()));
        value
    }

    fn free_slot(&mut self, id: K) -> usize {
        let slot = self.spare.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slot_of.insert(id, slot);
        self.in_order.insert(id, slot);
        slot
    }

    pub fn remove(&mut self, id: &K) -> Option<V> {
        let slot = self.slot_of.remove(id)?;
        self.in_order.remove(id);
        self.spare.push(slot);
        self.slots.get_mut(slot)?.take().map(|(_, value)| value)
    }

    /// Those go of whom this is not true.
    pub fn retain(&mut self, mut stays: impl FnMut(&K, &mut V) -> bool) {
        let mut gone = Vec::new();
        for (id, value) in self.iter_mut() {
            if !stays(&id, value) {
                gone.push(id);
            }
        }
        for id in gone {
            self.remove(&id);
        }
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.in_order.keys()
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let slots = &self.slots;
        self.in_order.iter().filter_map(move |(id, &slot)| {
            let (_, value) = slots.get(slot)?.as_ref()?;
            Some((id, value))
        })
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }

    /// In the order of their numbers too, which takes sorting them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        let taken = self.slots.iter_mut().flatten();
        let mut all: Vec<(K, &mut V)> = taken.map(|(id, value)| (*id, value)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all.into_iter()
    }
}

impl<K: Copy + Ord + Hash, V> Index<&K> for IdTable<K, V> {
    type Output = V;

    fn index(&self, id: &K) -> &V {
        self.get(id).expect("a number that is in the table")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers far apart and close together, in no order.
    const NUMBERS: [u64; 6] = [900, 3, 7, u64::MAX, 0, 4];

    fn table() -> IdTable<u64, String> {
        let mut table = IdTable::new();
        for id in NUMBERS {
            table.get_or_insert_with(id, || id.to_string());
        }
        table
    }

    fn keys(table: &IdTable<u64, String>) -> Vec<u64> {
        table.keys().copied().collect()
    }

    #[test]
    fn each_number_finds_its_value_and_others_find_none() {
        let mut table = table();
        for id in NUMBERS {
            assert_eq!(table.get(&id), Some(&id.to_string()));
            assert_eq!(table[&id], id.to_string());
            assert!(table.contains_key(&id));
        }
        for id in [1, 5, 901, u64::MAX - 1] {
            assert_eq!((table.get(&id), table.contains_key(&id)), (None, false));
            assert_eq!(table.get_mut(&id), None);
            assert_eq!(table.remove(&id), None);
        }
        table.get_mut(&7).expect("it is there").push('!');
        let there = table.get_or_insert_with(7, String::new);
        assert_eq!(there.as_str(), "7!", "what is there stays");
    }

    #[test]
    fn all_are_gone_through_in_the_order_of_their_numbers() {
        let mut table = table();
        let order = [0, 3, 4, 7, 900, u64::MAX];
        let told = order.map(|id| id.to_string());
        assert_eq!(keys(&table), order);
        assert_eq!(table.values().cloned().collect::<Vec<_>>(), told);
        assert!(
            table.iter().map(|(id, value)| (*id, value.clone())).eq(order.into_iter().zip(told))
        );
        assert_eq!(table.iter_mut().map(|(id, _)| id).collect::<Vec<_>>(), order);
        table.values_mut().zip(0..).for_each(|(value, n)| *value = n.to_string());
        assert_eq!(table[&u64::MAX], "5");
    }

    #[test]
    fn who_comes_after_somebody_went_is_found_and_in_order() {
        let mut table = table();
        assert_eq!(table.remove(&3).as_deref(), Some("3"));
        assert_eq!((table.remove(&3), table.get(&3)), (None, None), "once");
        table.get_or_insert_with(800, || "new".to_owned());
        assert_eq!(keys(&table), [0, 4, 7, 800, 900, u64::MAX]);
        assert_eq!((table[&800].as_str(), table[&4].as_str()), ("new", "4"));
        table.get_or_insert_with(3, || "back".to_owned());
        assert_eq!((keys(&table)[1], table[&3].as_str()), (3, "back"));
        assert_eq!(table.slots.len(), NUMBERS.len() + 1, "slots are taken again");
    }

    #[test]
    fn those_stay_who_are_retained() {
        let mut table = table();
        let mut asked = Vec::new();
        table.retain(|&id, value| {
            asked.push(id);
            value.push('!');
            id % 2 == 0
        });
        assert_eq!(asked, [0, 3, 4, 7, 900, u64::MAX]);
        assert_eq!(keys(&table), [0, 4, 900]);
        assert_eq!((table[&4].as_str(), table.get(&7)), ("4!", None));
        table.retain(|_, _| false);
        assert_eq!((keys(&table).len(), table.values().count()), (0, 0));
    }
}
