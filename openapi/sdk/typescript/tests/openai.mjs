// The `openai` package against the gateway, only its base URL changed: openai.mjs SERVICE_URL API_KEY MOCK_MODEL_URL.
// tests/e2e/test_client_openai_node.py runs it; the mock model says what it is scripted to say.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const [url, apiKey, mock] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, timeout: 20_000 });
const LONG = Array.from({ length: 40 }, (_, n) => `word${n}`).join(" ");
const WEATHER = /** @type {const} */ ({
  type: "function",
  function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
});

/** What the model says to the requests that match. @param {object[]} entries */
async function script(...entries) {
  const response = await fetch(`${mock}/mock/script`, { method: "POST", body: JSON.stringify(entries) });
  assert.ok(response.ok, await response.text());
}

/** @param {string} content @returns {OpenAI.ChatCompletionMessageParam[]} */
const user = (content) => [{ role: "user", content }];

/** @param {string} content @param {object} [more] */
const ask = (content, more = {}) => client.chat.completions.create({ model: "mock", messages: user(content), ...more });

/** @param {string} content @param {object} [more] @param {OpenAI.RequestOptions} [options] */
const stream = (content, more = {}, options = {}) =>
  client.chat.completions.create({ model: "mock", messages: user(content), stream: true, ...more }, options);

/** @param {AsyncIterable<OpenAI.ChatCompletionChunk>} chunks @param {string[]} pieces Filled as they come. */
async function read(chunks, pieces) {
  /** @type {any} */
  let last;
  for await (const chunk of chunks) {
    const text = chunk.choices[0]?.delta.content;
    if (text) pieces.push(text);
    last = chunk;
  }
  return last;
}

/** @type {Record<string, () => Promise<void>>} */
const promises = {
  async plain() {
    await script({ match: "plain", content: "hello" });
    /** @type {any} */
    const answer = await ask("plain", { temperature: 0.3, context: { role: "analyzer" }, thinking: { type: "disabled" } });
    assert.equal(answer.choices[0].message.content, "hello");
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.ok(answer.latency_ms > 0);
    assert.ok(answer.usage.cost > 0);
  },

  async streaming() {
    await script({ match: "in pieces", content: LONG });
    /** @type {string[]} */
    const pieces = [];
    const last = await read(await stream("in pieces", { stream_options: { include_usage: true } }), pieces);
    assert.equal(pieces.join(""), LONG);
    assert.ok(pieces.length > 5);
    assert.ok(last.usage.total_tokens > 0 && last.usage.cost > 0 && last.latency_ms > 0);
  },

  async tools() {
    const calls = ["Oslo", "Rome"].map((city) => ({ name: "get_weather", arguments: { city } }));
    for (const streamed of [false, true]) {
      await script({ match: "weather", tool_calls: calls });
      const body = { model: "mock", messages: user("weather"), tools: [WEATHER] };
      const answer = streamed
        ? await client.chat.completions.stream(body).finalChatCompletion()
        : await client.chat.completions.create(body);
      const made = answer.choices[0]?.message.tool_calls ?? [];
      assert.deepEqual(
        made.map((call) => call.type === "function" && JSON.parse(call.function.arguments).city),
        ["Oslo", "Rome"],
      );
      assert.equal(answer.choices[0]?.finish_reason, "tool_calls");
    }
  },

  async "the package's own tool loop"() {
    const call = { name: "get_weather", arguments: { city: "Oslo" } };
    await script(
      { match: "loop", when_tools: true, tool_calls: [call] },
      { match: "4 degrees", content: "It is 4 degrees." },
    );
    const runner = client.chat.completions.runTools({
      model: "mock",
      stream: true,
      messages: user("loop"),
      tools: [
        {
          type: "function",
          function: { ...WEATHER.function, description: "The weather", parse: JSON.parse, function: () => "4 degrees" },
        },
      ],
    });
    assert.equal(await runner.finalContent(), "It is 4 degrees.");
  },

  async response_format() {
    const City = z.object({ name: z.string(), population: z.number() });
    for (const streamed of [false, true]) {
      await script({ when_format: "city", content: '{"name":"Oslo","population":717710}' });
      const body = { model: "mock", messages: user("Which city?"), response_format: zodResponseFormat(City, "city") };
      const answer = streamed
        ? await client.chat.completions.stream(body).finalChatCompletion()
        : await client.chat.completions.parse(body);
      assert.deepEqual(answer.choices[0]?.message.parsed, { name: "Oslo", population: 717710 });
    }
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes("mock") && ids.includes("offline") && ids.includes("swarm/team"), String(ids));
    assert.equal((await client.models.retrieve("swarm/team")).id, "swarm/team");
    await assert.rejects(client.models.retrieve("unheard-of"), OpenAI.NotFoundError);
  },

  async errors() {
    /** @param {Promise<unknown>} asked @param {new (...of: any[]) => Error} kind @param {object} fields */
    const refused = (asked, kind, fields) =>
      assert.rejects(asked, (error) => {
        assert.ok(error instanceof kind, String(error));
        for (const [name, value] of Object.entries(fields)) assert.equal(/** @type {any} */ (error)[name], value);
        return true;
      });
    await refused(ask("x", { model: "unheard-of" }), OpenAI.NotFoundError, { code: "model_not_found" });
    await refused(stream("x", { model: "unheard-of" }), OpenAI.NotFoundError, { code: "model_not_found" });
    await refused(ask("x", { messages: [] }), OpenAI.BadRequestError, { param: "messages" });
    const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-wrong", maxRetries: 0 });
    await refused(Promise.resolve(stranger.models.list()), OpenAI.AuthenticationError, { status: 401 });
    await script({ match: "broken", status: 500 });
    await refused(ask("broken"), OpenAI.InternalServerError, {});
    await script({ match: "slow down", status: 429, retry_after_s: 1 });
    await assert.rejects(ask("slow down"), (error) => {
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.code, "rate_limit");
      assert.match(error.message, /rate_limit/);
      assert.equal(error.headers.get("retry-after"), "1");
      return true;
    });
    await script({ match: "midway", content: LONG, fault: "error_midway" });
    /** @type {string[]} */
    const pieces = [];
    await assert.rejects(async () => read(await stream("midway"), pieces), OpenAI.APIError);
    assert.ok(pieces.length > 0);
  },

  async "its retries get through"() {
    await script({ match: "again", status: 503, times: 1 });
    const answer = await client.chat.completions.create({ model: "mock", messages: user("again") }, { maxRetries: 2 });
    assert.ok(answer.choices[0]?.message.content);
  },

  async timeouts() {
    await script({ match: "hangs", hang: true, times: 2 });
    const late = client.chat.completions.create({ model: "mock", messages: user("hangs") }, { timeout: 300 });
    await assert.rejects(late, OpenAI.APIConnectionTimeoutError);
    await assert.rejects(stream("hangs", {}, { timeout: 300 }), OpenAI.APIConnectionTimeoutError);
  },

  async "leaving closes the model's call"() {
    await script({ match: "leave", content: LONG, fault: "stall" });
    for await (const _ of await stream("leave")) break;
    const giveUpAt = Date.now() + 10_000;
    for (;;) {
      const stats = /** @type {any} */ (await (await fetch(`${mock}/mock/stats`)).json());
      if (stats.in_flight === 0) break;
      assert.ok(Date.now() < giveUpAt, JSON.stringify(stats));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },

  async "a swarm, whole and streamed"() {
    const goal = "Compare the following:\n1. ponds\n2. salt caverns\n3. hot sand";
    /** @type {any} */
    const whole = await ask(goal, { model: "swarm/team" });
    assert.equal(whole.swarm.status, "completed");
    /** @type {string[]} */
    const pieces = [];
    await read(await stream(goal, { model: "swarm/team" }), pieces);
    const text = pieces.join("");
    assert.match(text, /^Planned \d+ tasks?\.\n\[1\//);
    assert.ok(text.includes(whole.choices[0].message.content.slice(0, 40)));
  },
};

for (const [name, keep] of Object.entries(promises)) {
  await keep();
  console.log("ok:", name);
}
