//! The remedy of each line of the report that is not good.

/// Returns the fix for a line.
pub(super) fn fix(what: &str) -> &'static str {
    match what {
        "gate" => "do not trade with this build; build or download the program again",
        "live" => "write `enabled = true` under `[live]` in polytrader.toml to permit trading with real money",
        "data" | "strategies" => {
            "create the folder, make this user its owner (`chown`), and remove the write permission of others (`chmod go-w`)"
        }
        "disk" => "free disk space, lower journal.max_mb, or choose another disk with --data-dir",
        "memory" => "end other programs, or add memory",
        "wall clock" | "clock" => "turn on time synchronisation, such as `timedatectl set-ntp true`",
        "api port" => "end the program that uses the port, or choose another port with --api-port (0: any free port)",
        "page port" => {
            "end the program that uses the port, or choose another port with --dashboard-port (0: any free port)"
        }
        "database" => {
            "start the database, and check database.url and the permissions of its file; `polytrader config` shows the key"
        }
        "modules" => "copy .wasm files into the folder, or create one with `polytrader strategy new`",
        "heartbeat" => "set venue.heartbeat = true",
        "key" => {
            "`polytrader keys import` imports a key into the keystore; pass its passphrase with --passphrase-file or at the prompt"
        }
        "takeover" => "lower the signer.* keys to the keystore's limits, or raise those with `polytrader keys limits`",
        "custody" => {
            "`polytrader keys import` encrypts the key under a passphrase; pass it at the prompt or with --passphrase-fd"
        }
        "records" => "find out why the signer's counter and log are damaged, then run `polytrader keys renew`",
        "wallet" => "set account.funder to an address that `polytrader keys show-address` lists",
        "alerts" => {
            "set alerts.webhook to the address of a service that notifies you, or another channel (docs/alerts.md)"
        }
        "place" => "trade from a country that the venue allows",
        "venue" => "check the network, a proxy or firewall, and venue.clob_url",
        "markets" => "widen the markets.* rules, and check venue.gamma_url",
        "latency" => "run closer to the venue, or on a faster network",
        "api key" => "none is needed if the old bot no longer runs: the derived key is used",
        "login" => "check the key and the wall clock; the venue refuses logins if the clock is wrong",
        "cash" => "send pUSD to the account's address",
        "allowance" => "approve the contract once on the venue's own page",
        "orders" => "cancel them on the venue's page or with `polytrader kill`, or start with --adopt",
        "call filter" | "memory access" | "notify" | "folder sync" => "none on this system; see docs/windows.md",
        _ => "see docs/operate.md",
    }
}
