// OpenAI's client for Node against `cosyvoice3 serve`: node openai_client.mjs http://ADDRESS/v1
//
// Run by crates/cosyvoice3-cli/tests/serve/clients_of_openai.rs where the package `openai` is installed.
import assert from "node:assert";
import { createRequire } from "node:module";

// The package lies where the test says, not beside this file.
const require = createRequire(`${process.env.COSYVOICE3_OPENAI_NODE}/`);
const { OpenAI } = require("openai");
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "unused", maxRetries: 0 });

const models = (await client.models.list()).data.map((model) => model.id);
assert(models.includes("tts-1"), models.join());

const asked = { model: "tts-1", voice: "golden", input: "Да.", response_format: "pcm" };
const whole = Buffer.from(await (await client.audio.speech.create(asked)).arrayBuffer());
assert(whole.length > 4800);

const response = await client.audio.speech.create({ ...asked, input: "Поезд отправляется через пять минут. ".repeat(12) });
let pieces = 0;
for await (const _ of response.body) pieces += 1;
assert(pieces > 2, `${pieces} pieces`);

await assert.rejects(
    client.audio.speech.create({ ...asked, voice: "nobody" }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === "voice",
);
console.log("openai for Node: models, whole, pieces, errors");
