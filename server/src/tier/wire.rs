//! The tier over the wire: signed requests to a service that speaks S3 on loopback.

use super::*;
use crate::config::value::{Bucket, Endpoint, Secret};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;

const WAV: &str = "1/2026-11-23/7.wav";

/// A service over `folder`, which holds its bucket; says where it is.
pub async fn service(folder: &Path, bucket: &str) -> String {
    std::fs::create_dir(folder.join(bucket)).unwrap();
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    builder.set_auth(SimpleAuth::from_single("box", "secret"));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    format!("http://{address}")
}

fn config(data: &Path, endpoint: String, secret: &str) -> Config {
    let mut config = Config::default();
    config.server.data = data.to_owned();
    config.tier.bucket = Bucket("recordings".into());
    config.tier.endpoint = Endpoint(endpoint);
    config.tier.access_key = "box".into();
    config.tier.secret_key = Secret::new(secret);
    config.tier.allow_http = true;
    config
}

#[tokio::test]
async fn a_long_file_goes_up_in_parts_is_read_back_comes_down_and_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = tempfile::tempdir().unwrap();
    let endpoint = service(shelf.path(), "recordings").await;
    let tier = Tier::open(&config(folder.path(), endpoint.clone(), "secret")).unwrap().unwrap();
    let local = folder.path().join(WAV);
    std::fs::create_dir_all(local.parent().unwrap()).unwrap();
    let object = shelf.path().join("recordings").join(WAV);
    for bytes in [b"RIFF".to_vec(), vec![7; 2 * PIECE_BYTES + 99]] {
        std::fs::write(&local, &bytes).unwrap();
        let stored = tier.put(folder.path(), WAV, None).await.unwrap();
        assert!(std::fs::read(&object).unwrap() == bytes);
        assert_eq!(tier.put(folder.path(), WAV, None).await.unwrap(), stored, "once more");
        let mut back = Vec::new();
        tier.fetch(WAV, Some(&stored)).await.unwrap().read_to_end(&mut back).unwrap();
        assert!(back == bytes);
        tier.cache().forget(WAV).unwrap();
        // Whoever changes it there is found out.
        let mut changed = bytes.clone();
        changed[2] ^= 1;
        std::fs::write(&object, changed).unwrap();
        let error = tier.fetch(WAV, Some(&stored)).await.unwrap_err();
        assert!(matches!(error, Error::Changed { .. }), "{error}");
    }
    let wrong = Tier::open(&config(folder.path(), endpoint, "wrong")).unwrap().unwrap();
    let refused = wrong.fetch(WAV, None).await.unwrap_err();
    assert!(matches!(refused, Error::Away { .. }), "{refused}");
    assert!(wrong.delete(&[WAV.to_owned()]).await.is_err() && object.exists());
    let also = ["1/2026-11-23/7.mp3".to_owned(), WAV.to_owned()];
    tier.delete(&also).await.unwrap();
    assert!(!object.exists());
    assert!(matches!(tier.fetch(WAV, None).await.unwrap_err(), Error::Missing(_)));
}
