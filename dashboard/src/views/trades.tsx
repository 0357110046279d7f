import { OrdersPanel } from "./panels/orders";
import { RefusalsPanel } from "./panels/refusals";
import { TradesPanel } from "./panels/trades";

export function TradesPage() {
  return (
    <>
      <h1 class="unseen">Trades</h1>
      <div class="grid">
        <TradesPanel class="w12" />
        <OrdersPanel class="w12" />
        <RefusalsPanel class="w12" />
      </div>
    </>
  );
}
