// The overview page: the state of the bot on one screen.

import type { ComponentChildren } from "preact";
import { useSnapshot } from "../live";
import { percent } from "../money";
import { Money } from "../ui/basics";
import { BreakersPanel } from "./panels/breakers";
import { MarketsPanel } from "./panels/markets";
import { OrdersPanel } from "./panels/orders";
import { PositionsPanel } from "./panels/positions";
import { ProfitPanel } from "./panels/profit";
import { RefusalsPanel } from "./panels/refusals";
import { StrategiesPanel } from "./panels/strategies";
import { TradesPanel } from "./panels/trades";

export function OverviewPage() {
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <Tiles />
      <div class="grid">
        <ProfitPanel class="w7 tall" />
        <div class="stack w5 tall">
          <StrategiesPanel />
          <BreakersPanel />
        </div>
        <div class="pile w7">
          <PositionsPanel class="table" />
          <OrdersPanel class="table" brief />
        </div>
        <TradesPanel class="w5 table beside" brief />
        <MarketsPanel class="w7 table" />
        <RefusalsPanel class="w5 table" brief />
      </div>
    </>
  );
}

function Tiles() {
  const pnl = useSnapshot((it) => it.pnl);
  const held = useSnapshot((it) => it.positions.length);
  return (
    <dl class="tiles" aria-label="Money">
      <Tile name="Portfolio" note="cash and positions">
        <Money micros={pnl.portfolio_micro_usd} />
      </Tile>
      <Tile name="Today" note="since 00:00 UTC">
        <Money micros={pnl.today_micro_usd} signed />
      </Tile>
      <Tile name="Realised" note="before fees">
        <Money micros={pnl.realised_micro_usd} signed />
      </Tile>
      <Tile name="Unrealised" note="at the last bid">
        <Money micros={pnl.unrealised_micro_usd} signed />
      </Tile>
      <Tile name="Fees" note="paid so far">
        <Money micros={pnl.fees_micro_usd} />
      </Tile>
      <Tile name="Positions" note={held === 1 ? "1 outcome held" : `${held} outcomes held`}>
        <Money micros={pnl.positions_micro_usd} />
      </Tile>
      <Tile name="Cash" note="reserved or not">
        <Money micros={pnl.cash_micro_usd} />
      </Tile>
      <Tile name="Reserved" note={`${percent(pnl.reserved_micro_usd, pnl.cash_micro_usd)} of cash`}>
        <Money micros={pnl.reserved_micro_usd} />
      </Tile>
    </dl>
  );
}

function Tile({ name, note, children }: { name: string; note: string; children: ComponentChildren }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>{children}</dd>
      <dd class="note">{note}</dd>
    </div>
  );
}
