// The real host as a separate process, on free ports and in its own data folder.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** The contents of `DIR/run.json`. */
export interface Run {
  api: string;
  dashboard: string;
  exchange: string;
  /** A link that logs in once. */
  login: string;
  pid: number;
}

const START_MS = 60_000;
const STOP_MS = 30_000;
const LOOK_MS = 100;
/** Maximum number of output lines kept for an error message. */
const OUTPUT_MAX = 60;

export class Host {
  private readonly output: string[] = [];

  private constructor(
    private readonly process: ChildProcess,
    private readonly dir: string,
    private readonly built: string,
  ) {
    const keep = (chunk: Buffer): void => {
      this.output.push(...chunk.toString().trimEnd().split("\n"));
      this.output.splice(0, this.output.length - OUTPUT_MAX);
    };
    process.stdout?.on("data", keep);
    process.stderr?.on("data", keep);
  }

  /** Starts `run --mode demo` with the binary and strategies of the last build, unless the environment names others. */
  static async start(): Promise<{ host: Host; run: Run }> {
    const binary = process.env["POLYTRADER_BIN"] ?? join(ROOT, "target/debug/polytrader");
    const strategies = process.env["POLYTRADER_STRATEGIES"] ?? join(ROOT, "target/strategies");
    for (const [what, path] of [["binary", binary], ["strategies", strategies]] as const) {
      if (!existsSync(path)) throw new Error(`there is no ${what} at ${path}: build it first (cargo xtask test does)`);
    }
    const dir = await mkdtemp(join(tmpdir(), "polytrader-e2e-"));
    // A separate folder, so that tests may drop files into it.
    const dropped = join(dir, "strategies");
    await mkdir(dropped);
    const modules = (await readdir(strategies)).filter((it) => it.endsWith(".wasm"));
    await Promise.all(modules.map((it) => copyFile(join(strategies, it), join(dropped, it))));
    const args = ["run", "--mode", "demo", "--data-dir", dir, "--strategies", dropped, "--api-port", "0", "--dashboard-port", "0"];
    const host = new Host(spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] }), dir, strategies);
    try {
      return { host, run: await host.ready() };
    } catch (error) {
      await host.stop();
      throw error;
    }
  }

  /** Copies a built strategy into the folder under another name, atomically. */
  async drop(strategy: string, name: string): Promise<void> {
    const place = join(this.dir, "strategies", `${name}.part`);
    await copyFile(join(this.built, `${strategy}.wasm`), place);
    await rename(place, join(this.dir, "strategies", `${name}.wasm`));
  }

  /** Writes a file that is not a strategy into the folder. */
  async dropJunk(name: string): Promise<void> {
    await writeFile(join(this.dir, "strategies", `${name}.wasm`), "no module");
  }

  /** Ends the host as Ctrl-C does and returns its exit code; null if it had to be killed. */
  async stop(): Promise<number | null> {
    if (this.process.exitCode === null) {
      const ended = new Promise((done) => this.process.once("exit", done));
      this.process.kill("SIGINT");
      const killer = setTimeout(() => this.process.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(killer);
    }
    await rm(this.dir, { recursive: true, force: true });
    return this.process.exitCode;
  }

  private async ready(): Promise<Run> {
    const file = join(this.dir, "run.json");
    for (let waited = 0; waited < START_MS; waited += LOOK_MS) {
      if (this.process.exitCode !== null) throw this.failure(`the host ended with code ${this.process.exitCode}`);
      const run = await read(file);
      if (run !== null) return run;
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
    throw this.failure(`the host wrote no run.json within ${START_MS / 1000} s`);
  }

  private failure(what: string): Error {
    return new Error(`${what}; its last output was:\n${this.output.join("\n")}`);
  }
}

/** Returns the contents of the file; null while it is missing or incomplete. */
async function read(file: string): Promise<Run | null> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Run;
  } catch {
    return null;
  }
}
