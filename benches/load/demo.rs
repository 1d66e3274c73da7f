//! The demonstration: a switch on the embedded default, sixty calls through the whole house, twelve
//! orders, a seal, three reports, and a table that must reconcile.

mod books;
mod office;
mod plan;

use crate::field::{Field, News, Report, Setup};
use crate::server::{self, Server};
use crate::sip::digest::Credential;
use anyhow::{Context, Result, bail, ensure};
use benches::media::g711::Law;
use benches::media::wire::Choice;
use benches::voices;
use books::Books;
use indicatif::{ProgressBar, ProgressStyle};
use office::Office;
use plan::Kind;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// The calls take a minute and a half; nothing waits longer than this for them.
const CALLS_MAX: Duration = Duration::from_secs(240);
/// Between two callers of one group.
const STAGGER: Duration = Duration::from_millis(150);
/// A caller who will be passed on needs both agents: one conversation, then the other.
const PASSED_ON_EVERY: Duration = Duration::from_millis(4_400);
/// Two agents take a caller about this often.
const TALKER_EVERY: Duration = Duration::from_millis(900);
/// The first who will be answered call while the impatient ones still wait: their welcome is over
/// when the agents become ready.
const HEAD_START: Duration = Duration::from_millis(2_500);

/// What the demonstration is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of the switch's data; made when missing, kept afterwards.
    #[arg(long, default_value = "./demo-data")]
    data: PathBuf,
    /// End the switch afterwards instead of leaving it running.
    #[arg(long)]
    exit: bool,
    /// How packets reach the kernel.
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    wire: Choice,
}

/// Runs it. False when the books do not balance.
///
/// # Errors
/// What kept it from running to the end.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let began = Instant::now();
    let mut server = server::start(&arguments.data)?;
    println!(
        "switch ready after {:.1} s: SIP {} · HTTP http://{} · process {} · log {}",
        began.elapsed().as_secs_f32(),
        server.sip,
        server.http,
        server.pid(),
        server.log.display()
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(show(arguments, &server));
    if arguments.exit || result.is_err() {
        server.end()?;
        println!("the switch was ended; its data stays in {}", arguments.data.display());
    } else {
        let admin = &server.credentials.admin;
        println!(
            "the switch goes on: http://{}/api/docs · user {} · password {} · end it with \
             `kill {}`",
            server.http,
            admin.user,
            admin.password,
            server.pid()
        );
    }
    println!("the demonstration took {:.0} s", began.elapsed().as_secs_f32());
    result
}

async fn show(arguments: &Arguments, server: &Server) -> Result<bool> {
    let since = SystemTime::now();
    let office = Office::open(server).await?;
    let mut field = Field::start(Setup {
        server: server.sip,
        ip: server.sip.ip(),
        law: Law::A,
        engines: 1,
        wire: arguments.wire,
        seed: 42,
        customer: voices::customer(Law::A),
        agent: voices::agent(Law::A),
        silent: false,
    })?;
    println!("60 calls to {} · audio over {}", server.credentials.hotline, field.wire);
    register(&mut field, server).await?;
    office.sign_in_on_break().await?;
    office.create_orders().await?;
    let bar = ProgressBar::new(60).with_style(
        ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} {msg}")?
            .progress_chars("=> "),
    );
    let reports = tokio::time::timeout(
        CALLS_MAX,
        Director::new(&field_calls(server), &office, &bar).run(&mut field),
    )
    .await
    .with_context(|| format!("the calls did not end within {CALLS_MAX:?}"))??;
    bar.finish_with_message("all calls ended");
    let totals = tokio::task::spawn_blocking(move || field.stop()).await??;
    ensure!(totals.sent > 0, "no packet was sent");
    office.seal().await?;
    let folder = arguments.data.join("reports");
    let mut books = Books::open(&office, since).await?;
    books.compare_calls(&reports);
    books.check_recordings(&office, &reports, &folder).await?;
    books.print();
    for path in office.fetch_reports(&folder).await?.iter().chain(books.kept()) {
        println!("  {}", path.display());
    }
    Ok(books.balance())
}

fn field_calls(server: &Server) -> Vec<(Kind, crate::field::Order)> {
    plan::calls(&server.credentials.hotline)
}

async fn register(field: &mut Field, server: &Server) -> Result<()> {
    let agents = &server.credentials.agents;
    ensure!(agents.len() >= 2, "the demonstration needs two agents");
    let credential = |person: &server::Person| Credential {
        user: person.user.clone(),
        password: person.password.clone(),
    };
    field.register(agents.iter().map(credential).collect());
    for _ in agents {
        match tokio::time::timeout(Duration::from_secs(10), field.news()).await {
            Ok(Some(News::Registered { status: 200, .. })) => {}
            Ok(Some(News::Registered { user, status })) => {
                bail!("the phone of {user} was refused with {status}");
            }
            Ok(Some(other)) => bail!("before the phones were registered came {other:?}"),
            Ok(None) | Err(_) => bail!("the phones did not register within 10 s"),
        }
    }
    Ok(())
}

/// A call that ended.
pub struct Ended {
    /// What the caller came for.
    pub kind: Kind,
    /// What came of it.
    pub report: Report,
}

/// Places the calls in their order and ends the agents' wrap-up.
struct Director<'a> {
    calls: &'a [(Kind, crate::field::Order)],
    office: &'a Office,
    bar: &'a ProgressBar,
    ended: BTreeMap<u32, Ended>,
}

impl<'a> Director<'a> {
    fn new(
        calls: &'a [(Kind, crate::field::Order)],
        office: &'a Office,
        bar: &'a ProgressBar,
    ) -> Self {
        Director { calls, office, bar, ended: BTreeMap::new() }
    }

    /// While both agents are on a break, callers queue and some lose patience; then the agents
    /// work; at the end come those who are passed on, one after the other.
    async fn run(mut self, field: &mut Field) -> Result<Vec<Ended>> {
        let group = |wanted: fn(Kind) -> bool| -> Vec<_> {
            self.calls.iter().filter(|(kind, _)| wanted(*kind)).cloned().collect()
        };
        let passed_on = |kind: Kind| matches!(kind, Kind::IsPassedOn(_));
        let impatient = group(|kind| kind == Kind::Abandons);
        let short = group(|kind| matches!(kind, Kind::LeavesMessage | Kind::AsksHours));
        let talkers = group(|kind| kind.wants_agent() && !matches!(kind, Kind::IsPassedOn(_)));
        let last = group(passed_on);
        self.say("both agents on a break: callers queue, ten lose patience");
        self.place(field, &impatient, STAGGER).await?;
        self.place(field, &short, STAGGER).await?;
        self.pass(field, HEAD_START).await?;
        let (first, rest) = talkers.split_at(talkers.len().min(4));
        self.place(field, first, TALKER_EVERY).await?;
        self.until(field, |ended| {
            ended.values().filter(|one| one.kind == Kind::Abandons).count() == impatient.len()
        })
        .await?;
        self.say("both agents ready");
        self.office.ready().await?;
        self.place(field, rest, TALKER_EVERY).await?;
        let nearly = talkers.len().saturating_sub(6);
        self.until(field, |ended| {
            ended.values().filter(|ended| ended.kind.wants_agent()).count() >= nearly
        })
        .await?;
        self.say("six callers are passed on to the other agent");
        self.place(field, &last, PASSED_ON_EVERY).await?;
        let all = self.calls.len();
        self.until(field, |ended| ended.len() == all).await?;
        Ok(self.ended.into_values().collect())
    }

    fn say(&self, what: &'static str) {
        self.bar.set_message(what);
        if self.bar.is_hidden() {
            println!("{}/{} {what}", self.bar.position(), self.calls.len());
        }
    }

    async fn place(
        &mut self,
        field: &mut Field,
        calls: &[(Kind, crate::field::Order)],
        every: Duration,
    ) -> Result<()> {
        for (_, order) in calls {
            field.place(order.clone());
            self.pass(field, every).await?;
        }
        Ok(())
    }

    async fn pass(&mut self, field: &mut Field, time: Duration) -> Result<()> {
        let end = tokio::time::Instant::now() + time;
        while let Ok(news) = tokio::time::timeout_at(end, field.news()).await {
            self.on_news(news.context("the field ended")?).await?;
        }
        Ok(())
    }

    async fn until(
        &mut self,
        field: &mut Field,
        done: impl Fn(&BTreeMap<u32, Ended>) -> bool,
    ) -> Result<()> {
        while !done(&self.ended) {
            let news = field.news().await.context("the field ended")?;
            self.on_news(news).await?;
        }
        Ok(())
    }

    async fn on_news(&mut self, news: News) -> Result<()> {
        match news {
            News::Registered { user, status } => {
                ensure!(status == 200, "the phone of {user} lost its registration: {status}");
            }
            News::AgentFree { user, .. } => self.office.end_wrap_up(&user).await?,
            News::Ended(report) => {
                let kind = self.calls.iter().find(|(_, order)| order.id == report.id);
                let (kind, _) = kind.context("a call that nobody placed ended")?;
                self.bar.inc(1);
                self.ended.insert(report.id, Ended { kind: *kind, report: *report });
            }
        }
        Ok(())
    }
}
