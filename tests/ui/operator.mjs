// Who is not in the browser while the page is tested: an operator with the admin token, and workers that are played over
// the workers' own routes. Both tokens come from whoever started the service.

import { readFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';

const BEAT_MS = 5000; // a worker that is not heard of for 20 s is lost

/** Asks the service at `base` with the operator's token; the answer's JSON, or null when there is none. */
export class Operator {
  static async from(base, environment) {
    const { TRIBUNAL_TEST_ADMIN: admin, TRIBUNAL_TEST_WORKER_TOKEN_FILE: file } = environment;
    if (!admin || !file) throw new Error('TRIBUNAL_TEST_ADMIN and TRIBUNAL_TEST_WORKER_TOKEN_FILE are not set: the first admin token of the service and its file worker.token are needed');
    return new Operator(base, admin, (await readFile(file, 'utf8')).trim());
  }

  constructor(base, admin, worker) {
    Object.assign(this, { base, admin, worker, beating: [] });
  }

  async ask(method, path, body, token = this.admin) {
    const headers = { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) };
    const answer = await fetch(new URL(path, this.base), { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  /** Gives `order` (cordon, uncordon, drain) to every worker that is alive. */
  async order(order) {
    for (const worker of await this.ask('GET', 'api/v1/workers')) {
      if (worker.alive) await this.ask('POST', `api/v1/workers/${worker.id}/${order}`);
    }
  }

  /** A worker that only says that it is there, and `beat` with it; returns its id. */
  async play(name, beat = {}) {
    const [real] = (await this.ask('GET', 'api/v1/workers')).filter((worker) => worker.alive);
    const languages = await this.ask('GET', 'api/v1/languages');
    const id = randomUUID();
    await this.ask('POST', 'internal/v1/workers', { id, name, version: real.version, slots: 2, accounting: 'exact', arch: real.arch, languages, protocol: real.protocol }, this.worker);
    const say = (draining) => this.ask('POST', `internal/v1/workers/${id}/heartbeat`, { ...beat, running: [], draining }, this.worker);
    await say(false);
    const timer = setInterval(() => say(false).catch(() => {}), BEAT_MS);
    this.beating.push(async () => {
      clearInterval(timer);
      await say(true);
    });
    return id;
  }

  /** Ends the workers that were played. */
  async rest() {
    await Promise.all(this.beating.splice(0).map((end) => end()));
  }
}
