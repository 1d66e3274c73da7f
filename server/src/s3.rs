//! Clients of object stores with the S3 API. Every request is short, and one that is not answered is
//! asked again a few times, not for long.

use crate::config;
#[cfg(test)]
mod tests;

use crate::config::value::{Endpoint, Secret};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ClientOptions, RetryConfig};
use std::time::Duration;

/// Longest time for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest time for one request.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// A store that does not answer is asked again so often, and not after this time.
const RETRIES_MAX: usize = 2;
const RETRY_MAX: Duration = Duration::from_secs(20);

/// Where a bucket is, and who asks.
pub struct Access<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The object store; empty is Amazon S3.
    pub endpoint: &'a Endpoint,
    /// What requests are signed for.
    pub region: &'a str,
    /// Who asks.
    pub access_key: &'a str,
    /// Their secret.
    pub secret: &'a Secret,
    /// Over http too.
    pub allow_http: bool,
}

impl Access<'_> {
    /// The client; nothing is asked yet. `key` is the one of the configuration that an error names.
    ///
    /// # Errors
    /// [`config::Error::Refused`] when it cannot be built.
    pub fn client(&self, key: &str) -> Result<AmazonS3, config::Error> {
        let client = ClientOptions::new()
            .with_allow_http(self.allow_http)
            .with_connect_timeout(CONNECT_MAX)
            .with_timeout(REQUEST_MAX);
        let retry = RetryConfig {
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_MAX,
            ..RetryConfig::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(self.bucket)
            .with_region(self.region)
            .with_access_key_id(self.access_key)
            .with_secret_access_key(self.secret.expose())
            .with_client_options(client)
            .with_retry(retry);
        if !self.endpoint.0.is_empty() {
            builder = builder.with_endpoint(&self.endpoint.0);
        }
        builder.build().map_err(|error| config::Error::Refused {
            key: key.to_owned(),
            problem: format!("the object store cannot be used: {error}"),
        })
    }
}
