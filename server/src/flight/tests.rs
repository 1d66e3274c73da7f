//! The door from the outside, by a client of Flight SQL.

use super::*;
use crate::api::links::SystemClock;
use crate::work::flow::{FlowJob, Piece, Pieces};
use crate::work::jobs::{Done, Job, Problem};
use crate::work::wire::{Refusal, Want, WireHead};
use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, CommandGetDbSchemas, CommandGetTables,
    CommandGetXdbcTypeInfo, CommandPreparedStatementQuery, CommandStatementQuery, ProstMessageExt,
    SqlInfo, TicketStatementQuery,
};
use arrow_flight::{Action, CancelFlightInfoRequest, FlightDescriptor, FlightInfo, Ticket};
use desk::bootstrap::{Defaults, First};
use desk::team::Limits;
use desk::token::{NewToken, Token};
use desk::user::NewUser;
use desk::{By, Role};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt, TryStreamExt};
use prost::Message;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use tonic::transport::{Channel, Endpoint};
use warehouse::wire::Kind;

type Client = FlightSqlServiceClient<Channel>;

/// A worker with one table of three rows. A text has as many parameters as dollars; one with "wrong"
/// is refused; one with "endless" gives its first piece and no other.
#[derive(Default)]
struct Worker {
    asked: Mutex<Vec<FlowJob>>,
    ended: Arc<AtomicBool>,
}

/// Says that a question was dropped.
struct Ended(Arc<AtomicBool>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn three() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    RecordBatch::try_from_iter([("n", numbers)]).unwrap()
}

async fn pieces() -> Vec<Piece> {
    let batches = stream::iter([Ok(three())]);
    let encoder = FlightDataEncoderBuilder::new().with_schema(three().schema()).build(batches);
    let piece = |message: arrow_flight::FlightData| Piece {
        header: message.data_header.to_vec(),
        body: message.data_body.to_vec(),
    };
    encoder.map_ok(piece).try_collect().await.unwrap()
}

impl WorkLink for Worker {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Done, Problem>> {
        let Job::Wire(job) = job else { panic!("nothing else is asked") };
        assert!(matches!(job.want, Want::Schema { .. }), "rows come in pieces");
        let head = if job.sql.contains("wrong") {
            let (code, message) = ("42601".to_owned(), "that is wrong".to_owned());
            WireHead::Refused(Refusal { code, message, hint: None, place: Some((1, 8)) })
        } else {
            let parameters = vec![Kind::Int8; job.sql.matches('$').count()];
            WireHead::Columns { parameters, columns: Vec::new() }
        };
        let mut body = serde_json::to_vec(&head).unwrap();
        body.push(b'\n');
        let info = FlightInfo::new().try_with_schema(&three().schema()).unwrap();
        body.extend_from_slice(&info.schema);
        let content_type = "application/octet-stream".to_owned();
        Box::pin(async move { Ok(Done { content_type, truncated: false, body }) })
    }
}

impl FlowLink for Worker {
    fn flow(&self, job: FlowJob) -> Pieces {
        let is_endless = job.sql.contains("endless");
        self.asked.lock().unwrap().push(job);
        let ended = Ended(self.ended.clone());
        let some = stream::once(pieces()).flat_map(stream::iter).map(Ok);
        let rest = if is_endless { stream::pending().boxed() } else { stream::empty().boxed() };
        let all = some.chain(rest);
        all.map(move |piece| {
            let _held = &ended;
            piece
        })
        .boxed()
    }
}

struct Rig {
    _folder: tempfile::TempDir,
    at: SocketAddr,
    store: Store,
    first: First,
    worker: Arc<Worker>,
    counts: Arc<Counts>,
}

async fn rig_with(config: &Config) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("desk.db").to_str().unwrap()).await.unwrap();
    let defaults = Defaults::with_flow(json!({"start": "hello", "steps": {}}));
    let clock = SystemClock::default();
    let first = store.bootstrap(&defaults, clock.wall()).await.unwrap().expect("it was empty");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let worker = Arc::new(Worker::default());
    let links = (worker.clone(), worker.clone());
    let door = door(config, &store, links, clock);
    let counts = door.counts.clone();
    tokio::spawn(Arc::new(door).serve(listener));
    Rig { _folder: folder, at, store, first, worker, counts }
}

fn door(
    config: &Config,
    store: &Store,
    (work, flow): (Arc<Worker>, Arc<Worker>),
    clock: SystemClock,
) -> Door {
    Door::new(config, store.clone(), (work, flow), Arc::new(clock), None, Arc::default())
}

async fn rig() -> Rig {
    rig_with(&Config::default()).await
}

impl Rig {
    async fn client(&self) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.at)).unwrap();
        FlightSqlServiceClient::new(endpoint.connect().await.unwrap())
    }

    /// A token of the administrator: name, secret, and who made it.
    async fn token(&self, role: Role, sql: bool) -> (Token, String, By) {
        let (login, password) = &self.first.administrator;
        let who = self.store.sign_in(None, login, password.expose()).await.unwrap().unwrap();
        let at = SystemClock::default().wall();
        let by = By { user: Some(who.user), source: "192.0.2.1".into(), at };
        let new = NewToken { name: "notebook".into(), role, days: 1, sql };
        let made = self.store.create_token(who.tenant, &by, who.user, &new).await.unwrap();
        (made.0, made.1.expose().to_owned(), by)
    }

    /// Somebody who signed in with a token for SQL.
    async fn signed_in(&self) -> Client {
        let (token, secret, _) = self.token(Role::Manager, true).await;
        let mut client = self.client().await;
        client.handshake(&token.sql_user.unwrap(), &secret).await.unwrap();
        client
    }

    fn asked(&self) -> usize {
        self.worker.asked.lock().unwrap().len()
    }
}

fn ticket(info: &FlightInfo) -> Ticket {
    info.endpoint[0].ticket.clone().unwrap()
}

async fn batches(client: &mut Client, info: &FlightInfo) -> Vec<RecordBatch> {
    client.do_get(ticket(info)).await.unwrap().try_collect().await.unwrap()
}

async fn fetched(client: &mut Client, ticket: Ticket) -> Result<usize, FlightError> {
    let batches: Vec<RecordBatch> = client.do_get(ticket).await?.try_collect().await?;
    Ok(batches.iter().map(RecordBatch::num_rows).sum())
}

/// A ticket that nobody was given.
fn made_up() -> Ticket {
    let ticket = TicketStatementQuery { statement_handle: vec![7_u8; 16].into() };
    Ticket::new(ticket.as_any().encode_to_vec())
}

/// What a command is answered with.
async fn info_of(client: &mut Client, command: Vec<u8>) -> Result<FlightInfo, tonic::Status> {
    let request = described(client, command);
    Ok(client.inner_mut().get_flight_info(request).await?.into_inner())
}

/// What was said against it.
fn told<T>(result: Result<T, FlightError>) -> String {
    match result {
        Ok(_) => panic!("it was done"),
        Err(error) => error.to_string(),
    }
}

async fn ask(client: &mut Client, sql: &str) -> Result<FlightInfo, FlightError> {
    client.execute(sql.to_owned(), None).await
}

#[tokio::test]
async fn what_is_fetched_is_what_the_asker_sees() {
    let rig = rig().await;
    let at = SystemClock::default().wall();
    let (tenant, by) = (rig.first.tenant, By::system("test", at));
    let new = NewUser {
        login: "wang".into(),
        name: "王".into(),
        role: Role::Manager,
        password: "a-good-password".into(),
    };
    let user = rig.store.create_user(tenant, &by, &new).await.unwrap().id;
    let queue = rig.store.queues(tenant).await.unwrap()[0].id;
    let limits = Limits { mask_numbers: true, queues: Some(vec![queue]) };
    rig.store.set_user_limits(tenant, &by, user, &limits).await.unwrap();
    let new = NewToken { name: "notebook".into(), role: Role::Manager, days: 1, sql: true };
    let (token, secret) = rig.store.create_token(tenant, &by, user, &new).await.unwrap();
    let mut client = rig.client().await;
    client.handshake(&token.sql_user.unwrap(), secret.expose()).await.unwrap();
    let info = ask(&mut client, "SELECT n FROM three").await.unwrap();
    batches(&mut client, &info).await;
    let scope = rig.worker.asked.lock().unwrap()[0].scope.clone();
    assert_eq!((scope.queues, scope.agents), (Some(vec![queue]), Some(Vec::new())));
    assert!(scope.mask_numbers);
}

#[tokio::test]
async fn who_signs_in_is_answered_in_columns_with_the_rows_of_their_tenant() {
    let rig = rig().await;
    let mut client = rig.signed_in().await;
    assert!(client.token().unwrap().starts_with("sgf_"));
    let info = ask(&mut client, "SELECT n FROM three").await.unwrap();
    assert_eq!(rig.asked(), 0, "nothing is asked for rows before they are fetched");
    assert_eq!(info.clone().try_decode_schema().unwrap(), *three().schema());
    assert_eq!(batches(&mut client, &info).await, [three()]);
    let counted = rig.counts.counted();
    assert_eq!((counted.open, counted.rows, counted.questions), (1, 3, [1, 0, 0, 0]));
    let jobs = rig.worker.asked.lock().unwrap();
    let [job] = &jobs[..] else { panic!("one question") };
    assert_eq!(job.scope.tenant, rig.first.tenant);
    assert!(!job.scope.audit, "a manager does not read the audit");
    assert!(job.user.starts_with("sql_") && job.sql == "SELECT n FROM three");
}

#[tokio::test]
async fn who_asks_for_rows_stands_in_the_audit_table_before_they_have_them() {
    let rig = rig().await;
    let (token, secret, by) = rig.token(Role::Manager, true).await;
    let mut client = rig.client().await;
    client.handshake(&token.sql_user.unwrap(), &secret).await.unwrap();
    let asked = async || {
        let rows = rig.store.audit(rig.first.tenant, None, 100).await.unwrap();
        let asked = rows.into_iter().filter(|row| row.action == "sql.ask");
        asked.map(|row| (row.user, row.source, row.subject)).collect::<Vec<_>>()
    };
    let info = ask(&mut client, "SELECT n FROM three").await.unwrap();
    assert!(asked().await.is_empty(), "nobody has a row");
    // The first piece is there, and nothing says that the last will come.
    let endless = ask(&mut client, "SELECT n FROM endless").await.unwrap();
    let mut pieces = client.do_get(ticket(&endless)).await.unwrap();
    assert!(pieces.try_next().await.unwrap().is_some());
    drop(pieces);
    fetched(&mut client, ticket(&info)).await.unwrap();
    let row = |sql: &str| (by.user, "127.0.0.1".to_owned(), sql.to_owned());
    let expected = [row("SELECT n FROM three"), row("SELECT n FROM endless")];
    assert_eq!(asked().await, expected, "the latest first");
}

#[tokio::test]
async fn a_wrong_secret_and_a_name_that_nobody_has_are_refused_alike_and_a_guesser_is_locked_out() {
    let rig = rig().await;
    let (token, secret, _) = rig.token(Role::Manager, true).await;
    let user = token.sql_user.unwrap();
    let mut client = rig.client().await;
    let wrong = told(client.handshake(&user, "sgt_0").await);
    assert!(wrong.contains("the name or the secret is wrong"), "{wrong}");
    let nobody = told(client.handshake("sql_999999", &secret).await);
    assert_eq!(nobody, wrong);
    for _ in 2..desk::lockout::FAILURES_MAX {
        assert_eq!(told(client.handshake("' OR 1=1 --", "x").await), wrong);
    }
    let out = told(client.handshake(&user, &secret).await);
    assert!(out.contains("too many failures from this address"), "{out}");
}

#[tokio::test]
async fn so_many_secrets_are_proved_at_a_time_and_the_next_waits() {
    let rig = rig().await;
    let (token, secret, _) = rig.token(Role::Manager, true).await;
    let links = (rig.worker.clone(), rig.worker.clone());
    let door = door(&Config::default(), &rig.store, links, SystemClock::default());
    let user = token.sql_user.unwrap();
    let turns = door.proofs.acquire_many(PROOFS_MAX as u32).await.unwrap();
    let mut proof = Box::pin(door.prove(&user, &secret));
    tokio::select! {
        _ = &mut proof => panic!("all turns are taken"),
        // A password takes far longer than a proof.
        _ = rig.token(Role::Manager, true) => {}
    }
    drop(turns);
    assert!(proof.await.unwrap().is_some());
}

#[tokio::test]
async fn a_stranger_is_answered_nothing() {
    let rig = rig().await;
    let (token, secret, _) = rig.token(Role::Manager, true).await;
    let mut client = rig.client().await;
    let refused = told(ask(&mut client, "SELECT 1").await);
    assert!(refused.contains("sign in first"), "{refused}");
    for bearer in ["sgf_0", "sgt_0", "", secret.as_str()] {
        client.set_token(bearer.to_owned());
        for refused in [
            told(ask(&mut client, "SELECT 1").await),
            told(client.get_catalogs().await),
            told(client.prepare("SELECT 1".to_owned(), None).await),
            told(fetched(&mut client, made_up()).await),
        ] {
            let known = ["the token is unknown", "Basic nor Bearer"];
            assert!(known.iter().any(|known| refused.contains(known)), "{refused}");
        }
    }
    client.clear_token();
    let basic =
        desk::scram::base64::encode(format!("{}:{secret}", token.sql_user.unwrap()).as_bytes());
    client.set_header("authorization", format!("Basic {basic}"));
    let refused = told(ask(&mut client, "SELECT 1").await);
    assert!(refused.contains("are for the handshake"), "{refused}");
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn a_token_of_the_api_is_a_bearer_by_itself_where_its_role_may_ask() {
    let rig = rig().await;
    let mut client = rig.client().await;
    client.set_token(rig.token(Role::Manager, false).await.1);
    let info = ask(&mut client, "SELECT n FROM three").await.unwrap();
    assert_eq!(fetched(&mut client, ticket(&info)).await.unwrap(), 3);
    client.set_token(rig.token(Role::Agent, false).await.1);
    let refused = told(ask(&mut client, "SELECT n FROM three").await);
    assert!(refused.contains("may not ask in SQL"), "{refused}");
}

#[tokio::test]
async fn a_token_that_was_taken_back_asks_nothing_more() {
    let rig = rig().await;
    let (token, secret, by) = rig.token(Role::Manager, true).await;
    let mut client = rig.client().await;
    client.handshake(token.sql_user.as_deref().unwrap(), &secret).await.unwrap();
    let info = ask(&mut client, "SELECT n FROM three").await.unwrap();
    rig.store.revoke_token(rig.first.tenant, &by, token.id, None).await.unwrap();
    for refused in [
        told(fetched(&mut client, ticket(&info)).await),
        told(ask(&mut client, "SELECT n FROM three").await),
        told(client.get_catalogs().await),
    ] {
        assert!(refused.contains("expired or taken back"), "{refused}");
    }
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn tickets_and_prepared_questions_of_others_do_not_exist() {
    let rig = rig().await;
    let (mut one, mut other) = (rig.signed_in().await, rig.signed_in().await);
    let info = ask(&mut one, "SELECT n FROM three").await.unwrap();
    let refused = told(fetched(&mut other, ticket(&info)).await);
    assert!(refused.contains("no such ticket of yours"), "{refused}");
    assert_eq!(fetched(&mut one, ticket(&info)).await.unwrap(), 3);
    let again = told(fetched(&mut one, ticket(&info)).await);
    assert!(again.contains("good once"), "{again}");
    assert!(told(fetched(&mut one, made_up()).await).contains("no such ticket"));

    let request = ActionCreatePreparedStatementRequest {
        query: "SELECT n FROM three".to_owned(),
        transaction_id: None,
    };
    let prepare = Action::new("CreatePreparedStatement", request.as_any().encode_to_vec());
    let made = one.do_action(prepare).await.unwrap().message().await.unwrap().unwrap();
    let made: ActionCreatePreparedStatementResult =
        Any::decode(&*made.body).unwrap().unpack().unwrap().unwrap();
    let handle = made.prepared_statement_handle;
    let prepared = CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() };
    let prepared = prepared.as_any().encode_to_vec();
    let refused = info_of(&mut other, prepared.clone()).await.unwrap_err();
    assert!(refused.message().contains("no such prepared question of yours"), "{refused}");
    let request = ActionClosePreparedStatementRequest { prepared_statement_handle: handle };
    let close = Action::new("ClosePreparedStatement", request.as_any().encode_to_vec());
    other.do_action(close.clone()).await.unwrap();
    assert!(info_of(&mut one, prepared.clone()).await.is_ok(), "it is not closed by others");
    one.do_action(close).await.unwrap();
    assert!(info_of(&mut one, prepared).await.is_err());
}

#[tokio::test]
async fn values_are_bound_to_a_prepared_question() {
    let rig = rig().await;
    let mut client = rig.signed_in().await;
    let mut prepared = client.prepare("SELECT n WHERE n > $1".to_owned(), None).await.unwrap();
    assert_eq!(*prepared.dataset_schema().unwrap(), *three().schema());
    let refused = told(prepared.execute().await);
    assert!(refused.contains("it has 1 parameters: bind values first"), "{refused}");
    let row = |values: Vec<i64>| {
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        RecordBatch::try_from_iter([("1", values)]).unwrap()
    };
    prepared.set_parameters(row(vec![7, 8])).unwrap();
    let refused = told(prepared.execute().await);
    assert!(refused.contains("one row of values is bound at a time"), "{refused}");
    prepared.set_parameters(row(vec![7])).unwrap();
    let info = prepared.execute().await.unwrap();
    assert_eq!(fetched(&mut client, ticket(&info)).await.unwrap(), 3);
    let bound = rig.worker.asked.lock().unwrap()[0].parameters.clone();
    assert_eq!(bound.len(), 1);
    assert_eq!((bound[0].kind, bound[0].text.as_deref()), (Some(Kind::Int8), Some("7")));
    let refused = told(ask(&mut client, "SELECT n WHERE n > $1").await);
    assert!(refused.contains("prepare it and bind values"), "{refused}");
    prepared.close().await.unwrap();
}

#[tokio::test]
async fn nothing_is_written_and_there_are_no_transactions() {
    let rig = rig().await;
    let mut client = rig.signed_in().await;
    let sql = "DELETE FROM calls".to_owned();
    let refused = told(client.execute_update(sql.clone(), None).await);
    assert!(refused.contains("nothing can be written here"), "{refused}");
    let refused = told(client.begin_transaction().await);
    assert!(refused.contains("there are no transactions here"), "{refused}");
    let refused = told(client.execute("SELECT 1".to_owned(), Some(vec![1_u8].into())).await);
    assert!(refused.contains("there are no transactions here"), "{refused}");
    let mut prepared = client.prepare(sql, None).await.unwrap();
    let refused = told(prepared.execute_update().await);
    assert!(refused.contains("nothing can be written here"), "{refused}");
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn a_mistake_is_told_before_anything_runs() {
    let rig = rig().await;
    let mut client = rig.signed_in().await;
    let refused = told(ask(&mut client, "SELECT wrong").await);
    assert!(refused.contains("that is wrong (line 1, column 8) [SQLSTATE 42601]"), "{refused}");
    assert!(told(client.prepare("SELECT wrong".to_owned(), None).await).contains("42601"));
    assert_eq!(rig.counts.counted().questions[1], 2, "a refused one is counted once");
    assert_eq!(rig.asked(), 0);
}

#[tokio::test]
async fn a_question_ends_when_its_maker_asks_for_that_or_leaves() {
    let rig = rig().await;
    let (mut client, mut other) = (rig.signed_in().await, rig.signed_in().await);
    let cancel = |info: &FlightInfo| {
        let request = CancelFlightInfoRequest::new(info.clone());
        Action::new("CancelFlightInfo", request.encode_to_vec())
    };
    let info = ask(&mut client, "SELECT endless").await.unwrap();
    let mut rows = client.do_get(ticket(&info)).await.unwrap();
    assert_eq!(rows.next().await.unwrap().unwrap(), three());
    let refused = told(other.do_action(cancel(&info)).await);
    assert!(refused.contains("no such question of yours"), "{refused}");
    client.do_action(cancel(&info)).await.unwrap();
    let ended = told(rows.try_next().await);
    assert!(ended.contains("stopped because it was asked to be"), "{ended}");
    assert!(rig.worker.ended.swap(false, Ordering::SeqCst), "the worker's stream is dropped");

    let info = ask(&mut client, "SELECT endless").await.unwrap();
    let mut rows = client.do_get(ticket(&info)).await.unwrap();
    assert_eq!(rows.next().await.unwrap().unwrap(), three());
    drop(rows);
    while !rig.worker.ended.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.counts.counted().questions, [0, 0, 0, 2], "both were stopped");
}

#[tokio::test]
async fn what_is_there_is_told_to_clients_at_their_start() {
    let rig = rig().await;
    let mut client = rig.signed_in().await;
    let info = client.get_catalogs().await.unwrap();
    let text = |batch: &RecordBatch, column: usize, row: usize| {
        let column = batch.column(column).as_any().downcast_ref::<StringArray>().unwrap();
        column.value(row).to_owned()
    };
    assert_eq!(text(&batches(&mut client, &info).await[0], 0, 0), "switchgrid");
    let none = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None };
    let info = client.get_db_schemas(none).await.unwrap();
    assert_eq!(text(&batches(&mut client, &info).await[0], 1, 0), "public");

    let tables = |pattern: Option<&str>, types: &[&str], include_schema| CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: None,
        table_name_filter_pattern: pattern.map(str::to_owned),
        table_types: types.iter().map(|kind| (*kind).to_owned()).collect(),
        include_schema,
    };
    let info = client.get_tables(tables(Some("calls"), &[], true)).await.unwrap();
    let found = batches(&mut client, &info).await;
    assert_eq!((found[0].num_rows(), text(&found[0], 2, 0)), (1, "calls".to_owned()));
    let schema = found[0].column(4).as_any().downcast_ref::<BinaryArray>().unwrap().value(0);
    let schema = FlightInfo { schema: schema.to_vec().into(), ..FlightInfo::new() };
    let schema = schema.try_decode_schema().unwrap();
    assert_eq!(schema, *warehouse::schema::layout_of("calls").schema);
    let info = client.get_tables(tables(None, &["VIEW"], false)).await.unwrap();
    let views = batches(&mut client, &info).await;
    let views: Vec<String> = (0..views[0].num_rows()).map(|row| text(&views[0], 2, row)).collect();
    assert!(views.contains(&"orders_latest".to_owned()), "{views:?}");
    assert!(!views.contains(&"calls".to_owned()), "{views:?}");

    let info = client.get_table_types().await.unwrap();
    assert_eq!(batches(&mut client, &info).await[0].num_rows(), 2);
    let infos = vec![SqlInfo::FlightSqlServerReadOnly, SqlInfo::FlightSqlServerTransaction];
    let info = client.get_sql_info(infos).await.unwrap();
    assert_eq!(batches(&mut client, &info).await[0].num_rows(), 2);
    let all = CommandGetXdbcTypeInfo { data_type: None };
    let info = client.get_xdbc_type_info(all).await.unwrap();
    assert_eq!(batches(&mut client, &info).await[0].num_rows(), Kind::ALL.len());
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let rig = rig().await;
    let mut client = rig.signed_in().await;
    let long = format!("SELECT '{}'", "x".repeat(held::SQL_BYTES_MAX));
    let refused = told(ask(&mut client, &long).await);
    assert!(refused.contains("are allowed"), "{refused}");
    let longer = format!("SELECT '{}'", "x".repeat(MESSAGE_BYTES_MAX));
    assert!(ask(&mut client, &longer).await.is_err(), "it is not even read");
    let refused = loop {
        match client.prepare("SELECT 1".to_owned(), None).await {
            Ok(_) => {}
            Err(error) => break error.to_string(),
        }
    };
    assert!(refused.contains("100 questions are prepared; close some first"), "{refused}");
    for garbage in ["", "x", "\u{0}\u{1}\u{2}"] {
        assert!(fetched(&mut client, Ticket::new(garbage)).await.is_err());
        assert!(info_of(&mut client, garbage.as_bytes().to_vec()).await.is_err());
        let action = Action::new("CancelFlightInfo", garbage);
        assert!(client.do_action(action).await.is_err());
    }
    client.set_header("x-flood", "x".repeat(HEADERS_BYTES_MAX as usize));
    assert!(ask(&mut client, "SELECT 1").await.is_err());
    // All of it harms nobody else.
    let mut other = rig.signed_in().await;
    assert!(ask(&mut other, "SELECT 1").await.is_ok());
}

#[tokio::test]
async fn who_signs_in_beyond_the_places_is_told_which_key_limits_them() {
    let mut config = Config::default();
    config.sql.flight_connections_max = 1;
    let rig = rig_with(&config).await;
    let _first = rig.signed_in().await;
    let (token, secret, _) = rig.token(Role::Manager, true).await;
    let mut second = rig.client().await;
    let refused = told(second.handshake(&token.sql_user.unwrap(), &secret).await);
    assert!(refused.contains("sql.flight_connections_max"), "{refused}");
}

/// A request of somebody who signed in.
fn described(client: &Client, command: Vec<u8>) -> tonic::Request<FlightDescriptor> {
    let mut request = tonic::Request::new(FlightDescriptor::new_cmd(command));
    let bearer = format!("Bearer {}", client.token().unwrap());
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    request
}

#[tokio::test]
async fn the_columns_of_an_answer_are_told_before_there_is_a_ticket_for_it() {
    let rig = rig().await;
    let mut client = rig.signed_in().await;
    let waits = ask(&mut client, "SELECT n FROM three").await.unwrap();
    let statement = |sql: &str| {
        let query = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
        query.as_any().encode_to_vec()
    };
    // So often that tickets for it would push out the one that waits.
    for _ in 0..70 {
        let asked = described(&client, statement("SELECT n FROM three WHERE n = $1"));
        let told = client.inner_mut().get_schema(asked).await.unwrap().into_inner();
        assert_eq!(Schema::try_from(told).unwrap(), *three().schema());
    }
    assert_eq!(batches(&mut client, &waits).await, [three()]);

    let asked = described(&client, CommandGetDbSchemas::default().as_any().encode_to_vec());
    let told = client.inner_mut().get_schema(asked).await.unwrap().into_inner();
    let known = Schema::try_from(told).unwrap();
    assert_eq!(known.field(0).name(), "catalog_name");

    for (command, said) in
        [(statement("SELECT wrong"), "42601"), (b"no command".to_vec(), "cannot be read")]
    {
        let asked = described(&client, command);
        let refused = client.inner_mut().get_schema(asked).await.unwrap_err();
        assert!(refused.message().contains(said), "{refused}");
    }
    let stranger = tonic::Request::new(FlightDescriptor::new_cmd(statement("SELECT 1")));
    let refused = client.inner_mut().get_schema(stranger).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
}

#[tokio::test]
async fn whoever_polls_for_an_answer_hears_at_once_where_it_is() {
    let rig = rig().await;
    let mut client = rig.signed_in().await;
    let query = CommandStatementQuery { query: "SELECT n".to_owned(), transaction_id: None };
    let asked = described(&client, query.as_any().encode_to_vec());
    let polled = client.inner_mut().poll_flight_info(asked).await.unwrap().into_inner();
    assert_eq!((polled.progress, polled.flight_descriptor.is_none()), (Some(1.0), true));
    assert_eq!(batches(&mut client, &polled.info.unwrap()).await, [three()]);
}
