// Runs npm's telegram-test-api with the small corrections that python-telegram-bot 22 needs:
// is_bot in getMe, dates in seconds, true where it answers null, chat_instance and a whole message in a press,
// and the webhook's secret in its header, which it knows and does not send.
//
//   node telegram_test_api.js NODE_MODULES PORT
const [, , modules, port] = process.argv;
const load = (name) => require(require.resolve(name, { paths: [modules] }));
const express = load("express");
const axios = load("axios");
const TelegramServer = load("telegram-test-api");

const json = express.response.json;
express.response.json = function (body) {
  if (body && body.ok) {
    if (body.result === null) body.result = true;
    if (body.result && body.result.username === "TestNameBot") body.result.is_bot = true;
    if (body.result && body.result.date > 1e11) body.result.date = Math.floor(body.result.date / 1000);
  }
  return json.call(this, body);
};

const format = TelegramServer.formatUpdate;
TelegramServer.formatUpdate = (update) => {
  const formatted = format(update);
  if (formatted.callback_query) {
    const { message } = formatted.callback_query;
    formatted.callback_query.chat_instance = "1";
    formatted.callback_query.message = { message_id: 1, date: Math.floor(Date.now() / 1000), ...message };
  }
  return formatted;
};

const server = new TelegramServer({ port: Number(port), host: "127.0.0.1", storeTimeout: 600 });
(axios.default || axios).interceptors.request.use((request) => {
  const known = Object.values(server.webhooks).find((webhook) => webhook.url === request.url);
  if (known && known.secret_token) request.headers["X-Telegram-Bot-Api-Secret-Token"] = known.secret_token;
  return request;
});
// A webhook that is away for a moment must not end this process.
process.on("unhandledRejection", (error) => console.error(String(error)));
server.start().then(() => console.log("ready"));
