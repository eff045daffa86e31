// What OpenAI and Anthropic ask, answer and call a tool by. Each reads its events into the same parts:
// `{ text }`, `{ tool, id }`, `{ input }`, `{ error }` and `{ done }`.

export const openai = {
  path: '/v1/chat/completions',

  request: (messages) => ({ model: 'gpt-5-mini', stream: true, messages, tools: [] }),

  *read({ data }) {
    if (data === '[DONE]') return yield { done: true };
    const { error, choices } = JSON.parse(data);
    if (error) return yield { error: error.message };
    const { content, tool_calls: [call] = [] } = choices[0].delta;
    if (content) yield { text: content };
    if (call?.id) yield { tool: call.function.name, id: call.id };
    if (call?.function.arguments) yield { input: call.function.arguments };
  },

  answered: ({ tool, id, input }, result) => [
    { role: 'assistant', tool_calls: [{ id, type: 'function', function: { name: tool, arguments: input } }] },
    { role: 'tool', tool_call_id: id, content: result },
  ],
};

export const anthropic = {
  path: '/v1/messages',

  request: (messages) => ({ model: 'claude-haiku', stream: true, max_tokens: 1024, messages, tools: [] }),

  *read({ event, data }) {
    const { error, content_block: block, delta } = JSON.parse(data);
    if (event === 'error') yield { error: error.message };
    if (event === 'message_stop') yield { done: true };
    if (block?.type === 'tool_use') yield { tool: block.name, id: block.id };
    if (delta?.type === 'text_delta') yield { text: delta.text };
    if (delta?.type === 'input_json_delta') yield { input: delta.partial_json };
  },

  answered: ({ tool, id, input }, result) => [
    { role: 'assistant', content: [{ type: 'tool_use', id, name: tool, input: JSON.parse(input) }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] },
  ],
};
