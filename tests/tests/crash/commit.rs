//! Killed at every named step of the warehouse's commit, or with a database that fails: nothing is
//! lost and nothing is there twice.

use crate::armed;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;
use terms::failpoint::COMMIT_STEPS;
use tests::house::{House, Options, wait_for};
use tests::outside::{Ids, Published, cut_log, promised, published};
use tests::peer::sipp::{Act, Caller};
use tests::tree;

/// Calls made at once before each kill.
const CALLS: u16 = 3;
/// Boxes that share the steps; each waits for its disk more than for a core.
const BOXES: usize = 3;

/// A box and who has called it.
struct Story {
    house: House,
    called: BTreeMap<String, usize>,
    published: Published,
    /// What the event log has promised; files of it that nobody needs go.
    promised: Ids,
}

impl Story {
    fn begin() -> Self {
        let house = House::start(Options::default());
        let published = published(&house.data());
        Story { house, called: BTreeMap::new(), published, promised: Ids::new() }
    }

    /// Callers who leave while they wait in the queue, all from one number of their own.
    fn call(&mut self) {
        let number = format!("139{:08}", self.called.len());
        let wait = |ms| Act::Pause(Duration::from_millis(ms));
        let acts = vec![wait(600), Act::Digit('1'), wait(500), Act::HangUp];
        let mut caller = Caller::new(&number, &self.house.hotline, acts);
        caller.times = CALLS;
        caller.call(self.house.sip, self.house.scratch()).finish();
        self.called.insert(format!("+86{number}"), CALLS.into());
        let calls: usize = self.called.values().sum();
        wait_for("the end of the calls in the log", Duration::from_secs(10), || {
            self.read_promises();
            (self.promised["calls"].len() == calls).then_some(())
        });
    }

    fn read_promises(&mut self) {
        for (table, ids) in promised(&self.house.data()) {
            self.promised.entry(table).or_default().extend(ids);
        }
    }

    /// Starts with `points`, takes calls, seals, and kills the whole box while it stands at `step`.
    fn kill_at(&mut self, step: &str, pass: usize) {
        let from = self.house.log().len();
        self.house.start_again(&armed(&format!("{step}=stall:600000:{pass}")));
        self.call();
        let asker = self.house.seal_unwatched();
        self.house.wait_logged(from, &format!("failpoint {step}: "));
        self.house.kill();
        asker.join().expect("asking does not panic");
    }

    /// What lies there has no row twice, and still has every row that it had.
    fn look_from_outside(&mut self, when: &str) {
        let now = published(&self.house.data());
        assert_eq!(now.doubled, [], "{when}: rows that are there twice");
        for (table, before) in &self.published.ids {
            let gone: Vec<_> = before.difference(&now.ids[table]).collect();
            assert!(gone.is_empty(), "{when}: {table} has lost {gone:?}");
        }
        self.published = now;
    }

    /// After a seal: every row that the log promises, once, and every call that SIPp made.
    fn count(&mut self, when: &str) {
        self.read_promises();
        let owed = self.promised.clone();
        self.house.seal();
        self.look_from_outside(when);
        self.read_promises();
        for (table, owed) in &owed {
            let found = &self.published.ids[table];
            let lost: Vec<_> = owed.difference(found).collect();
            assert!(lost.is_empty(), "{when}: {table} lacks {lost:?}");
            let strange: Vec<_> = found.difference(&self.promised[table]).collect();
            assert!(strange.is_empty(), "{when}: {table} has {strange:?}, which never happened");
        }
        assert_eq!(self.published.callers, self.called, "{when}");
    }

    /// What a box that does not run needs to reach `step` within seconds.
    fn prepare(&self, step: &str) {
        match step {
            "publish.retire" => age_replaced_files(&self.house),
            "log.trim" => cut_log(&self.house.data(), 4),
            _ => {}
        }
    }
}

/// Files that were replaced are kept for ten minutes: makes them older than that.
fn age_replaced_files(house: &House) {
    let script = "import sqlite3, sys\n\
        db = sqlite3.connect(sys.argv[1])\n\
        changed = db.execute('update file set retired_at = 1 where state = ?', ('retired',))\n\
        assert changed.rowcount > 0, 'nothing was replaced yet'\n\
        db.commit()";
    let output = Command::new(tree::root().join(".venv/bin/python"))
        .args(["-c", script])
        .arg(house.data().join("warehouse/warehouse.db"))
        .output()
        .expect("python is installed by scripts/setup --tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn killed_at(steps: impl Iterator<Item = (usize, &'static str)>) {
    let mut story = Story::begin();
    story.call();
    story.count("before any kill");
    for (index, step) in steps {
        story.house.kill();
        story.prepare(step);
        // The first, second or third table on its way.
        let pass = index % 3 + 1;
        let when = format!("killed at {step}, pass {pass}");
        story.kill_at(step, pass);
        story.look_from_outside(&when);
        story.house.start_again(&[]);
        story.count(&when);
    }
}

#[test]
fn a_box_killed_at_any_step_of_the_commit_loses_and_doubles_nothing() {
    std::thread::scope(|scope| {
        for first in 0..BOXES {
            let steps = COMMIT_STEPS.iter().copied().enumerate();
            scope.spawn(move || killed_at(steps.skip(first).step_by(BOXES)));
        }
    });
}

#[test]
fn an_api_that_dies_over_a_commit_is_started_again_alone_and_calls_do_not_notice() {
    let mut story = Story::begin();
    story.house.kill();
    let from = story.house.log().len();
    story.house.start_again(&armed("seal.rename=kill:2"));
    let (calls, api) = (story.house.child("calls"), story.house.child("api"));
    story.call();
    story.house.seal_unwatched().join().expect("asking does not panic");
    story.house.wait_logged(from, "failpoint seal.rename: Kill");
    story.call();
    story.house.wait_ready();
    assert_eq!(story.house.child("calls"), calls, "the call path has nothing to do with it");
    assert_ne!(story.house.child("api"), api);
    story.look_from_outside("started again by the supervisor");
    story.house.kill();
    story.house.start_again(&[]);
    story.count("started again without the fault");
}

#[test]
fn a_database_that_fails_and_stalls_for_a_while_loses_and_doubles_nothing() {
    let mut story = Story::begin();
    story.house.kill();
    let from = story.house.log().len();
    let points = "ingest.commit=eio:2-3;ingest.stage=stall:1500:5;\
                  seal.commit=enospc:2;publish.announce=eio:1;publish.dirsync=enospc:2";
    story.house.start_again(&armed(points));
    story.call();
    story.house.wait_logged(from, "failpoint ingest.commit: Eio");
    story.call();
    for point in points.split(';') {
        let name = point.split('=').next().expect("a name");
        let line = format!("failpoint {name}: ");
        let mut tries = 0;
        while !story.house.log()[from..].contains(&line) {
            tries += 1;
            assert!(tries < 8, "{name} was never reached");
            story.house.seal_unwatched().join().expect("asking does not panic");
            story.look_from_outside(name);
        }
    }
    story.count("once the database works again");
    let calls = story.house.wait_row("SELECT count(*) AS n FROM calls");
    assert_eq!(calls["n"], usize::from(CALLS) * 2);
}
