//! A message becomes a prompt: announcements are recorded by telephone. Whoever may write prompts
//! and hear the message gives it its name; how it came to be said (a number that nobody knows, a PIN
//! that a flow asks for) is the flow's business.

use super::refused;
use crate::api::Api;
use crate::api::guard::Caller;
use crate::api::problem::Problem;
use mediacore::edge::rendering::Rendering;
use mediacore::prompt;
use mediacore::record::wav::{self, Format};
use std::io::Read;
use terms::RecordingId;

impl Api {
    /// What was said in a message, as a file of its own.
    pub(super) async fn said(
        &self,
        caller: &Caller,
        recording: RecordingId,
    ) -> Result<Vec<u8>, Problem> {
        // A conversation is no announcement, whoever may hear it.
        if self.message_for(caller, recording).await?.is_none() {
            return Err(Problem::not_found("There is no such message."));
        }
        let found = self.ledger_row(caller, recording).await?;
        let rendering = self.original(&found).await?;
        let (bytes, max) = (rendering.clear_bytes(), self.prompts.limits.bytes_max);
        if bytes > max {
            return Err(refused(&prompt::Error::Bytes { bytes, max }));
        }
        let subject = format!("{recording} prompt");
        self.store.note(caller.tenant(), &caller.by(), "recording.fetch", &subject).await?;
        let reading = tokio::task::spawn_blocking(move || customers_side(rendering));
        reading.await.map_err(|panic| Problem::internal(panic.to_string()))?
    }
}

/// A recording has the caller on its first side; nobody speaks on the other one of a message.
fn customers_side(mut rendering: Rendering) -> Result<Vec<u8>, Problem> {
    let failed = |why: &dyn std::fmt::Display| Problem::internal(format!("read a message: {why}"));
    let mut bytes = Vec::new();
    rendering.read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    let wav::Wav { format, channels } = wav::read(&bytes).map_err(|error| failed(&error))?;
    let said = channels.into_iter().next().unwrap_or_default();
    let Format { tag, .. } = Format::stereo_8k(None);
    let format = Format { tag, channels: 1, rate_hz: format.rate_hz };
    let mut file = format.header(said.len() as u64);
    file.extend(said.into_iter().flat_map(i16::to_le_bytes));
    Ok(file)
}
