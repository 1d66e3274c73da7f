//! Delays in a histogram of fixed size: 20 µs wide up to 200 ms, one drawer for all that is above.

const WIDTH_US: u64 = 20;
const DRAWERS: usize = 10_000;

/// Counts of delays.
#[derive(Clone)]
pub struct Delays {
    drawers: Vec<u64>,
    count: u64,
    longest_us: u64,
}

impl Default for Delays {
    fn default() -> Self {
        Delays { drawers: vec![0; DRAWERS + 1], count: 0, longest_us: 0 }
    }
}

impl Delays {
    /// Counts one delay.
    pub fn add(&mut self, us: u64) {
        let drawer = usize::try_from(us / WIDTH_US).unwrap_or(DRAWERS).min(DRAWERS);
        self.drawers[drawer] += 1;
        self.count += 1;
        self.longest_us = self.longest_us.max(us);
    }

    /// Counts all of `other` too.
    pub fn merge(&mut self, other: &Delays) {
        for (mine, theirs) in self.drawers.iter_mut().zip(&other.drawers) {
            *mine += theirs;
        }
        self.count += other.count;
        self.longest_us = self.longest_us.max(other.longest_us);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    pub fn longest_us(&self) -> u64 {
        self.longest_us
    }

    /// The upper edge of the drawer in which the given share of all delays is reached.
    pub fn quantile_us(&self, share: f64) -> u64 {
        let wanted = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (drawer, count) in self.drawers.iter().enumerate() {
            seen += count;
            if seen >= wanted && drawer < DRAWERS {
                return ((drawer as u64 + 1) * WIDTH_US).min(self.longest_us);
            }
        }
        self.longest_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_ordered_values_to_within_a_drawer() {
        let mut delays = Delays::default();
        for us in 1..=1000 {
            delays.add(us * 100);
        }
        assert_eq!(delays.quantile_us(0.5), 50_020);
        assert_eq!(delays.quantile_us(0.99), 99_020);
        assert_eq!(delays.quantile_us(1.0), 100_000);
        assert_eq!(delays.longest_us(), 100_000);
    }

    #[test]
    fn halves_that_are_merged_are_the_whole() {
        let (mut all, mut left, mut right) =
            (Delays::default(), Delays::default(), Delays::default());
        for us in [5, 700, 1_000_000, 80_000] {
            all.add(us);
            if us % 2 == 0 { left.add(us) } else { right.add(us) }
        }
        left.merge(&right);
        assert_eq!((left.count(), left.longest_us()), (all.count(), 1_000_000));
        assert_eq!(left.quantile_us(0.5), all.quantile_us(0.5));
    }
}
