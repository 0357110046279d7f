//! Connects to the venue: its order version, our API key, cash, and the markets to watch.

use crate::account::heartbeat;
use crate::market_data::discovery::Discovery;
use crate::market_data::feeds::Listen;
use crate::market_data::recording::Recording;
use anyhow::{Context, ensure};
use config::{Config, Mode};
use control::clock;
use model::{Market, Usd, VenueOrderId};
use order::Address;
use polymarket::client::{Catalog, DataApi, Relayer, RelayerKey, Timeouts};
use polymarket::feed::Timings;
use polymarket::parse::VenueOrder;
use polymarket::{AccountClient, Client, Credentials, FeedConfig, L1Headers};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::journal_files::RecoveredSession;

/// The order versions that the signer signs (PROTOCOL 1.4).
pub const ORDER_VERSIONS: [u32; 2] = [2, 3];

/// The addresses of the venue's services.
#[derive(Debug, Clone)]
pub struct VenueAddresses {
    /// The REST address.
    pub exchange: String,
    /// The WebSocket address.
    pub channels: String,
    /// The catalog of markets.
    pub catalog: String,
    /// The data API: public records of accounts.
    pub records: String,
    /// The relayer.
    pub relayer: String,
}

/// The venue, and our account on it.
pub struct Venue {
    pub(crate) client: Client,
    /// Our account on it; `None` in paper mode.
    pub(crate) login: Option<Login>,
    pub(crate) listen: Listen,
    pub(crate) cash: Usd,
    pub(crate) markets: Vec<Market>,
    pub(crate) discovery: Discovery,
    /// The data API: public records of accounts.
    pub(crate) records: DataApi,
    /// The relayer, if claims are executed through it.
    pub(crate) relayer: Option<Relayer>,
}

/// Our account at the venue.
pub(crate) struct Login {
    pub(crate) account: AccountClient,
    /// A client of the same account that shares nothing with the first; for the watchdog.
    pub(crate) reserve: AccountClient,
    pub(crate) credentials: Credentials,
    /// Open orders that this host did not place.
    pub(crate) foreign: Vec<VenueOrder>,
    /// The id of the next heartbeat; `None` if heartbeats are off.
    pub(crate) heartbeat: Option<String>,
}

impl Venue {
    /// Logs in, except in paper mode, and reads the state that a session begins with.
    ///
    /// # Errors
    /// If the venue does not answer, uses another order version, lists open orders that the journal does not know, or
    /// has no markets.
    pub async fn open(
        args: &VenueAddresses,
        adopt: bool,
        config: &Config,
        signer: &signer::Client,
        past: Option<&RecoveredSession>,
    ) -> anyhow::Result<Self> {
        let address = &args.exchange;
        let client = Client::new(address, Timeouts::default()).with_context(|| format!("the venue at {address}"))?;
        let version = client.version().await.with_context(|| format!("asking {address} for its version"))?;
        ensure!(
            ORDER_VERSIONS.contains(&version),
            "the venue takes orders of version {version}; this program signs versions 2 and 3"
        );
        let (login, cash) = if config.mode == Mode::Paper {
            (None, past.map_or(config.paper_cash, |past| past.carry.cash))
        } else {
            let reserve = Client::new(address, Timeouts::default()).context("a second client of the venue")?;
            let login = Login::open(&client, reserve, signer, past, adopt, config).await?;
            let cash = login.account.cash().await.context("reading the cash")?;
            (Some(login), cash)
        };
        let discovery = Discovery {
            client: client.clone(),
            catalog: Catalog::new(&args.catalog, Timeouts::default())
                .with_context(|| format!("the catalog at {}", args.catalog))?
                .noting_with(&client),
            rules: config.market_rules.clone(),
            most: usize::try_from(config.markets_max).unwrap_or(usize::MAX),
            every: config.look_every,
        };
        let records = DataApi::new(&args.records, Timeouts::default())
            .with_context(|| format!("the data API at {}", args.records))?
            .noting_with(&client);
        let relayer = config.claims_execute.then(|| relayer(&args.relayer)).transpose()?;
        let relayer = relayer.map(|relayer| relayer.noting_with(&client));
        let markets = discovery.first().await?;
        let feed = FeedConfig { address: args.channels.clone(), timings: Timings::default(), now: clock::now };
        let recording = recording(config, discovery.catalog.clone());
        let listen = Listen { feed, connections: config.market_connections, recording };
        Ok(Self { client, login, listen, cash, markets, discovery, records, relayer })
    }
}

impl Login {
    async fn open(
        client: &Client,
        reserve: Client,
        signer: &signer::Client,
        past: Option<&RecoveredSession>,
        adopt: bool,
        config: &Config,
    ) -> anyhow::Result<Self> {
        let credentials = log_in(client, signer).await?;
        let account = AccountClient::new(client.clone(), credentials.clone(), *signer.account());
        let open = account.open_orders().await.context("reading the open orders")?;
        let known = past.iter().flat_map(|past| past.placements.values().chain(past.over.values()));
        let ours: BTreeSet<VenueOrderId> = known.copied().collect();
        let unread = open.refused.iter().filter(|row| row.order().is_none_or(|id| !ours.contains(&id)));
        let unread: Vec<&str> = unread.map(|row| row.name.as_str()).collect();
        ensure!(
            unread.is_empty(),
            "{} open orders of the account could not be parsed and may be missing from the journal, so they would \
             not be counted; cancel them: {}",
            unread.len(),
            unread.join(", ")
        );
        let foreign: Vec<VenueOrder> = open.rows.into_iter().filter(|order| !ours.contains(&order.id)).collect();
        ensure!(
            adopt || foreign.is_empty(),
            "{} open orders of the account are not in the journal; cancel them, or start with --adopt to track \
             them as external orders",
            foreign.len()
        );
        // Before there is any order: without heartbeats an order would outlive this process.
        let kept = heartbeat::LastBeat::new(&config.data_dir, &signer.account().funder.to_string());
        let heartbeat = match config.heartbeat {
            true => Some(heartbeat::first(&account, &kept).await?),
            false => None,
        };
        let reserve = AccountClient::new(reserve, credentials.clone(), *signer.account());
        Ok(Self { account, reserve, credentials, foreign, heartbeat })
    }
}

/// Starts the recording, unless it is off. A session without one trades all the same.
fn recording(config: &Config, catalog: Catalog) -> Option<Arc<Recording>> {
    let settings = config.record.as_ref()?;
    let selection = format!("{:?}, at most {}", config.market_rules, config.markets_max);
    match Recording::start(&config.data_dir, settings, selection, catalog) {
        Ok(recording) => Some(Arc::new(recording)),
        Err(error) => {
            tracing::error!(%error, "the session is not recorded");
            None
        }
    }
}

/// Returns a client of the relayer with the key from the environment. The key authenticates requests and signs nothing.
fn relayer(address: &str) -> anyhow::Result<Relayer> {
    let value = |name: &str| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty());
        text.with_context(|| format!("claims.execute is `relayer`, but {name} is not in the environment"))
    };
    let owner = value("POLYTRADER_RELAYER_KEY_ADDRESS")?;
    let owner = Address::parse(&owner)
        .with_context(|| format!("POLYTRADER_RELAYER_KEY_ADDRESS is `{owner}`, expected an address"))?;
    let key = RelayerKey::relayer(&value("POLYTRADER_RELAYER_KEY")?, owner).context("POLYTRADER_RELAYER_KEY")?;
    Relayer::new(address, Timeouts::default(), key).with_context(|| format!("the relayer at {address}"))
}

async fn log_in(client: &Client, signer: &signer::Client) -> anyhow::Result<Credentials> {
    let timestamp_s = clock::wall().seconds();
    let nonce = 0;
    let signature = signer.sign_auth(timestamp_s, nonce).await.context("signing the login")?;
    let headers = L1Headers { address: signer.account().signer, signature, timestamp_s, nonce };
    client.create_or_derive_api_key(&headers).await.context("making the API key")
}

impl std::fmt::Debug for Venue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Venue").field("markets", &self.markets.len()).finish_non_exhaustive()
    }
}
