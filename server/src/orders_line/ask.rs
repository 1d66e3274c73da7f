//! The asking side, in the call path.

use super::{Asked, LINE_BYTES_MAX, OPEN_MAX, SOCKET, Told};
use crate::link;
use signaling::ivr::run::{Fault, Found};
use signaling::switch::{OrderAsk, SqlDone};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::sync::Semaphore;

/// Asks for orders on behalf of flows.
#[derive(Clone)]
pub struct OrderSteps {
    socket: Arc<PathBuf>,
    open: Arc<Semaphore>,
}

impl OrderSteps {
    /// Asks whoever listens in this folder of data.
    pub fn new(data: &Path) -> Self {
        let open = Arc::new(Semaphore::new(OPEN_MAX));
        OrderSteps { socket: Arc::new(data.join(SOCKET)), open }
    }

    /// Brings one question to its end, within its time.
    pub async fn run(&self, ask: OrderAsk) -> SqlDone {
        let (id, call, tenant, within) = (ask.id, ask.call, ask.tenant, ask.timeout);
        let result = match tokio::time::timeout(within, self.ask(ask)).await {
            Ok(answer) => answer.map_err(Fault::Failed),
            Err(_) => Err(Fault::Late),
        };
        if let Err(why) = &result {
            tracing::warn!(%tenant, %call, ?why, "a flow heard nothing of an order");
        }
        SqlDone { id, result }
    }

    async fn ask(&self, ask: OrderAsk) -> Result<Found, String> {
        let Ok(_place) = self.open.try_acquire() else {
            return Err(format!("{OPEN_MAX} calls ask at the same time"));
        };
        let asked = Asked { tenant: ask.tenant, number: ask.number, of: ask.of };
        match self.exchange(&asked).await {
            Ok(Told::Found(first)) => Ok(Found { rows: 1, first }),
            Ok(Told::None) => Ok(Found::default()),
            Ok(Told::Failed(why)) => Err(why),
            Err(error) => Err(format!("ask for an order: {error}")),
        }
    }

    async fn exchange(&self, asked: &Asked) -> io::Result<Told> {
        let (read, mut write) = link::connect(&self.socket).await?.into_split();
        let mut line = serde_json::to_vec(asked)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        let mut answer = Vec::new();
        if !link::read_line_of(LINE_BYTES_MAX, &mut BufReader::new(read), &mut answer).await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}
