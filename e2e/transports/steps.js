// Reads steps from standard input and prints an answer for each, both as a line
// of JSON. What a step and an answer hold is in ../transport_test.go.

import { createInterface } from "node:readline";

// fieldsOf builds the parameters of a step as scripts do: lists joined, what they
// don't have undefined.
function fieldsOf(step) {
  const fields = { ...step.fields };
  for (const [name, ids] of Object.entries(step.ids ?? {})) {
    fields[name] = ids.join(",");
  }
  for (const [name, lines] of Object.entries(step.lines ?? {})) {
    fields[name] = lines.join("\r\n");
  }
  for (const name of step.absent ?? []) {
    fields[name] = undefined;
  }
  return fields;
}

export async function answerSteps(call) {
  for await (const line of createInterface({ input: process.stdin })) {
    const step = JSON.parse(line);
    const answer = await call(step.url, step.way, fieldsOf(step));
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}
