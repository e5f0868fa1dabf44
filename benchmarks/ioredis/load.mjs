// Puts loads on ioredis. Each line on standard input is a load, as JSON, and is
// answered by one line on standard output: what load.go of the Go contestants
// measures, measured the same way. It ends with its standard input.
import { createHistogram } from "node:perf_hooks";
import { createInterface } from "node:readline";
import Redis from "ioredis";

const warmupLimitMs = 30_000;
const memoryEveryMs = 5;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const now = () => process.hrtime.bigint(); // ns

function check(what, got, want) {
  if (got !== want) throw new Error(`${what}: ${got} instead of ${want}`);
}

// calls returns the function that makes one call of the caller with this number.
function calls(redis, load, caller) {
  const { operation, valueSize, pipelineLength, valueKeys, counterKeys } = load;
  const value = "x".repeat(valueSize);
  let key = (caller * 7919) % valueKeys.length;
  let mixed = caller;
  const next = (keys) => keys[key++ % keys.length];
  const get = async () => check("bytes of GET", (await redis.get(next(valueKeys)))?.length, valueSize);
  const set = async () => check("reply of SET", await redis.set(next(valueKeys), value), "OK");
  switch (operation) {
    case "get":
      return get;
    case "set":
      return set;
    case "mixed":
      return () => (++mixed % 5 === 0 ? set() : get());
    case "incr":
      return async () => check("a counter above 0", (await redis.incr(next(counterKeys))) > 0, true);
    case "pipeline":
      return async () => {
        const pipeline = redis.pipeline();
        for (let i = 0; i < pipelineLength; i++) pipeline.get(next(valueKeys));
        let bytes = 0;
        for (const [err, reply] of await pipeline.exec()) {
          if (err) throw err;
          bytes += reply.length;
        }
        check("bytes of a pipeline", bytes, pipelineLength * valueSize);
      };
  }
  throw new Error(`unknown operation ${operation}`);
}

async function run(load) {
  const redis = new Redis({
    host: load.host,
    port: load.port,
    enableAutoPipelining: load.autoPipelining,
    lazyConnect: true,
    // A load that loses its connection has failed.
    retryStrategy: null,
    maxRetriesPerRequest: 0,
  });
  let failure = null;
  redis.on("error", (err) => (failure ??= err));
  try {
    await redis.connect();
    return await measure(redis, load, () => failure);
  } finally {
    redis.disconnect();
  }
}

async function measure(redis, load, failed) {
  const histogram = createHistogram({ lowest: 1, highest: 100_000_000_000, figures: 3 });
  let from = 0n; // 0 before the slice begins
  let until = 0n; // 0 before it has ended
  let waiting = load.callers; // for their first reply
  let count = 0;
  let failure = null;

  const loop = async (call) => {
    let first = true;
    for (let began = now(); ; ) {
      try {
        await call();
      } catch (err) {
        failure ??= err;
      }
      if (failure) return;
      const ended = now();
      if (first) {
        first = false;
        waiting--;
      }
      if (until) return;
      if (from && ended > from) {
        histogram.record(ended - began);
        count++;
      }
      began = ended;
    }
  };

  const loops = [];
  for (let i = 0; i < load.callers; i++) loops.push(loop(calls(redis, load, i)));
  const warm = Date.now() + warmupLimitMs;
  await sleep(load.warmupMs);
  while (waiting > 0 && !failure && Date.now() < warm) await sleep(1);

  let memory = 0;
  const look = setInterval(() => (memory = Math.max(memory, process.memoryUsage.rss())), memoryEveryMs);
  const cpu = process.cpuUsage();
  from = now();
  await sleep(load.sliceMs);
  until = now();
  const spent = process.cpuUsage(cpu);
  clearInterval(look);
  memory = Math.max(memory, process.memoryUsage.rss());
  const counted = count;

  await Promise.all(loops);
  failure ??= failed();
  if (failure) throw failure;
  if (waiting > 0) throw new Error(`${waiting} callers had no reply within ${warmupLimitMs / 1000}s`);
  if (counted === 0) throw new Error(`no reply within a slice of ${load.sliceMs}ms`);
  return {
    calls: counted,
    tookNs: Number(until - from),
    p50Ns: histogram.percentile(50),
    p99Ns: histogram.percentile(99),
    p999Ns: histogram.percentile(99.9),
    cpuUs: spent.user + spent.system,
    memoryBytes: memory,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await run(JSON.parse(line));
  } catch (err) {
    answer = { error: err.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
