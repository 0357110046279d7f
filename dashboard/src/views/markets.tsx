import { MarketsPanel } from "./panels/markets";

export function MarketsPage() {
  return (
    <>
      <h1 class="unseen">Markets</h1>
      <div class="grid">
        <MarketsPanel class="w12" />
      </div>
    </>
  );
}
