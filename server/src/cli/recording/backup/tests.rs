//! A box whose recordings are copied away, lost and brought back.

use super::*;
use crate::cli::recording::verify::tests::Store;
use crate::config::value::Secret;
use crate::tier::Tier;
use crate::tier::cache::Cache;
use crate::tier::fragile::Fragile;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use terms::{TenantId, Timestamp};
use warehouse::recordings::Reason;

fn outcome(copied: u64, there: u64, failed: u64) -> Outcome {
    Outcome { copied, there, failed }
}

struct Story {
    store: Store,
    warehouse: Warehouse,
    place: tempfile::TempDir,
}

impl Story {
    async fn new() -> Story {
        let store = Store::new().await;
        let warehouse = crate::first::read_warehouse(&store.config).await.unwrap();
        Story { store, warehouse, place: tempfile::tempdir().unwrap() }
    }

    fn folder(&self) -> Vault {
        Vault::Folder(self.place.path().to_owned())
    }

    fn copied(&self, id: u64) -> PathBuf {
        self.place.path().join(format!("1/2026-11-23/{id}.wav"))
    }

    async fn back_up(&self, vault: &Vault, verify: bool) -> Outcome {
        back_up(&self.store.config, &self.warehouse, vault, verify).await.unwrap()
    }

    async fn bring_back(&self, vault: &Vault) -> Outcome {
        bring_back(&self.store.config.recordings_dir(), &self.warehouse, vault).await.unwrap()
    }
}

#[tokio::test]
async fn a_backup_copies_once_goes_on_where_it_stopped_and_finds_a_flipped_byte() {
    let story = Story::new().await;
    let folder = story.folder();
    assert_eq!(story.back_up(&folder, false).await, outcome(9, 0, 0));
    for id in 1..=9 {
        let copied = fs::read(story.copied(id)).unwrap();
        assert!(copied == fs::read(story.store.file(id)).unwrap(), "{id}");
    }
    assert_eq!(story.back_up(&folder, true).await, outcome(0, 9, 0), "nothing is copied twice");

    // One that was being copied when it stopped has no hash beside it, another is cut.
    fs::remove_file(story.place.path().join("1/2026-11-23/3.wav.sha256")).unwrap();
    fs::write(story.copied(4), b"RIFF").unwrap();
    assert_eq!(story.back_up(&folder, false).await, outcome(2, 7, 0));

    let mut bytes = fs::read(story.copied(5)).unwrap();
    bytes[100] ^= 1;
    fs::write(story.copied(5), &bytes).unwrap();
    assert_eq!(story.back_up(&folder, false).await, outcome(0, 9, 0), "its length is right");
    assert_eq!(story.back_up(&folder, true).await, outcome(1, 8, 0), "it is read again");
}

#[tokio::test]
async fn a_box_backs_itself_up_where_its_configuration_says() {
    let story = Story::new().await;
    let mut config = story.store.config.clone();
    config.recording.backup_to = story.place.path().to_str().unwrap().to_owned();
    assert_eq!(once(&config).await.unwrap(), outcome(9, 0, 0));
    assert_eq!(once(&config).await.unwrap(), outcome(0, 9, 0));
    config.recording.backup_to = "s3://nowhere".to_owned();
    assert!(once(&config).await.is_err());
}

#[tokio::test]
async fn what_is_deleted_here_goes_from_the_backup_and_is_not_brought_back() {
    let story = Story::new().await;
    let folder = story.folder();
    story.back_up(&folder, false).await;
    let data = &story.store.config.server.data;
    let writing = Warehouse::open(data.join("warehouse")).await.unwrap();
    let (why, at) = ((Reason::Erasure, "asked for"), Timestamp::from_secs(1_795_500_000));
    writing.delete_recordings(TenantId(1), &[RecordingId(2)], why, at).await.unwrap();
    writing.close().await;
    fs::remove_file(story.store.file(2)).unwrap();
    assert_eq!(story.bring_back(&folder).await, outcome(0, 8, 0));
    assert_eq!(story.back_up(&folder, false).await, outcome(0, 8, 0));
    assert!(!story.copied(2).exists(), "what was erased is nowhere");
    let left = fs::read_dir(story.copied(1).parent().unwrap()).unwrap();
    assert_eq!(left.count(), 16, "a file and its hash for each that is left");
}

#[tokio::test]
async fn a_damaged_file_is_not_copied_over_a_good_copy() {
    let story = Story::new().await;
    let folder = story.folder();
    story.back_up(&folder, false).await;
    let good = fs::read(story.copied(2)).unwrap();
    fs::write(story.store.file(2), vec![0; good.len()]).unwrap();
    fs::remove_file(story.place.path().join("1/2026-11-23/2.wav.sha256")).unwrap();
    assert_eq!(story.back_up(&folder, false).await, outcome(0, 8, 1));
    assert!(fs::read(story.copied(2)).unwrap() == good);
}

#[tokio::test]
async fn what_is_missing_is_brought_back_and_what_is_wrong_in_the_backup_is_not() {
    let story = Story::new().await;
    let folder = story.folder();
    story.back_up(&folder, false).await;
    let lost = [6, 7, 8].map(|id| fs::read(story.store.file(id)).unwrap());
    for id in [6, 7, 8] {
        fs::remove_file(story.store.file(id)).unwrap();
    }
    fs::write(story.copied(8), vec![0; lost[2].len()]).unwrap();
    assert_eq!(story.bring_back(&folder).await, outcome(2, 6, 1));
    assert!(fs::read(story.store.file(6)).unwrap() == lost[0]);
    assert!(fs::read(story.store.file(7)).unwrap() == lost[1]);
    let day = fs::read_dir(story.store.file(8).parent().unwrap()).unwrap();
    assert_eq!(day.count(), 8, "neither a wrong file nor a part stays");
    // One that is there and another is left to who repairs.
    fs::write(story.store.file(1), b"RIFF").unwrap();
    assert_eq!(story.bring_back(&folder).await, outcome(0, 7, 2));
    assert_eq!(fs::read(story.store.file(1)).unwrap(), b"RIFF");
}

#[tokio::test]
async fn a_backup_in_a_bucket_is_as_one_in_a_folder() {
    let story = Story::new().await;
    let store = Arc::new(Fragile::default());
    let cache = Cache::new(story.place.path().to_owned(), 1 << 20);
    let bucket = Vault::Bucket(Box::new(Tier::over(store.clone(), "box", cache)));
    assert_eq!(story.back_up(&bucket, false).await, outcome(9, 0, 0));
    assert_eq!(story.back_up(&bucket, false).await, outcome(0, 9, 0));
    assert_eq!(store.sent.load(Ordering::Relaxed), 9, "nothing is sent twice");
    let name = store.names().await.remove(0);
    assert!(name.starts_with("box/1/2026-11-23/"), "{name}");
    store.damage(&name).await;
    assert_eq!(story.back_up(&bucket, true).await, outcome(1, 8, 0));
    assert_eq!(store.sent.load(Ordering::Relaxed), 10, "what is not as it was is sent anew");
    let lost = fs::read(story.store.file(3)).unwrap();
    fs::remove_file(story.store.file(3)).unwrap();
    assert_eq!(story.bring_back(&bucket).await, outcome(1, 8, 0));
    assert!(fs::read(story.store.file(3)).unwrap() == lost);
}

#[tokio::test]
async fn the_second_tier_is_no_backup_of_itself_however_it_is_written() {
    let mut config = Config::default();
    config.tier.bucket = "recordings".parse().unwrap();
    config.tier.prefix = "north/box-1".parse().unwrap();
    config.tier.access_key = "box".into();
    config.tier.secret_key = Secret::new("hush-hush");
    for place in [
        "s3://recordings/north/box-1",
        "s3://recordings/north/box-1/",
        "s3://recordings//north/box-1",
        "s3://recordings/north//box-1",
    ] {
        let refused = Vault::open(&config, place).err().expect(place);
        assert!(format!("{refused:#}").contains("is the second tier itself"), "{refused:#}");
    }
    for place in
        ["s3://recordings/north/box-2", "s3://recordings/north", "s3://backups/north/box-1"]
    {
        assert!(matches!(Vault::open(&config, place), Ok(Vault::Bucket(_))), "{place}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_a_backup_is_refused_with_what_is_needed() {
    let config = Config::default();
    for (place, said) in [
        ("s3://backups", "s3://backups/box-1"),
        ("s3:///box", "s3://backups/box-1"),
        ("s3://backups/box-1", "the access of [tier]"),
    ] {
        let refused = Vault::open(&config, place).err().unwrap();
        assert!(format!("{refused:#}").contains(said), "{place}: {refused:#}");
    }
    assert!(matches!(Vault::open(&config, "/mnt/backup"), Ok(Vault::Folder(_))));
}

#[tokio::test]
async fn a_backup_in_a_bucket_wants_the_access_of_the_tier_and_no_tier() {
    let place = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data = place.path().to_owned();
    config.tier.access_key = "box".into();
    config.tier.secret_key = Secret::new("hush-hush");
    assert!(matches!(Vault::open(&config, "s3://backups/box-1"), Ok(Vault::Bucket(_))));
    assert!(Tier::open(&config).unwrap().is_none(), "recordings stay on the box");
}
