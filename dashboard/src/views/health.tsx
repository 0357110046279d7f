import { useSnapshot, useView } from "../live";
import { count } from "../money";
import { span } from "../time";
import { Fact, Panel, Pill, Time } from "../ui/basics";
import { BreakersPanel } from "./panels/breakers";
import { LeftOutPanel } from "./panels/left_out";
import { RecordsPanel } from "./panels/records";
import { StrategiesPanel } from "./panels/strategies";

export function HealthPage() {
  return (
    <>
      <h1 class="unseen">Health</h1>
      <div class="grid start">
        <div class="pile w5">
          <HostPanel />
          <RecordsPanel />
          <LeftOutPanel />
        </div>
        <div class="pile w7">
          <BreakersPanel />
          <StrategiesPanel />
        </div>
      </div>
    </>
  );
}

function HostPanel() {
  const bot = useSnapshot((it) => it.bot);
  const now_ms = useSnapshot((it) => it.pnl.at_ms);
  const seq = useSnapshot((it) => it.seq);
  const link = useView((it) => it.link);
  const blind = useSnapshot((it) => it.markets.filter((market) => market.state === "blind").length);
  const watched = useSnapshot((it) => it.markets.length);
  return (
    <Panel title="Host">
      <dl class="facts">
        <Fact name="This page">
          <Pill tone={link.state === "live" ? "good" : "bad"}>{link.state}</Pill> at update {count(seq)}
        </Fact>
        <Fact name="Market channel">
          <UpDown up={bot.market_channel_up} />
        </Fact>
        <Fact name="User channel">
          <UpDown up={bot.user_channel_up} />
        </Fact>
        <Fact name="Bot">
          {bot.state}, restriction {bot.restriction.replaceAll("_", "-")}
          {bot.reason === "" ? "" : `: ${bot.reason}`}
        </Fact>
        {bot.restrictions.map((it) => (
          <Fact key={it.scope} name="Restricted by an operator">
            {it.scope}: {it.restriction.replaceAll("_", "-")}
          </Fact>
        ))}
        <Fact name="Mode">{bot.mode}</Fact>
        <Fact name="Session">{bot.session}</Fact>
        <Fact name="Started">
          <Time ms={bot.started_at_ms} />, {span(now_ms - bot.started_at_ms)} ago
        </Fact>
        <Fact name="Last valuation">
          <Time ms={now_ms} />
        </Fact>
        <Fact name="Market events">{count(bot.events)}</Fact>
        <Fact name="Markets">
          {watched} watched, {blind} blind
        </Fact>
      </dl>
    </Panel>
  );
}

function UpDown({ up }: { up: boolean }) {
  return <Pill tone={up ? "good" : "bad"}>{up ? "up" : "down"}</Pill>;
}
