//! SIP trunks. What they must prove to us is kept as HA1; what we must prove to them is sealed
//! ([`crate::secret`]).

mod certificate;
pub(crate) mod texts;

use crate::audit::By;
use crate::error::During;
use crate::secret::ha1;
use crate::sql;
use crate::store::{DbRow, Write, document, id};
use crate::{Error, Result, Store, text};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::net::IpAddr;
use terms::media::{Codec, SrtpPolicy, TonePlan, TrunkT38};
use terms::routing::{
    self, CallerRule, ClientCertificate, EarlyMedia, InboundDigest, Listening, Machines,
};
use terms::{PhoneNumber, QueueId, TenantId, TrunkId};
use utoipa::ToSchema;

/// Trunks of one tenant.
pub const TRUNKS_MAX: i64 = 200;

/// A trunk, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Trunk {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TrunkId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// How it works.
    #[serde(flatten)]
    pub settings: Settings,
}

/// A trunk to be, or as it shall be from now on. A password or key that is left out stays as it is.
#[derive(Clone, Default, Deserialize, ToSchema)]
pub struct TrunkDraft {
    /// Its name.
    pub name: String,
    /// How it works.
    #[serde(flatten)]
    pub settings: Settings,
    /// What we present to the peer.
    #[serde(default)]
    pub outbound_password: Option<String>,
    /// What the peer presents to us.
    #[serde(default)]
    pub inbound_password: Option<String>,
    /// The private key of `certificate` as PEM text.
    #[serde(default)]
    pub certificate_key: Option<String>,
}

/// How a trunk works. Kept as one document: nothing asks for a single field of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TrunkSettings)]
pub struct Settings {
    /// Source addresses or `address/prefix`.
    pub sources: Vec<String>,
    /// Where calls to the outside go, `sip:host:port;transport=udp`.
    pub proxy: String,
    /// Our user there; empty is none.
    pub outbound_user: String,
    /// The only realm our password may be sent to; empty takes the first one of the trunk.
    pub outbound_realm: String,
    /// Keep a registration there.
    pub register: bool,
    /// Keep one at each of the servers that its name says, not only at the one whose turn it is.
    pub register_each: bool,
    /// Seconds asked for in REGISTER.
    pub register_expires_s: u32,
    /// Their user here; empty trusts the source address alone.
    pub inbound_user: String,
    /// The number shown to the outside; a number of the tenant.
    pub caller_number: String,
    /// Numbers of the tenant that may be shown besides.
    pub caller_numbers: Vec<String>,
    /// Which of them is shown: `dialled` (the one that the caller dialled), `caller` (the one that leads
    /// to the agent who calls, else the caller's), `fixed` (always `caller_number`) or `withheld` (none:
    /// the callee sees an anonymous call). Where the wanted one is not among them, `caller_number` is.
    #[schema(value_type = String)]
    pub caller_rule: CallerRule,
    /// It knows who calls: what it asserts of a caller (P-Asserted-Identity) is believed, and it is told
    /// the number of a call, also one that is withheld from the callee.
    pub trusted: bool,
    /// What who waits hears of the trunk before it answers: `pass` (its announcements and ring tones),
    /// `ring` (ringing of ours) or `none` (a description before the answer is no sign of ringing).
    #[schema(value_type = String)]
    pub early_media: EarlyMedia,
    /// Calls out over it that say busy, congestion or special information in tones end as if they had
    /// been refused: `china` (GB/T 3380), `itu` (most of Europe) or `us`; `null` listens for none.
    #[schema(value_type = Option<String>)]
    pub tones: Option<TonePlan>,
    /// Answering machines that callbacks and calls of screens reach whose other side rings first:
    /// `ignore`, `tell` (in the event log) or `end` (the call ends unless an agent is connected).
    #[schema(value_type = String)]
    pub machines: Machines,
    /// It speaks SIP-I (ITU-T Q.1912.5): ISUP goes beside its descriptions, both ways. Off, what comes of
    /// it is left unread, and a call that requires it is refused with 415.
    pub sip_i: bool,
    /// What it says before its answer has to arrive: calls out require 100rel, and a trunk that does not
    /// know it refuses them with 420. Off, it is offered, and done where the trunk wants it.
    pub requires_prack: bool,
    /// Most calls at a time.
    pub calls_max: u32,
    /// Most new calls per second.
    pub calls_per_s_max: u32,
    /// Dialled prefixes that go out here; `""` is all.
    pub prefixes: Vec<String>,
    /// Codecs spoken there, the preferred one first: PCMA, PCMU, G722, opus, L16, L16/8000, G729.
    /// Empty takes those of the box.
    #[schema(value_type = Vec<String>)]
    pub codecs: Vec<Codec>,
    /// Encryption of the audio there: `off`, `optional` (where the trunk takes it) or `required`.
    #[schema(value_type = String)]
    pub srtp: SrtpPolicy,
    /// Fax over IP (T.38): `allow` (as `sip.t38` says) or `refuse` (none is offered to the trunk, and
    /// what it offers gets 488).
    #[schema(value_type = String)]
    pub t38: TrunkT38,
    /// The address of ours that it is told, in signalling and for audio; empty is the one of its
    /// network (`sip.networks`).
    pub advertise: String,
    /// Certificates of the authorities that its own is checked against when we call it over TLS, as
    /// PEM text; empty takes those of the system.
    pub ca: String,
    /// What the trunk is shown where it asks for a certificate of ours over TLS: ours first, then those
    /// above it, as PEM text; empty shows none.
    pub certificate: String,
    /// Domains such as `sbc.carrier.example` of which the trunk's certificate has to name one where it
    /// connects to us over TLS. With some its calls come in over such connections alone, from `sources`
    /// where those are said too; without any it is known by `sources`.
    pub certificate_names: Vec<String>,
    /// Of the trunks whose prefix fits a number equally well the lowest is tried first.
    pub order: u32,
    /// Share of the calls among trunks of one order; those with 0 come after the others.
    pub weight: u32,
    /// Seconds from one OPTIONS to the next, which asks whether calls can go out here, 5 to 3600; 0 asks
    /// nothing.
    pub options_every_s: u32,
    /// Texts that come over it are items of the channel `sms` in this queue, and are answered over it; left
    /// out, they are texts alone.
    #[schema(value_type = Option<String>)]
    pub texts_to_queue: Option<QueueId>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            sources: Vec::new(),
            proxy: String::new(),
            outbound_user: String::new(),
            outbound_realm: String::new(),
            register: false,
            register_each: false,
            register_expires_s: 600,
            inbound_user: String::new(),
            caller_number: String::new(),
            caller_numbers: Vec::new(),
            caller_rule: CallerRule::Dialled,
            trusted: false,
            early_media: EarlyMedia::Pass,
            tones: None,
            machines: Machines::Ignore,
            sip_i: false,
            requires_prack: false,
            calls_max: 1_000,
            calls_per_s_max: 100,
            prefixes: Vec::new(),
            codecs: Vec::new(),
            srtp: SrtpPolicy::Off,
            t38: TrunkT38::Allow,
            advertise: String::new(),
            ca: String::new(),
            certificate: String::new(),
            certificate_names: Vec::new(),
            order: 0,
            weight: 0,
            options_every_s: 0,
            texts_to_queue: None,
        }
    }
}

/// What is kept: the settings, and the peer's HA1.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    settings: Settings,
    #[serde(default)]
    inbound: Option<InboundDigest>,
}

impl Settings {
    fn check(&self) -> Result<()> {
        if self.sources.len() > 256
            || self.caller_numbers.len() > 1_000
            || self.prefixes.len() > 256
            || self.codecs.len() > 32
        {
            return Err(Error::invalid("sources", "a list is too long: at most 256 are kept"));
        }
        for source in &self.sources {
            let (address, prefix) = source.split_once('/').unwrap_or((source, "0"));
            let good = match (address.parse(), prefix.parse::<u8>()) {
                (Ok(IpAddr::V4(_)), Ok(prefix)) => prefix <= 32,
                (Ok(IpAddr::V6(_)), Ok(prefix)) => prefix <= 128,
                _ => false,
            };
            if !good {
                return Err(Error::invalid(
                    "sources",
                    "addresses such as 192.0.2.1 or 192.0.2.0/24 are needed",
                ));
            }
        }
        if !self.proxy.is_empty() && !self.proxy.starts_with("sip:") {
            return Err(Error::invalid("proxy", "sip:host:port;transport=udp is needed"));
        }
        let transport = self.proxy.to_ascii_lowercase();
        let transport = transport.split(';').find_map(|part| part.strip_prefix("transport="));
        if transport.is_some_and(|transport| !matches!(transport, "udp" | "tcp" | "tls")) {
            let problem = "transport=udp, transport=tcp or transport=tls is needed";
            return Err(Error::invalid("proxy", problem));
        }
        self.check_security(transport == Some("tls"))?;
        if self.register && (self.proxy.is_empty() || self.outbound_user.is_empty()) {
            return Err(Error::invalid(
                "register",
                "proxy and outbound_user are needed to register",
            ));
        }
        if self.register_each && !self.register {
            return Err(Error::invalid("register_each", "register is needed as well"));
        }
        for (field, value) in
            [("calls_max", self.calls_max), ("calls_per_s_max", self.calls_per_s_max)]
        {
            if value == 0 {
                return Err(Error::invalid(field, "0 would let nothing through; use at least 1"));
            }
        }
        self.check_advertise()?;
        self.check_choice()?;
        text::line("proxy", &self.proxy)?;
        text::line("outbound_user", &self.outbound_user)?;
        text::line("inbound_user", &self.inbound_user)?;
        Ok(())
    }
}

/// Highest order and weight: more than a tenant has trunks.
const ORDER_MAX: u32 = 1_000;
const WEIGHT_MAX: u32 = 1_000;
/// Seconds from one OPTIONS to the next.
const OPTIONS_EVERY_S: std::ops::RangeInclusive<u32> = 5..=3_600;
/// Longest private key: one of RSA with 16,384 bits.
const KEY_BYTES_MAX: usize = 16 * 1024;

impl Settings {
    /// What decides which trunk a call goes out over, and in which codec.
    fn check_choice(&self) -> Result<()> {
        if self.order > ORDER_MAX {
            return Err(Error::invalid("order", "0 to 1000 are used; the lowest is tried first"));
        }
        if self.weight > WEIGHT_MAX {
            return Err(Error::invalid("weight", "0 to 1000 are used"));
        }
        if self.options_every_s != 0 && !OPTIONS_EVERY_S.contains(&self.options_every_s) {
            let problem = "5 to 3600 seconds are used, or 0 to ask nothing";
            return Err(Error::invalid("options_every_s", problem));
        }
        if self.options_every_s != 0 && self.proxy.is_empty() {
            return Err(Error::invalid("options_every_s", "proxy is needed to ask it"));
        }
        let twice = |(n, codec): (usize, &Codec)| self.codecs[..n].contains(codec);
        if self.codecs.iter().enumerate().any(twice) {
            return Err(Error::invalid("codecs", "a codec stands there twice"));
        }
        Ok(())
    }

    fn check_advertise(&self) -> Result<()> {
        let reached = |ip: IpAddr| !ip.is_unspecified() && !ip.is_multicast();
        if self.advertise.is_empty() || self.advertise.parse().is_ok_and(reached) {
            return Ok(());
        }
        Err(Error::invalid("advertise", "an address of ours such as 203.0.113.10 is needed"))
    }
}

fn owner(tenant: TenantId, trunk: TrunkId) -> String {
    format!("tenant {tenant} trunk {trunk}")
}

/// The key is another secret of the trunk than its password: neither opens in the other's place.
fn owner_of_key(tenant: TenantId, trunk: TrunkId) -> String {
    format!("{} key", owner(tenant, trunk))
}

fn kept(row: &DbRow) -> Result<Kept> {
    document(row, "settings", "read a trunk", "trunk")
}

impl Store {
    /// The trunks of a tenant.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn trunks(&self, tenant: TenantId) -> Result<Vec<Trunk>> {
        self.trunk_rows(tenant)
            .await?
            .iter()
            .map(|row| {
                Ok(Trunk {
                    id: TrunkId(id(row, "id")),
                    name: row.get("name"),
                    settings: kept(row)?.settings,
                })
            })
            .collect()
    }

    async fn trunk_rows(&self, tenant: TenantId) -> Result<Vec<DbRow>> {
        sql::query(
            "SELECT id, name, settings, outbound_secret, key_secret FROM trunks WHERE tenant_id = $1
             ORDER BY id LIMIT 200",
        )
        .bind(tenant.0 as i64)
        .fetch_all(self.reader())
        .await
        .during("list trunks")
    }

    /// With secrets, for the plan.
    pub(crate) async fn trunks_for_plan(&self, tenant: TenantId) -> Result<Vec<routing::Trunk>> {
        let mut trunks = Vec::new();
        for row in self.trunk_rows(tenant).await? {
            let trunk_id = TrunkId(id(&row, "id"));
            let Kept { settings, inbound } = kept(&row)?;
            let sealed: Option<String> = row.get("outbound_secret");
            let outbound = match sealed {
                Some(sealed) if !settings.outbound_user.is_empty() => Some(routing::Credential {
                    user: settings.outbound_user.clone(),
                    password: self
                        .keeper
                        .open_sealed(&owner(tenant, trunk_id), &sealed)?
                        .expose()
                        .to_owned(),
                    realm: settings.outbound_realm.clone(),
                }),
                _ => None,
            };
            let sealed: Option<String> = row.get("key_secret");
            let certificate = match sealed {
                Some(sealed) if !settings.certificate.is_empty() => Some(ClientCertificate {
                    chain: settings.certificate.clone(),
                    key: self
                        .keeper
                        .open_sealed(&owner_of_key(tenant, trunk_id), &sealed)?
                        .expose()
                        .to_owned(),
                }),
                _ => None,
            };
            trunks.push(routing::Trunk {
                id: trunk_id,
                name: row.get("name"),
                sources: settings.sources,
                proxy: settings.proxy,
                outbound,
                register: settings.register,
                register_each: settings.register_each,
                register_expires_s: settings.register_expires_s,
                inbound_digest: inbound,
                caller_number: settings.caller_number,
                caller_numbers: settings.caller_numbers,
                calls_max: settings.calls_max,
                calls_per_s_max: settings.calls_per_s_max,
                prefixes: settings.prefixes,
                codecs: settings.codecs,
                srtp: settings.srtp,
                t38: settings.t38,
                // What is kept was checked.
                advertise: settings.advertise.parse().ok(),
                ca: settings.ca,
                certificate,
                certificate_names: certificate::names(&settings.certificate_names),
                order: settings.order,
                weight: settings.weight,
                options_every_s: settings.options_every_s,
                caller_rule: settings.caller_rule,
                trusted: settings.trusted,
                early_media: settings.early_media,
                listening: Listening { tones: settings.tones, machines: settings.machines },
                sip_i: settings.sip_i,
                requires_prack: settings.requires_prack,
            });
        }
        Ok(trunks)
    }

    /// Only numbers that are assigned to the tenant may be shown. The tenant's realm.
    async fn check_shown(&self, tenant: TenantId, settings: &Settings) -> Result<String> {
        let profile = self.tenant(tenant).await?.profile;
        let numbers = self.numbers(tenant).await?;
        let normal = |digits: &str| PhoneNumber::parse(digits, &profile.country).normal;
        let own: HashSet<String> = numbers.iter().map(|number| normal(&number.digits)).collect();
        let foreign = |number: &String| !own.contains(&normal(number));
        let problem = "a number of this tenant is needed; add it to the numbers first";
        if !settings.caller_number.is_empty() && foreign(&settings.caller_number) {
            return Err(Error::invalid("caller_number", problem));
        }
        if settings.caller_numbers.iter().any(foreign) {
            return Err(Error::invalid("caller_numbers", problem));
        }
        Ok(profile.realm)
    }

    /// Makes a trunk.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Taken`].
    pub async fn create_trunk(
        &self,
        tenant: TenantId,
        by: &By,
        draft: &TrunkDraft,
    ) -> Result<Trunk> {
        let realm = self.check_shown(tenant, &draft.settings).await?;
        let mut write = self.write("create a trunk").await?;
        let made = self.insert_trunk(&mut write, tenant, by, draft, &realm).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Changes a trunk.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Taken`].
    pub async fn change_trunk(
        &self,
        tenant: TenantId,
        by: &By,
        trunk_id: TrunkId,
        draft: &TrunkDraft,
    ) -> Result<Trunk> {
        draft.settings.check()?;
        let name = text::name("name", &draft.name)?;
        let realm = self.check_shown(tenant, &draft.settings).await?;
        let doing = "change a trunk";
        let mut write = self.write(doing).await?;
        texts::check(&mut write, tenant, &draft.settings).await?;
        let row = sql::query(
            "SELECT settings, outbound_secret, key_secret FROM trunks
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(trunk_id.0 as i64)
        .fetch_optional(write.db())
        .await
        .during(doing)?
        .ok_or_else(|| Error::not_found("trunk", trunk_id))?;
        let old = kept(&row)?;
        let inbound = inbound(draft, &realm, old.inbound)?;
        let sealed = match &draft.outbound_password {
            Some(password) => Some(self.keeper.seal(&owner(tenant, trunk_id), password)),
            None => row.get("outbound_secret"),
        };
        let key = self.sealed_key(draft, tenant, trunk_id, row.get("key_secret"))?;
        let settings = Kept { settings: draft.settings.clone(), inbound };
        sql::query(
            "UPDATE trunks SET name = $3, settings = $4, outbound_secret = $5, key_secret = $6
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.0 as i64)
        .bind(trunk_id.0 as i64)
        .bind(&name)
        .bind(serde_json::to_string(&settings).expect("settings are always valid JSON"))
        .bind(sealed)
        .bind(key)
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "trunk.change", trunk_id).await?;
        write.raise_plan(tenant).await?;
        write.commit().await?;
        Ok(Trunk { id: trunk_id, name, settings: settings.settings })
    }

    pub(crate) async fn insert_trunk(
        &self,
        write: &mut Write,
        tenant: TenantId,
        by: &By,
        draft: &TrunkDraft,
        realm: &str,
    ) -> Result<Trunk> {
        draft.settings.check()?;
        let name = text::name("name", &draft.name)?;
        let inbound = inbound(draft, realm, None)?;
        texts::check(write, tenant, &draft.settings).await?;
        write
            .room_for(tenant, "SELECT COUNT(*) FROM trunks WHERE tenant_id = $1", TRUNKS_MAX)
            .await?;
        let trunk_id = TrunkId(write.next_id("trunk").await? as u64);
        let sealed = draft
            .outbound_password
            .as_ref()
            .map(|password| self.keeper.seal(&owner(tenant, trunk_id), password));
        let key = self.sealed_key(draft, tenant, trunk_id, None)?;
        let settings = Kept { settings: draft.settings.clone(), inbound };
        let doing = write.doing;
        sql::query(
            "INSERT INTO trunks (id, tenant_id, name, settings, outbound_secret, key_secret)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(trunk_id.0 as i64)
        .bind(tenant.0 as i64)
        .bind(&name)
        .bind(serde_json::to_string(&settings).expect("settings are always valid JSON"))
        .bind(sealed)
        .bind(key)
        .execute(write.db())
        .await
        .during(doing)?;
        write.audit(tenant, by, "trunk.create", trunk_id).await?;
        Ok(Trunk { id: trunk_id, name, settings: settings.settings })
    }

    /// The key of the certificate that is shown, as it is kept; `old` is the one of before.
    fn sealed_key(
        &self,
        draft: &TrunkDraft,
        tenant: TenantId,
        trunk_id: TrunkId,
        old: Option<String>,
    ) -> Result<Option<String>> {
        if draft.settings.certificate.is_empty() {
            return Ok(None);
        }
        let wrong = |problem: &str| Err(Error::invalid("certificate_key", problem));
        match (&draft.certificate_key, old) {
            (Some(key), _) if !key.contains("PRIVATE KEY-----") || key.len() > KEY_BYTES_MAX => {
                wrong("PEM text with a section BEGIN PRIVATE KEY is needed, at most 16 KiB")
            }
            (Some(key), _) => Ok(Some(self.keeper.seal(&owner_of_key(tenant, trunk_id), key))),
            (None, Some(old)) => Ok(Some(old)),
            (None, None) => wrong("the private key of certificate is needed"),
        }
    }
}

fn inbound(
    draft: &TrunkDraft,
    realm: &str,
    old: Option<InboundDigest>,
) -> Result<Option<InboundDigest>> {
    let user = &draft.settings.inbound_user;
    if user.is_empty() {
        return Ok(None);
    }
    match (&draft.inbound_password, old) {
        (Some(password), _) if crate::user::is_sample_secret(password) => {
            Err(Error::invalid("inbound_password", "everybody knows this one; choose another"))
        }
        (Some(password), _) => {
            let (ha1_md5, ha1_sha256) = ha1(user, realm, password);
            Ok(Some(InboundDigest { user: user.clone(), ha1_md5, ha1_sha256 }))
        }
        (None, Some(old)) if old.user == *user => Ok(Some(old)),
        (None, _) => {
            Err(Error::invalid("inbound_password", "a password is needed with inbound_user"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_that_asks_for_a_transport_of_browsers_is_refused() {
        let refused = |proxy: &str| {
            Settings { proxy: proxy.to_owned(), ..Settings::default() }.check().is_err()
        };
        for proxy in ["", "sip:a.example", "sip:a.example;transport=udp", "sip:192.0.2.1;lr"] {
            assert!(!refused(proxy), "{proxy}");
        }
        assert!(!refused("sip:a.example:5080;transport=TCP;lr"));
        assert!(!refused("sip:a.example;transport=tls"));
        for proxy in ["sip:a.example;transport=ws", "sip:a;lr;Transport=WSS", "sips:a.example"] {
            assert!(refused(proxy), "{proxy}");
        }
    }

    #[test]
    fn what_a_trunk_says_of_t38_is_kept_and_one_of_before_allows_it() {
        let old: Kept = serde_json::from_str(r#"{"proxy": "sip:a.example"}"#).unwrap();
        assert_eq!(old.settings.t38, TrunkT38::Allow);
        let settings = Settings { t38: TrunkT38::Refuse, ..old.settings };
        let kept = serde_json::to_string(&Kept { settings, inbound: None }).unwrap();
        assert!(kept.contains(r#""t38":"refuse""#), "{kept}");
        let again: Kept = serde_json::from_str(&kept).unwrap();
        assert_eq!(again.settings.t38, TrunkT38::Refuse);
        assert!(serde_json::from_str::<Kept>(r#"{"t38": "perhaps"}"#).is_err());
    }

    #[test]
    fn what_a_trunk_is_listened_to_for_is_kept() {
        let draft = r#"{"proxy": "sip:a.example", "tones": "china", "machines": "end"}"#;
        let settings: Settings = serde_json::from_str(draft).unwrap();
        let kept = serde_json::to_string(&Kept { settings, inbound: None }).unwrap();
        let again: Kept = serde_json::from_str(&kept).unwrap();
        let again = again.settings;
        assert_eq!((again.tones, again.machines), (Some(TonePlan::China), Machines::End));
        assert!(serde_json::from_str::<Kept>(r#"{"tones": "mars"}"#).is_err());
    }

    #[test]
    fn what_decides_among_trunks_has_bounds_and_a_trunk_of_before_is_asked_nothing() {
        let old: Kept = serde_json::from_str(r#"{"proxy": "sip:a.example"}"#).unwrap();
        let old = old.settings;
        assert_eq!((old.order, old.weight, old.options_every_s), (0, 0, 0));
        assert_eq!(old.caller_rule, CallerRule::Dialled);
        assert!(!old.trusted, "nobody is believed who was not said to be");
        assert_eq!(old.early_media, EarlyMedia::Pass);
        assert_eq!((old.tones, old.machines), (None, Machines::Ignore));
        assert!(!old.sip_i, "nobody is asked to speak ISUP who did not before");
        assert!(!old.requires_prack, "nor to know 100rel");
        let field = |change: &dyn Fn(&mut Settings)| {
            let mut settings = old.clone();
            change(&mut settings);
            match settings.check() {
                Ok(()) => None,
                Err(Error::Invalid { field, .. }) => Some(field),
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(field(&|s| (s.order, s.weight) = (1_000, 1_000)), None);
        assert_eq!(field(&|s| s.order = 1_001), Some("order"));
        assert_eq!(field(&|s| s.register_each = true), Some("register_each"), "where is it to?");
        assert_eq!(field(&|s| s.weight = 1_001), Some("weight"));
        for (every, expected) in [(4, true), (5, false), (3_600, false), (3_601, true)] {
            let got = field(&|s| s.options_every_s = every);
            assert_eq!(got, expected.then_some("options_every_s"), "{every}");
        }
        let nobody = |s: &mut Settings| (s.options_every_s, s.proxy) = (30, String::new());
        assert_eq!(field(&nobody), Some("options_every_s"), "there is nobody to ask");
        let twice = |s: &mut Settings| s.codecs = vec![Codec::Pcma, Codec::G722, Codec::Pcma];
        assert_eq!(field(&twice), Some("codecs"));
        let written = serde_json::to_string(&Settings { caller_rule: CallerRule::Fixed, ..old });
        assert!(written.unwrap().contains(r#""caller_rule":"fixed""#));
    }

    #[test]
    fn an_address_that_nobody_reaches_is_refused() {
        let refused = |advertise: &str| {
            Settings { advertise: advertise.to_owned(), ..Settings::default() }.check().is_err()
        };
        assert!(!refused("") && !refused("203.0.113.10") && !refused("2001:db8::10"));
        for advertise in ["0.0.0.0", "::", "224.0.0.1", "pbx.example", "203.0.113.10:5060"] {
            assert!(refused(advertise), "{advertise}");
        }
    }
}
