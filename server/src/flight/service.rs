//! The requests of Flight SQL, one method each. All begin with who sends them.

use super::answer::{Asked, rows, table};
use super::held::{Handle, Prepared, Question, SQL_BYTES_MAX};
use super::sign_in::{Caller, Sender};
use super::status::{broken_arrow, status};
use super::{Door, catalogue, parameters};
use crate::doors::Outcome;
use crate::pg::ask::{failed, note, read, scope};
use crate::pg::refused;
use crate::work::flow::FlowJob;
use crate::work::jobs::Job;
use crate::work::wire::{Refusal, Want, WireJob};
use arrow::array::RecordBatch;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
    ActionBeginTransactionResult, ActionCancelQueryRequest, ActionCancelQueryResult,
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, ActionEndSavepointRequest, ActionEndTransactionRequest,
    Any, CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys,
    CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery,
    CommandStatementUpdate, DoPutPreparedStatementResult, ProstMessageExt, SqlInfo,
    TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus,
    FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse, Ticket,
};
use futures::Stream;
use futures::stream::{self, StreamExt};
use prost::Message;
use std::pin::Pin;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};
use warehouse::wire::Kind;

/// Actions that are not in the trait: ending a question, and a session.
const CANCEL: &str = "CancelFlightInfo";
const CLOSE_SESSION: &str = "CloseSession";
/// `CloseSessionResult` with the status `CLOSED`, and with `NOT_CLOSEABLE`.
const CLOSED: [u8; 2] = [8, 1];
const NOT_CLOSEABLE: [u8; 2] = [8, 3];

type Handshaking = Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>;
type Got = Response<<Service as FlightService>::DoGetStream>;
type Done = Response<<Service as FlightService>::DoActionStream>;

/// The door as a service of gRPC.
pub struct Service(Arc<Door>);

impl Service {
    /// Of a door.
    pub fn new(door: Arc<Door>) -> Self {
        Service(door)
    }

    async fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status>
    where
        T: Sync,
    {
        let sender = Sender::of(request);
        self.0.caller(&sender).await
    }

    /// What a question is about: the types of its parameters, and its columns as Flight tells them.
    /// One that has none is counted here; the others are when they are answered.
    async fn outline(
        &self,
        caller: &Caller,
        sql: &str,
        kinds: Vec<Option<Kind>>,
    ) -> Result<(Vec<Kind>, Vec<u8>), Refusal> {
        let began = self.0.clock.moment();
        let outlined = self.outlined(caller, sql, kinds).await;
        if let Err(refusal) = &outlined {
            self.0.counts.asked(Outcome::of(refusal), self.0.clock.moment() - began);
        }
        outlined
    }

    async fn outlined(
        &self,
        caller: &Caller,
        sql: &str,
        kinds: Vec<Option<Kind>>,
    ) -> Result<(Vec<Kind>, Vec<u8>), Refusal> {
        if sql.len() > SQL_BYTES_MAX {
            let text = format!("a question of {} bytes; {SQL_BYTES_MAX} are allowed", sql.len());
            return Err(refused("54000", text));
        }
        let scope = scope(&self.0.store, &caller.identity).await?;
        let (user, sql) = (caller.user.clone(), sql.to_owned());
        let job = WireJob { scope, user, sql, want: Want::Schema { kinds } };
        let done = self.0.work.run(Job::Wire(Box::new(job))).await;
        let answered = read(done.map_err(|problem| failed(&problem))?.body, None)?;
        Ok((answered.parameters, answered.rows.into_bytes()))
    }

    /// Who asks a question, its columns, and the types of its parameters.
    pub(super) async fn statement(
        &self,
        request: &Request<FlightDescriptor>,
        query: &CommandStatementQuery,
    ) -> Result<(Caller, Vec<u8>, Vec<Kind>), Status> {
        let caller = self.caller(request).await?;
        if query.transaction_id.is_some() {
            return Err(status(&no_transactions()));
        }
        let outline = self.outline(&caller, &query.query, Vec::new()).await;
        let (kinds, schema) = outline.map_err(|refusal| status(&refusal))?;
        Ok((caller, schema, kinds))
    }

    /// Who asks a prepared question, itself, and its columns for the values that are bound.
    pub(super) async fn prepared(
        &self,
        request: &Request<FlightDescriptor>,
        query: &CommandPreparedStatementQuery,
    ) -> Result<(Caller, Prepared, Vec<u8>), Status> {
        let caller = self.caller(request).await?;
        let (handle, now) = (&query.prepared_statement_handle, self.0.clock.moment());
        let prepared = self.0.held.prepared(caller.token, handle, now);
        let prepared = prepared.map_err(|refusal| status(&refusal))?;
        let said = prepared.question.parameters.iter().map(|value| value.kind).collect();
        let outline = self.outline(&caller, &prepared.question.sql, said).await;
        let (_, schema) = outline.map_err(|refusal| status(&refusal))?;
        Ok((caller, prepared, schema))
    }

    /// Where the answer to a question is fetched.
    fn offer(
        &self,
        caller: &Caller,
        question: Question,
        schema: Vec<u8>,
        descriptor: FlightDescriptor,
    ) -> Result<Response<FlightInfo>, Status> {
        let now = self.0.clock.moment();
        let handle = self.0.held.ticket(caller.token, question, now).map_err(|no| status(&no))?;
        let ticket = TicketStatementQuery { statement_handle: handle.to_vec().into() };
        let ticket = Ticket::new(ticket.as_any().encode_to_vec());
        let info = FlightInfo { schema: schema.into(), ..FlightInfo::new() };
        let endpoint = FlightEndpoint::new().with_ticket(ticket);
        Ok(Response::new(info.with_endpoint(endpoint).with_descriptor(descriptor)))
    }

    /// Where a table of the door itself is fetched: by what was asked.
    async fn info(
        &self,
        request: Request<FlightDescriptor>,
        table: impl FnOnce() -> Result<RecordBatch, Status> + Send,
    ) -> Result<Response<FlightInfo>, Status> {
        self.caller(&request).await?;
        let descriptor = request.into_inner();
        let ticket = Ticket::new(descriptor.cmd.clone());
        let info = FlightInfo::new().try_with_schema(&table()?.schema()).map_err(broken_arrow)?;
        let endpoint = FlightEndpoint::new().with_ticket(ticket);
        Ok(Response::new(info.with_endpoint(endpoint).with_descriptor(descriptor)))
    }

    async fn told(
        &self,
        request: Request<Ticket>,
        batch: impl FnOnce() -> Result<RecordBatch, Status> + Send,
    ) -> Result<Got, Status> {
        self.caller(&request).await?;
        Ok(Response::new(table(batch()?)))
    }

    /// Refuses what nobody may do here.
    async fn refuse<O>(&self, sender: Sender, refusal: Refusal) -> Result<O, Status> {
        self.0.caller(&sender).await?;
        Err(status(&refusal))
    }

    /// Ends the question that a ticket is for.
    fn cancel(&self, caller: &Caller, info: Option<&FlightInfo>) -> Result<(), Status> {
        let tickets = info.into_iter().flat_map(|info| &info.endpoint);
        let handles = tickets.filter_map(|endpoint| handle(endpoint.ticket.as_ref()?));
        let now = self.0.clock.moment();
        let mut ended = false;
        for handle in handles {
            ended |= self.0.held.cancel(caller.token, &handle, now);
        }
        ended.then_some(()).ok_or_else(|| Status::not_found("there is no such question of yours"))
    }
}

/// What a ticket names.
fn handle(ticket: &Ticket) -> Option<Vec<u8>> {
    let any = Any::decode(&*ticket.ticket).ok()?;
    let ticket: TicketStatementQuery = any.unpack().ok()??;
    Some(ticket.statement_handle.to_vec())
}

/// What is no request.
pub fn unreadable(_: prost::DecodeError) -> Status {
    Status::invalid_argument("this request cannot be read")
}

fn read_only() -> Refusal {
    let text = "nothing can be written here; only SELECT, WITH, VALUES and EXPLAIN are answered";
    refused("42501", text)
}

fn no_transactions() -> Refusal {
    let text = "there are no transactions here: each question sees what had happened when it came";
    refused("0A000", text)
}

fn done(body: Vec<u8>) -> Done {
    Response::new(stream::iter([Ok(arrow_flight::Result::new(body))]).boxed())
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Service;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Handshaking>, Status> {
        let sender = Sender::of(&request);
        let bearer = self.0.sign_in(&sender).await?;
        let header = format!("Bearer {bearer}");
        let header = header.parse().map_err(|_| Status::internal("the token is no header"))?;
        let answer = HandshakeResponse { protocol_version: 0, payload: bearer.into() };
        let answers: Handshaking = stream::iter([Ok(answer)]).boxed();
        let mut response = Response::new(answers);
        response.metadata_mut().insert("authorization", header);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let (caller, schema, kinds) = self.statement(&request, &query).await?;
        if !kinds.is_empty() {
            let text = format!("it has {} parameters: prepare it and bind values", kinds.len());
            return Err(status(&refused("08P01", text)));
        }
        let question = Question { sql: query.query, parameters: Vec::new() };
        self.offer(&caller, question, schema, request.into_inner())
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let (caller, prepared, schema) = self.prepared(&request, &query).await?;
        let Prepared { question, kinds } = prepared;
        if question.parameters.len() != kinds.len() {
            let text = format!("it has {} parameters: bind values first", kinds.len());
            return Err(status(&refused("08P01", text)));
        }
        self.offer(&caller, question, schema, request.into_inner())
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        let caller = self.caller(&request).await?;
        let now = self.0.clock.moment();
        let redeemed = self.0.held.redeem(caller.token, &ticket.statement_handle, now);
        let (Question { sql, parameters }, running) =
            redeemed.map_err(|refusal| status(&refusal))?;
        let (store, who) = (&self.0.store, &caller.identity);
        // What is asked for rows is written down before it is answered.
        let noted = note(store, who, caller.source, caller.at, &sql).await;
        noted.map_err(|refusal| status(&refusal))?;
        let scope = scope(store, who).await.map_err(|refusal| status(&refusal))?;
        let asked = Asked::now(self.0.counts.clone(), self.0.clock.clone());
        let pieces = self.0.flow.flow(FlowJob { scope, user: caller.user, sql, parameters });
        Ok(Response::new(rows(pieces, running, asked)))
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let caller = self.caller(&request).await?;
        if query.transaction_id.is_some() {
            return Err(status(&no_transactions()));
        }
        let outline = self.outline(&caller, &query.query, Vec::new()).await;
        let (kinds, schema) = outline.map_err(|refusal| status(&refusal))?;
        let parameter_schema = match kinds.as_slice() {
            [] => Vec::new(),
            kinds => catalogue::as_message(&parameters::schema(kinds))?,
        };
        let question = Question { sql: query.query, parameters: Vec::new() };
        let now = self.0.clock.moment();
        let prepared = Prepared { question, kinds };
        let kept: Result<Handle, Refusal> = self.0.held.prepare(caller.token, prepared, now);
        let handle = kept.map_err(|refusal| status(&refusal))?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle.to_vec().into(),
            dataset_schema: schema.into(),
            parameter_schema: parameter_schema.into(),
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        let caller = self.caller(&request).await?;
        let now = self.0.clock.moment();
        self.0.held.close(caller.token, &query.prepared_statement_handle, now);
        Ok(())
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let sender = Sender::of(&request);
        let caller = self.0.caller(&sender).await?;
        let (held, handle) = (&self.0.held, query.prepared_statement_handle);
        let prepared = held.prepared(caller.token, &handle, self.0.clock.moment());
        let kinds = prepared.map_err(|refusal| status(&refusal))?.kinds;
        let messages = parameters::read(request.into_inner()).await?;
        let values = parameters::values(messages, kinds).await;
        let values = values.map_err(|refusal| status(&refusal))?;
        let bound = held.bind(caller.token, &handle, values, self.0.clock.moment());
        bound.map_err(|refusal| status(&refusal))?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) })
    }

    async fn do_action_fallback(&self, request: Request<Action>) -> Result<Done, Status> {
        let sender = Sender::of(&request);
        let caller = self.0.caller(&sender).await?;
        let action = request.into_inner();
        match action.r#type.as_str() {
            CANCEL => {
                let asked = CancelFlightInfoRequest::decode(&*action.body).map_err(unreadable)?;
                self.cancel(&caller, asked.info.as_ref())?;
                let result = CancelFlightInfoResult::new(CancelStatus::Cancelled);
                Ok(done(result.encode_to_vec()))
            }
            CLOSE_SESSION => {
                let status = if self.0.sign_out(&sender) { CLOSED } else { NOT_CLOSEABLE };
                Ok(done(status.to_vec()))
            }
            _ => Err(Status::unimplemented("there is no such action here")),
        }
    }

    async fn do_action_cancel_query(
        &self,
        query: ActionCancelQueryRequest,
        request: Request<Action>,
    ) -> Result<ActionCancelQueryResult, Status> {
        let caller = self.caller(&request).await?;
        let info = FlightInfo::decode(&*query.info).map_err(unreadable)?;
        self.cancel(&caller, Some(&info))?;
        Ok(ActionCancelQueryResult { result: CancelStatus::Cancelled.into() })
    }

    async fn list_custom_actions(&self) -> Option<Vec<Result<ActionType, Status>>> {
        let action = |name: &str, description: &str| {
            Ok(ActionType { r#type: name.to_owned(), description: description.to_owned() })
        };
        Some(vec![
            action(CANCEL, "Ends a question, or forgets one that was not fetched."),
            action(CLOSE_SESSION, "Ends the session of this bearer."),
        ])
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, || catalogue::catalogs(query)).await
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, || catalogue::schemas(query)).await
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, || catalogue::tables(query)).await
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, || catalogue::table_types(query)).await
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, || catalogue::sql_info(query)).await
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, || catalogue::types(query)).await
    }

    async fn get_flight_info_primary_keys(
        &self,
        _: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, catalogue::no_primary_keys).await
    }

    async fn get_flight_info_exported_keys(
        &self,
        _: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, catalogue::no_foreign_keys).await
    }

    async fn get_flight_info_imported_keys(
        &self,
        _: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, catalogue::no_foreign_keys).await
    }

    async fn get_flight_info_cross_reference(
        &self,
        _: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.info(request, catalogue::no_foreign_keys).await
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, || catalogue::catalogs(query)).await
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, || catalogue::schemas(query)).await
    }

    async fn do_get_tables(
        &self,
        query: CommandGetTables,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, || catalogue::tables(query)).await
    }

    async fn do_get_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, || catalogue::table_types(query)).await
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, || catalogue::sql_info(query)).await
    }

    async fn do_get_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, || catalogue::types(query)).await
    }

    async fn do_get_primary_keys(
        &self,
        _: CommandGetPrimaryKeys,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, catalogue::no_primary_keys).await
    }

    async fn do_get_exported_keys(
        &self,
        _: CommandGetExportedKeys,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, catalogue::no_foreign_keys).await
    }

    async fn do_get_imported_keys(
        &self,
        _: CommandGetImportedKeys,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, catalogue::no_foreign_keys).await
    }

    async fn do_get_cross_reference(
        &self,
        _: CommandGetCrossReference,
        request: Request<Ticket>,
    ) -> Result<Got, Status> {
        self.told(request, catalogue::no_foreign_keys).await
    }

    async fn do_put_statement_update(
        &self,
        _: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.refuse(Sender::of(&request), read_only()).await
    }

    async fn do_put_statement_ingest(
        &self,
        _: CommandStatementIngest,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.refuse(Sender::of(&request), read_only()).await
    }

    async fn do_put_prepared_statement_update(
        &self,
        _: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.refuse(Sender::of(&request), read_only()).await
    }

    async fn do_action_begin_transaction(
        &self,
        _: ActionBeginTransactionRequest,
        request: Request<Action>,
    ) -> Result<ActionBeginTransactionResult, Status> {
        self.refuse(Sender::of(&request), no_transactions()).await
    }

    async fn do_action_begin_savepoint(
        &self,
        _: ActionBeginSavepointRequest,
        request: Request<Action>,
    ) -> Result<ActionBeginSavepointResult, Status> {
        self.refuse(Sender::of(&request), no_transactions()).await
    }

    async fn do_action_end_transaction(
        &self,
        _: ActionEndTransactionRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        self.refuse(Sender::of(&request), no_transactions()).await
    }

    async fn do_action_end_savepoint(
        &self,
        _: ActionEndSavepointRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        self.refuse(Sender::of(&request), no_transactions()).await
    }

    async fn register_sql_info(&self, _: i32, _: &SqlInfo) {}
}
