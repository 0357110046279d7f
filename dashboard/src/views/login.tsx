import { useState } from "preact/hooks";
import { login } from "../api";

export function Login({ onLogin }: { onLogin: () => void }) {
  const [token, setToken] = useState("");
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await login(token.trim());
      onLogin();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form class="panel" onSubmit={(event) => void submit(event)}>
        <h1>PolyTrader</h1>
        <p>
          Open the link that <code>polytrader login</code> prints, or log in with a token. The admin token is in the file{" "}
          <code>admin.token</code> in the host's data folder.
        </p>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          value={token}
          autocomplete="current-password"
          required
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        {failure === "" ? null : (
          <p class="failure" role="alert">
            Not logged in: {failure}.
          </p>
        )}
        <button type="submit" class="primary" disabled={busy || token.trim() === ""}>
          Log in
        </button>
      </form>
    </main>
  );
}
