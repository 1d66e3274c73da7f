//! Files as answers, whole or in part (RFC 9110 §14), with what tells whether somebody has them already
//! (§13). They are read piece by piece while they are sent: no answer lies in memory whole.

mod range;

use super::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use range::Range;
use std::io::{Read, Seek, SeekFrom};

/// Bytes read from a file at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// What is said of a file.
pub struct Download<'a> {
    /// Its length in bytes.
    pub length: u64,
    /// Another one whenever its bytes are, with its quotation marks.
    pub etag: &'a str,
    /// Under which name it is kept by whoever fetches it: a name of ours.
    pub name: &'a str,
    /// What it is.
    pub media_type: &'static str,
}

/// The file, or the part of it that was asked for, or that they have it.
///
/// # Errors
/// When its place cannot be found in it.
pub fn answer(
    mut file: impl Read + Seek + Send + 'static,
    what: &Download<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let Download { length, etag, name, media_type } = *what;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let shared = |response: &mut Response| {
        let disposition = format!("attachment; filename=\"{name}\"");
        for (name, value) in [
            (header::ETAG, etag),
            (header::ACCEPT_RANGES, "bytes"),
            (header::CACHE_CONTROL, "private, no-cache"),
            (header::CONTENT_DISPOSITION, disposition.as_str()),
        ] {
            let value = HeaderValue::from_str(value).expect("ids and hex are header text");
            response.headers_mut().insert(name, value);
        }
    };
    if text(header::IF_NONE_MATCH).is_some_and(|tags| has_tag(tags, etag)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        shared(&mut response);
        return Ok(response);
    }
    // A range of another version of the file would be a wrong mixture: then the whole is sent.
    let same = text(header::IF_RANGE).is_none_or(|tag| tag == etag);
    let range = text(header::RANGE).filter(|_| same && *method == Method::GET);
    let (status, start, count) = match range.map_or(Range::Whole, |text| range::parse(text, length))
    {
        Range::Whole => (StatusCode::OK, 0, length),
        Range::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Range::Outside => {
            let message = format!("The file has {length} bytes; the range lies outside.");
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let mut response = Problem::new(status, "range", message).into_response();
            response.headers_mut().insert(header::CONTENT_RANGE, content_range(None, length));
            return Ok(response);
        }
    };
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        file.seek(SeekFrom::Start(start)).map_err(|e| Problem::internal(e.to_string()))?;
        Body::from_stream(stream(file, count))
    };
    let mut response = (status, body).into_response();
    shared(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, count.into());
    if status == StatusCode::PARTIAL_CONTENT {
        let range = content_range(Some((start, start + count - 1)), length);
        headers.insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

/// The file as a copy of its own, always whole: a part of another copy would not fit it.
pub fn whole(file: impl Read + Send + 'static, what: &Download<'_>, method: &Method) -> Response {
    let Download { length, etag, name, media_type } = *what;
    let body = match *method == Method::HEAD {
        true => Body::empty(),
        false => Body::from_stream(stream(file, length)),
    };
    let mut response = (StatusCode::OK, body).into_response();
    let disposition = format!("attachment; filename=\"{name}\"");
    for (name, value) in [
        (header::ETAG, etag),
        (header::ACCEPT_RANGES, "none"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
    ] {
        let value = HeaderValue::from_str(value).expect("ids and hex are header text");
        response.headers_mut().insert(name, value);
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

/// The next `count` bytes, read piece by piece on threads that may wait for the disk.
fn stream<R: Read + Send + 'static>(
    file: R,
    count: u64,
) -> impl futures::Stream<Item = std::io::Result<Vec<u8>>> {
    let piece = |mut file: R, left: u64| {
        let mut bytes = vec![0; CHUNK_BYTES.min(usize::try_from(left).unwrap_or(CHUNK_BYTES))];
        let got = file.read(&mut bytes)?;
        if got == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        bytes.truncate(got);
        Ok((bytes, (file, left - got as u64)))
    };
    futures::stream::try_unfold((file, count), move |(file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || piece(file, left)).await;
        read.map_err(std::io::Error::other)?.map(Some)
    })
}

fn has_tag(tags: &str, etag: &str) -> bool {
    let tags = tags.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
    tags.into_iter().any(|tag| tag == "*" || tag == etag)
}

fn content_range(part: Option<(u64, u64)>, length: u64) -> HeaderValue {
    let text = match part {
        Some((first, last)) => format!("bytes {first}-{last}/{length}"),
        None => format!("bytes */{length}"),
    };
    HeaderValue::from_str(&text).expect("numbers are header text")
}
