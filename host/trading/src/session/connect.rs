//! Getting to know the venue: its version, our API key, our cash, and the markets to watch.

use crate::account::heartbeat;
use crate::market_data::discovery::Discovery;
use crate::market_data::feeds::Listen;
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
use store::journal_files::Past;

/// The version of orders that we sign (PROTOCOL 1.4).
pub const ORDER_VERSIONS: [u32; 2] = [2, 3];

/// Where the venue's services are.
#[derive(Debug, Clone)]
pub struct VenueAddresses {
    /// The REST address.
    pub exchange: String,
    /// The WebSocket address.
    pub channels: String,
    /// The catalog of markets.
    pub catalog: String,
    /// The public records of accounts.
    pub records: String,
    /// The relayer.
    pub relayer: String,
}

/// The venue, and our account there.
pub struct Venue {
    pub(crate) client: Client,
    /// Our account there; none on paper.
    pub(crate) login: Option<Login>,
    pub(crate) listen: Listen,
    pub(crate) cash: Usd,
    pub(crate) markets: Vec<Market>,
    pub(crate) discovery: Discovery,
    /// The public records of accounts.
    pub(crate) records: DataApi,
    /// The relayer, if claims go there.
    pub(crate) relayer: Option<Relayer>,
}

/// Our account at the venue.
pub(crate) struct Login {
    pub(crate) account: AccountClient,
    /// A client of the same account that shares nothing with the other: for the watchdog.
    pub(crate) reserve: AccountClient,
    pub(crate) credentials: Credentials,
    /// Orders that were open and that nobody here placed.
    pub(crate) foreign: Vec<VenueOrder>,
    /// The id of the next heartbeat; none if they are not wanted.
    pub(crate) heartbeat: Option<String>,
}

impl Venue {
    /// Logs in, unless on paper, and reads what a session begins with.
    ///
    /// # Errors
    /// If the venue does not answer, speaks another version, has orders of ours that we know nothing of, or no markets.
    pub async fn open(
        args: &VenueAddresses,
        adopt: bool,
        config: &Config,
        signer: &signer::Client,
        past: Option<&Past>,
    ) -> anyhow::Result<Self> {
        let address = &args.exchange;
        let client = Client::new(address, Timeouts::default()).with_context(|| format!("the venue at {address}"))?;
        let version = client.version().await.with_context(|| format!("asking {address} for its version"))?;
        ensure!(
            ORDER_VERSIONS.contains(&version),
            "the venue takes orders of version {version}, and this program signs versions 2 and 3"
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
                .with_context(|| format!("the catalog at {}", args.catalog))?,
            rules: config.market_rules.clone(),
            most: usize::try_from(config.markets_max).unwrap_or(usize::MAX),
            every: config.look_every,
        };
        let records = DataApi::new(&args.records, Timeouts::default())
            .with_context(|| format!("the records of accounts at {}", args.records))?
            .noting_with(&client);
        let relayer = config.claims_execute.then(|| relayer(&args.relayer)).transpose()?;
        let markets = discovery.first().await?;
        let feed = FeedConfig { address: args.channels.clone(), timings: Timings::default(), now: clock::now };
        let listen = Listen { feed, connections: config.market_connections };
        Ok(Self { client, login, listen, cash, markets, discovery, records, relayer })
    }
}

impl Login {
    async fn open(
        client: &Client,
        reserve: Client,
        signer: &signer::Client,
        past: Option<&Past>,
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
            "{} open orders of the account are not understood and may be unknown to the journal, so that nothing of them would be counted; \
             cancel them: {}",
            unread.len(),
            unread.join(", ")
        );
        let foreign: Vec<VenueOrder> = open.rows.into_iter().filter(|order| !ours.contains(&order.id)).collect();
        ensure!(
            adopt || foreign.is_empty(),
            "{} orders are open on the account that the journal knows nothing of; cancel them, or start with --adopt to keep \
             them apart as placed by hand",
            foreign.len()
        );
        // Before there is any order: an order without it would outlive us.
        let kept = heartbeat::LastBeat::new(&config.data_dir, &signer.account().funder.to_string());
        let heartbeat = match config.heartbeat {
            true => Some(heartbeat::first(&account, &kept).await?),
            false => None,
        };
        let reserve = AccountClient::new(reserve, credentials.clone(), *signer.account());
        Ok(Self { account, reserve, credentials, foreign, heartbeat })
    }
}

/// Returns a client of the relayer with the key from the environment. The key opens the relayer's door and signs nothing.
fn relayer(address: &str) -> anyhow::Result<Relayer> {
    let value = |name: &str| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty());
        text.with_context(|| format!("claims.execute is `relayer`, but {name} is not in the environment"))
    };
    let owner = value("POLYTRADER_RELAYER_KEY_ADDRESS")?;
    let owner =
        Address::parse(&owner).with_context(|| format!("POLYTRADER_RELAYER_KEY_ADDRESS is `{owner}`, no address"))?;
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
