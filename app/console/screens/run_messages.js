// What sub-agents and clients of a run tell each other, in the order in which it was sent, as it is sent.
import { request } from "../api.js";
import { count, counted, time } from "../format.js";
import { Button } from "../parts/button.js";
import { Empty } from "../parts/empty.js";
import { Failure } from "../parts/notice.js";
import { Skeleton } from "../parts/skeleton.js";
import { setQuery } from "../routes.js";
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { Text } from "./text_value.js";

const PAGE = 500;
const WAIT_S = 25;
/** So many are kept at most; the oldest go first. */
const MOST = 5_000;
const SHOWN = 200;

/** @param {{ run: import("../run.js").Run, query: Record<string, string> }} props */
export default function RunMessages({ run, query }) {
  const { messages, error, isLoading, again } = useMessages(run);
  const [shown, setShown] = useState(SHOWN);
  const topics = useMemo(() => [...new Set(messages.map((message) => message.topic).filter(Boolean))].sort(), [messages]);
  const names = useMemo(() => new Map([...run.tasks.values()].map((row) => [row.agent_id, row.task_id])), [run, run.tasks.size]);
  const wanted = (query.q ?? "").toLowerCase();
  const found = messages.filter(
    (message) => (!query.topic || message.topic === query.topic) && (!wanted || textOf(message, names).includes(wanted)),
  );
  if (error && !messages.length) return html`<${Failure} error=${error} retry=${again} />`;
  if (isLoading && !messages.length) return html`<${Skeleton} label="Loading the messages" />`;
  if (!messages.length) {
    return html`<${Empty} title="No message yet">
      <p class="dim">Sub-agents with the tools <code>send_message</code> and <code>receive_messages</code> talk here, and so can you: POST ${run.path}/messages.</p>
    <//>`;
  }
  const newest = found.slice(-shown).reverse();
  return html`<section class="panel messages" aria-label="Messages">
    <div class="tasks-filters">
      <input type="search" aria-label="Search messages" placeholder="Search sender, receiver, text" value=${query.q ?? ""} onInput=${(/** @type {any} */ event) => setQuery({ q: event.currentTarget.value })} />
      ${topics.length > 0 &&
      html`<select aria-label="Topic" value=${query.topic ?? ""} onChange=${(/** @type {any} */ event) => setQuery({ topic: event.currentTarget.value })}>
        <option value="">every topic and address</option>
        ${topics.map((topic) => html`<option key=${topic} value=${topic}>${topic}</option>`)}
      </select>`}
      <span class="dim" role="status">${counted(found.length, "message")}, newest first</span>
    </div>
    <ol class="message-list">
      ${newest.map((message) => html`<${Message} key=${message.position} message=${message} names=${names} />`)}
    </ol>
    ${found.length > shown && html`<p class="messages-more"><${Button} onClick=${() => setShown(shown + SHOWN)}>Show ${count(Math.min(SHOWN, found.length - shown))} more<//></p>`}
  </section>`;
}

/** @param {{ message: any, names: Map<string, string> }} props */
function Message({ message, names }) {
  const open = (/** @type {string} */ agent) => {
    const task = names.get(agent);
    return task ? html`<button type="button" class="link" onClick=${() => setQuery({ task }, { replace: false })}>${task}</button>` : html`<span>${agent}</span>`;
  };
  return html`<li class="message">
    <div class="message-head">
      <span class="dim">#${message.position} · ${time(message.created_at)}</span>
      <span>${open(message.sender)} <span aria-hidden="true">→</span><span class="visually-hidden">to</span> ${message.topic ? html`<span class="chip">${message.topic}</span>` : open(message.to)}</span>
    </div>
    <${Text} value=${message.body} name=${`message ${message.position}`} limit=${600} />
  </li>`;
}

/** @param {any} message @param {Map<string, string>} names */
const textOf = ({ sender, to, topic, body }, names) =>
  `${names.get(sender) ?? sender}\n${names.get(to) ?? to ?? ""}\n${topic ?? ""}\n${typeof body === "string" ? body : JSON.stringify(body)}`.toLowerCase();

/**
 * All messages so far, then each as it comes: the service answers a waiting request when there is one.
 * @param {import("../run.js").Run} run
 */
function useMessages(run) {
  const [state, setState] = useState({ messages: /** @type {any[]} */ ([]), error: /** @type {any} */ (null), isLoading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    const follow = async () => {
      let after = 0;
      /** @type {any[]} */
      let messages = [];
      let isBehind = true;
      for (;;) {
        // Of a run that has ended nobody sends any more, so there is nothing to wait for.
        const isOver = run.ended.peek();
        const wait = isBehind || isOver ? 0 : WAIT_S;
        const page = await request(`${run.path}/messages?after=${after}&limit=${PAGE}&wait=${wait}`, { signal: controller.signal, timeoutMs: 60_000 });
        after = page.next_after;
        isBehind = page.items.length === PAGE;
        if (page.items.length) messages = [...messages, ...page.items].slice(-MOST);
        setState({ messages, error: null, isLoading: isBehind });
        if (isOver && !isBehind) return;
      }
    };
    follow().catch((error) => controller.signal.aborted || setState((before) => ({ ...before, error, isLoading: false })));
    return () => controller.abort();
  }, [run, round]);
  return { ...state, again: () => setRound(round + 1) };
}
