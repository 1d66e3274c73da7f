//! HTTP steps of IVR flows: one request each, bounded in time and bytes, and only to where it
//! may go ([`Place`]).

use crate::outward::Place;
use signaling::switch::{HttpAsk, HttpDone};
use std::net::IpAddr;

/// Longest JSON answer that a flow may read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Runs requests of flows.
#[derive(Clone)]
pub struct HttpSteps {
    allowed: Vec<IpAddr>,
}

impl HttpSteps {
    /// Private addresses in `allowed` may be asked; public ones always.
    pub fn new(allowed: Vec<IpAddr>) -> Self {
        HttpSteps { allowed }
    }

    /// Runs one request to its end.
    pub async fn run(&self, ask: HttpAsk) -> HttpDone {
        let id = ask.id;
        let timeout = ask.timeout;
        let result = match tokio::time::timeout(timeout, self.request(ask)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {timeout:?}")),
        };
        HttpDone { id, result }
    }

    async fn request(&self, ask: HttpAsk) -> Result<(u16, serde_json::Value), String> {
        let url = reqwest::Url::parse(&ask.url).map_err(|error| error.to_string())?;
        let place = Place::of(&url, &self.allowed, "ivr.http_allowed").await;
        let place = place.map_err(|refusal| refusal.to_string())?;
        let client = place.client().build().map_err(|error| error.to_string())?;
        let method = ask.method.parse().map_err(|_| format!("{} is no method", ask.method))?;
        let mut request = client.request(method, url);
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let mut answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        let json = serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null);
        Ok((status, json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use terms::CallId;

    fn ask(url: &str) -> HttpAsk {
        HttpAsk {
            id: 7,
            call: CallId(1),
            method: "GET".into(),
            url: url.into(),
            body: None,
            timeout: Duration::from_secs(2),
        }
    }

    #[tokio::test]
    async fn a_flow_cannot_reach_inside() {
        let steps = HttpSteps::new(Vec::new());
        for url in [
            "http://127.0.0.1:1/",
            "http://localhost:1/",
            "http://10.0.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]:1/",
            "http://[::ffff:127.0.0.1]:1/",
            "http://[fd00::1]/",
            "http://0.0.0.0:1/",
            "http://100.64.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://017700000001/",
            "http://127.1/",
            "http://127.0.0.1.:1/",
            "http://user:secret@127.0.0.1/",
            "http://172.31.255.254/",
            "http://192.0.0.8/",
            "http://192.0.2.1/",
            "http://192.88.99.1/",
            "http://198.19.0.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::]/",
            "http://[::127.0.0.1]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://[64:ff9b:1::a9fe:a9fe]/",
            "http://[2002:7f00:1::]/",
            "http://[2001::1]/",
            "http://[2001:db8::1]/",
            "http://[fe80::1]/",
            "http://[fec0::1]/",
            "http://[ff02::1]/",
            "http://[100::1]/",
        ] {
            let done = steps.run(ask(url)).await;
            let why = done.result.unwrap_err();
            assert!(why.contains("inside"), "{url}: {why}");
        }
        for url in ["file:///etc/passwd", "gopher://127.0.0.1:1/", "ftp://127.0.0.1/", "http://"] {
            assert!(steps.run(ask(url)).await.result.is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_neighbour_cannot_send_a_flow_further_inside() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let count = reached.clone();
        let inside = move || {
            count.fetch_add(1, Ordering::Relaxed);
            async { "inside" }
        };
        let elsewhere = axum::response::Redirect::temporary("/inside");
        let app = axum::Router::new()
            .route("/go", axum::routing::get(|| async { elsewhere }))
            .route("/long", axum::routing::get(|| async { "9".repeat(ANSWER_BYTES_MAX + 1) }))
            .route("/inside", axum::routing::get(inside));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let steps = HttpSteps::new(vec![address.ip()]);
        let done = steps.run(ask(&format!("http://{address}/go"))).await;
        assert_eq!(done.result.unwrap(), (307, serde_json::Value::Null), "told, not followed");
        let done = steps.run(ask(&format!("http://{address}/long"))).await;
        assert!(done.result.unwrap_err().contains("longer"));
        assert_eq!(reached.load(Ordering::Relaxed), 0);
        server.abort();
    }

    #[tokio::test]
    async fn an_allowed_neighbour_answers_with_json() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().route(
            "/balance",
            axum::routing::get(|| async { axum::Json(serde_json::json!({"balance": 12})) }),
        );
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let steps = HttpSteps::new(vec![address.ip()]);
        let done = steps.run(ask(&format!("http://{address}/balance"))).await;
        assert_eq!(done.result.unwrap(), (200, serde_json::json!({"balance": 12})));
        server.abort();
    }
}
